"""What comes in through a gateway, once load balancer and TLS have taken it: NetworkPolicies, authorization,
routes, mutual TLS to the pods.

Source: Kubernetes, "NetworkPolicy"; Istio reference, VirtualService, AuthorizationPolicy, DestinationRule,
PeerAuthentication.
"""

from __future__ import annotations

from typing import Any

from egress.judge.lookup.inbound_flow import Caller, Reached, Shown
from egress.judge.model.flow import Layer, Request
from tests.judge.incoming import (
    BUYER,
    ELSEWHERE,
    HOST,
    LABELS,
    PARTNER,
    Object,
    balancer,
    flow,
    gateway,
    judges,
    refused,
    route,
)
from tests.judge.objects import written


def test_a_client_that_everything_lets_in_reaches_the_service() -> None:
    trace = judges().inbound.trace(flow())
    assert trace.allowed
    assert trace.reached == (Reached("shop", "db.shop", 5432, 5432),)


class TestNetworkPolicy:
    def policy(self, **ingress: Any) -> Object:
        return written("NetworkPolicy", "edge", podSelector={"matchLabels": LABELS}, ingress=[ingress])

    def test_pods_see_the_clients_address_with_the_policy_local(self) -> None:
        found = judges(self.policy(**{"from": [{"ipBlock": {"cidr": PARTNER}}]})).inbound
        assert found.trace(flow(), must_pass=True).allowed
        assert refused(found.trace(flow(source=ELSEWHERE))) == [Layer.NETWORK_POLICY]

    def test_with_the_policy_cluster_they_may_see_a_nodes_so_ranges_hold_nobody_and_let_nobody_surely_through(
        self,
    ) -> None:
        found = judges(
            self.policy(**{"from": [{"ipBlock": {"cidr": PARTNER}}]}),
            balancer=balancer(externalTrafficPolicy="Cluster"),
        ).inbound
        assert found.trace(flow(source=ELSEWHERE)).allowed

    def test_a_selector_means_no_address_outside(self) -> None:
        found = judges(self.policy(**{"from": [{"namespaceSelector": {}}]})).inbound
        assert refused(found.trace(flow())) == [Layer.NETWORK_POLICY]

    def test_behind_the_gateway_both_ends_are_asked(self) -> None:
        out = written("NetworkPolicy", "edge", "out", podSelector={}, policyTypes=["Egress"])
        into = written("NetworkPolicy", "shop", "into", podSelector={})
        for policy in (out, into):
            trace = judges(policy).inbound.trace(flow())
            assert refused(trace) == [Layer.NETWORK_POLICY]
            assert trace.reached, "where it leads is said all the same"


class TestAuthorization:
    def allowed(self, **rule: Any) -> Object:
        return written("AuthorizationPolicy", "edge", selector={"matchLabels": LABELS}, rules=[rule])

    def test_it_knows_the_name_and_the_pods_port(self) -> None:
        when = [{"key": "connection.sni", "values": [HOST]}, {"key": "destination.port", "values": ["5432"]}]
        assert judges(self.allowed(when=when)).inbound.trace(flow()).allowed
        for key, value in (("connection.sni", "other.example"), ("destination.port", "443")):
            trace = judges(self.allowed(when=[{"key": key, "values": [value]}])).inbound.trace(flow())
            assert refused(trace) == [Layer.AUTHORIZATION]

    def test_a_spiffe_id_of_a_partner_is_a_principal_and_a_dns_name_is_none(self) -> None:
        of = {"from": [{"source": {"principals": ["partner.example/gateway"]}}]}
        assert judges(self.allowed(**of)).inbound.trace(flow()).allowed
        named = {"from": [{"source": {"principals": [BUYER]}}]}
        trace = judges(self.allowed(**named)).inbound.trace(flow(caller=Caller(Shown.NAMED, BUYER)))
        assert refused(trace) == [Layer.AUTHORIZATION]

    def test_whoever_the_tls_takes_without_a_certificate_has_no_principal(self) -> None:
        of = {"from": [{"source": {"principals": ["*"]}}]}
        found = judges(self.allowed(**of), gateway=gateway(mode="SIMPLE")).inbound
        assert refused(found.trace(flow())) == [Layer.AUTHORIZATION]

    def test_rules_about_http_allow_no_bytes(self) -> None:
        trace = judges(self.allowed(to=[{"operation": {"hosts": [HOST]}}])).inbound.trace(flow())
        assert refused(trace) == [Layer.AUTHORIZATION]

    def test_it_is_asked_also_where_no_server_takes_the_connection(self) -> None:
        trace = judges(self.allowed(when=[{"key": "connection.sni", "values": [HOST]}])).inbound.trace(
            flow(host="x.example")
        )
        assert refused(trace) == [Layer.GATEWAY, Layer.AUTHORIZATION]

    def test_the_teams_own_policies_see_the_gateways_identity(self) -> None:
        def of_team(principal: str) -> Object:
            return written(
                "AuthorizationPolicy", "shop", rules=[{"from": [{"source": {"principals": [principal]}}]}]
            )

        assert judges(of_team("cluster.local/ns/edge/sa/edge")).inbound.trace(flow()).allowed
        assert refused(judges(of_team("partner.example/gateway")).inbound.trace(flow())) == [
            Layer.AUTHORIZATION
        ]


