"""`fences.privateHosts`: a range that is opened is one that some host can lie in, and raw TCP is never led
there."""

from __future__ import annotations

from copy import deepcopy
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress.answers.diff.changes import difference
from egress.answers.posture import relaxations
from egress.common.errors import ConfigError
from egress.common.ip_space import ANYWHERE
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.google.dns import render as google_zones
from egress.layers.render import render
from egress.plan.private_hosts import PATH, unused
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from egress.settings import Settings
from tests.support import plan_of, teams

PASSED = {"https": "passthrough"}
DATABASE = {"tcp": {"port": 5432, "byName": True, "serviceAccounts": ["app"]}}
ON_443 = {"tcp": {"port": 5432, "outsidePort": 443, "byName": True, "serviceAccounts": ["app"]}}
FIXED = {"tcp": {"port": 5432, "addresses": ["203.0.113.9"], "serviceAccounts": ["app"]}}


def config(hosts: dict[str, Any], **ranges: str) -> dict[str, Any]:
    return teams(orders=hosts) | {"gke-mesh-egress:fences": {"privateHosts": ranges}}


def refused(made: dict[str, Any]) -> dict[str, str]:
    """What is said, by path."""
    with pytest.raises(ConfigError) as error:
        plan_of(made)
    return {problem.path: f"{problem.consequence} {problem.fix}" for problem in error.value.problems}


@pytest.mark.parametrize(
    "hosts", [{}, {"orders-db.corp.example": DATABASE}, {"db.example": FIXED}, {"db.example": ON_443}]
)
def test_a_range_that_no_host_can_lie_in_is_refused(hosts: dict[str, Any]) -> None:
    """A database behind a VPN used to be declared, proven, and never reached: the range beside it is not
    opened to raw TCP."""
    said = refused(config(hosts, onprem="10.50.0.0/24", other="10.60.0.0/24"))
    assert said.keys() == {f"{PATH}.onprem", f"{PATH}.other"}
    assert all("reach only the internet" in words and "Remove it" in words for words in said.values())


def test_a_team_that_leaves_past_the_gateway_is_nobody_who_uses_it() -> None:
    made = config({"cdn.example": PASSED}, onprem="10.50.0.0/24")
    made["gke-mesh-egress:teams"]["orders"]["model"] = {"registryOnly": "more than the gateway carries"}
    made["gke-mesh-egress:fences"]["applicationNodes"] = {
        "leaveOn": [443],
        "reason": "orders leaves by itself",
    }
    assert refused(made).keys() == {f"{PATH}.onprem"}


@pytest.mark.parametrize("way", [PASSED, {"http": {}}, {"http": {"upgrade": "tls"}}])
def test_one_host_by_http_or_https_is_enough(way: dict[str, Any]) -> None:
    plan_of(
        config(
            {"wiki.corp.example": way, "db.example": DATABASE}, onprem="10.50.0.0/24", other="10.60.0.0/24"
        )
    )


ELSEWHERE = {"dns": {"answeredElsewhere": {"corp.example": "the company's own zone"}}}


def answered_elsewhere(hosts: dict[str, Any], **ranges: str) -> dict[str, Any]:
    made = config(hosts, **ranges)
    made["gke-mesh-egress:network"] = made["gke-mesh-egress:network"] | deepcopy(ELSEWHERE)
    return made


@pytest.mark.parametrize("way", [PASSED, {"http": {}}, {"http": {"upgrade": "tls"}}])
@pytest.mark.parametrize("undeclared", ["refuse", "resolve"])
def test_a_host_that_the_companys_own_zone_answers_is_reached_and_proven(
    way: dict[str, Any], undeclared: str
) -> None:
    """The zone is somebody else's, so it is not among the objects: the proof said that the name does not
    exist."""
    made = answered_elsewhere({"erp.corp.example": way, "api.example": PASSED}, vpn="10.200.0.0/24")
    made["gke-mesh-egress:network"]["dns"]["undeclaredNames"] = undeclared
    plan = plan_of(made)
    proof = verify(Intent(plan), Judges(deployment(plan, render(plan))))
    assert not proof.violations
    assert not any(zone.name.endswith("erp-corp-example") for zone in google_zones(plan))


def test_a_zone_of_somebody_else_answers_for_its_own_names_alone() -> None:
    plan = plan_of(answered_elsewhere({"erp.corp.example": PASSED}, vpn="10.200.0.0/24"))
    judges = Judges(deployment(plan, render(plan)))
    assert judges.dns.judge("erp.corp.example").allowed
    assert not judges.dns.judge("corp.example.org").allowed
    assert not judges.dns.judge("xcorp.example").allowed
    assert not judges.dns.outside("erp.corp.example", "any").allowed, "it answers in the internet's place"


def test_a_host_in_a_private_network_to_which_nothing_leads_is_refused() -> None:
    said = refused(answered_elsewhere({"erp.corp.example": PASSED, "*.corp.example": PASSED}))
    assert said.keys() == {
        'gke-mesh-egress:teams.orders.egress["erp.corp.example"]',
        'gke-mesh-egress:teams.orders.egress["*.corp.example"]',
    }
    assert all("the gateway reaches no such range" in words for words in said.values())


def test_a_team_past_the_gateway_does_not_reach_it_whatever_stands_around_the_gateway() -> None:
    """Without the gateway's fence the gateway reaches private addresses; application nodes never do."""
    made = answered_elsewhere({"erp.corp.example": PASSED})
    made["gke-mesh-egress:teams"]["orders"]["model"] = {"registryOnly": "more than the gateway carries"}
    fences = {"applicationNodes": {"leaveOn": [443], "reason": "orders leaves by itself"}}
    made["gke-mesh-egress:fences"] = fences | {"relaxed": {"gateway-network": "a company firewall"}}
    said = refused(made)
    assert "teams that bypass the gateway" in said['gke-mesh-egress:teams.orders.egress["erp.corp.example"]']


