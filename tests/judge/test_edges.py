"""Services that can be connected to from outside the cluster.

Source: Kubernetes, "Service"; GKE, "LoadBalancer Service parameters".
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.edges import NODE_PORTS, Edge, edges
from egress.judge.lookup.firewall_rules import DEFAULT_PRIORITY, INGRESS
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Layer
from egress.judge.model.ip_ranges import Ranges
from tests.judge.objects import deployment, snapshot, written

LABELS = {"app": "edge"}
ANYWHERE = Ranges.of(["0.0.0.0/0"])
PARTNER = Ranges.of(["198.51.100.16/28"])
TYPE, OLD_TYPE = "networking.gke.io/load-balancer-type", "cloud.google.com/load-balancer-type"
Object = dict[str, Any]


def service(
    namespace: str = "shop", name: str = "edge", annotations: Object | None = None, **spec: Any
) -> Object:
    given = {"type": "LoadBalancer", "selector": LABELS, "ports": [{"port": 443, "targetPort": 8443}], **spec}
    said = {key: value for key, value in given.items() if value is not None}
    return written(
        "Service", namespace, name, metadata={"annotations": annotations} if annotations else None, **said
    )


def every(*objects: Object) -> list[Edge]:
    deployed = snapshot(*objects)
    return list(edges(deployed, Workloads(deployed)))


def edge(*objects: Object, **spec: Any) -> Edge:
    (found,) = every(service(**spec), *objects)
    return found


def pods(namespace: str = "shop", name: str = "edge", *containers: dict[str, Any]) -> Object:
    return deployment(
        namespace,
        name,
        LABELS,
        containers=[{"name": str(at), "ports": [one]} for at, one in enumerate(containers)],
    )


class TestWhichServicesAreConnectedToFromOutside:
    @pytest.mark.parametrize(
        ("spec", "outside"),
        [
            ({"type": "LoadBalancer"}, True),
            ({"type": "NodePort"}, True),
            ({"type": "ClusterIP"}, False),
            ({"type": None}, False),
            ({"type": "ExternalName"}, False),
            ({"type": "ClusterIP", "externalIPs": ["192.0.2.1"]}, True),
            ({"type": "ClusterIP", "externalIPs": []}, False),
        ],
    )
    def test_those_with_a_load_balancer_with_ports_of_nodes_or_with_addresses_of_their_own(
        self, spec: Object, outside: bool
    ) -> None:
        assert bool(every(service(**spec))) is outside

    def test_in_the_order_in_which_they_were_handed_over(self) -> None:
        assert [one.by for one in every(service(name="b"), service(name="a"))] == [
            "shop/service/b",
            "shop/service/a",
        ]

    def test_it_is_the_service_of_its_namespace_with_the_pods_behind_it(self) -> None:
        behind = deployment("shop", "edge", LABELS, serviceAccountName="buyer")
        found = edge(behind)
        assert (found.by, found.namespace, found.pod.service_account) == (
            "shop/service/edge",
            "shop",
            "buyer",
        )
        assert edge(behind, selector={"app": "other"}).pod.service_account == "default"

    @pytest.mark.parametrize(
        ("spec", "words", "balanced"),
        [
            ({}, "the internet", True),
            ({"annotations": {TYPE: "Internal"}}, "the VPC and networks connected to it", True),
            ({"type": "NodePort"}, "whoever reaches a node", False),
            ({"type": "NodePort", "annotations": {TYPE: "Internal"}}, "whoever reaches a node", False),
        ],
    )
    def test_who_reaches_them_at_all(self, spec: Object, words: str, balanced: bool) -> None:
        assert (edge(**spec).words, edge(**spec).balanced) == (words, balanced)


class TestInternalLoadBalancers:
    @pytest.mark.parametrize(
        ("spec", "internal"),
        [
            ({"annotations": {TYPE: "Internal"}}, True),
            ({"annotations": {TYPE: "internal"}}, True),
            ({"annotations": {OLD_TYPE: "Internal"}}, True),
            ({"annotations": {TYPE: "External"}}, False),
            ({"annotations": {"load-balancer-type": "Internal"}}, False),
            ({}, False),
            ({"loadBalancerClass": "networking.gke.io/l4-regional-internal"}, True),
            ({"loadBalancerClass": "networking.gke.io/l4-regional-external"}, False),
        ],
    )
    def test_are_told_by_either_annotation_or_the_class(self, spec: Object, internal: bool) -> None:
        assert (edge(**spec).internal, edge(**spec).unread) == (internal, ())

    def test_the_class_counts_before_the_annotation(self) -> None:
        external = {
            "loadBalancerClass": "networking.gke.io/l4-regional-external",
            "annotations": {TYPE: "Internal"},
        }
        assert edge(**external).internal is False

    def test_a_class_of_somebody_elses_is_not_understood(self) -> None:
        found = edge(loadBalancerClass="example.com/lb")
        assert [field for field, _ in found.unread] == ["spec.loadBalancerClass"]
        assert "example.com/lb" in found.unread[0][1]
        assert (found.internal, found.words) == (False, "the internet")

    def test_and_says_nothing_where_there_is_no_load_balancer(self) -> None:
        found = edge(type="NodePort", loadBalancerClass="networking.gke.io/l4-regional-internal")
        assert (found.internal, found.unread) == (False, ())


class TestPorts:
    def test_lead_to_the_port_of_the_pods_or_to_the_same_number(self) -> None:
        assert edge(ports=[{"port": 443, "targetPort": 8443}, {"port": 80}]).ports == {443: 8443, 80: 80}

    def test_of_nodes_are_those_that_the_service_names(self) -> None:
        ports = [{"port": 443, "targetPort": 8443, "nodePort": 30443}, {"port": 80}]
        assert edge(ports=ports).nodes == {30443: 8443}

    def test_of_nodes_are_taken_from_those_that_kubernetes_keeps_for_them(self) -> None:
        assert NODE_PORTS == (30000, 32767)

    @pytest.mark.parametrize(
        ("spec", "on_nodes"),
        [
            ({}, True),
            ({"allocateLoadBalancerNodePorts": True}, True),
            ({"allocateLoadBalancerNodePorts": False}, False),
            ({"type": "NodePort"}, True),
            ({"type": "NodePort", "allocateLoadBalancerNodePorts": False}, True),
            ({"type": "ClusterIP", "externalIPs": ["192.0.2.1"]}, False),
        ],
    )
    def test_of_nodes_are_given_unless_a_load_balancer_asks_for_none(
        self, spec: Object, on_nodes: bool
    ) -> None:
        assert edge(**spec).on_nodes is on_nodes

    def test_a_name_is_that_of_a_containers_port_in_the_same_namespace(self) -> None:
        named = {"ports": [{"port": 443, "targetPort": "tls"}]}
        web = {"name": "tls", "containerPort": 8443}
        assert edge(pods("shop", "edge", {"name": "web", "containerPort": 8080}, web), **named).ports == {
            443: 8443
        }
        assert edge(pods("shop", "edge", web), **named).unread == ()
        found = edge(pods("other", "edge", web), **named)
        assert [field for field, _ in found.unread] == ["spec.ports"]
        assert found.ports == {443: 443}

    def test_a_name_that_two_pods_use_alike_is_one(self) -> None:
        named = {"ports": [{"port": 443, "targetPort": "tls"}]}
        both = [pods("shop", name, {"name": "tls", "containerPort": 8443}) for name in ("one", "two")]
        assert edge(*both, **named).ports == {443: 8443}

    def test_a_name_with_two_meanings_is_not_understood_and_the_others_are(self) -> None:
        one = pods(
            "shop", "one", {"name": "tls", "containerPort": 8443}, {"name": "web", "containerPort": 8080}
        )
        two, three = (
            pods("shop", name, {"name": "tls", "containerPort": port})
            for name, port in (("b", 9443), ("c", 8443))
        )
        found = edge(
            one, two, three, ports=[{"port": 443, "targetPort": "tls"}, {"port": 80, "targetPort": "web"}]
        )
        assert found.ports == {443: 443, 80: 8080}
        assert [field for field, _ in found.unread] == ["spec.ports"]
        assert "tls" in found.unread[0][1]

    def test_a_port_without_a_name_is_nobodys(self) -> None:
        for name in ("", "None", "other"):
            assert edge(
                pods("shop", "edge", {"containerPort": 8443}), ports=[{"port": 443, "targetPort": name}]
            ).unread

    @pytest.mark.parametrize(
        ("protocol", "read"), [(None, True), ("TCP", True), ("UDP", False), ("SCTP", False)]
    )
    def test_other_transports_than_tcp_are_not_understood(self, protocol: str | None, read: bool) -> None:
        found = edge(ports=[{"port": 443, **({"protocol": protocol} if protocol else {})}])
        assert [field for field, _ in found.unread] == ([] if read else ["spec.ports"])


class TestWhatALoadBalancerTakes:
    def test_everybody_if_the_service_names_no_ranges(self) -> None:
        found = edge()
        assert (found.ranges, found.written) == (ANYWHERE, ())
        verdict = found.takes(PARTNER, 443, "the partner", must_pass=True)
        assert (verdict.layer, verdict.allowed, verdict.field, verdict.understood) == (
            Layer.LOAD_BALANCER,
            True,
            "spec",
            True,
        )

    def test_its_own_ranges_alone(self) -> None:
        found = edge(loadBalancerSourceRanges=["198.51.100.16/28"])
        assert found.written == ("198.51.100.16/28",)
        taken = found.takes(PARTNER, 443, "the partner", must_pass=True)
        assert (taken.allowed, taken.field) == (True, "spec.loadBalancerSourceRanges")
        other = found.takes(Ranges.of(["203.0.113.0/24"]), 443, "somebody", must_pass=False)
        assert (other.layer, other.allowed, other.field) == (
            Layer.LOAD_BALANCER,
            False,
            "spec.loadBalancerSourceRanges",
        )
        assert "198.51.100.16/28" in other.reason

    def test_of_addresses_of_which_it_takes_some_it_takes_any_but_not_all(self) -> None:
        found = edge(loadBalancerSourceRanges=["198.51.100.16/29"])
        assert found.takes(PARTNER, 443, "the partner", must_pass=False).allowed is True
        assert found.takes(PARTNER, 443, "the partner", must_pass=True).allowed is False

    def test_its_own_ports_alone(self) -> None:
        verdict = edge().takes(PARTNER, 8443, "the partner", must_pass=False)
        assert (verdict.layer, verdict.allowed, verdict.field) == (Layer.LOAD_BALANCER, False, "spec.ports")

    def test_nothing_where_there_is_none(self) -> None:
        verdict = edge(type="NodePort").takes(PARTNER, 443, "the partner", must_pass=False)
        assert (verdict.layer, verdict.allowed, verdict.field) == (Layer.LOAD_BALANCER, False, "spec.type")

    def test_what_is_not_understood_of_it_comes_first(self) -> None:
        found = edge(externalIPs=["192.0.2.1"], ports=[{"port": 443, "protocol": "UDP"}])
        verdict = found.takes(PARTNER, 80, "the partner", must_pass=False)
        assert (verdict.layer, verdict.allowed, verdict.understood) == (Layer.LOAD_BALANCER, True, False)
        assert (verdict.decided_by, verdict.field) == ("shop/service/edge", "spec.externalIPs")

    @pytest.mark.parametrize(("policy", "local"), [("Local", True), ("Cluster", False), (None, False)])
    def test_pods_see_the_clients_address_by_the_policy_local(self, policy: str | None, local: bool) -> None:
        assert edge(externalTrafficPolicy=policy).local is local

    def test_its_reserved_address_has_a_name(self) -> None:
        assert (
            edge(annotations={"networking.gke.io/load-balancer-ip-addresses": "edge-ip"}).addresses
            == "edge-ip"
        )
        assert edge().addresses == ""


class TestWhatGkeOpensInTheFirewall:
    def test_the_services_ports_from_its_ranges_to_every_node(self) -> None:
        ports = [{"port": 5432}, {"port": 443, "targetPort": 8443}]
        (rule,) = edge(ports=ports, loadBalancerSourceRanges=["198.51.100.16/28"]).rules
        assert (rule.direction, rule.priority, rule.allow, rule.targets) == (
            INGRESS,
            DEFAULT_PRIORITY,
            True,
            None,
        )
        assert rule.ranges == PARTNER
        assert (rule.name, rule.of_policy, rule.unknown) == ("shop/service/edge", False, "")
        (what,) = rule.what
        assert (what.field, what.transport, what.ports) == (
            "spec.loadBalancerSourceRanges",
            "TCP",
            ((443, 443), (5432, 5432)),
        )
        assert "GKE" in rule.note

    def test_nothing_for_ports_of_nodes_or_without_ports(self) -> None:
        assert edge(type="NodePort").rules == ()
        assert edge(ports=[]).rules == ()
