"""Where a gateway leads what it lets in from outside: routes, their destinations, and what stands before these."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.flow import Layer, Request
from egress.judge.inbound_flow import InboundTrace, Reached
from tests.judge.incoming import (
    HOST,
    Object,
    by,
    flow,
    gateway,
    judges,
    refused,
    route,
)
from tests.judge.objects import written


class TestWhereItLeads:
    def leg(self, host: str = "db.shop.svc.cluster.local", number: int | None = 5432, **says: Any) -> dict[str, Any]:
        port = {"port": {"number": number}} if number else {}
        return {"destination": {"host": host, **port}, **says}

    def http(self, *objects: Object, routes: list[dict[str, Any]], **parts: Any) -> InboundTrace:
        found = judges(*objects, gateway=gateway(protocol="HTTPS"), route=route("http", http=routes), **parts).inbound
        return found.trace(flow(request=Request(HOST)))

    def test_a_route_without_a_destination_is_refused_and_named(self) -> None:
        trace = self.http(routes=[{"directResponse": {"status": 200}}])
        assert not trace.allowed or not trace.understood
        assert not trace.reached
        assert trace.decision.by == "edge/virtualservice/db"

    def test_copies_of_requests_arrive_too(self) -> None:
        copy = self.leg("copy.shop.svc.cluster.local")
        trace = self.http(routes=[{"route": [self.leg()], "mirrors": [copy, self.leg("third.shop.svc.cluster.local")]}])
        assert trace.understood
        assert [one.service for one in trace.reached] == ["db.shop", "copy.shop", "third.shop"]

    def test_of_several_destinations_those_without_a_share_take_none_wherever_they_stand(self) -> None:
        none, some = self.leg("none.shop.svc.cluster.local", weight=0), self.leg(weight=1)
        absent = self.leg("absent.shop.svc.cluster.local")
        trace = judges(route=route(tcp=[{"route": [none, some, absent]}])).inbound.trace(flow())
        assert [one.service for one in trace.reached] == ["db.shop"]
        alone = judges(route=route(tcp=[{"route": [self.leg()]}])).inbound.trace(flow())
        assert alone.reached, "one alone needs no share"

    @pytest.mark.parametrize(
        ("ports", "number"),
        [([7000], 7000), ([5432, 80], 5432), ([80, 5432], 5432), ([80, 81], None)],
    )
    def test_without_a_port_it_is_the_services_only_one_else_that_of_the_server(
        self, ports: list[int], number: int | None
    ) -> None:
        written_ports = [{"name": f"tcp-{port}", "port": port} for port in ports]
        service = written("Service", "shop", "db", selector={"app": "db"}, ports=written_ports)
        trace = judges(service, route=route(number=None)).inbound.trace(flow())
        assert trace.allowed is (number is not None)
        assert [one.port for one in trace.reached if trace.allowed] == ([number] if number else [])

    @pytest.mark.parametrize("how", ["set", "add", "remove"])
    @pytest.mark.parametrize("where", ["route", "leg"])
    def test_headers_of_requests_that_a_route_writes_are_not_read(self, how: str, where: str) -> None:
        headers: dict[str, Any] = {"headers": {"request": {how: ["x-tenant"] if how == "remove" else {"x-tenant": "a"}}}}
        routes = [{"route": [self.leg(**(headers if where == "leg" else {}))], **(headers if where == "route" else {})}]
        trace = self.http(routes=routes)
        assert not trace.understood
        assert trace.decision.by == "edge/virtualservice/db"
        assert trace.decision.field.endswith(f"headers.request.{how}")

    def test_every_destinations_layers_are_asked(self) -> None:
        legs = [self.leg(f"db.{name}.svc.cluster.local", weight=50) for name in ("bank", "shop")]
        closed = written("NetworkPolicy", "bank", podSelector={})
        trace = judges(closed, route=route(tcp=[{"route": legs}])).inbound.trace(flow())
        assert refused(trace) == [Layer.NETWORK_POLICY]
        assert len(trace.reached) == 2

    def test_a_name_outside_is_led_to_by_its_service_entry(self) -> None:
        ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
        entry = written("ServiceEntry", "edge", hosts=["out.example"], ports=ports, resolution="DNS")
        trace = judges(entry, route=route(to="out.example", number=443)).inbound.trace(flow())
        assert trace.reached == (Reached("", "out.example", 443, 443),)
        assert str(trace.reached[0]) == "out.example:443 outside"
        assert str(Reached("shop", "db.shop", 1, 2)) == "db.shop:1"

    def test_a_name_outside_without_one_is_refused_where_it_is_written(self) -> None:
        trace = judges(route=route(to="out.example", number=443)).inbound.trace(flow())
        assert refused(trace) == [Layer.GATEWAY]
        assert by(trace, Layer.GATEWAY).startswith("edge/gateway/db")
        assert trace.decision.by == "edge/virtualservice/db"
        assert trace.decision.field == "spec.tcp[0].route[0].destination"

    def test_a_service_that_its_namespace_keeps_to_itself_is_not_taken_to_be_there(self) -> None:
        mesh = {"mesh": "defaultServiceExportTo: ['.']\n"}
        config = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": "istio-system"},
            "data": mesh,
        }
        assert refused(judges(config).inbound.trace(flow())) == [Layer.GATEWAY]

    def test_a_name_of_the_cluster_without_a_namespace_is_no_service(self) -> None:
        assert not judges(route=route(to="db.svc.cluster.local")).inbound.trace(flow()).allowed

    def test_a_service_that_nobody_handed_over_runs_where_applications_do_with_any_labels(self) -> None:
        policy = written("NetworkPolicy", "shop", podSelector={"matchLabels": {"app": "other"}})
        assert judges(policy).inbound.trace(flow()).allowed

    def test_a_port_that_a_policy_opens_is_what_such_a_service_leads_to_before_another(self) -> None:
        ports = [{"port": 5432}, {"port": 80}]
        policy = written("NetworkPolicy", "shop", podSelector={}, ingress=[{"ports": ports}])
        assert judges(policy).inbound.trace(flow()).reached == (Reached("shop", "db.shop", 5432, 5432),)

    def test_the_gateways_answers_tell_of_the_mesh_if_it_reads_http(self) -> None:
        trace = self.http(routes=[{"route": [self.leg()]}])
        assert trace.tells == ("server", "x-envoy-upstream-service-time", "x-envoy-decorator-operation")
        assert judges().inbound.trace(flow()).tells == ()


class TestBehindTheGateway:
    def policy(self, **says: Any) -> Object:
        return written("AuthorizationPolicy", "shop", rules=[says])

    def test_requests_arrive_as_requests_and_bytes_as_bytes(self) -> None:
        policy = self.policy(to=[{"operation": {"paths": ["/public"]}}])
        http = judges(policy, gateway=gateway(protocol="HTTPS"), route=route("http")).inbound
        assert http.trace(flow(request=Request(HOST, path="/public"))).allowed
        assert refused(http.trace(flow(request=Request(HOST, path="/private")))) == [Layer.AUTHORIZATION]
        assert refused(judges(policy).inbound.trace(flow())) == [Layer.AUTHORIZATION]

    def test_without_a_certificate_the_gateway_is_nobody_there(self) -> None:
        off = written("DestinationRule", "edge", host="db.shop.svc.cluster.local", trafficPolicy={"tls": {"mode": "DISABLE"}})
        policy = self.policy(**{"from": [{"source": {"principals": ["cluster.local/ns/edge/sa/edge"]}}]})
        assert judges(policy).inbound.trace(flow()).allowed
        assert refused(judges(policy, off).inbound.trace(flow())) == [Layer.AUTHORIZATION]
