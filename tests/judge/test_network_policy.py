"""What else is asked of NetworkPolicies: what must pass, what comes from no pod, and what they tell apart.

Source: Kubernetes, "Network Policies"; NetworkPolicy (networking.k8s.io/v1); Cilium, "Network Policy",
"IP/CIDR based". The kind's semantics one by one are in tests/judge/test_network_policy_kinds.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.layers.network_policy import NetworkPolicies
from egress.judge.lookup.network_policy_objects import NAME_LABEL
from egress.judge.lookup.subnets import CLUSTER, SUBNETWORK
from egress.judge.model.flow import Connection, Node, Outside, Pod, Protocol, Verdict
from egress.judge.model.ip_ranges import Ranges
from egress.judge.model.selectors import Selector
from tests.judge.objects import named, snapshot, written

Written = dict[str, Any]
SUBNET = Resource(
    SUBNETWORK,
    "subnet",
    {
        "ipCidrRange": "10.0.0.0/20",
        "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"}],
    },
)
NAMED = Resource(CLUSTER, "cluster", {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}})
SHOP, BANK, SITE = Pod("shop", {"app": "web"}), Pod("bank", {"app": "till"}), Outside("example.com", None)
LOW, HIGH, ALL = "0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/0"


def policies(*objects: Written, google: tuple[Resource, ...] = (SUBNET, NAMED)) -> NetworkPolicies:
    return NetworkPolicies(snapshot(*objects, google=google))


def egress(*rules: Written, name: str = "fence", namespace: str = "shop", **spec: Any) -> Written:
    return written("NetworkPolicy", namespace, name, policyTypes=["Egress"], egress=list(rules), **spec)


def ingress(*rules: Written, name: str = "fence", **spec: Any) -> Written:
    return written("NetworkPolicy", "bank", name, policyTypes=["Ingress"], ingress=list(rules), **spec)


def to(*ranges: str, **more: Any) -> Written:
    return {"to": [{"ipBlock": {"cidr": cidr}} for cidr in ranges], **more}


def come(*ranges: str, **more: Any) -> Written:
    return {"from": [{"ipBlock": {"cidr": cidr}} for cidr in ranges], **more}


def must_pass(*objects: Written, end: Pod | Outside = SITE, source: Pod | Node = SHOP, **how: Any) -> str:
    return line(policies(*objects, **how).judge(Connection(source, end, 443, Protocol.TLS), must_pass=True))


def line(verdict: Verdict) -> str:
    return (
        "passes"
        if verdict.allowed and verdict.understood
        else "not understood"
        if verdict.allowed
        else "refused"
    )


class TestWhatMustPass:
    """Every address that its end may have is let through, or it is not known to pass."""

    def test_several_blocks_may_make_up_the_whole_in_one_rule_or_in_several_policies(self) -> None:
        assert must_pass(egress(to(LOW, HIGH))) == "passes"
        assert must_pass(egress(to(LOW)), egress(to(HIGH), name="more")) == "passes"
        assert must_pass(egress(to(LOW)), egress(to(LOW), name="more")) == "refused"

    @pytest.mark.parametrize(
        "unread",
        [
            egress(to(HIGH), name="more", order=3),
            egress(to(HIGH, priority=1), name="more"),
            egress(to(HIGH, ports=[{"port": "web"}]), name="more"),
        ],
        ids=["policy", "rule", "port"],
    )
    def test_a_block_of_what_is_not_understood_stands_in_for_none_that_is(self, unread: Written) -> None:
        assert must_pass(egress(to(LOW)), unread) == "not understood"
        assert must_pass(unread, egress(to(LOW), name="own")) == "not understood"
        assert must_pass(unread, egress(to(ALL), name="own")) == "passes"

    def test_an_unread_block_that_has_none_of_its_addresses_hides_no_refusal(self) -> None:
        assert must_pass(egress(to("10.0.0.0/8", priority=1))) == "refused"
        assert must_pass(egress(to("10.0.0.0/8"))) == "refused"

    def test_whether_a_block_means_pods_is_the_network_plugins_to_say(self) -> None:
        # Cilium, which is GKE's Dataplane V2, applies CIDR rules to no pod of the cluster.
        sure = {"to": [named("bank")]}
        assert must_pass(egress(to("10.4.0.0/14")), end=BANK) == "not understood"
        assert must_pass(egress(to(ALL)), end=BANK) == "not understood"
        assert must_pass(egress(to("10.5.0.0/16")), end=BANK) == "not understood"
        assert must_pass(egress(to("192.0.2.0/24")), end=BANK) == "refused"
        assert must_pass(egress(to(ALL), sure), end=BANK) == "passes"
        assert must_pass(egress({"to": [*to(ALL)["to"], {"namespaceSelector": {}}]}), end=BANK) == "passes"
        assert must_pass(ingress(come("10.4.0.0/14")), end=BANK) == "not understood"
        verdict = policies(egress(to("192.0.2.0/24", ALL))).judge(
            Connection(SHOP, BANK, 443, Protocol.TLS), must_pass=True
        )
        assert verdict.field == "spec.egress[0].to[1]"
        assert "ipBlock" in verdict.reason

    def test_what_must_not_pass_may_be_let_through_by_such_a_block(self) -> None:
        verdict = policies(egress(to("10.4.0.0/14"))).judge(Connection(SHOP, BANK, 443, Protocol.TLS))
        assert line(verdict) == "passes"

    def test_a_node_of_another_pool_may_be_at_any_address_of_nodes(self) -> None:
        far, node = Pod("bank", {}, pool="gateway@p"), Node("app@p")
        assert must_pass(ingress(come("10.0.0.0/20")), source=node, end=far) == "passes"
        assert must_pass(ingress(come("10.0.0.0/21")), source=node, end=far) == "refused"
        assert must_pass(ingress({"from": [{"podSelector": {}}]}), source=node, end=far) == "refused"

    def test_where_no_subnetwork_is_known_nodes_are_at_any_private_address(self) -> None:
        far, node = Pod("bank", {}, pool="gateway@p"), Node("app@p")
        connection = Connection(node, far, 443, Protocol.TLS)
        assert line(policies(ingress(come("10.9.0.0/16")), google=()).judge(connection)) == "passes"
        assert line(policies(ingress(come("192.0.2.0/24")), google=()).judge(connection)) == "refused"
        assert must_pass(ingress(come("10.9.0.0/16")), source=node, end=far, google=()) == "refused"
        assert must_pass(ingress(come("192.0.2.0/24")), source=node, end=far, google=()) == "refused"


class TestWhatComesFromNoPod:
    """Addresses outside, or of nodes, as a pod's policies see them."""

    @staticmethod
    def says(*objects: Written, source: str = "192.0.2.0/28", port: int = 443, **how: Any) -> str:
        return line(policies(*objects).comes_in(BANK, Ranges.of([source]), port, "someone", **how))

    def test_a_block_with_one_of_its_addresses_lets_some_in(self) -> None:
        assert self.says(ingress(come("192.0.2.8/32"))) == "passes"
        assert self.says(ingress(come("192.0.2.16/32"))) == "refused"
        assert self.says() == "passes"

    def test_what_must_pass_needs_every_one(self) -> None:
        assert self.says(ingress(come("192.0.2.8/32")), must_pass=True) == "refused"
        assert self.says(ingress(come("192.0.2.0/29"), come("192.0.2.8/29")), must_pass=True) == "passes"

    def test_it_is_no_pod_of_any_namespace(self) -> None:
        assert self.says(ingress({"from": [{"namespaceSelector": {}}, {"podSelector": {}}]})) == "refused"
        assert self.says(ingress({})) == "passes"

    def test_port_and_transport_count(self) -> None:
        rule = ingress(come("192.0.2.0/24", ports=[{"port": 443, "protocol": "UDP"}]))
        assert self.says(rule) == "refused"
        assert self.says(rule, transport="UDP") == "passes"
        assert self.says(rule, transport="UDP", port=444) == "refused"
        assert self.says(ingress(come("192.0.2.0/24", ports=[{"port": 443}]))) == "passes"

    def test_rules_for_what_goes_out_say_nothing_of_it(self) -> None:
        assert self.says(egress(namespace="bank")) == "passes"

    def test_another_kind_of_policy_makes_nothing_certain(self) -> None:
        other = {"kind": "CiliumNetworkPolicy", "metadata": {"name": "wide", "namespace": "shop"}}
        assert self.says(ingress(), other) == "not understood"

    def test_the_verdict_names_the_rule_and_what_asked(self) -> None:
        verdict = policies(ingress(come("192.0.2.0/24"))).comes_in(
            BANK, Ranges.of(["192.0.2.0/28"]), 443, "the world"
        )
        assert (verdict.decided_by, verdict.field) == ("bank/networkpolicy/fence", "spec.ingress[0].from[0]")
        assert "TCP 443 from the world" in verdict.reason


