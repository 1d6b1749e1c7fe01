"""Wildcard hosts: every name below a domain, judged by team outside and by name inside, each pattern on its
own way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress.common.errors import ConfigError, Problem
from egress.common.hosts import patterns_above
from egress.common.ip_space import loopback
from egress.common.objects import Manifest, Object
from egress.layers.google import firewall
from egress.layers.render import render
from egress.plan.model import Plan
from egress.plan.outputs import planned
from tests.support import config_with, dev_config, plan_of, teams

PATTERN = "*.example.org"
OUTER = "example.org.wildcard.internal"
PASS: dict[str, Any] = {"https": "passthrough"}


def one() -> Plan:
    return plan_of(teams(team_a={PATTERN: PASS}))


def of(plan: Plan, kind: str, name: str) -> dict[str, Any]:
    (item,) = [item.manifest for item in render(plan) if item.kind == kind and item.name == name]
    return item["spec"]


def problems(config: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as refused:
        plan_of(config)
    return refused.value.problems


def test_the_sidecar_knows_the_pattern_and_sends_it_to_the_gateway_under_its_own_name() -> None:
    entry = of(one(), "ServiceEntry", "any---example-org-ext")
    assert (entry["hosts"], entry["resolution"], entry["exportTo"]) == ([PATTERN], "NONE", ["team-a"])
    route = of(one(), "VirtualService", "any---example-org-through-egress-gateway")["tls"][0]
    assert route["match"] == [{"gateways": ["mesh"], "port": 443, "sniHosts": [PATTERN]}]
    assert route["route"][0]["destination"]["subset"] == "tls-any---example-org"
    subsets = of(one(), "DestinationRule", "target-egress-gateway")["subsets"]
    assert {"mode": "ISTIO_MUTUAL", "sni": OUTER} in [
        subset["trafficPolicy"]["portLevelSettings"][0]["tls"] for subset in subsets
    ]


def test_the_team_is_judged_by_the_outer_name() -> None:
    (rule,) = of(one(), "AuthorizationPolicy", "egress-team-a")["rules"]
    assert rule["from"] == [{"source": {"namespaces": ["team-a"]}}]
    assert rule["when"] == [
        {"key": "connection.sni", "values": [OUTER]},
        {"key": "destination.port", "values": ["15043"]},
    ]


def test_named_service_accounts_narrow_it() -> None:
    plan = plan_of(teams(team_a={PATTERN: PASS | {"serviceAccounts": ["sync"]}}))
    (rule,) = of(plan, "AuthorizationPolicy", "egress-team-a")["rules"]
    assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/team-a/sa/sync"]}}]


def test_inside_the_gateway_the_inner_name_is_judged_where_nobody_else_can_knock() -> None:
    outer, inner = of(one(), "Gateway", "any---example-org-gateway")["servers"]
    assert (outer["hosts"], outer["tls"]) == ([OUTER], {"mode": "ISTIO_MUTUAL"})
    assert (inner["hosts"], inner["tls"], inner["bind"]) == (
        [PATTERN],
        {"mode": "PASSTHROUGH"},
        loopback(PATTERN),
    )
    assert of(one(), "ServiceEntry", "any---example-org-loopback")["endpoints"] == [
        {"address": loopback(PATTERN)}
    ]
    (rule,) = of(one(), "AuthorizationPolicy", "wildcard-inner-names")["rules"]
    assert {"key": "connection.sni", "values": [PATTERN]} in rule["when"]
    assert {"key": "destination.ip", "values": [loopback(PATTERN)]} in rule["when"]


def test_only_the_gateway_looks_names_up_and_only_on_the_inner_way() -> None:
    entry = of(one(), "ServiceEntry", "any---example-org-resolved")
    assert (entry["hosts"], entry["resolution"], entry["exportTo"]) == ([PATTERN], "DYNAMIC_DNS", ["."])
    (patch,) = of(one(), "EnvoyFilter", "wildcard-look-up")["configPatches"]
    assert patch["match"]["listener"]["name"] == f"{loopback(PATTERN)}_15044"
    config = patch["patch"]["value"]["typed_config"]
    assert config["port_value"] == 443
    assert config["dns_cache_config"]["name"] == "*.example.org_dfp_dns_cache"


def test_each_pattern_has_a_gateway_and_a_loopback_address_of_its_own() -> None:
    """So that the outer name of one never leads to the inner names of another, and no route is found for the
    wrong one."""
    plan = plan_of(teams(team_a={PATTERN: PASS}, team_b={"*.a.example.org": PASS}))
    servers = [server for item in gateways(plan) for server in item["spec"]["servers"] if "bind" in server]
    assert len({server["bind"] for server in servers}) == len(servers) == 2
    routes = [item.manifest["spec"] for item in render(plan) if item.kind == "VirtualService"]
    assert [len(set(route["gateways"]) - {"mesh"}) for route in routes] == [1, 1]
    assert len({gateway for route in routes for gateway in route["gateways"]}) == 3


def gateways(plan: Plan) -> list[Manifest]:
    return [item.manifest for item in render(plan) if item.kind == "Gateway"]


def test_two_teams_share_one_set_of_objects() -> None:
    def of_host(plan: Plan) -> list[Object]:
        return [item for item in render(plan) if item.owner.name == PATTERN]

    both = plan_of(teams(team_a={PATTERN: PASS}, team_b={PATTERN: PASS}))
    assert [item.identity for item in of_host(both)] == [item.identity for item in of_host(one())]
    assert of(both, "ServiceEntry", "any---example-org-ext")["exportTo"] == ["team-a", "team-b"]


def test_the_firewall_opens_port_443_and_the_contract_names_the_pattern() -> None:
    opened = [rule for rule in firewall.render(one()) if rule.targets == (firewall.Nodes.GATEWAY,)]
    assert [rule.ports for rule in opened] == [(443,)]
    assert planned(one())["teams"]["team-a"]["egress"] == [
        {"host": PATTERN, "protocol": "https", "port": 443, "leaves": "https"}
    ]


def test_a_stack_without_patterns_has_nothing_of_this() -> None:
    assert [item.identity for item in render(plan_of(dev_config())) if "wildcard" in str(item.manifest)] == []


REFUSED = [
    ("a whole top-level domain", "*.com", "the whole of com", "belongs to one owner"),
    ("what a country's registry sells", "*.co.uk", "anybody can register", "*.example.co.uk"),
    ("everything", "*", "the leading `*.`", "*.DOMAIN"),
    ("a part of a label", "*a.example.org", "the leading `*.`", "*.DOMAIN"),
    ("the end of a label", "a*.example.org", "the leading `*.`", "*.DOMAIN"),
    ("not the first label", "a.*.example.org", "the leading `*.`", "*.DOMAIN"),
    ("two of them", "*.*.example.org", "the leading `*.`", "*.DOMAIN"),
    ("names of the cluster", "*.svc.cluster.local", "inside the cluster", "outside host"),
    ("Google's names", "*.storage.googleapis.com", "Private Google Access", "googleApis"),
    ("an address", "*.10.0.0.1", "no name", "DNS name"),
    ("a malformed domain", "*.a_b.example", "not a DNS label", "Check"),
    ("with a port", "*.example.org:443", "port", "Write"),
    ("a domain with a trailing dot", "*.example.org.", "no trailing dot", "example.org"),
    ("too long", "*." + ".".join(["a" * 58] * 4), "at most 235", "Check"),
]


@pytest.mark.parametrize(
    ("host", "consequence", "fix"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_pattern_is_refused(host: str, consequence: str, fix: str) -> None:
    (problem,) = problems(teams(team_a={host: PASS}))
    assert host in problem.path
    assert consequence in problem.consequence
    assert fix in problem.fix


@pytest.mark.parametrize(
    ("way", "value", "consequence"),
    [
        ("http", {}, "any Host header"),
        (
            "tcp",
            {"port": 3306, "addresses": ["203.0.113.10"], "serviceAccounts": ["app"]},
            "carries no host name",
        ),
    ],
)
def test_other_ways_than_passthrough_are_refused(way: str, value: Any, consequence: str) -> None:
    (problem,) = problems(teams(team_a={PATTERN: {way: value}}))
    assert problem.path == f'gke-mesh-egress:teams.team-a.egress["{PATTERN}"].{way}'
    assert consequence in problem.consequence
    assert "full name" in problem.fix


@pytest.mark.parametrize(
    "field", [{"split": {PATTERN: 10}}, {"mirror": {"host": PATTERN}}], ids=["split", "mirror"]
)
def test_requests_cannot_be_sent_on_to_a_pattern(field: dict[str, Any]) -> None:
    (problem,) = problems(teams(team_a={"example.com": {"http": field}}))
    assert "full name" in problem.fix


def test_the_managed_mesh_cannot_look_names_up() -> None:
    config = config_with("mesh", {"flavor": "cloud-service-mesh"})
    config["gke-mesh-egress:teams"] = {"team-a": {"egress": {PATTERN: PASS}}}
    (problem,) = problems(config)
    assert problem.path.endswith(f'["{PATTERN}"].https')
    assert "accepts no EnvoyFilter" in problem.consequence


def test_upper_case_becomes_lower_case_and_the_same_pattern_twice_is_refused() -> None:
    assert [host.name for host in plan_of(teams(team_a={"*.Example.ORG": PASS})).hosts] == [PATTERN]
    with pytest.raises(ConfigError, match="are not case-sensitive"):
        plan_of(teams(team_a={"*.Example.org": PASS, PATTERN: PASS}))


# Entries below a pattern


@pytest.mark.parametrize("below", ["a.example.org", "b.a.example.org", "*.a.example.org"])
def test_another_teams_entry_below_a_pattern_changes_nothing_for_either(below: str) -> None:
    both = plan_of(teams(team_a={PATTERN: PASS}, team_b={below: PASS | {"serviceAccounts": ["app"]}}))
    alone = plan_of(teams(team_b={below: PASS | {"serviceAccounts": ["app"]}}))
    together = {item.identity: item.manifest for item in render(both)}
    # The gateway's own: its servers, the teams that it lets in, and what reads and looks up names.
    shared = {
        "istio-egress/gateway/egress-gateway",
        "istio-egress/service/istio-egressgateway",
        "gateway-boundary",
    } | {
        "wildcard-inner-names",
        "wildcard-look-up",
    }
    for plan in (one(), alone):
        for item in render(plan):
            if item.identity not in shared and item.name not in shared:
                assert together[item.identity] == item.manifest


@pytest.mark.parametrize("below", ["a.example.org", "*.a.example.org", "b.a.example.org"])
@pytest.mark.parametrize(
    ("above", "named"),
    [({}, "all of team-a"), ({"serviceAccounts": ["app", "sync"]}, "allows sync")],
    ids=["all", "more"],
)
def test_a_teams_own_entry_cannot_take_away_what_its_pattern_gives(
    below: str, above: dict[str, Any], named: str
) -> None:
    (problem,) = problems(teams(team_a={PATTERN: PASS | above, below: PASS | {"serviceAccounts": ["app"]}}))
    assert problem.path == f'gke-mesh-egress:teams.team-a.egress["{below}"].serviceAccounts'
    assert f'egress["{PATTERN}"]' in problem.consequence
    assert named in problem.consequence


@pytest.mark.parametrize("accounts", [{}, {"serviceAccounts": ["app"]}, {"serviceAccounts": ["app", "sync"]}])
def test_a_teams_own_entry_may_add_to_its_pattern(accounts: dict[str, Any]) -> None:
    plan = plan_of(
        teams(team_a={PATTERN: PASS | {"serviceAccounts": ["app"]}, "a.example.org": PASS | accounts})
    )
    assert [host.name for host in plan.hosts] == [PATTERN, "a.example.org"]


def test_a_teams_own_host_below_its_pattern_may_speak_http() -> None:
    plan = plan_of(
        teams(team_a={PATTERN: PASS, "a.example.org": {"http": {"upgrade": "tls", "methods": ["GET"]}}})
    )
    assert plan.gateway.ports == (443,)


def test_no_pattern_passes_an_inspected_host_by() -> None:
    inspected = {"http": {"upgrade": "tls", "inspect": {"refuse": {"marker": "CONFIDENTIAL"}}}}
    (problem,) = problems(teams(team_a={PATTERN: PASS}, team_b={"b.a.example.org": inspected}))
    assert problem.path == f'gke-mesh-egress:teams.team-a.egress["{PATTERN}"].https'
    assert 'team-b.egress["b.a.example.org"].http.inspect' in problem.consequence
    assert "instead of the pattern" in problem.fix


def test_what_lies_above() -> None:
    assert list(patterns_above("c.b.example.org")) == ["*.b.example.org", "*.example.org"]
    assert list(patterns_above("*.b.example.org")) == ["*.example.org"]
    assert list(patterns_above("example.org")) == []


# Loopback addresses


@given(label=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True))
def test_a_loopback_address_is_one_that_nothing_else_of_the_proxy_uses(label: str) -> None:
    one, two, three, four = map(int, loopback(f"*.{label}.example").split("."))
    assert one == 127
    assert 64 <= two <= 191
    assert 0 <= three <= 255
    assert 1 <= four <= 254


def test_two_patterns_at_one_address_are_refused_and_both_named() -> None:
    seen: dict[str, str] = {}
    for number in range(50_000):
        pattern = f"*.d{number}.example"
        first = seen.setdefault(loopback(pattern), pattern)
        if first != pattern:
            break
    else:
        pytest.fail("no two patterns with one address among many: are they still cut to three bytes?")
    (problem,) = problems(teams(team_a={first: PASS}, team_b={pattern: PASS}))
    assert "By chance" in problem.consequence
    assert all(name in problem.path + problem.consequence for name in (first, pattern, "team-a", "team-b"))
