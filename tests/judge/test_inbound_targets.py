"""What is asked about the ways in: everything that some object tells from other things, and one more of each
kind. Addresses are in test_inbound_targets_addresses.py."""

from __future__ import annotations

from typing import Any

from egress.judge.inbound_targets import ELSEWHERE, InboundKind
from egress.judge.lookup.inbound_flow import Door, InboundFlow, NodeFlow, Shown
from egress.judge.trace import Judges
from tests.judge.inbound_asking import NAMED, OTHER, UNKNOWN, asked, edge, inbound, names, targets
from tests.judge.incoming import (
    BUYER,
    CLIENT,
    HOST,
    PARTNER,
    Object,
    balancer,
    firewall,
    gateway,
    judges,
    route,
)
from tests.judge.objects import node_pool, written


def test_without_a_service_that_leads_in_and_without_nodes_nothing_is_asked() -> None:
    assert asked(judges(balancer=None)) == []


def test_of_a_server_for_clients_with_certificates_each_client_is_asked_and_one_of_every_other_kind() -> None:
    at = f"From {ELSEWHERE}, "
    assert asked(judges(balancer=edge())) == [
        f"ADDRESS {at}{CLIENT}: tcp://{HOST}:5432",
        f"CLIENT {at}{BUYER}: tcp://{HOST}:5432",
        f"CLIENT {at}{CLIENT}: tcp://{HOST}:5432",
        f"OTHER_CLIENT {at}{OTHER}: tcp://{HOST}:5432",
        f"OTHER_AUTHORITY {at}{BUYER} of another authority: tcp://{HOST}:5432",
        f"NO_CERTIFICATE {at}somebody with no certificate: tcp://{HOST}:5432",
        f"PLAIN {at}somebody with no TLS: tcp://{HOST}:5432",
        f"OTHER_HOST {at}{CLIENT}: tcp://{UNKNOWN}:5432",
        f"PORT {at}{CLIENT}: tcp://{HOST}:6667",
    ]


def test_of_a_server_for_http_requests_are_asked_too_with_names_that_routes_are_for() -> None:
    hosts = ["a.example.org", "b.example.org", "c.example.org"]
    world = judges(
        balancer=edge(),
        gateway=gateway(protocol="HTTPS", hosts=["*.example.org"], subjectAltNames=[CLIENT]),
        route=route("http", hosts=hosts),
    )
    at, to = f"From {ELSEWHERE}, {CLIENT}: https://", "any-name.example.org"
    of_clients = (
        InboundKind.NO_CERTIFICATE,
        InboundKind.PLAIN,
        InboundKind.OTHER_AUTHORITY,
        InboundKind.OTHER_CLIENT,
    )
    assert asked(world, without=of_clients) == [
        f"ADDRESS {at}{to}:5432",
        f"CLIENT {at}{to}:5432",
        f"CLIENT {at}{to}:5432, Host: {to}:5432",
        f"OTHER_REQUEST {at}{to}:5432, Host: {UNKNOWN}",
        f"OTHER_REQUEST {at}{to}:5432, Host: a.example.org",
        f"OTHER_REQUEST {at}{to}:5432, Host: b.example.org",
        f"CLIENT {at}a.example.org:5432",
        f"CLIENT {at}a.example.org:5432, Host: a.example.org:5432",
        f"OTHER_REQUEST {at}a.example.org:5432, Host: {UNKNOWN}",
        f"OTHER_REQUEST {at}a.example.org:5432, Host: b.example.org",
        f"CLIENT {at}b.example.org:5432",
        f"CLIENT {at}b.example.org:5432, Host: b.example.org:5432",
        f"OTHER_REQUEST {at}b.example.org:5432, Host: {UNKNOWN}",
        f"OTHER_REQUEST {at}b.example.org:5432, Host: a.example.org",
        f"CLIENT {at}c.example.org:5432",
        f"CLIENT {at}c.example.org:5432, Host: c.example.org:5432",
        f"OTHER_REQUEST {at}c.example.org:5432, Host: {UNKNOWN}",
        f"OTHER_REQUEST {at}c.example.org:5432, Host: a.example.org",
        f"OTHER_REQUEST {at}c.example.org:5432, Host: b.example.org",
        f"OTHER_HOST {at}{UNKNOWN}:5432",
        f"OTHER_HOST {at}{UNKNOWN}:5432, Host: a.example.org",
        f"OTHER_HOST {at}{UNKNOWN}:5432, Host: b.example.org",
        f"PORT {at}{to}:6667",
    ]
    for kind in of_clients:
        assert [flow.request.host for flow in inbound(world, kind=kind) if flow.request] == [to, *hosts]


