"""Somebody opens a way in every layer that stands before it, so that nothing is left to refuse: still nobody
calls it Proven.

Where one layer alone is opened, the other one refuses and its judge need not look closely. Here each has to
notice by itself.
"""

from __future__ import annotations

import pytest

from egress.judge.trace import Judges
from egress.proof.verify import verify
from tests.fuzz.added import check
from tests.fuzz.added.cluster import thing
from tests.fuzz.added.firewall import firewall
from tests.fuzz.added.mesh import istio
from tests.fuzz.added.stacks import Effect, Json, Stack, at, named
from tests.proof.test_added_objects import policy
from tests.proof.test_openings import named as namespace

DEV, OPENINGS = named("dev"), named("openings")


def ways(cidr: str, transport: str | None, port: int | None, team: str = "team-y") -> list[Json]:
    """A team's NetworkPolicy and a firewall rule for the same."""
    ports = [{"protocol": transport, "port": port}] if transport else None
    allowed = {"protocol": transport.lower(), "ports": [str(port)]} if transport else {"protocol": "all"}
    rule = firewall(DEV, priority=1, destinationRanges=[cidr], allows=[allowed])
    return [policy(team, {"ipBlock": {"cidr": cidr}}, ports), rule]


def between(source: str, target: str, ports: Json = None) -> list[Json]:
    """Both ends' NetworkPolicies."""
    out, into = policy(source, namespace(target), ports), policy(target, namespace(source), ports, "Ingress")
    out["put"]["metadata"]["name"], into["put"]["metadata"]["name"] = "out", "in"
    return [out, into]


OUTSIDE: dict[str, list[Json]] = {
    f"{cidr} by {transport} {port}": ways(cidr, transport, port)
    for cidr, transport, port in (
        ("192.168.0.0/16", "TCP", 443),
        ("192.168.0.0/16", None, None),
        ("10.99.0.0/16", "TCP", 443),
        ("10.99.0.0/16", None, None),
        ("0.0.0.0/0", "UDP", 4000),
        ("0.0.0.0/0", "UDP", 443),
        ("0.0.0.0/0", "SCTP", 4000),
        ("8.8.8.8/32", "UDP", 53),
        ("203.0.113.77/32", "UDP", 9999),
        ("199.36.153.4/30", "TCP", 443),
    )
}
"""Where a team's pods get to: private networks, the internet by other protocols, a resolver, the other range
of Google's APIs."""


@pytest.mark.parametrize("what", OUTSIDE)
def test_a_team_that_policy_and_firewall_let_outside_is_found(what: str) -> None:
    _checked(DEV, Effect.OPENS, what, OUTSIDE[what])


INSIDE: dict[str, tuple[Stack, list[Json]]] = {
    "a team and one that it does not declare": (
        DEV,
        between("team-y", "team-x", [{"protocol": "TCP", "port": 9999}]),
    ),
    "the third of three teams": (OPENINGS, between("idle", "shop")),
    "a gateway and the first team": (DEV, between("istio-egress", "team-x")),
    "a gateway and the second team": (DEV, between("istio-egress", "team-y")),
    "a gateway and the last of four teams": (OPENINGS, between("istio-egress", "stock")),
}


@pytest.mark.parametrize("what", INSIDE)
def test_what_both_ends_policies_let_through_is_found(what: str) -> None:
    stack, edits = INSIDE[what]
    _checked(stack, Effect.OPENS, what, edits)


@pytest.mark.parametrize("protocol", ["icmp", "esp", "ah", "ipip", "sctp", "47"])
def test_a_firewall_rule_for_a_protocol_that_no_policy_of_pods_can_name_is_found(protocol: str) -> None:
    rule = firewall(DEV, priority=1, destinationRanges=["0.0.0.0/0"], allows=[{"protocol": protocol}])
    _checked(DEV, Effect.OPENS, protocol, [rule])


