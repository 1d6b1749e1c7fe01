"""What comes in, on less usual ways: by nodes' ports, past gateways, to several Services."""

from __future__ import annotations

import pytest

from egress.common.objects import Resource
from egress.judge.lookup.inbound_flow import Door, InboundTrace, NodeFlow
from egress.judge.model.flow import Layer, Verdict
from egress.judge.model.ip_ranges import Ranges
from tests.judge.incoming import (
    ELSEWHERE,
    LABELS,
    PARTNER,
    balancer,
    by,
    deployment,
    firewall,
    flow,
    gateway,
    judges,
    refused,
)
from tests.judge.objects import node_pool, written


class TestWhichGateway:
    """The pods of a Service are a gateway's if one selector chooses no others than the other one."""

    @pytest.mark.parametrize(
        ("selector", "is_gateway"),
        [
            (LABELS, True),
            ({**LABELS, "zone": "a"}, True),
            ({"istio": "other"}, False),
            ({"zone": "a"}, False),
            ({**LABELS, "istio": "other"}, False),
        ],
    )
    def test_by_labels_alone_where_no_pods_are_known(
        self, selector: dict[str, str], is_gateway: bool
    ) -> None:
        found = judges(balancer=balancer(selector=selector), deployment=None).inbound
        assert bool(found.gateways) is is_gateway

    def test_a_gateway_that_is_chosen_by_more_than_the_service_asks_for(self) -> None:
        made = gateway()
        made["spec"]["selector"] = {**LABELS, "zone": "a"}
        assert judges(deployment=None, gateway=made).inbound.gateways

    def test_a_gateway_of_another_namespace_is_none_of_a_services(self) -> None:
        own = balancer("own", "shop", selector={**LABELS, "zone": "a"})
        found = judges(own, balancer=None, deployment=None).inbound
        assert found.gateways == []

    def test_a_service_that_chooses_no_pods_leads_to_no_gateway(self) -> None:
        assert judges(balancer=balancer(selector=None), deployment=None).inbound.gateways == []

    def test_a_gateway_for_no_pods_is_no_services(self) -> None:
        made = gateway()
        made["spec"]["selector"] = {}
        assert judges(balancer=balancer(), deployment=None, gateway=made).inbound.gateways == []

    def test_of_two_gateways_it_is_the_one_whose_pods_they_are(self) -> None:
        first = deployment(labels={"istio": "x"}, serviceAccountName="a")
        second = deployment(labels={"istio": "x", "zone": "b"}, serviceAccountName="b")
        second["metadata"]["name"] = "second"
        plain, zoned = gateway("plain"), gateway("zoned", port=443)
        plain["spec"]["selector"], zoned["spec"]["selector"] = {"istio": "x"}, {"zone": "b"}
        for gateways in ((plain, zoned), (zoned, plain)):
            found = judges(
                second, *gateways, balancer=balancer(selector={"zone": "b"}), deployment=first, gateway=None
            ).inbound
            assert [pod.service_account for pod in found.gateways] == ["b"]

    def test_of_pods_of_which_some_are_a_gateways_it_is_the_gateways(self) -> None:
        some, gateways = deployment(labels={"app": "edge"}), deployment(labels={"app": "edge", **LABELS})
        gateways["metadata"]["name"] = "gateway"
        found = judges(gateways, balancer=balancer(selector={"app": "edge"}), deployment=some).inbound
        assert [pod.labels for pod in found.gateways] == [
            {"app": "edge", **LABELS, "sidecar.istio.io/inject": "true"}
        ]

    def test_each_once_though_two_services_lead_to_it(self) -> None:
        assert len(judges(balancer("second")).inbound.gateways) == 1