def test_a_server_for_every_name_is_asked_with_an_unknown_name_and_with_a_request_for_another() -> None:
    made = judges(
        balancer=edge(),
        gateway=gateway(protocol="HTTPS", hosts=["*"], mode="SIMPLE", subjectAltNames=None),
        route=route("http"),
    )
    assert {flow.host for flow in inbound(made, kind=InboundKind.CLIENT)} == set()
    assert {flow.host for flow in inbound(made, kind=InboundKind.OTHER_CLIENT)} == {UNKNOWN, HOST}
    requests = [flow.request.host for flow in inbound(made, kind=InboundKind.OTHER_REQUEST) if flow.request]
    assert requests == [f"any.{UNKNOWN}", HOST, UNKNOWN]
    foreign = inbound(made, kind=InboundKind.OTHER_AUTHORITY)
    assert {flow.caller.name for flow in foreign} == {OTHER}
    assert names(made, kind=InboundKind.OTHER_REQUEST) == [f"any.{UNKNOWN}", HOST, "any other name"]


def test_names_of_routes_for_servers_that_read_no_requests_are_no_hosts_of_requests() -> None:
    raw, of_raw = (
        gateway("raw", hosts=["raw.example.org"], mode="SIMPLE"),
        route(hosts=["raw.example.org"], gateways=["edge/raw"]),
    )
    of_raw["metadata"]["name"] = "raw"
    world = judges(raw, of_raw, balancer=edge(), gateway=gateway(protocol="HTTPS"), route=route("http"))
    asked = {flow.request.host for flow in inbound(world, kind=InboundKind.OTHER_REQUEST) if flow.request}
    assert "raw.example.org" not in asked


def test_requests_that_rules_of_a_gateway_tell_apart_are_asked_each() -> None:
    policy = written(
        "AuthorizationPolicy",
        "edge",
        rules=[{"to": [{"operation": {"paths": ["/private"], "methods": ["PUT"]}}]}],
    )
    world = judges(policy, balancer=edge(), gateway=gateway(protocol="HTTPS"), route=route("http"))
    said = {
        (flow.request.method, flow.request.path)
        for flow in inbound(world, kind=InboundKind.CLIENT)
        if flow.request
    }
    assert ("PUT", "/private") in said
    assert any(method != "PUT" for method, _ in said)


