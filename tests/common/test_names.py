"""Names: two inputs never share one, none is longer than its API allows, and none depends on anything
else."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress.common import names
from egress.common.google_names import LONGEST_PREFIX, OF_NODES, GoogleNames
from egress.common.hosts import PATTERN_LIMIT, HostError, normalise

TUTORIAL = GoogleNames("my-project", "", "vpc-network", "subnet-gke", "cluster1")
EU = GoogleNames("my-project", "eu-platform", "eu-network", "eu-subnet", "eu-cluster")
label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True)
exact = st.lists(label, min_size=2, max_size=14).map(".".join).filter(lambda host: len(host) <= 253)
patterns = exact.map("*.{}".format).filter(lambda pattern: len(pattern) <= PATTERN_LIMIT)
hosts = exact | patterns
DNS_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")

OF_A_HOST = {
    names.service_entry: 253,
    names.virtual_service: 253,
    names.origination_rule: 253,
    names.passthrough_subset: 63,
    names.server_port: 63,
    names.pattern_gateway: 63,
    names.resolved_entry: 253,
    names.loopback_entry: 253,
    names.inner_port: 63,
    TUTORIAL.zone: 63,
    EU.zone: 63,
}


def _called(name: Callable[[str], str]) -> str:
    """The same in every process, as whoever shares tests out among processes needs."""
    stack = getattr(name, "__self__", None)
    return f"{name.__name__} behind {stack.prefix or 'nothing'}" if stack else name.__name__


@pytest.mark.parametrize("name", OF_A_HOST, ids=_called)
@given(one=hosts, other=hosts)
def test_two_hosts_never_share_a_name(name, one: str, other: str) -> None:
    assert (name(one) == name(other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a-b.example", "a.b.example"), ("a--b.example", "a-b.example"), ("x.y-z.example", "x-y.z.example")],
)
def test_dots_and_hyphens_do_not_collide(one: str, other: str) -> None:
    assert all(name(one) != name(other) for name in OF_A_HOST)


@given(one=patterns, other=patterns)
def test_a_pattern_has_a_name_of_its_own_that_no_host_has(one: str, other: str) -> None:
    assert (names.pattern_name(one) == names.pattern_name(other)) == (one == other)
    assert len(names.pattern_name(one)) <= 253
    with pytest.raises(HostError, match="inside the cluster"):
        normalise(names.pattern_name(one))


@given(pattern=patterns, host=exact)
def test_serviceentries_of_a_pattern_have_names_that_no_other_has(pattern: str, host: str) -> None:
    of_pattern = [names.service_entry(pattern), names.resolved_entry(pattern), names.loopback_entry(pattern)]
    assert len({*of_pattern, names.service_entry(host), names.google_api(host.partition(".")[0])}) == 5


@pytest.mark.parametrize("name", OF_A_HOST, ids=_called)
@given(host=hosts)
def test_a_name_fits_its_api(name, host: str) -> None:
    assert len(name(host)) <= OF_A_HOST[name]
    assert DNS_LABEL.match(name(host))


@given(
    one=st.text("ab-", min_size=1, max_size=40),
    other=st.text("ab-", min_size=1, max_size=40),
    limit=st.integers(12, 20),
)
def test_cut_names_stay_apart(one: str, other: str, limit: int) -> None:
    assert (names.fit(one, limit) == names.fit(other, limit)) == (one == other)
    assert len(names.fit(one, limit)) <= limit


@given(team=label, account=label, other_team=label, other_account=label)
def test_google_service_accounts_are_valid_and_stay_apart(
    team: str, account: str, other_team: str, other_account: str
) -> None:
    one, other = (
        EU.team_account(team, account),
        EU.team_account(other_team, other_account),
    )
    assert re.match(r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$", one)
    assert (one == other) == ((team, account) == (other_team, other_account))


def test_the_tutorials_names_are_kept() -> None:
    assert names.service_entry("example.com") == "example-com-ext"
    assert names.virtual_service("httpbin.org") == "httpbin-org-through-egress-gateway"
    assert TUTORIAL.bucket("bucket") == "my-project-bucket"
    assert TUTORIAL.node_account("gateway") == "sa-gateway-nodes"
    assert TUTORIAL.own("refuse-undeclared-names") == "refuse-undeclared-names"
    assert TUTORIAL.router == "nat-router"


def test_an_account_of_a_domain_scoped_project_has_the_domain_last() -> None:
    assert (
        names.service_account_email("sa-x", "example.com:shop")
        == "sa-x@shop.example.com.iam.gserviceaccount.com"
    )


prefixes = st.from_regex(rf"[a-z]([a-z0-9-]{{0,{LONGEST_PREFIX - 2}}}[a-z0-9])?", fullmatch=True).filter(
    lambda prefix: prefix != OF_NODES
)


def all_names(stack: GoogleNames, host: str, team: str, key: str) -> dict[str, str]:
    """A name of every kind that a project has once."""
    return {
        "router": stack.router,
        "nat": stack.nat,
        "policy of DNS": stack.query_logging,
        "zone": stack.zone(host),
        "root zone": stack.own("refuse-undeclared-names"),
        "firewall rule": stack.own("global-deny-egress-all"),
        "firewall policy": stack.firewall_policy,
        "resolving network": stack.resolving_network,
        "subnet of a gateway": stack.gateway_subnet("partner"),
        "address": stack.own(key),
        "ingress address": stack.ingress_address,
        "nodes": stack.node_account("application"),
        "gateway nodes": stack.node_account("gateway-partner"),
        "account of a team": stack.team_account(team, "app"),
        "bucket": stack.bucket(key),
    }


@given(prefixes, prefixes | st.just(""), hosts, label, label)
def test_two_stacks_of_a_project_share_no_name(one: str, other: str, host: str, team: str, key: str) -> None:
    first, second = (
        GoogleNames("my-project", prefix, f"{prefix}-network", f"{prefix}-subnet", f"{prefix}-cluster")
        for prefix in (one, other)
    )
    mine, theirs = all_names(first, host, team, key), all_names(second, host, team, key)
    assert {kind for kind in mine if mine[kind] == theirs[kind]} == (set(mine) if one == other else set())
    assert all(name.startswith(one) or kind == "bucket" for kind, name in mine.items())


@given(prefixes, label)
def test_the_longest_prefix_leaves_room(prefix: str, gateway: str) -> None:
    stack = GoogleNames("my-project", prefix, "n", "s", "c")
    assert stack.node_account("application") == f"{prefix}-application-nodes"
    for kind in ("application", "gateway", "ingress", f"gateway-{gateway}"):
        assert re.match(r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$", stack.node_account(kind))
