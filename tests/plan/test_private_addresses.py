"""`fences.privateAddresses`: a private address is in a range of the platform and in a team's entry, and no
name leads to it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from egress.answers.posture import relaxations
from egress.common.errors import ConfigError
from egress.judge.model.flow import Connection, Outcome, Outside, Protocol
from egress.judge.model.snapshot import Manifest, Snapshot
from egress.judge.trace import Judges
from egress.layers.google.firewall import render as firewall
from egress.layers.render import render
from egress.plan.private_addresses import PATH
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.judge.deployments import rendered, violations, with_change
from tests.support import plan_of, teams

DATABASE = "database.shop.example"
AT = f'gke-mesh-egress:teams.orders.egress["{DATABASE}"].tcp'
BOUNDARY = "istio-egress/networkpolicy/gateway-boundary"
ENTRY = "istio-egress/serviceentry/5432-database-shop-example-port-internal-ext"


def config(tcp: dict[str, Any], hosts: dict[str, Any] | None = None, **ranges: str) -> dict[str, Any]:
    entry = {"port": 5432, "addresses": ["10.100.0.5"], "serviceAccounts": ["app"], **tcp}
    made = teams(orders={DATABASE: {"tcp": entry}, **(hosts or {})})
    return made | {"gke-mesh-egress:fences": {"privateAddresses": ranges}}


def refused(made: dict[str, Any]) -> dict[str, str]:
    """What is said, by path."""
    with pytest.raises(ConfigError) as error:
        plan_of(made)
    return {problem.path: f"{problem.consequence} {problem.fix}" for problem in error.value.problems}


def test_an_address_in_an_opened_range_leaves_on_its_port_and_nothing_else_does() -> None:
    plan = plan_of(config({}, {"example.com": {"https": "passthrough"}}, databases="10.100.0.0/24"))
    judges = Judges(deployment(plan, render(plan)))
    (gateway,) = judges.gateways.pods
    for address, port, outcome in (
        ("10.100.0.5", 5432, Outcome.ALLOWED),
        ("10.100.0.5", 443, Outcome.DENIED),
        ("10.100.0.6", 5432, Outcome.DENIED),
        ("203.0.113.9", 5432, Outcome.DENIED),
        ("203.0.113.9", 443, Outcome.ALLOWED),
    ):
        leaves = Connection(gateway, Outside(None, address), port, Protocol.TCP)
        assert judges.network_policies.judge(leaves).outcome is outcome, (address, port)
    rule = next(rule for rule in firewall(plan) if rule.name == "gateway-allow-egress-tcp-5432")
    assert rule.ranges == ("10.100.0.5/32",)
    assert not verify(Intent(plan), judges).violations


def test_an_address_in_no_range_is_refused_with_the_range_to_write() -> None:
    said = refused(config({}))
    assert said.keys() == {f"{AT}.addresses"}
    assert "privateAddresses: {databases: 10.100.0.0/24}" in said[f"{AT}.addresses"]


def test_a_range_in_which_nobody_names_an_address_is_refused() -> None:
    assert refused(config({}, databases="10.100.0.0/24", caches="10.101.0.0/24")).keys() == {f"{PATH}.caches"}


def test_a_range_within_another_one_is_refused() -> None:
    said = refused(config({}, all="10.100.0.0/16", databases="10.100.0.0/24"))
    assert said.keys() == {f"{PATH}.databases"}


def test_a_range_of_the_cluster_is_refused() -> None:
    said = refused(config({"addresses": ["10.1.0.5"]}, pods="10.1.0.0/24"))
    assert any("led back" in words for words in said.values())


@pytest.mark.parametrize(
    ("tcp", "hosts", "name"),
    [
        ({"port": 443}, {"example.com": {"https": "passthrough"}}, "example.com"),
        ({"outsidePort": 443}, {"example.com": {"http": {"upgrade": "tls"}}}, "example.com"),
        ({}, {"a.example.com": {"https": "passthrough", "httpsPorts": [5432]}}, "a.example.com"),
        ({}, {"a.example.com": {"http": {"outsidePort": 5432}}}, "a.example.com"),
        (
            {},
            {"a.example.com": {"tcp": {"port": 5432, "byName": True, "serviceAccounts": ["app"]}}},
            "a.example.com",
        ),
        (
            {},
            {
                "a.example.com": {
                    "tcp": {"port": 6000, "outsidePort": 5432, "byName": True, "serviceAccounts": ["app"]}
                }
            },
            "a.example.com",
        ),
        ({"port": 443}, {"*.example.com": {"https": "passthrough"}}, "*.example.com"),
    ],
)
def test_a_port_by_which_names_are_left_is_refused(
    tcp: dict[str, Any], hosts: dict[str, Any], name: str
) -> None:
    """Whoever owns the name could answer with the database's address."""
    said = refused(config(tcp, hosts, databases="10.100.0.0/24"))
    assert said.keys() == {f"{AT}.addresses"}
    assert f"wherever {name} leads" in said[f"{AT}.addresses"]