class TestPorts:
    def ports(self, *objects: Object, kind: InboundKind = InboundKind.PORT, **parts: Any) -> list[int]:
        return list(dict.fromkeys(flow.port for flow in inbound(judges(*objects, **parts), kind=kind)))

    def test_ports_that_something_names_are_asked_and_one_that_nothing_does(self) -> None:
        limits = [
            {"port": 1},
            {"port": 8000, "endPort": 8010},
            {"port": 65535},
            {"port": 5432},
            {"protocol": "TCP"},
        ]
        policy = written("NetworkPolicy", "edge", podSelector={}, ingress=[{"ports": limits}])
        other = gateway("second", port=15443)
        opened = firewall(allows=[{"protocol": "tcp", "ports": ["22", "30000-30005"]}])
        found = self.ports(policy, other, balancer=edge(), google=(opened,))
        assert found == [1, 22, 6667, 8000, 8010, 15443, 30000, 30005, 65535]

    def test_a_policy_for_every_port_names_none(self) -> None:
        policy = written("NetworkPolicy", "edge", podSelector={}, ingress=[{}])
        assert self.ports(policy, balancer=edge()) == [6667]

    def test_of_a_node_the_ports_that_a_service_says_are_asked(self) -> None:
        said = balancer(ports=[{"port": 80, "nodePort": 30080}, {"port": 443, "nodePort": 30443}])
        assert self.ports(kind=InboundKind.NODE_PORT, balancer=said) == [30080, 30443]
        (flow, *_) = inbound(judges(balancer=said), kind=InboundKind.NODE_PORT)
        assert (flow.door, flow.edge) == (Door.NODE_PORT, "edge/service/edge")

    def test_else_one_of_those_that_kubernetes_takes_and_each_that_a_firewall_opens_among_them(self) -> None:
        opened = firewall(allows=[{"protocol": "tcp", "ports": ["29999-30000", "32767-32768"]}])
        found = self.ports(kind=InboundKind.NODE_PORT, balancer=balancer(type="NodePort"), google=(opened,))
        assert found == [30000, 31999, 32767]

    def test_a_service_without_ports_of_nodes_is_not_asked_there(self) -> None:
        assert self.ports(kind=InboundKind.NODE_PORT, balancer=edge()) == []

    def test_a_service_for_nodes_alone_is_asked_nowhere_else(self) -> None:
        assert {target.kind for target in targets(judges(balancer=balancer(type="NodePort")))} == {
            InboundKind.NODE_PORT
        }

    def test_each_port_of_a_service_has_the_names_and_clients_of_its_own_servers(self) -> None:
        two = edge(ports=[{"port": 443, "targetPort": 8443}, {"port": 5432}])
        web = gateway(
            "web", port=8443, protocol="HTTPS", hosts=["web.example.org"], mode="SIMPLE", subjectAltNames=None
        )
        found = targets(judges(web, balancer=two))
        at = {
            (flow.port, flow.host)
            for one in found
            if isinstance(flow := one.flow, InboundFlow)
            if one.kind is InboundKind.PLAIN
        }
        assert at == {(443, "web.example.org"), (5432, HOST)}
        others = {
            (flow.port, flow.host) for flow in inbound(judges(web, balancer=two), kind=InboundKind.OTHER_HOST)
        }
        assert {(443, HOST), (5432, "web.example.org")} <= others, "a name that is served at another port"
        both = gateway("web", port=8443, hosts=[HOST, "web.example.org"])
        others = {
            (flow.port, flow.host)
            for flow in inbound(judges(both, balancer=two), kind=InboundKind.OTHER_HOST)
        }
        assert {one for one in others if one[1] != UNKNOWN} == {(5432, "web.example.org")}, "and is none here"


class TestPastTheGateway:
    def test_a_service_that_leads_to_no_gateway_is_asked_by_addresses_alone(self) -> None:
        own = balancer("own", "shop", selector={"app": "db"}, **NAMED)
        world = judges(balancer=None, own=own)
        assert {target.kind for target in targets(world)} == {InboundKind.PAST_GATEWAY, InboundKind.PORT}
        assert all(flow.edge for kind in InboundKind for flow in inbound(world, kind=kind))
        (flow, *_) = inbound(world, kind=InboundKind.PAST_GATEWAY)
        assert (flow.host, flow.port, flow.caller.name, flow.request) == (UNKNOWN, 5432, OTHER, None)
        assert flow.edge == "shop/service/own"

    def test_a_service_without_ports_is_asked_at_those_that_it_has_not(self) -> None:
        own = balancer("own", "shop", selector={"app": "db"}, ports=[], allocateLoadBalancerNodePorts=False)
        (flow, *_) = inbound(judges(balancer=None, own=own), kind=InboundKind.PORT)
        assert (flow.edge, flow.host, flow.port) == ("shop/service/own", UNKNOWN, 6667)

    def test_it_is_asked_for_each_service(self) -> None:
        own = balancer("own", "shop", selector={"app": "db"}, **NAMED)
        found = targets(judges(own, balancer=edge()))
        assert {flow.edge for one in found if isinstance(flow := one.flow, InboundFlow)} == {
            "edge/service/edge",
            "shop/service/own",
        }

    def test_a_service_of_one_set_of_objects_alone_is_asked_as_well(self) -> None:
        without, with_one = judges(balancer=None), judges(balancer=edge())
        assert asked(without, with_one) == asked(with_one) == asked(with_one, without)
        assert len(targets(with_one, with_one)) == len(targets(with_one)), "each once"


