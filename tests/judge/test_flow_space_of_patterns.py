"""What a rule that names hosts by a pattern is asked about: one host of each shape that the pattern
covers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.judge.asking import HTTP, TLS, entry, gateway, server, virtual
from tests.judge.flow_naming import APP, BANK, GATEWAY, SHOP, Written, by, rule, rules, space, when

ROOT, ELSEWHERE = "istio-system", "gw-elsewhere"
HERE = f"{GATEWAY}/egress"


def outside(host: str, *ports: Any, led: tuple[str, ...] = (HERE,)) -> list[Written]:
    """A host that sidecars of BANK know, and to which Gateways lead."""
    routes = virtual(
        BANK, host, name=f"routes-{host.replace('*', 'any')}", gateways=list(led), exportTo=["."]
    )
    return [entry(host, BANK, *ports, exportTo=["."]), *([routes] if led else [])]


def asked(pattern: str, *objects: list[Written], namespace: str = GATEWAY, sni: bool = False) -> list[str]:
    """Hosts of SHOP, once a rule of a namespace names some by a pattern."""
    written = (
        rule(by(APP), None, when("connection.sni", pattern)) if sni else rule(by(APP), {"hosts": [pattern]})
    )
    flat = [item for of in objects for item in of]
    return [
        host
        for host in space(*flat, rules(written, namespace=namespace)).hosts(SHOP)
        if not host.startswith("any-name") or "wild" in host
    ]


A, B = outside("a.x.example"), outside("b.x.example")


@pytest.mark.parametrize("pattern", ["*.x.example", "*.example", "*x.example", "*", "*.x.example:80"])
def test_one_host_stands_for_all_of_its_shape(pattern: str) -> None:
    assert asked(pattern, A, B, outside("c.y.example.net")) == ["a.x.example"]


@pytest.mark.parametrize("pattern", ["b.*", "b*", "b.x.exampl*"])
def test_a_pattern_with_its_end_open_means_what_begins_so(pattern: str) -> None:
    hosts = asked(pattern, A, B)
    assert [host for host in hosts if "any-name" not in host] == ["b.x.example"]


def test_one_that_is_the_teams_own_stands_for_nobody_else() -> None:
    own = rule(by(APP), {"hosts": ["a.x.example"]})
    of = space(*A, *B, rules(own, rule(by(APP), {"hosts": ["*.x.example"]})))
    assert of.hosts(SHOP) == ["a.x.example", "any-name.x.example", "b.x.example"]


def test_ports_and_gateways_are_part_of_a_shape() -> None:
    tls = outside("b.x.example", TLS)
    elsewhere = outside("c.x.example", led=(HERE, f"{GATEWAY}/another"))
    assert asked("*.x.example", A, tls, elsewhere, outside("d.x.example", HTTP)) == [
        "a.x.example",
        "b.x.example",
        "c.x.example",
    ]


def test_only_what_the_gateways_of_its_namespace_lead_to_is_meant() -> None:
    elsewhere = outside("a.x.example", led=(f"{ELSEWHERE}/egress", "mesh"))
    nowhere = outside("c.x.example", led=())
    sidecars = outside("d.x.example", led=("mesh",))
    hosts = (elsewhere, B, nowhere, sidecars)
    assert asked("*.x.example", *hosts) == ["b.x.example"]
    assert asked("*.x.example", *hosts, namespace=ELSEWHERE) == ["a.x.example"]
    assert asked("*.x.example", *hosts, namespace="elsewhere") == []
    assert asked("*.x.example", *hosts, namespace=ROOT) == ["a.x.example", "b.x.example", "c.x.example"]


def test_a_route_for_a_pattern_leads_to_what_lies_below_it() -> None:
    routes = virtual(BANK, "*.x.example", name="wide", gateways=[HERE], exportTo=["."])
    assert asked("*.x.example", outside("a.x.example", led=()), [routes]) == ["a.x.example"]


def test_for_every_caller_it_is_asked_of_every_team() -> None:
    of = space(*A, rules(rule(None, {"hosts": ["*.x.example"]})))
    assert "a.x.example" in of.hosts(SHOP)
    assert "a.x.example" in of.hosts("another")


def test_a_rule_that_names_no_host_means_every_host_of_its_gateways() -> None:
    of = space(*A, *B, rules(rule(by(APP), {"methods": ["GET"]})))
    assert of.hosts(SHOP) == ["a.x.example"]
    assert of.hosts("another") == []


def test_a_server_that_takes_callers_for_a_pattern_means_it_too() -> None:
    names = {"subjectAltNames": [f"spiffe://{APP}"]}
    for host in ("*.x.example", f"{BANK}/*.x.example"):
        assert "a.x.example" in space(*A, gateway(server(host, tls=names))).hosts(SHOP)


def test_what_is_exported_as_a_pattern_leads_to_hosts_below_it() -> None:
    routes = virtual(SHOP, "*.x.example", exportTo=["."])
    assert space(*A, *B, routes).hosts(SHOP) == ["a.x.example", "any-name.x.example"]
    assert "a.x.example" in space(*A, virtual(SHOP, "*.x.example")).hosts("another")


INNER = entry(
    "wild.example.wildcard.internal",
    GATEWAY,
    TLS,
    resolution="STATIC",
    endpoints=[{"address": "127.0.0.9"}],
    exportTo=["."],
)
INNER_ROUTES = virtual(
    GATEWAY,
    "wild.example.wildcard.internal",
    hosts=["wild.example.wildcard.internal", "*.wild.example"],
    gateways=[HERE],
    exportTo=["."],
)


@pytest.mark.parametrize("pattern", ["*.internal", "wild.*", "*ild.example.wildcard.internal"])
def test_a_name_that_gateways_have_for_a_pattern_stands_for_what_it_covers(pattern: str) -> None:
    assert "any-name.wild.example" in asked(pattern, [INNER, INNER_ROUTES], sni=True)
    assert asked("*.elsewhere", [INNER, INNER_ROUTES], sni=True) == []


def test_a_wildcard_destination_is_met_where_both_patterns_are() -> None:
    wide = outside("*.wild.example")
    assert "any-name.wild.example" in asked("*ild.example", wide)
    assert "very.any-name.wild.example" in asked("very.*", wide)
    assert asked("*.other.example", wide) == []