class TestWhatTheyTellApart:
    """So that one flow of each kind is asked about, and none twice."""

    def test_which_namespaces_have_a_policy(self) -> None:
        assert policies(egress()).has("shop")
        assert not policies(egress()).has("bank")

    def test_ranges_and_their_exceptions_as_they_are_written(self) -> None:
        excepted: Written = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.0.0/16"]}}
        both = written(
            "NetworkPolicy",
            "shop",
            "fence",
            egress=[{"to": [excepted, {"podSelector": {}}]}, to("192.0.2.7")],
            ingress=[come("198.51.100.0/24"), {}],
        )
        judge = policies(
            both, egress(to("203.0.113.0/24"), name="more"), egress(to("8.8.8.8/32"), namespace="bank")
        )
        own = ["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "192.0.2.7", "203.0.113.0/24"]
        assert list(judge.egress_ranges("shop")) == own
        assert list(judge.ingress_ranges("shop")) == ["198.51.100.0/24"]
        assert list(judge.egress_ranges("cafe")) == []

    def test_a_block_without_a_range_tells_nothing_apart(self) -> None:
        assert list(policies(egress({"to": [{"ipBlock": {}}]})).egress_ranges("shop")) == []

    PORTS = ({"port": 80}, {"port": 8000, "endPort": 8080, "protocol": "UDP"})

    def test_the_first_of_some_ports_and_the_one_behind_the_last(self) -> None:
        judge = policies(egress({"ports": list(self.PORTS)}), ingress({"ports": [{"port": 1}]}))
        assert list(judge.ports("shop", "Egress")) == [("TCP", 80), ("TCP", 81), ("UDP", 8000), ("UDP", 8081)]
        assert list(judge.ports("bank", "Ingress")) == [("TCP", 1), ("TCP", 2)]
        assert list(judge.ports("bank", "Egress")) == list(judge.ports("shop", "Ingress")) == []

    @pytest.mark.parametrize(
        ("peers", "outside"),
        [
            (None, True),
            ([{"podSelector": {}}], False),
            ([named("bank")], False),
            ([{"ipBlock": {"cidr": "192.0.2.0/24"}}], True),
            ([{"podSelector": {}}, {"ipBlock": {"cidr": "192.0.2.0/24"}}], True),
            ([{"serviceSelector": {}}], True),
            ([{"podSelector": {}}, {"serviceSelector": {}}], True),
        ],
    )
    def test_ports_of_rules_about_pods_alone_tell_nothing_apart_outside(
        self, peers: list[Written] | None, outside: bool
    ) -> None:
        judge = policies(egress({"ports": [{"port": 80}], **({"to": peers} if peers else {})}))
        assert list(judge.ports("shop", "Egress")) == [("TCP", 80), ("TCP", 81)]
        assert list(judge.ports("shop", "Egress", outside=True)) == (
            [("TCP", 80), ("TCP", 81)] if outside else []
        )

    def test_namespaces_that_rules_mean_by_name_and_by_labels(self) -> None:
        tier: Written = {"namespaceSelector": {"matchLabels": {"tier": "front"}}}
        pods: Written = {"podSelector": {"matchLabels": {"app": "web"}}}
        judge = policies(
            egress({"to": [named("bank"), tier, pods]}, {"to": [tier, named("cafe")]}),
            ingress({"from": [named("shop")]}),
        )
        assert judge.peers("shop", "Egress") == (
            {"bank", "cafe"},
            [Selector.of({"matchLabels": {"tier": "front"}})],
        )
        assert judge.peers("bank", "Ingress") == ({"shop"}, [])
        assert judge.peers("shop", "Ingress") == judge.peers("cafe", "Egress") == (set(), [])

    def test_rules_for_what_comes_in_are_handed_over(self) -> None:
        judge = policies(ingress(come("192.0.2.0/24"), {}), egress({}, namespace="bank"))
        assert [rule.field for rule in judge.ingress("bank")] == ["spec.ingress[0]", "spec.ingress[1]"]
        assert list(judge.ingress("shop")) == []


class TestAPodOfANamespaceThatNobodyHandedOver:
    """Such pods stand for every namespace that has some labels."""

    def test_its_labels_are_those_that_it_stands_for(self) -> None:
        rule = ingress({"from": [{"namespaceSelector": {"matchLabels": {"tier": "front"}}}]})
        asked = {
            tier: policies(rule).judge(
                Connection(
                    Pod("any", {}, namespace_labels={NAME_LABEL: "any", "tier": tier}),
                    BANK,
                    443,
                    Protocol.TLS,
                )
            )
            for tier in ("front", "back")
        }
        assert {tier: line(verdict) for tier, verdict in asked.items()} == {
            "front": "passes",
            "back": "refused",
        }