class TestTwoSides:
    """Objects before and after a change: what either has is asked of both."""

    def test_a_load_balancer_a_gateway_or_ports_of_nodes_on_one_side_are_enough(self) -> None:
        balanced, for_nodes = judges(), judges(balancer=balancer(type="NodePort"))
        kinds = {target.kind for target in targets(for_nodes, balanced)}
        assert {InboundKind.ADDRESS, InboundKind.NODE_PORT} <= kinds
        without_nodes = judges(balancer=edge())
        assert InboundKind.NODE_PORT in {target.kind for target in targets(without_nodes, balanced)}
        gone = judges(balancer=edge(), gateway=None, route=None)
        assert InboundKind.CLIENT in {target.kind for target in targets(gone, without_nodes)}

    def test_a_port_that_one_side_alone_has_is_asked_with_that_sides_servers(self) -> None:
        other = judges(
            balancer=edge(ports=[{"port": 443}]), gateway=gateway(port=443, hosts=["web.example.org"])
        )
        found = {
            (flow.port, flow.host) for flow in inbound(other, judges(balancer=edge()), kind=InboundKind.PLAIN)
        }
        assert found == {(443, "web.example.org"), (5432, HOST)}

    def test_a_server_for_http_on_one_side_is_asked_with_requests(self) -> None:
        http = judges(balancer=edge(), gateway=gateway(protocol="HTTPS"), route=route("http"))
        assert InboundKind.OTHER_REQUEST in {target.kind for target in targets(judges(balancer=edge()), http)}

    def test_requests_that_rules_of_either_side_tell_apart_are_asked(self) -> None:
        def side(path: str) -> Judges:
            policy = written(
                "AuthorizationPolicy", "edge", rules=[{"to": [{"operation": {"paths": [path]}}]}]
            )
            return judges(policy, balancer=edge(), gateway=gateway(protocol="HTTPS"), route=route("http"))

        asked = inbound(side("/one"), side("/two"), kind=InboundKind.CLIENT)
        assert {"/one", "/two"} <= {flow.request.path for flow in asked if flow.request}

    def test_names_of_routes_of_either_side_are_asked(self) -> None:
        def side(name: str) -> Judges:
            made = route("http", hosts=[name])
            return judges(
                balancer=edge(), gateway=gateway(protocol="HTTPS", hosts=["*.example.org"]), route=made
            )

        found = inbound(side("a.example.org"), side("b.example.org"), kind=InboundKind.OTHER_REQUEST)
        asked = [flow.request.host for flow in found if flow.request and flow.host == "any-name.example.org"]
        assert asked == [UNKNOWN, "a.example.org", "b.example.org"]
        assert all((flow.caller.shows, flow.caller.name) == (Shown.NAMED, BUYER) for flow in found)


class TestNodes:
    """What is sent to nodes' own addresses: tests/judge/test_inbound_nodes.py has the classes."""

    def test_of_every_pool_each_class_is_asked_and_says_what_it_is_and_from_where(self) -> None:
        rule = firewall(allows=[{"protocol": "tcp", "ports": ["22"]}], sourceRanges=[PARTNER])
        found = targets(
            judges(balancer=None, google=(node_pool("one"), node_pool("two"), rule)), kind=InboundKind.NODE
        )
        flows = [target.flow for target in found if isinstance(target.flow, NodeFlow)]
        assert {flow.pool for flow in flows} == {"one@example.com", "two@example.com"}
        assert {target.name for target in found} >= {
            f"TCP 22 from {PARTNER}",
            f"UDP on every port from {ELSEWHERE}",
        }

    def test_without_googles_objects_there_are_no_nodes_to_ask_about(self) -> None:
        assert targets(judges(balancer=None), kind=InboundKind.NODE) == []


def test_clients_are_asked_for_what_they_show() -> None:
    shown = {
        one.kind: one.flow.caller.shows
        for one in targets(judges(balancer=edge()))
        if isinstance(one.flow, InboundFlow)
    }
    assert shown[InboundKind.CLIENT] is shown[InboundKind.OTHER_CLIENT] is Shown.NAMED
    assert shown[InboundKind.OTHER_AUTHORITY] is Shown.FOREIGN
    assert shown[InboundKind.NO_CERTIFICATE] is Shown.NOTHING
    assert shown[InboundKind.PLAIN] is Shown.PLAIN