def test_another_teams_name_on_the_port_is_refused_as_well() -> None:
    made = config({}, databases="10.100.0.0/24")
    by_name = {"port": 5432, "byName": True, "serviceAccounts": ["app"]}
    made["gke-mesh-egress:teams"]["stock"] = {"egress": {"a.example.com": {"tcp": by_name}}}
    assert refused(made).keys() == {f"{AT}.addresses"}


def test_a_gateway_of_its_own_tells_the_two_apart() -> None:
    made = config({}, databases="10.100.0.0/24")
    by_name = {"port": 5432, "byName": True, "serviceAccounts": ["app"]}
    made["gke-mesh-egress:teams"]["stock"] = {"egress": {"a.example.com": {"tcp": by_name}}, "gateway": "own"}
    made["gke-mesh-egress:gateways"] = {"own": {}}
    plan = plan_of(made)
    assert not verify(Intent(plan), Judges(deployment(plan, render(plan)))).violations


def test_the_range_opened_on_a_port_of_names_is_found() -> None:
    """By name, raw TCP leaves to anywhere: that is the internet, and no private range, opened or not."""
    hosts = {"a.example.com": {"tcp": {"port": 6379, "byName": True, "serviceAccounts": ["app"]}}}
    plan = plan_of(config({}, hosts, databases="10.100.0.0/24"))
    original = deployment(plan, render(plan))
    assert verify(Intent(plan), Judges(original)).holds
    changed = deepcopy(list(original.kubernetes))
    (policy,) = [item for item in changed if item["metadata"]["name"] == "gateway-boundary"]
    _blocks("10.100.0.0/24", ports=(6379,))(policy)
    found = verify(Intent(plan), Judges(Snapshot.of(changed, original.google))).violations
    said = "The gateway in istio-egress reaching 10.100.0.0/24, TCP 6379, must not be possible."
    assert said in [violation.says for violation in found]


def test_the_range_is_listed_among_what_the_config_opens() -> None:
    found = {one.setting: one.opens for one in relaxations(plan_of(config({}, databases="10.100.0.0/24")))}
    assert "10.100.0.0/24" in found["fences.privateAddresses.databases"]


def _blocks(*cidrs: str, ports: tuple[int, ...] = (5432,)) -> Callable[[Manifest], object]:
    to = [{"ipBlock": {"cidr": cidr}} for cidr in cidrs]
    said = [{"protocol": "TCP", "port": port} for port in ports]
    return lambda item: item["spec"]["egress"].append({"to": to, "ports": said})


def _lies_at(address: str) -> Callable[[Manifest], object]:
    return lambda item: item["spec"]["endpoints"][0].update(address=address)


CHANGED: dict[str, tuple[str, Callable[[Manifest], object]]] = {
    "the whole range on the port": (BOUNDARY, _blocks("10.100.0.0/24")),
    "another address of the range": (BOUNDARY, _blocks("10.100.0.6/32")),
    "the address on another port": (BOUNDARY, _blocks("10.100.0.5/32", ports=(6379,))),
    "the range on the port of https": (BOUNDARY, _blocks("10.100.0.0/24", ports=(443,))),
    "the address on the port of https": (BOUNDARY, _blocks("10.100.0.5/32", ports=(443,))),
    "an address of the cluster": (ENTRY, _lies_at("10.1.0.5")),
    "an address in no range": (ENTRY, _lies_at("10.99.0.5")),
    "no address at all": (ENTRY, lambda item: item["spec"].pop("addresses")),
}


def test_as_rendered_nothing_is_wrong() -> None:
    assert violations("private", rendered("private")) == []


@pytest.mark.parametrize("what", CHANGED)
def test_what_opens_more_of_a_private_network_is_found(what: str) -> None:
    name, change = CHANGED[what]
    assert violations("private", with_change("private", name, change))
