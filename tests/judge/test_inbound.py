"""What comes in, rule by rule: load balancers, firewall, NetworkPolicies, a gateway's TLS, authorization,
routes.

Source: GKE, "LoadBalancer Service parameters" and "Automatically created firewall rules"; Kubernetes,
"Service"; Istio reference, Gateway, VirtualService, AuthorizationPolicy, PeerAuthentication.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.inbound_flow import Caller, Door, Reached, Shown
from egress.judge.model.flow import Layer, Request
from tests.judge.incoming import (
    BUYER,
    CLIENT,
    ELSEWHERE,
    HOST,
    LABELS,
    PARTNER,
    Object,
    balancer,
    by,
    deployment,
    firewall,
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


class TestLoadBalancer:
    def test_without_a_service_of_type_loadbalancer_nobody_comes_in(self) -> None:
        trace = judges(balancer=None).inbound.trace(flow())
        assert refused(trace) == [Layer.LOAD_BALANCER]
        assert trace.decision.decided_by is None

    @pytest.mark.parametrize("kind", ["ClusterIP", None])
    def test_a_service_of_another_type_has_none(self, kind: str | None) -> None:
        assert not judges(balancer=balancer(type=kind)).inbound.edges

    def test_a_nodeport_has_nodes_but_no_load_balancer(self) -> None:
        found = judges(balancer=balancer(type="NodePort"))
        assert refused(found.inbound.trace(flow(edge="edge/service/edge")))[0] is Layer.LOAD_BALANCER
        assert found.inbound.trace(flow(edge="edge/service/edge", door=Door.NODE_PORT, port=30080)).edge

    def test_source_ranges_keep_everybody_else_out(self) -> None:
        found = judges(balancer=balancer(loadBalancerSourceRanges=[PARTNER])).inbound
        assert found.trace(flow()).allowed
        assert by(found.trace(flow(source=ELSEWHERE)), Layer.LOAD_BALANCER).endswith(
            "spec.loadBalancerSourceRanges"
        )
        assert refused(found.trace(flow(source=ELSEWHERE))) == [Layer.LOAD_BALANCER]

    def test_without_source_ranges_it_takes_everybody(self) -> None:
        assert judges().inbound.trace(flow(source=ELSEWHERE)).allowed

    def test_a_range_is_let_in_if_one_address_of_it_is_and_has_to_be_taken_whole_where_it_is_declared(
        self,
    ) -> None:
        found = judges(balancer=balancer(loadBalancerSourceRanges=["198.51.100.16/32"])).inbound
        assert found.trace(flow()).allowed
        assert refused(found.trace(flow(), must_pass=True)) == [Layer.LOAD_BALANCER]

    def test_a_port_that_the_service_has_not_leads_nowhere(self) -> None:
        assert Layer.LOAD_BALANCER in refused(judges().inbound.trace(flow(port=9999)))

    def test_a_port_is_translated_to_that_of_the_pods(self) -> None:
        moved = balancer(ports=[{"port": 5432, "targetPort": 6000}])
        policy = written("NetworkPolicy", "edge", podSelector={}, ingress=[{"ports": [{"port": 6000}]}])
        assert judges(policy, balancer=moved).inbound.trace(flow()).allowed

    def test_a_port_by_name_is_that_of_the_container(self) -> None:
        named = balancer(ports=[{"port": 5432, "targetPort": "db"}])
        pods = deployment(
            containers=[{"name": "istio-proxy", "ports": [{"name": "db", "containerPort": 5432}]}]
        )
        assert judges(balancer=named, deployment=pods).inbound.trace(flow()).allowed
        assert not judges(balancer=named).inbound.trace(flow()).understood

    @pytest.mark.parametrize(
        "key", ["networking.gke.io/load-balancer-type", "cloud.google.com/load-balancer-type"]
    )
    def test_the_annotation_internal_makes_it_internal(self, key: str) -> None:
        made = balancer()
        made["metadata"]["annotations"] = {key: "Internal"}
        (edge,) = judges(balancer=made).inbound.edges.values()
        assert edge.internal
        assert "VPC" in edge.words
        (other,) = judges().inbound.edges.values()
        assert not other.internal

    @pytest.mark.parametrize(("name", "internal"), [("external", False), ("internal", True)])
    def test_gkes_own_classes_are_known(self, name: str, internal: bool) -> None:
        (edge,) = judges(
            balancer=balancer(loadBalancerClass=f"networking.gke.io/l4-regional-{name}")
        ).inbound.edges.values()
        assert edge.internal is internal
        assert not edge.unread

    def test_a_class_of_somebody_else_is_not_understood(self) -> None:
        assert (
            not judges(balancer=balancer(loadBalancerClass="metallb.example/lb"))
            .inbound.trace(flow())
            .understood
        )

    def test_external_ips_are_not_understood(self) -> None:
        found = judges(balancer=balancer(type="ClusterIP", externalIPs=["203.0.113.9"]))
        assert not found.inbound.trace(flow(edge="edge/service/edge")).understood

    def test_of_several_services_the_one_that_gets_furthest_counts(self) -> None:
        narrow = balancer("narrow", loadBalancerSourceRanges=["192.0.2.0/24"])
        assert judges(narrow).inbound.trace(flow()).allowed
        assert not judges(balancer=narrow).inbound.trace(flow()).allowed

    def test_a_services_selector_may_say_more_or_less_than_the_gateways(self) -> None:
        pods = deployment(labels={**LABELS, "app": "edge"})
        assert (
            judges(balancer=balancer(selector={"app": "edge"}), deployment=pods).inbound.trace(flow()).allowed
        )
        more = balancer(selector={**LABELS, "app": "edge"})
        assert judges(balancer=more, deployment=None).inbound.trace(flow()).reached


class TestFirewall:
    def test_gke_opens_it_for_the_services_ranges_and_ports(self) -> None:
        found = judges(
            balancer=balancer(loadBalancerSourceRanges=[PARTNER]),
            google=(firewall(sourceRanges=["192.0.2.0/24"]),),
        )
        said = found.inbound.trace(flow()).steps[1]
        assert (said.layer, said.allowed, said.decided_by) == (Layer.FIREWALL, True, "edge/service/edge")
        assert Layer.FIREWALL in refused(found.inbound.trace(flow(source=ELSEWHERE)))
        assert Layer.FIREWALL in refused(found.inbound.trace(flow(port=22)))

    def test_a_denial_before_it_wins(self) -> None:
        denial = firewall("deny", allows=None, denies=[{"protocol": "tcp"}], priority=999)
        assert Layer.FIREWALL in refused(judges(google=(denial,)).inbound.trace(flow()))

    def test_a_denial_behind_it_is_not_asked(self) -> None:
        denial = firewall("deny", allows=None, denies=[{"protocol": "tcp"}], priority=1001)
        assert Layer.FIREWALL not in refused(judges(google=(denial,)).inbound.trace(flow()))

    def test_of_the_same_priority_a_denial_wins(self) -> None:
        denial = firewall("deny", allows=None, denies=[{"protocol": "tcp"}])
        assert Layer.FIREWALL in refused(judges(google=(denial,)).inbound.trace(flow()))

    def test_what_gke_opens_is_for_the_load_balancers_address_and_not_for_the_nodes(self) -> None:
        found = judges(google=(firewall(sourceRanges=["192.0.2.0/24"]),)).inbound
        by_node = found.trace(flow(door=Door.NODE_PORT, edge="edge/service/edge", port=31000))
        assert Layer.FIREWALL in refused(by_node)

    def test_without_googles_objects_it_is_not_said_to_refuse(self) -> None:
        said = judges().inbound.trace(flow()).steps[1]
        assert (said.layer, said.allowed, said.decided_by) == (Layer.FIREWALL, True, None)


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


class TestCertificates:
    @pytest.mark.parametrize("mode", ["SIMPLE", "PASSTHROUGH"])
    def test_modes_that_ask_nobody_take_everybody_whatever_names_stand_beside(self, mode: str) -> None:
        destination = {"host": "db.shop.svc.cluster.local", "port": {"number": 5432}}
        led = route("tls", tls=[{"match": [{"sniHosts": [HOST]}], "route": [{"destination": destination}]}])
        found = judges(gateway=gateway(mode=mode), route=led if mode == "PASSTHROUGH" else route()).inbound
        for caller in (Caller(), Caller(Shown.FOREIGN, "x"), Caller(Shown.NAMED, "spiffe://other/x")):
            assert found.trace(flow(caller=caller)).allowed

    def test_tls_without_a_mode_is_passed_through(self) -> None:
        found = judges(gateway=gateway(mode=None, credentialName=None, subjectAltNames=None)).inbound
        assert "PASSTHROUGH" in found.trace(flow(caller=Caller())).steps[3].reason

    def test_mutual_takes_the_named_clients_of_the_authority_alone(self) -> None:
        found = judges().inbound
        assert found.trace(flow(caller=Caller(Shown.NAMED, BUYER))).allowed
        fields = {
            "spec.servers[0].tls.mode": Caller(),
            "spec.servers[0].tls.credentialName": Caller(Shown.FOREIGN, CLIENT),
            "spec.servers[0].tls.subjectAltNames": Caller(
                Shown.NAMED, "spiffe://partner.example/gateway/below"
            ),
        }
        for field, caller in fields.items():
            trace = found.trace(flow(caller=caller))
            assert refused(trace) == [Layer.GATEWAY]
            assert trace.decision.field == field

    def test_mutual_without_names_takes_whoever_has_a_certificate_of_the_authority(self) -> None:
        found = judges(gateway=gateway(subjectAltNames=None)).inbound
        assert found.trace(flow(caller=Caller(Shown.NAMED, "spiffe://anybody/x"))).allowed
        assert refused(found.trace(flow(caller=Caller()))) == [Layer.GATEWAY]

    def test_optional_mutual_takes_who_shows_none_and_refuses_a_wrong_one(self) -> None:
        found = judges(gateway=gateway(mode="OPTIONAL_MUTUAL", subjectAltNames=None)).inbound
        assert found.trace(flow(caller=Caller())).allowed
        assert refused(found.trace(flow(caller=Caller(Shown.FOREIGN, CLIENT)))) == [Layer.GATEWAY]

    def test_optional_mutual_that_names_clients_takes_nobody_else_and_nobody_without_a_certificate(
        self,
    ) -> None:
        """Envoy demands a certificate as soon as it is to look at names."""
        found = judges(gateway=gateway(mode="OPTIONAL_MUTUAL")).inbound
        assert found.trace(flow()).allowed
        for caller in (Caller(), Caller(Shown.NAMED, "spiffe://other/x")):
            assert refused(found.trace(flow(caller=caller))) == [Layer.GATEWAY]

    def test_istio_mutual_takes_nobody_outside(self) -> None:
        found = judges(gateway=gateway(mode="ISTIO_MUTUAL")).inbound
        assert all(
            refused(found.trace(flow(caller=caller))) == [Layer.GATEWAY]
            for caller in (Caller(), Caller(Shown.NAMED, CLIENT), Caller(Shown.FOREIGN, CLIENT))
        )

    @pytest.mark.parametrize("mode", ["AUTO_PASSTHROUGH", "SOMETHING_NEW"])
    def test_other_modes_are_not_understood(self, mode: str) -> None:
        assert not judges(gateway=gateway(mode=mode)).inbound.trace(flow()).understood

    def test_mutual_without_an_authority_is_not_understood(self) -> None:
        assert not judges(gateway=gateway(credentialName=None)).inbound.trace(flow()).understood

    def test_without_tls_a_server_for_tls_hears_nobody(self) -> None:
        assert Layer.GATEWAY in refused(judges().inbound.trace(flow(caller=Caller(Shown.PLAIN))))

    def test_a_server_for_plain_http_takes_no_tls_whatever_is_said_of_it(self) -> None:
        led = route("http")
        found = judges(gateway=gateway(protocol="HTTP"), route=led).inbound
        assert found.trace(flow(caller=Caller(Shown.PLAIN), request=Request(HOST))).allowed
        assert Layer.GATEWAY in refused(found.trace(flow(request=Request(HOST))))

    def test_a_server_for_tcp_without_tls_takes_everybody(self) -> None:
        bare = gateway(protocol="TCP")
        del bare["spec"]["servers"][0]["tls"]
        assert judges(gateway=bare).inbound.trace(flow(caller=Caller(Shown.PLAIN))).allowed


class TestNames:
    def test_a_name_that_no_server_is_for_ends_the_handshake(self) -> None:
        trace = judges().inbound.trace(flow(host="other.example.org"))
        assert refused(trace) == [Layer.GATEWAY]
        assert trace.reached == ()

    def test_the_closest_name_counts(self) -> None:
        wide = gateway("wide", hosts=["*.example.org"], mode="SIMPLE")
        found = judges(wide).inbound
        assert refused(found.trace(flow(caller=Caller()))) == [Layer.GATEWAY]
        assert found.trace(flow(host="x.example.org", caller=Caller())).server is not None

    def test_two_servers_for_one_name_and_port_are_not_understood(self) -> None:
        assert not judges(gateway("second", mode="SIMPLE")).inbound.trace(flow()).understood

    def test_a_server_of_another_port_is_another_one(self) -> None:
        second = gateway("second", port=443, mode="SIMPLE")
        assert judges(second).inbound.trace(flow()).understood
        assert refused(judges(second).inbound.trace(flow(caller=Caller()))) == [Layer.GATEWAY]

    def test_a_port_at_which_no_server_listens_is_refused(self) -> None:
        assert Layer.GATEWAY in refused(judges().inbound.trace(flow(port=443)))

    def test_raw_tcp_goes_the_servers_own_route_whatever_name_was_asked_for(self) -> None:
        """istiod builds one chain for the server: any of its names leads where its route leads."""
        found = judges(gateway=gateway(hosts=["*"])).inbound
        assert found.trace(flow(host="whatever.example")).reached == (Reached("shop", "db.shop", 5432, 5432),)

    def test_http_goes_by_the_host_header(self) -> None:
        found = judges(gateway=gateway(protocol="HTTPS"), route=route("http")).inbound
        assert found.trace(flow(request=Request(HOST))).allowed
        assert found.trace(flow(request=Request(f"{HOST}:5432"))).allowed
        assert refused(found.trace(flow(request=Request("other.example.org")))) == [Layer.GATEWAY]

    def test_a_server_that_reads_http_passes_nothing_else_on(self) -> None:
        found = judges(gateway=gateway(protocol="HTTPS"), route=route("http")).inbound
        assert refused(found.trace(flow())) == [Layer.GATEWAY]


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


class TestPastTheGateway:
    def test_a_teams_own_load_balancer_leads_to_its_pods(self) -> None:
        own = balancer("own", "shop", selector={"app": "db"})
        trace = judges(own).inbound.trace(flow(edge="shop/service/own", caller=Caller()))
        assert trace.reached == (Reached("shop", "own.shop", 5432, 5432),)
        assert trace.allowed

    def test_strict_mutual_tls_refuses_whoever_is_not_of_the_mesh(self) -> None:
        own = balancer("own", "shop", selector={"app": "db"})
        strict = written("PeerAuthentication", "shop", mtls={"mode": "STRICT"})
        assert refused(judges(own, strict).inbound.trace(flow(edge="shop/service/own"))) == [
            Layer.AUTHORIZATION
        ]
