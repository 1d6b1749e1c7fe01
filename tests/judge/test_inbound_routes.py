"""Where a gateway leads what it lets in from outside: routes, their destinations, and what stands before
these. Shares of what is sent are in test_inbound_routes_shares.py."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.lookup.inbound_flow import InboundTrace, Reached
from egress.judge.model.flow import Layer, Request
from tests.judge.incoming import HOST, Object, by, deployment, firewall, flow, gateway, judges, refused, route
from tests.judge.objects import node_pool, written


class TestWhereItLeads:
    def leg(
        self, host: str = "db.shop.svc.cluster.local", number: int | None = 5432, **says: Any
    ) -> dict[str, Any]:
        port = {"port": {"number": number}} if number else {}
        return {"destination": {"host": host, **port}, **says}

    def http(self, *objects: Object, routes: list[dict[str, Any]], **parts: Any) -> InboundTrace:
        found = judges(
            *objects, gateway=gateway(protocol="HTTPS"), route=route("http", http=routes), **parts
        ).inbound
        return found.trace(flow(request=Request(HOST)))

    def test_a_route_without_a_destination_is_refused_and_named(self) -> None:
        trace = self.http(routes=[{"directResponse": {"status": 200}}])
        assert not trace.allowed or not trace.understood
        assert not trace.reached
        assert trace.decision.decided_by == "edge/virtualservice/db"

    def test_of_several_destinations_without_any_share_none_is_led_to(self) -> None:
        legs = [self.leg(f"{name}.shop.svc.cluster.local", weight=0) for name in ("db", "other")]
        trace = judges(route=route(tcp=[{"route": legs}])).inbound.trace(flow())
        assert refused(trace) == [Layer.GATEWAY]
        assert (trace.decision.decided_by, trace.decision.field) == (
            "edge/virtualservice/db",
            "spec.tcp[0].route",
        )

    def test_bytes_are_nothing_to_a_server_for_http_though_its_rule_has_a_route_for_bytes(self) -> None:
        both = route("http", tcp=[{"route": [self.leg()]}])
        assert refused(judges(gateway=gateway(protocol="HTTPS"), route=both).inbound.trace(flow())) == [
            Layer.GATEWAY
        ]

    def test_copies_of_requests_arrive_too(self) -> None:
        copy = self.leg("copy.shop.svc.cluster.local")
        trace = self.http(
            routes=[{"route": [self.leg()], "mirrors": [copy, self.leg("third.shop.svc.cluster.local")]}]
        )
        assert trace.understood
        assert [one.service for one in trace.reached] == ["db.shop", "copy.shop", "third.shop"]

    def test_of_several_destinations_those_without_a_share_take_none_wherever_they_stand(self) -> None:
        none, some = self.leg("none.shop.svc.cluster.local", weight=0), self.leg(weight=1)
        for legs in ([none, some], [some, none], [some, self.leg("absent.shop.svc.cluster.local")]):
            trace = judges(route=route(tcp=[{"route": legs}])).inbound.trace(flow())
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
        headers: dict[str, Any] = {
            "headers": {"request": {how: ["x-tenant"] if how == "remove" else {"x-tenant": "a"}}}
        }
        routes = [
            {
                "route": [self.leg(**(headers if where == "leg" else {}))],
                **(headers if where == "route" else {}),
            }
        ]
        trace = self.http(routes=routes)
        assert not trace.understood
        assert trace.decision.decided_by == "edge/virtualservice/db"
        assert trace.decision.field.endswith(f"headers.request.{how}")
        assert refused(trace) == [], "what is not understood refuses nothing"

    def test_a_name_outside_is_led_to_by_its_service_entry(self) -> None:
        ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
        entry = written("ServiceEntry", "edge", hosts=["out.example"], ports=ports, resolution="DNS")
        trace = judges(entry, route=route(to="out.example", number=443)).inbound.trace(flow())
        assert trace.reached == (Reached("", "out.example", 443, 443),)
        assert str(trace.reached[0]) == "out.example:443 outside"
        assert str(Reached("shop", "db.shop", 1, 2)) == "db.shop:1"

    def test_of_two_entries_for_one_name_the_gateways_own_is_no_better(self) -> None:
        ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
        own, others = (
            written("ServiceEntry", home, hosts=["out.example"], ports=ports, resolution="DNS")
            for home in ("edge", "else")
        )
        led = route(to="out.example", number=443)
        assert judges(own, route=led).inbound.trace(flow()).understood
        assert not judges(own, others, route=led).inbound.trace(flow()).understood

    def test_a_subset_that_no_rule_makes_is_nowhere(self) -> None:
        parts = [{"name": "v1", "labels": {"version": "v1"}}]
        rule = written("DestinationRule", "edge", host="db.shop.svc.cluster.local", subsets=parts)
        for subset, allowed in (("v1", True), ("v2", False)):
            leg = self.leg()
            leg["destination"]["subset"] = subset
            trace = judges(rule, route=route(tcp=[{"route": [leg]}])).inbound.trace(flow())
            assert trace.allowed is allowed
            assert allowed or (trace.decision.decided_by, trace.decision.field) == (
                "edge/destinationrule/somebodys",
                "spec.subsets",
            )

    @pytest.mark.parametrize("number", [443, None])
    def test_a_name_outside_without_an_entry_is_nowhere_whether_or_not_a_port_is_said(
        self, number: int | None
    ) -> None:
        assert refused(judges(route=route(to="out.example", number=number)).inbound.trace(flow())) == [
            Layer.GATEWAY
        ]

    def test_a_name_outside_without_one_is_refused_where_it_is_written(self) -> None:
        trace = judges(route=route(to="out.example", number=443)).inbound.trace(flow())
        assert refused(trace) == [Layer.GATEWAY]
        assert by(trace, Layer.GATEWAY).startswith("edge/gateway/db")
        assert trace.decision.decided_by == "edge/virtualservice/db"
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
        closed = written("NetworkPolicy", "shop", "closed", podSelector={})
        assert not judges(closed).inbound.trace(flow()).allowed
        opened = written(
            "NetworkPolicy", "shop", "opened", podSelector={"matchLabels": {"app": "other"}}, ingress=[{}]
        )
        assert judges(closed, opened).inbound.trace(flow()).allowed, (
            "its pods may be those that a policy opens"
        )
        known = written(
            "Service", "shop", "db", selector={"app": "db"}, ports=[{"name": "tcp", "port": 5432}]
        )
        assert not judges(closed, opened, known).inbound.trace(flow()).allowed, (
            "where it is there, its selector says which"
        )

    def test_a_port_that_a_policy_opens_is_what_such_a_service_leads_to_before_another(self) -> None:
        ports = [{"port": 5432}, {"port": 80}]
        policy = written("NetworkPolicy", "shop", podSelector={}, ingress=[{"ports": ports}])
        assert judges(policy).inbound.trace(flow()).reached == (Reached("shop", "db.shop", 5432, 5432),)

    def test_a_policy_for_every_port_names_none_that_such_a_service_could_lead_to(self) -> None:
        rules = [
            {"ports": [{"protocol": "TCP"}], "from": [{"podSelector": {}}]},
            {"ports": [{"port": 7000}, {"port": 8000}]},
        ]
        policy = written("NetworkPolicy", "shop", podSelector={}, ingress=rules)
        assert judges(policy).inbound.trace(flow()).reached == (Reached("shop", "db.shop", 5432, 7000),)

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
        off = written(
            "DestinationRule",
            "edge",
            host="db.shop.svc.cluster.local",
            trafficPolicy={"tls": {"mode": "DISABLE"}},
        )
        policy = self.policy(**{"from": [{"source": {"principals": ["cluster.local/ns/edge/sa/edge"]}}]})
        assert judges(policy).inbound.trace(flow()).allowed
        assert refused(judges(policy, off).inbound.trace(flow())) == [Layer.AUTHORIZATION]

    def test_pods_see_the_server_name_by_which_the_mesh_calls_their_port(self) -> None:
        for name, allowed in (("outbound_.5432_._.db.shop.svc.cluster.local", True), (HOST, False)):
            policy = self.policy(when=[{"key": "connection.sni", "values": [name]}])
            assert judges(policy).inbound.trace(flow()).allowed is allowed

    def test_pods_that_demand_a_certificate_refuse_a_gateway_that_shows_none_by_the_rule_that_says_so(
        self,
    ) -> None:
        off = written(
            "DestinationRule",
            "edge",
            host="db.shop.svc.cluster.local",
            trafficPolicy={"tls": {"mode": "DISABLE"}},
        )
        strict = written("PeerAuthentication", "shop", mtls={"mode": "STRICT"})
        asked = [
            step
            for step in judges(off, strict).inbound.trace(flow()).steps
            if step.layer is Layer.AUTHORIZATION
        ]
        assert [step.allowed for step in asked] == [True, False, True]
        assert "edge/destinationrule/somebodys" in asked[1].reason
        assert asked[1].decided_by == "shop/peerauthentication/somebodys"
        for fine in ((off,), (strict,)):
            layers = [step.layer for step in judges(*fine).inbound.trace(flow()).steps]
            assert layers.count(Layer.AUTHORIZATION) == 2, "the gateway's own rules, and the pods'"

    CLUSTER = Resource(
        "gcp:container/cluster:Cluster",
        "ours",
        {
            "datapathProvider": "ADVANCED_DATAPATH",
            "ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"},
        },
    )
    SUBNET = Resource(
        "gcp:compute/subnetwork:Subnetwork",
        "nodes",
        {
            "ipCidrRange": "10.0.0.0/20",
            "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"}],
        },
    )
    POOLS = (node_pool("edge"), node_pool("apps"))

    @pytest.mark.parametrize(
        ("denied", "sources", "arrives"),
        [
            ("apps", "10.0.0.0/8", False),
            ("apps", "10.4.0.0/16", False),
            ("apps", "192.168.0.0/16", True),
            ("edge", "10.0.0.0/8", True),
        ],
    )
    def test_what_is_declared_has_to_pass_the_firewall_between_nodes_and_nothing_counts_on_it_elsewhere(
        self, denied: str, sources: str, arrives: bool
    ) -> None:
        """Two pods may be on one node, where no firewall is asked."""
        deny = {
            "direction": "INGRESS",
            "priority": 1,
            "denies": [{"protocol": "all"}],
            "sourceRanges": [sources],
        }
        rule = Resource(
            "gcp:compute/firewall:Firewall",
            "deny",
            {**deny, "targetServiceAccounts": [f"{denied}@example.com"]},
        )
        google = (self.SUBNET, *self.POOLS, rule, firewall())
        pods = deployment(nodeSelector={"cloud.google.com/gke-nodepool": "edge"})
        found = judges(google=(*google, self.CLUSTER), deployment=pods).inbound
        assert found.trace(flow()).allowed
        assert refused(found.trace(flow(), must_pass=True)) == ([] if arrives else [Layer.FIREWALL])
        assert judges(google=google, deployment=pods).inbound.trace(flow(), must_pass=True).allowed, (
            "of no cluster nothing is known"
        )

    def test_what_has_to_arrive_counts_on_no_block_of_addresses(self) -> None:
        out = {"policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "10.4.0.0/14"}}]}]}
        policy = written("NetworkPolicy", "edge", podSelector={}, **out)
        found = judges(policy, google=(self.SUBNET, firewall())).inbound
        assert found.trace(flow()).allowed
        assert not (
            found.trace(flow(), must_pass=True).allowed and found.trace(flow(), must_pass=True).understood
        )