class TestWhichService:
    def test_without_a_name_only_load_balancers_are_asked(self) -> None:
        trace = judges(balancer=balancer(type="NodePort")).inbound.trace(flow())
        assert (trace.edge, trace.decision.decided_by, trace.decision.field) == (None, None, "")

    def test_of_two_that_refuse_the_one_with_fewer_refusals_counts(self) -> None:
        far = balancer("far", loadBalancerSourceRanges=[PARTNER])
        near = balancer(
            "near", selector={"app": "x"}, loadBalancerSourceRanges=["192.0.2.0/24"], ports=[{"port": 1}]
        )
        for first, second in ((far, near), (near, far)):
            trace = judges(second, balancer=first, route=None).inbound.trace(flow())
            assert trace.edge
            assert trace.edge.by == "edge/service/far"

    def test_however_little_it_has_of_the_rest(self) -> None:
        shut = written("NetworkPolicy", "edge", podSelector={"matchLabels": {"app": "x"}})
        near = balancer("near", selector={"app": "x"}, loadBalancerSourceRanges=["192.0.2.0/24"])
        for first, second in ((balancer(), near), (near, balancer())):
            trace = judges(shut, second, balancer=first, gateway=None).inbound.trace(flow(port=22))
            assert len(trace.refused_by) == 1
            assert trace.edge
            assert trace.edge.by == "edge/service/edge"

    def test_what_stands_before_the_gateway_is_counted_and_asked_first(self) -> None:
        trace = judges().inbound.trace(flow())
        assert trace.front == 3
        assert [step.layer for step in trace.steps[:3]] == [
            Layer.LOAD_BALANCER,
            Layer.FIREWALL,
            Layer.NETWORK_POLICY,
        ]
        own = balancer("own", "shop", selector={"app": "db"})
        past = judges(own).inbound.trace(flow(edge="shop/service/own"))
        assert past.front == 3
        assert [step.layer for step in past.steps[:3]] == [
            Layer.LOAD_BALANCER,
            Layer.FIREWALL,
            Layer.NETWORK_POLICY,
        ]

    def test_each_question_is_answered_for_itself(self) -> None:
        found = judges(balancer=balancer(loadBalancerSourceRanges=["198.51.100.16/32"])).inbound
        whole, one = flow(), flow(source="198.51.100.16")
        said = [
            found.trace(one).allowed,
            found.trace(whole, must_pass=True).allowed,
            found.trace(whole).allowed,
        ]
        assert said == [True, False, True]
        assert not found.trace(flow(source=ELSEWHERE)).allowed
        assert not found.trace(flow(port=22)).allowed

    def test_a_gateway_that_nothing_could_answer_for_refuses(self) -> None:
        stopped = deployment()
        stopped["spec"]["replicas"] = 0
        assert Layer.GATEWAY in refused(judges(deployment=stopped).inbound.trace(flow()))

    @pytest.mark.parametrize("home", ["shop", "istio-system"])
    def test_nor_is_it_understood_past_the_gateway(self, home: str) -> None:
        own = balancer("own", "shop", selector={"app": "db"})
        asked = flow(edge="shop/service/own")
        assert judges(own).inbound.trace(asked).understood
        assert (
            not judges(own, written("WasmPlugin", home, url="oci://example.org/filter"))
            .inbound.trace(asked)
            .understood
        )

    def test_beside_an_object_that_lacks_a_field_nothing_is_understood(self) -> None:
        broken = written("Gateway", "else", selector={})
        assert not judges(broken).inbound.trace(flow()).understood

    @pytest.mark.parametrize("home", ["edge", "shop", "istio-system"])
    def test_what_nobody_reads_about_a_namespace_on_the_way_makes_it_not_understood(self, home: str) -> None:
        strange = written("WasmPlugin", home, url="oci://example.org/filter")
        assert not judges(strange).inbound.trace(flow()).understood
        assert (
            judges(written("WasmPlugin", "else", url="oci://example.org/filter"))
            .inbound.trace(flow())
            .understood
        )