SLICE: Json = {
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["198.51.100.9"]}],
    "ports": [{"port": 443, "protocol": "TCP"}],
}
FILTER: Json = {
    "applyTo": "NETWORK_FILTER",
    "patch": {
        "operation": "INSERT_FIRST",
        "value": {"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": "a"}},
    },
}
WEAKER: dict[str, list[Json]] = {
    "a Service without pods": [thing("Service", "v1", "media", spec={"ports": [{"port": 443}]})],
    "a Service without pods, and its addresses by hand": [
        thing("Service", "v1", "media", spec={"ports": [{"port": 443}]}),
        thing("EndpointSlice", "discovery.k8s.io/v1", "media", **SLICE),
    ],
    "addresses by hand": [thing("EndpointSlice", "discovery.k8s.io/v1", "media", **SLICE)],
    "a Service with a name outside": [
        thing("Service", "v1", "media", spec={"type": "ExternalName", "externalName": "elsewhere.example"})
    ],
    "a filter": [istio("EnvoyFilter", "media", configPatches=[FILTER])],
}
"""What somebody adds in the namespace of a team whose declared hosts alone are reached, past the gateway."""


@pytest.mark.parametrize("what", WEAKER)
def test_a_team_of_declared_hosts_gets_no_further_by_its_own_objects(what: str) -> None:
    _checked(named("registry-only"), Effect.OPENS, what, WEAKER[what])


def test_a_filter_before_what_comes_in_is_not_understood() -> None:
    _checked(
        named("receive"),
        Effect.OPENS,
        "a filter",
        [istio("EnvoyFilter", "istio-ingress", configPatches=[FILTER])],
    )


ENTRY = "istio-egress/serviceentry/5432-postgres-partner-example-port-internal-ext"
DIRECT = {"directResponse": {"status": 503}}
BREAKS: dict[str, tuple[str, list[Json]]] = {
    "an endpoint elsewhere": ("tcp", [at(ENTRY, ["spec", "endpoints", 0, "address"], "198.51.100.66")]),
    "an endpoint on another port": (
        "tcp",
        [at(ENTRY, ["spec", "endpoints", 0, "ports"], {"tcp-5432": 5433})],
    ),
    "no endpoint": ("tcp", [at(ENTRY, ["spec", "endpoints"], [])]),
    "another address": ("tcp", [at(ENTRY, ["spec", "addresses"], ["198.51.100.66"])]),
    "every address": ("tcp", [at(ENTRY, ["spec", "addresses"], ["0.0.0.0/0"])]),
    "pods of some labels": ("tcp", [at(ENTRY, ["spec", "workloadSelector"], {"labels": {"app": "a"}})]),
    "an answer of the sidecar's own": (
        "dev",
        [istio("VirtualService", "team-x", hosts=["example.com"], http=[DIRECT])],
    ),
}
"""What is declared, and led elsewhere by one object."""


@pytest.mark.parametrize("what", BREAKS)
def test_what_is_declared_and_led_elsewhere_is_found(what: str) -> None:
    stack, edits = BREAKS[what]
    _checked(named(stack), Effect.BREAKS, what, edits)


@pytest.mark.parametrize(
    ("kind", "api"),
    [
        ("RequestAuthentication", "security.istio.io/v1"),
        ("CiliumLocalRedirectPolicy", "cilium.io/v2"),
        ("CiliumEnvoyConfig", "cilium.io/v2"),
        ("TCPRoute", "gateway.networking.k8s.io/v1alpha2"),
        ("TLSRoute", "gateway.networking.k8s.io/v1alpha3"),
        ("WorkloadEntry", "networking.istio.io/v1"),
    ],
)
@pytest.mark.parametrize("where", ["team-x", "istio-egress", "istio-system"])
def test_nothing_is_proven_beside_a_kind_that_leads_traffic_and_is_not_read(
    kind: str, api: str, where: str
) -> None:
    found = verify(
        DEV.intent, Judges(DEV.changed([thing(kind, api, where, spec={"rules": [{}]})]))
    ).violations
    assert any(not step.understood for violation in found for step in violation.steps)


def test_every_address_of_a_host_of_raw_tcp_has_to_be_let_out() -> None:
    """The second of two addresses, with neither a NetworkPolicy nor a firewall rule for it."""
    stack = named("tcp")
    spec = stack.objects[ENTRY]["spec"]
    second = [
        at(ENTRY, ["spec", "endpoints", len(spec["endpoints"])], {"address": "198.51.100.66"}),
        at(ENTRY, ["spec", "addresses", len(spec["addresses"])], "198.51.100.66"),
    ]
    _checked(stack, Effect.BREAKS, "a second address", second)


def _checked(stack: Stack, effect: Effect, what: str, edits: list[Json]) -> None:
    check.judge(stack, {"effect": effect, "what": what, "edits": edits})