def test_the_gateway_reaches_it_where_nothing_stands_around_the_gateway() -> None:
    made = answered_elsewhere({"erp.corp.example": PASSED})
    made["gke-mesh-egress:fences"] = {"relaxed": {"gateway-network": "a company firewall"}}
    plan_of(made)


@pytest.mark.parametrize("host", ["*.corp.example", "corp.example", "a.b.corp.example"])
def test_every_name_of_the_domain_is_in_the_private_network_and_its_neighbours_are_not(host: str) -> None:
    assert refused(answered_elsewhere({host: PASSED})).keys() == {
        f'gke-mesh-egress:teams.orders.egress["{host}"]'
    }
    plan_of(answered_elsewhere({host.replace("corp.example", "xcorp.example"): PASSED}))


def test_a_cluster_that_is_as_the_config_says_differs_in_nothing() -> None:
    """Somebody else's zone is in no cluster's objects and in no state of this stack."""
    plan = plan_of(answered_elsewhere({"erp.corp.example": PASSED}, vpn="10.200.0.0/24"))
    planned = deployment(plan, render(plan))
    lives = Snapshot.of(planned.kubernetes, planned.google)
    for told in (difference(planned, lives, (plan, None)), difference(lives, planned, (None, plan))):
        assert not told.changes
        assert not told.objects


def test_a_database_in_a_private_network_is_refused_by_its_name() -> None:
    said = refused(
        answered_elsewhere({"db.corp.example": DATABASE, "erp.corp.example": PASSED}, vpn="10.200.0.0/24")
    )
    assert said.keys() == {'gke-mesh-egress:teams.orders.egress["db.corp.example"].tcp.byName'}


def test_a_range_that_another_one_opens_already_is_refused() -> None:
    """Who takes it away believes the way closed."""
    said = refused(
        config(
            {"a.example": PASSED},
            wide="10.50.0.0/16",
            vpn="10.50.7.0/24",
            apart="10.51.0.0/16",
            again="10.51.0.0/16",
        )
    )
    assert said.keys() == {f"{PATH}.vpn", f"{PATH}.apart"}
    assert "fences.privateHosts.wide is 10.50.0.0/16, which includes this whole range" in said[f"{PATH}.vpn"]


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d", "e"]),
        st.tuples(st.integers(0, 31), st.integers(24, 29)).map(
            lambda at: IPv4Network((0x0A320000 + (at[0] << 5), at[1]), False)
        ),
    )
)
def test_what_is_refused_is_just_what_another_one_holds(ranges: dict[str, IPv4Network]) -> None:
    """Taking away all that is refused leaves the same addresses open, and no two ranges that share one."""
    plan = plan_of(config({"a.example": PASSED}))
    fences = plan.settings.fences.model_copy(update={"private_hosts": ranges})
    settings: Settings = plan.settings.model_copy(update={"fences": fences})
    taken = {problem.path.removeprefix(f"{PATH}.") for problem in unused(settings, plan.gateways)}
    left = [network for name, network in ranges.items() if name not in taken]
    assert all(any(network.subnet_of(other) for other in left) for network in ranges.values())
    assert not any(one.overlaps(other) for at, one in enumerate(left) for other in left[:at])


def opened(plan: Any, cidr: str) -> set[int]:
    """Ports on which the gateway's policy names a range."""
    (policy,) = [item.manifest for item in render(plan) if item.name == "gateway-boundary"]
    rules = [
        rule
        for rule in policy["spec"]["egress"]
        if any(peer.get("ipBlock", {}).get("cidr") == cidr for peer in rule["to"])
    ]
    return {port["port"] for rule in rules for port in rule["ports"]}


def test_verify_finds_a_range_that_is_opened_to_raw_tcp() -> None:
    """The range is among what the config opens, and still nothing for the owner of a database's name to
    choose from."""
    plan = plan_of(config({"wiki.corp.example": PASSED, "db.example": DATABASE}, onprem="10.50.0.0/24"))
    assert opened(plan, "10.50.0.0/24") == {443}
    original = deployment(plan, render(plan))
    assert verify(Intent(plan), Judges(original)).holds
    changed = deepcopy(list(original.kubernetes))
    (policy,) = [item for item in changed if item["metadata"]["name"] == "gateway-boundary"]
    rules = [
        rule for rule in policy["spec"]["egress"] if rule["ports"] == [{"protocol": "TCP", "port": 5432}]
    ]
    assert [peer["ipBlock"]["cidr"] for rule in rules for peer in rule["to"]] == [ANYWHERE]
    rules[0]["to"].append({"ipBlock": {"cidr": "10.50.0.0/24"}})
    said = [
        violation.says
        for violation in verify(Intent(plan), Judges(Snapshot.of(changed, original.google))).violations
    ]
    assert said == [
        "The gateway in istio-egress reaching 10.50.0.0/24, TCP 5432, must not be possible.",
        "Names that are left by port 5432 (as istio-egress/serviceentry/db-example-ext) must lead to no "
        "address of 10.0.0.0/8.",
    ]


def test_what_is_given_up_says_by_which_ways() -> None:
    plan = plan_of(config({"wiki.corp.example": PASSED}, onprem="10.50.0.0/24"))
    (said,) = [found.opens for found in relaxations(plan) if found.setting.startswith("fences.privateHosts")]
    assert said == "Gateways reach hosts in the private range 10.50.0.0/24, by http and https."