class TestNodes:
    POOLS = (node_pool("ingress"), node_pool("apps"))

    def only(self, *pools: str) -> tuple[Resource, ...]:
        """A rule that lets in to nodes of these pools alone."""
        return (*self.POOLS, firewall(targetServiceAccounts=[f"{pool}@example.com" for pool in pools]))

    @pytest.mark.parametrize(("port", "allowed"), [(22, True), (23, False)])
    def test_a_nodes_own_port_is_up_to_the_firewall(self, port: int, allowed: bool) -> None:
        rule = firewall(allows=[{"protocol": "tcp", "ports": ["22"]}], sourceRanges=["198.51.100.16/32"])
        said = judges(google=(*self.POOLS, rule)).inbound.at_node(
            NodeFlow(Ranges.of([PARTNER]), PARTNER, "ingress@example.com", port)
        )
        assert isinstance(said, Verdict)
        assert said.allowed is allowed, "one address of a range is enough"

    @pytest.mark.parametrize(("transport", "allowed"), [("UDP", True), ("TCP", False)])
    def test_by_the_transport_that_a_rule_is_for(self, transport: str, allowed: bool) -> None:
        google = (*self.POOLS, firewall(allows=[{"protocol": "udp"}]))
        asked = NodeFlow(Ranges.of([PARTNER]), PARTNER, "ingress@example.com", 53, transport)
        assert judges(google=google).inbound.at_node(asked).allowed is allowed

    def test_without_googles_objects_nothing_refuses(self) -> None:
        said = judges().inbound.at_node(NodeFlow(Ranges.of([PARTNER]), PARTNER, "any", 22))
        assert (said.allowed, said.decided_by, said.field) == (True, None, "")

    def test_a_port_of_a_node_leads_to_the_pods_port_that_the_service_says(self) -> None:
        ports = [
            {"port": 443, "targetPort": 8443, "nodePort": 30443},
            {"port": 5432, "targetPort": 5432, "nodePort": 30432},
        ]
        policy = written("NetworkPolicy", "edge", podSelector={}, ingress=[{"ports": [{"port": 5432}]}])
        found = judges(policy, balancer=balancer(ports=ports)).inbound
        at = {"door": Door.NODE_PORT, "edge": "edge/service/edge"}
        assert found.trace(flow(port=30432, **at)).allowed
        assert not found.trace(flow(port=30443, **at)).open
        assert not found.trace(flow(port=31000, **at)).open, "of one that it does not say, the first"

    def test_a_service_without_ports_is_reached_on_the_same_port(self) -> None:
        trace = judges(balancer=balancer(ports=[])).inbound.trace(
            flow(door=Door.NODE_PORT, edge="edge/service/edge")
        )
        assert trace.allowed

    def test_load_balancers_do_not_ask_who_comes_by_a_nodes_port(self) -> None:
        closed = balancer(loadBalancerSourceRanges=["192.0.2.0/24"])
        trace = judges(balancer=closed).inbound.trace(
            flow(door=Door.NODE_PORT, edge="edge/service/edge", port=30000)
        )
        assert [step.layer for step in trace.steps[: trace.front]] == [Layer.FIREWALL, Layer.NETWORK_POLICY]

    def test_a_denial_for_all_addresses_of_a_declared_range_or_for_some(self) -> None:
        some = firewall(
            "deny", allows=None, denies=[{"protocol": "tcp"}], sourceRanges=["198.51.100.16/32"], priority=1
        )
        found = judges(google=(some,)).inbound
        assert found.trace(flow()).allowed
        assert refused(found.trace(flow(), must_pass=True)) == [Layer.FIREWALL]

    @pytest.mark.parametrize(
        ("local", "denied", "somebody", "everybody"),
        [
            ("Local", "ingress", False, False),
            ("Local", "apps", True, True),
            ("Cluster", "ingress", True, False),
            ("Cluster", "apps", True, False),
            ("Cluster", "of-another-pool", True, False),
        ],
    )
    def test_a_load_balancer_sends_to_the_pods_own_nodes_by_the_policy_local_and_else_to_any(
        self, local: str, denied: str, somebody: bool, everybody: bool
    ) -> None:
        deny = {"allows": None, "denies": [{"protocol": "tcp"}], "priority": 1}
        rule = firewall("deny", targetServiceAccounts=[f"{denied}@example.com"], **deny)
        pods = deployment(nodeSelector={"cloud.google.com/gke-nodepool": "ingress"})
        made = balancer(externalTrafficPolicy=local)
        found = judges(balancer=made, deployment=pods, google=(*self.POOLS, rule)).inbound
        assert (Layer.FIREWALL not in refused(found.trace(flow()))) is somebody
        assert (Layer.FIREWALL not in refused(found.trace(flow(), must_pass=True))) is everybody

    @pytest.mark.parametrize("pool", ["ingress", "apps", "of-another-pool"])
    def test_a_port_of_a_node_is_one_of_any_nodes(self, pool: str) -> None:
        found = judges(google=self.only(pool)).inbound
        trace = found.trace(flow(door=Door.NODE_PORT, edge="edge/service/edge", port=30080))
        assert Layer.FIREWALL not in refused(trace)


