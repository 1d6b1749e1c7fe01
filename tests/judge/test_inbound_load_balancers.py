"""Whom load balancers let in: those of a gateway, with the firewall that GKE opens for them, a team's own.

Source: GKE, "LoadBalancer Service parameters" and "Automatically created firewall rules"; Kubernetes,
"Service".
"""

from __future__ import annotations

import pytest

from egress.judge.lookup.inbound_flow import Caller, Door, Reached
from egress.judge.model.flow import Layer
from tests.judge.incoming import (
    ELSEWHERE,
    LABELS,
    PARTNER,
    balancer,
    by,
    deployment,
    firewall,
    flow,
    judges,
    refused,
)
from tests.judge.objects import written


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
