"""Names that are asked about from outside: of servers, and below the patterns of servers those that routes
and rules name."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.inbound_targets import OTHER_CLIENT, InboundKind, InboundTarget, inbound_targets
from egress.judge.lookup.inbound_flow import InboundFlow, Shown
from egress.judge.trace import Judges
from tests.judge.incoming import BUYER, CLIENT, HOST, LABELS, Object, balancer, gateway, judges, route
from tests.judge.objects import written

Q = "spiffe://q.example/x"
A, B, C, D = (f"{name}.example.org" for name in "abcd")
TO = {"destination": {"host": "db.shop.svc.cluster.local", "port": {"number": 5432}}}


def flows(*sides: Judges) -> list[tuple[InboundTarget, InboundFlow]]:
    return [(one, one.flow) for one in inbound_targets(*sides) if isinstance(one.flow, InboundFlow)]


def arrive(world: Judges) -> set[tuple[str, str]]:
    """Names at which something that is asked arrives, each with what is shown there."""
    return {
        (flow.host, flow.caller.name if flow.caller.shows is Shown.NAMED else flow.caller.shows.value)
        for _, flow in flows(world)
        if world.inbound.trace(flow).allowed
    }


def cluster(*objects: Object, **parts: Any) -> Judges:
    return judges(*objects, **{"balancer": balancer(), **parts})


def one_port(**spec: Any) -> Object:
    return balancer(**{"ports": [{"port": 5432, "targetPort": 5432}], **spec})


def called(*sides: Judges, kind: InboundKind) -> list[str]:
    """What people call what is asked."""
    return list(dict.fromkeys(one.name for one in inbound_targets(*sides) if one.kind is kind))


def policy(*hosts: str, principals: tuple[str, ...] = ()) -> Object:
    of = {"from": [{"source": {"principals": list(principals)}}]} if principals else {}
    return written(
        "AuthorizationPolicy", "edge", rules=[{"to": [{"operation": {"hosts": list(hosts)}}], **of}]
    )


def routes(*hosts: str) -> list[Object]:
    made = [route("http", hosts=[host]) for host in hosts]
    for number, one in enumerate(made):
        one["metadata"]["name"] = f"routes-{number}"
    return made


@pytest.mark.parametrize("pattern", ["*", "*.example.org"])
def test_tls_that_is_passed_on_by_a_name_is_asked_for_by_that_name(pattern: str) -> None:
    """A server for every name takes it, and a route of its own lets it in."""
    wide = gateway(mode="PASSTHROUGH", hosts=[pattern], subjectAltNames=None, credentialName=None)
    by_name = route("tls", hosts=[A], tls=[{"match": [{"sniHosts": [A]}], "route": [TO]}])
    assert {host for host, _ in arrive(cluster(gateway=wide, route=by_name))} == {A}


def test_every_name_of_a_route_is_asked_and_not_the_first_ones_alone() -> None:
    wide = gateway(protocol="HTTPS", mode="SIMPLE", hosts=["*.example.org"], subjectAltNames=None)
    names = routes(A, B, C, D)
    assert {(name, "no certificate") for name in (A, B, C, D)} <= arrive(
        cluster(*names, gateway=wide, route=None)
    )


def test_whoever_a_rule_lets_in_at_one_name_below_a_pattern_is_asked_there() -> None:
    wide = gateway(protocol="HTTPS", hosts=["*.example.org"], subjectAltNames=[CLIENT, Q])
    world = cluster(*routes(A, C), policy(C, principals=("q.example/x",)), gateway=wide, route=None)
    assert arrive(world) == {(C, Q)}


@pytest.mark.parametrize("pattern", ["*", "*.example.org", "*.web.example.org"])
def test_whoever_a_rule_lets_in_below_a_pattern_of_its_own_is_asked_at_a_name_there(pattern: str) -> None:
    wide = gateway(protocol="HTTPS", hosts=[pattern], subjectAltNames=None)
    rule = policy("*.web.example.org", principals=("q.example/x",))
    world = cluster(rule, gateway=wide, route=route("http", hosts=["*.example.org"]))
    assert arrive(world) == {("any-name.web.example.org", Q)}


def test_a_name_that_only_a_rule_knows_is_asked_with_a_request_where_its_server_reads_http() -> None:
    raw = gateway("raw", hosts=[HOST])
    wide = gateway("wide", protocol="HTTPS", mode="SIMPLE", hosts=["*.web.example.org"], subjectAltNames=None)
    led = route("http", hosts=["*.web.example.org"], gateways=["edge/wide"])
    name = "a.web.example.org"
    assert (name, "no certificate") in arrive(cluster(wide, policy(name), gateway=raw, route=led))


def test_a_pattern_of_a_route_below_a_servers_stands_for_a_name() -> None:
    wide = gateway(mode="PASSTHROUGH", hosts=["*"], subjectAltNames=None, credentialName=None)
    below = "*.web.example.org"
    by_name = route("tls", hosts=[below], tls=[{"match": [{"sniHosts": [below]}], "route": [TO]}])
    assert {host for host, _ in arrive(cluster(gateway=wide, route=by_name))} == {"any-name.web.example.org"}


def test_a_name_with_a_server_of_its_own_is_that_ones() -> None:
    wide = gateway("wide", mode="SIMPLE", hosts=["*.example.org"], subjectAltNames=None)
    world = cluster(wide, policy(HOST), gateway=gateway(subjectAltNames=[CLIENT]))
    (_, flow) = next(
        pair for pair in flows(world) if pair[0].kind is InboundKind.OTHER_AUTHORITY and pair[1].host == HOST
    )
    assert flow.caller.name == CLIENT
    assert not any(
        flow.host == "any-name.example.org" for one, flow in flows(world) if one.kind is InboundKind.CLIENT
    )


def test_a_pattern_has_the_names_below_it_that_its_own_gateways_routes_are_for() -> None:
    wide = gateway("wide", mode="SIMPLE", hosts=["*.example.org"], subjectAltNames=None)
    led = route(hosts=[HOST, A], gateways=["edge/db"])
    world = cluster(wide, policy("out.example", B), gateway=gateway(), route=led)
    at = {
        flow.host for one, flow in flows(world) if one.kind is InboundKind.OTHER_CLIENT and flow.port == 5432
    }
    assert at == {HOST, "any-name.example.org", B}


def test_a_rule_for_any_name_and_a_route_for_any_name_are_no_names() -> None:
    wide = gateway(protocol="HTTPS", hosts=["*.example.org"], subjectAltNames=[CLIENT])
    world = cluster(policy("*"), gateway=wide, route=route("http", hosts=["*"]))
    assert not any("*" in flow.host for _, flow in flows(world))
    everything = gateway(protocol="HTTPS", hosts=["*"], subjectAltNames=[CLIENT])
    world = cluster(policy("*"), gateway=everything, route=route("http", hosts=["*"]))
    assert not any("*" in flow.host for _, flow in flows(world))


def test_a_name_that_is_none_of_the_servers_is_asked_as_another_once_each() -> None:
    led = route("http", hosts=[HOST, "out.example"])
    world = cluster(policy(HOST, "out.example"), gateway=gateway(protocol="HTTPS"), route=led)
    asked = [
        str(flow)
        for one, flow in flows(world)
        if one.kind is InboundKind.OTHER_HOST and flow.host == "out.example"
    ]
    assert asked
    assert len(asked) == len(set(asked)), "a request for its own name is asked once"
    at = {flow.port for one, flow in flows(world) if one.kind is InboundKind.OTHER_HOST and flow.host == HOST}
    assert at == {443}, "where it is served elsewhere"


def test_each_name_of_a_server_is_asked_with_requests_for_itself() -> None:
    world = cluster(gateway=gateway(protocol="HTTPS", hosts=[HOST, A]), route=route("http"))
    for kind in (InboundKind.OTHER_CLIENT, InboundKind.NO_CERTIFICATE, InboundKind.PLAIN):
        found = [
            (flow.host, flow.request.host) for one, flow in flows(world) if one.kind is kind and flow.request
        ]
        assert set(found) == {(HOST, HOST), (A, A)}
    others = {
        (flow.host, flow.request.host)
        for one, flow in flows(world)
        if one.kind is InboundKind.OTHER_REQUEST and flow.request
    }
    assert not any(host == asked for host, asked in others)
    assert (A, HOST) in others


class TestNamesThatRulesAskFor:
    """A rule of the gateway's own namespace, or of Istio's root namespace, at the pods' port that it names or
    at every one."""

    def rule(self, home: str = "edge", **says: Any) -> Object:
        return written("AuthorizationPolicy", home, selector={"matchLabels": LABELS}, rules=[says])

    @pytest.mark.parametrize(
        "says",
        [
            {"to": [{"operation": {"hosts": ["X.example.org"]}}]},
            {"to": [{"operation": {"hosts": ["x.example.org:443"]}}]},
            {"when": [{"key": "connection.sni", "values": ["x.example.org"]}]},
            {"when": [{"key": "connection.sni", "notValues": ["x.example.org"]}]},
            {"to": [{"operation": {"hosts": ["x.example.org"], "ports": ["5432"]}}]},
            {"to": [{"operation": {"hosts": ["x.example.org"], "ports": [5432]}}]},
            {
                "to": [{"operation": {"hosts": ["x.example.org"]}}],
                "when": [{"key": "destination.port", "values": ["80", "5432"]}],
            },
        ],
    )
    def test_a_name_in_a_rule_is_asked(self, says: dict[str, Any]) -> None:
        world = judges(self.rule(**says), balancer=one_port())
        assert "x.example.org" in called(world, kind=InboundKind.OTHER_HOST)
        assert "x.example.org" in called(
            judges(self.rule("istio-system", **says), balancer=one_port()), kind=InboundKind.OTHER_HOST
        )
        assert "x.example.org" not in called(
            judges(self.rule("shop", **says), balancer=one_port()), kind=InboundKind.OTHER_HOST
        )

    @pytest.mark.parametrize(
        "says",
        [
            {"to": [{"operation": {"hosts": ["x.example.org"], "ports": ["443"]}}]},
            {
                "to": [{"operation": {"hosts": ["x.example.org"]}}],
                "when": [{"key": "destination.port", "values": ["443"]}],
            },
            {"to": [{"operation": {"hosts": ["*.example.org"]}}]},
            {"when": [{"key": "request.headers[x-name]", "values": ["x.example.org"]}]},
        ],
    )
    def test_a_rule_for_another_port_or_about_other_things_names_none(self, says: dict[str, Any]) -> None:
        found = called(judges(self.rule(**says), balancer=one_port()), kind=InboundKind.OTHER_HOST)
        assert found == ["any other name"]

    def test_a_rules_port_is_the_pods_and_not_the_services(self) -> None:
        says: dict[str, Any] = {"to": [{"operation": {"hosts": ["x.example.org"], "ports": ["8443"]}}]}
        moved = one_port(ports=[{"port": 443, "targetPort": 8443}])
        world = judges(self.rule(**says), balancer=moved, gateway=gateway(port=8443))
        assert "x.example.org" in called(world, kind=InboundKind.OTHER_HOST)

    @pytest.mark.parametrize(
        ("source", "client"),
        [
            ({"principals": ["partner.example/other"]}, "spiffe://partner.example/other"),
            ({"notPrincipals": ["partner.example/other"]}, "spiffe://partner.example/other"),
            ({"principals": ["partner.example/*"]}, "spiffe://partner.example/"),
            ({"principals": ["*"]}, "spiffe://any/identity"),
            ({"principals": [""]}, OTHER_CLIENT),
        ],
    )
    @pytest.mark.parametrize("hosts", [[HOST], []])
    def test_an_identity_in_a_rule_for_a_name_or_for_any_is_asked_as_a_client(
        self, source: dict[str, Any], client: str, hosts: list[str]
    ) -> None:
        says: dict[str, Any] = {"from": [{"source": source}]}
        if hosts:
            says["to"] = [{"operation": {"hosts": hosts}}]
        world = judges(self.rule(**says), balancer=one_port())
        assert called(world, kind=InboundKind.CLIENT) == sorted({BUYER, CLIENT, client})

    def test_identities_of_a_rule_for_another_name_are_not_asked_at_this_one(self) -> None:
        says: dict[str, Any] = {
            "from": [{"source": {"principals": ["p/x"]}}],
            "to": [{"operation": {"hosts": ["x.example.org"]}}],
        }
        assert called(judges(self.rule(**says), balancer=one_port()), kind=InboundKind.CLIENT) == [
            BUYER,
            CLIENT,
        ]