class TestPolicyOfPods:
    """With the policy Local pods see the client's address; with Cluster it may be that of a node."""

    SUBNET = Resource("gcp:compute/subnetwork:Subnetwork", "nodes", {"ipCidrRange": "10.0.0.0/20"})

    def ask(self, *blocks: str, local: bool, must_pass: bool) -> InboundTrace:
        said = [{"ipBlock": {"cidr": block}} for block in blocks]
        policy = written(
            "NetworkPolicy", "edge", podSelector={"matchLabels": LABELS}, ingress=[{"from": said}]
        )
        made = balancer(externalTrafficPolicy="Local" if local else "Cluster")
        return judges(policy, balancer=made, google=(self.SUBNET, firewall())).inbound.trace(
            flow(), must_pass=must_pass
        )

    @pytest.mark.parametrize(
        ("blocks", "local", "declared", "allowed"),
        [
            ([PARTNER], True, True, True),
            ([PARTNER], True, False, True),
            (["198.51.100.16/32"], True, False, True),
            (["198.51.100.16/32"], True, True, False),
            (["192.0.2.0/24"], True, False, False),
            ([PARTNER], False, True, False),
            (["10.0.0.0/20"], False, True, False),
            (["10.0.0.0/20", PARTNER], False, True, True),
            (["10.0.0.0/21", PARTNER], False, True, False),
            (["192.0.2.0/24"], False, False, True),
            ([PARTNER], False, False, True),
        ],
    )
    def test_whose_address_a_policy_has_to_let_in(
        self, blocks: list[str], local: bool, declared: bool, allowed: bool
    ) -> None:  # fmt: skip
        trace = self.ask(*blocks, local=local, must_pass=declared)
        assert trace.open is allowed
        if not local and blocks == ["192.0.2.0/24"]:
            assert by(trace, Layer.NETWORK_POLICY) == "edge/service/edge spec.externalTrafficPolicy"
        else:
            assert by(trace, Layer.NETWORK_POLICY).startswith("edge/networkpolicy/")

    def test_where_no_subnetwork_is_known_nodes_are_at_any_private_address(self) -> None:
        """Any block let them in, as there was no address that it had to hold."""
        made = balancer(externalTrafficPolicy="Cluster")
        for block, opened in (("192.0.2.0/24", False), ("0.0.0.0/0", True)):
            said = [{"ipBlock": {"cidr": PARTNER}}, {"ipBlock": {"cidr": block}}]
            policy = written(
                "NetworkPolicy", "edge", podSelector={"matchLabels": LABELS}, ingress=[{"from": said}]
            )
            assert (
                judges(policy, balancer=made, google=(firewall(),)).inbound.trace(flow(), must_pass=True).open
                is opened
            )