class TestRoutes:
    def service(self, **spec: Any) -> Object:
        ports = [{"port": 5432, "targetPort": 7000, "name": "tcp-db"}]
        return written("Service", "shop", "db", **{"selector": {"app": "db"}, "ports": ports, **spec})

    def test_a_service_among_the_objects_says_the_pods_port(self) -> None:
        assert judges(self.service()).inbound.trace(flow()).reached == (
            Reached("shop", "db.shop", 5432, 7000),
        )

    def test_a_service_that_is_not_there_is_as_the_question_says(self) -> None:
        assert judges().inbound.trace(flow(backend=7000)).reached == (Reached("shop", "db.shop", 5432, 7000),)

    def test_else_it_is_taken_to_lead_to_a_port_that_is_open(self) -> None:
        policy = written("NetworkPolicy", "shop", podSelector={}, ingress=[{"ports": [{"port": 7000}]}])
        assert judges(policy).inbound.trace(flow()).reached == (Reached("shop", "db.shop", 5432, 7000),)

    def test_a_port_that_the_service_has_not_is_refused(self) -> None:
        assert refused(judges(self.service(), route=route(number=1)).inbound.trace(flow())) == [Layer.GATEWAY]

    def test_the_only_port_needs_no_number_and_of_several_it_is_not_understood(self) -> None:
        assert judges(self.service(), route=route(number=None)).inbound.trace(flow()).allowed
        assert not judges(route=route(number=None)).inbound.trace(flow()).understood

    def test_a_short_name_is_in_the_rules_own_namespace(self) -> None:
        assert judges(route=route(to="db")).inbound.trace(flow()).reached == (
            Reached("edge", "db.edge", 5432, 5432),
        )

    def test_a_service_that_is_not_exported_is_not_known(self) -> None:
        made = self.service()
        made["metadata"]["annotations"] = {"networking.istio.io/exportTo": "."}
        assert refused(judges(made).inbound.trace(flow())) == [Layer.GATEWAY]

    def test_without_a_route_nothing_is_led_anywhere(self) -> None:
        for led in (
            None,
            route(gateways=["edge/other"]),
            route(hosts=["other.example.org"]),
            route(exportTo=["elsewhere"]),
        ):
            trace = judges(route=led).inbound.trace(flow())
            assert refused(trace) == [Layer.GATEWAY]

    def test_a_route_for_another_port_is_not_taken(self) -> None:
        destination = {"host": "db.shop.svc.cluster.local", "port": {"number": 5432}}
        led = route(tcp=[{"match": [{"port": 443}], "route": [{"destination": destination}]}])
        assert refused(judges(route=led).inbound.trace(flow())) == [Layer.GATEWAY]

    def test_two_rules_for_one_name_are_not_understood(self) -> None:
        second = route(to="other.shop.svc.cluster.local")
        second["metadata"]["name"] = "second"
        assert not judges(second).inbound.trace(flow()).understood

    def test_every_destination_counts_but_one_of_weight_zero(self) -> None:
        legs = [
            {
                "destination": {"host": f"{name}.shop.svc.cluster.local", "port": {"number": 5432}},
                "weight": weight,
            }
            for name, weight in (("db", 90), ("copy", 10), ("none", 0))
        ]
        reached = judges(route=route(tcp=[{"route": legs}])).inbound.trace(flow()).reached
        assert [one.service for one in reached] == ["db.shop", "copy.shop"]

    def test_a_route_that_writes_headers_of_requests_is_not_understood(self) -> None:
        led = route("http")
        led["spec"]["http"][0]["headers"] = {"request": {"set": {"x-tenant": "a"}}}
        found = judges(gateway=gateway(protocol="HTTPS"), route=led).inbound
        assert not found.trace(flow(request=Request(HOST))).understood

    def test_headers_of_answers_that_are_not_taken_out_are_told(self) -> None:
        led = route("http")
        found = judges(gateway=gateway(protocol="HTTPS"), route=led).inbound.trace(
            flow(request=Request(HOST))
        )
        assert "x-envoy-upstream-service-time" in found.tells
        led["spec"]["http"][0]["headers"] = {"response": {"remove": ["X-Envoy-Upstream-Service-Time"]}}
        found = judges(gateway=gateway(protocol="HTTPS"), route=led).inbound.trace(
            flow(request=Request(HOST))
        )
        assert "x-envoy-upstream-service-time" not in found.tells


class TestMutualTlsBehindTheGateway:
    STRICT = written("PeerAuthentication", "istio-system", mtls={"mode": "STRICT"})

    def rule(self, mode: str) -> Object:
        return written(
            "DestinationRule", "edge", host="db.shop.svc.cluster.local", trafficPolicy={"tls": {"mode": mode}}
        )

    def test_the_gateway_shows_its_certificate_by_itself(self) -> None:
        assert judges(self.STRICT).inbound.trace(flow()).allowed

    def test_a_rule_that_switches_it_off_ends_at_pods_that_demand_it(self) -> None:
        assert refused(judges(self.STRICT, self.rule("DISABLE")).inbound.trace(flow())) == [
            Layer.AUTHORIZATION
        ]
        assert judges(self.rule("DISABLE")).inbound.trace(flow()).allowed
