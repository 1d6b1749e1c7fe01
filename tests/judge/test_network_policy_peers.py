"""Whom a peer of a NetworkPolicy means: pods, namespaces, ranges of addresses and nodes."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.layers.network_policy import NetworkPolicies
from egress.judge.lookup.network_policy_objects import NAME_LABEL
from egress.judge.model.flow import Connection, Node, Outside, Pod, Protocol
from egress.judge.model.snapshot import Snapshot
from tests.judge.network_policy_asking import (
    ANY_SITE,
    CLUSTER,
    SHOP,
    SUBNET,
    block,
    egress,
    ingress,
    judged,
    labels,
    namespace,
    policy,
    says,
    to,
)


class TestPeers:
    BANK = namespace("bank", tier="back")

    def test_a_pod_selector_alone_means_the_policys_own_namespace(self) -> None:
        rule = to({"podSelector": {}})
        assert not judged(egress(rule)).allowed
        assert judged(egress(rule), to=Pod("shop", {})).allowed

    def test_a_namespace_selector_means_all_pods_of_the_namespaces(self) -> None:
        assert judged(egress(to({"namespaceSelector": labels(tier="back")})), self.BANK).allowed
        assert not judged(egress(to({"namespaceSelector": labels(tier="front")})), self.BANK).allowed
        assert judged(egress(to({"namespaceSelector": {}}))).allowed

    def test_both_selectors_in_one_peer_must_hold(self) -> None:
        def peer(tier: str, app: str) -> dict[str, Any]:
            return to({"namespaceSelector": labels(tier=tier), "podSelector": labels(app=app)})

        assert judged(egress(peer("back", "till")), self.BANK).field == "spec.egress[0].to[0]"
        assert not judged(egress(peer("back", "web")), self.BANK).allowed
        assert not judged(egress(peer("front", "till")), self.BANK).allowed

    def test_every_namespace_has_the_label_of_its_name(self) -> None:
        def peer(name: str) -> dict[str, Any]:
            return to({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}})

        assert judged(egress(peer("bank"))).allowed
        assert not judged(egress(peer("shop"))).allowed

    @pytest.mark.parametrize(
        ("operator", "values", "selected"),
        [
            ("In", ["till", "x"], True),
            ("In", ["x"], False),
            ("NotIn", ["till"], False),
            ("NotIn", ["x"], True),
            ("Exists", None, True),
            ("DoesNotExist", None, False),
        ],
    )
    def test_expressions(self, operator: str, values: list[str] | None, selected: bool) -> None:
        expression = {"key": "app", "operator": operator, **({"values": values} if values else {})}
        peer = {"namespaceSelector": {}, "podSelector": {"matchExpressions": [expression]}}
        assert judged(egress(to(peer))).allowed is selected

    @pytest.mark.parametrize(
        ("rule", "unknown"),
        [
            ({"to": [{**block("192.0.2.0/24"), "serviceSelector": {}}]}, "serviceSelector"),
            ({"to": [{"ipBlock": {"cidr": "10.1.0.0/16", "fqdn": "x"}}]}, "fqdn"),
            ({"to": [{"podSelector": {"x": 1}, "namespaceSelector": {"y": 1}, "z": 1}]}, "z, x, y"),
            ({"to": [{**block("10.1.0.0/16"), "podSelector": {}}]}, "ipBlock beside a selector"),
            ({"to": [{**block("10.1.0.0/16"), "namespaceSelector": {}}]}, "ipBlock beside a selector"),
            ({"to": [{}]}, "a peer without ipBlock and selector"),
            ({"to": [block("example.com")]}, "the range example.com"),
            ({"to": [block("10.0.0.0/8", "x")]}, "the range 10.0.0.0/8"),
            ({"to": [{"namespaceSelector": {**labels(**{NAME_LABEL: "bank"}), "z": 1}}]}, "z"),
            ({"ports": [{"endPort": 9}]}, "endPort without port"),
            ({"ports": [{"port": 443, "endPort": "x"}]}, ""),
            ({"ports": [{"port": 443, "appProtocol": "x"}]}, "appProtocol"),
            ({"ports": [{"port": 443}], "priority": 1}, "priority"),
            ({"priority": 1}, "priority"),
        ],
    )
    def test_a_form_that_this_judge_does_not_know_is_named(self, rule: dict[str, Any], unknown: str) -> None:
        verdict = judged(egress(rule))
        assert verdict.allowed
        assert verdict.understood is not bool(unknown)
        assert not unknown or verdict.reason == f"Not read here: {unknown}."

    def test_a_direction_that_there_is_not_is_not_understood(self) -> None:
        verdict = judged(policy(policyTypes=["Egress", "Sideways"], egress=[]))
        assert (verdict.allowed, verdict.understood, verdict.field) == (True, False, "spec")
        assert verdict.reason == "Not read here: Sideways."

    def test_what_a_policy_says_besides_may_change_what_its_rules_mean(self) -> None:
        verdict = judged(egress({}, order=3))
        assert (verdict.allowed, verdict.understood, verdict.reason) == (True, False, "Not read here: order.")

    def test_a_peer_that_is_understood_decides_before_one_that_is_not(self) -> None:
        strange = {"namespaceSelector": labels(**{NAME_LABEL: "bank"}), "serviceSelector": {}}
        assert judged(egress(to(strange, {"namespaceSelector": {}}))).understood

    def test_of_what_is_not_understood_the_first_is_named(self) -> None:
        assert judged(egress(to({"x": 1}, {"y": 1}))).field == "spec.egress[0].to[0]"
        assert (
            judged(egress({"ports": [{"port": "web"}, {"port": "api"}]})).field == "spec.egress[0].ports[0]"
        )
        assert judged(egress(to({"x": 1}), to({"y": 1}))).field == "spec.egress[0].to[0]"
        assert judged(egress(order=3), egress(name="b", order=3)).decided_by == "shop/networkpolicy/fence"
        assert (
            judged(egress(to({"x": 1})), egress(name="b", order=3)).decided_by == "shop/networkpolicy/fence"
        )
        assert judged(egress({"ports": [{"port": "web"}], "x": 1})).reason == "Not read here: x."
        assert judged(egress({"ports": [{"port": "web"}], "to": [{"y": 1}]})).reason == (
            "Not read here: the named port web."
        )

    def test_what_one_end_lets_through_does_not_hide_what_is_not_understood_of_the_other(self) -> None:
        verdict = judged(egress({}), ingress({"from": [{"x": 1}]}))
        assert (verdict.understood, verdict.decided_by) == (False, "bank/networkpolicy/fence")
        assert judged(ingress({"from": [{"x": 1}]})).decided_by == "bank/networkpolicy/fence"

    def test_where_ports_and_peers_both_decide_the_port_is_named(self) -> None:
        rule = {"ports": [{"port": 443}], **to({"namespaceSelector": {}})}
        assert judged(egress(rule)).field == "spec.egress[0].ports[0]"

    def test_a_name_and_labels_of_a_namespace_must_both_hold(self) -> None:
        def peer(tier: str) -> dict[str, Any]:
            return to({"namespaceSelector": labels(**{NAME_LABEL: "bank", "tier": tier})})

        assert judged(egress(peer("back")), self.BANK).allowed
        assert not judged(egress(peer("front")), self.BANK).allowed
        but = {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}
        assert not judged(
            egress(to({"namespaceSelector": {**labels(**{NAME_LABEL: "bank"}), **but}})), self.BANK
        ).allowed

    def test_a_pod_selector_alone_chooses_among_the_pods_of_its_namespace(self) -> None:
        rule = egress(to({"podSelector": labels(app="web")}))
        assert judged(rule, to=Pod("shop", {"app": "web"})).allowed
        assert not judged(rule, to=Pod("shop", {"app": "db"})).allowed

    def test_an_unknown_operator_or_field_is_not_understood(self) -> None:
        gt = {"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]}
        assert not judged(egress(to({"podSelector": gt}))).understood
        assert not judged(egress({"to": [{"serviceSelector": {}}]})).understood
        assert not judged(egress(order=3)).understood

    def test_a_peer_that_is_not_met_is_understood_all_the_same(self) -> None:
        assert judged(egress(to(block("192.0.2.0/24"), {"podSelector": labels(app="x")}))).understood

    @pytest.mark.parametrize(
        "kind",
        [
            *("AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"),
            *("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "FQDNNetworkPolicy"),
        ],
    )
    def test_another_kind_of_policy_makes_nothing_certain(self, kind: str) -> None:
        verdict = judged(egress(), {"kind": kind, "metadata": {"name": "wide"}})
        assert (verdict.allowed, verdict.understood, verdict.decided_by) == (
            True,
            False,
            f"{kind.lower()}/wide",
        )
        assert verdict.field == "spec"


class TestAddresses:
    def test_a_block_without_its_exceptions(self) -> None:
        rule = egress(to(block("192.0.2.0/24", "192.0.2.8/29")))
        assert judged(rule, to=Outside(None, "192.0.2.7")).allowed
        assert not judged(rule, to=Outside(None, "192.0.2.8")).allowed
        assert not judged(rule, to=Outside(None, "192.0.3.1")).allowed

    def test_of_a_whole_range_one_address_is_enough(self) -> None:
        assert judged(egress(to(block("192.0.2.0/28"))), to=Outside(None, "192.0.2.0/24")).allowed

    def test_ipv6_has_blocks_of_its_own(self) -> None:
        address = Outside(None, "2001:db8::1")
        assert not judged(egress(to(block("0.0.0.0/0"))), to=address).allowed
        assert judged(egress(to(block("2001:db8::/32"))), to=address).allowed

    def test_some_address_of_the_internet_is_reached_if_one_is(self) -> None:
        assert judged(egress(to(block("8.8.8.8/32"))), to=ANY_SITE).allowed
        dual = Resource(SUBNET.type, "subnet", {**SUBNET.properties, "stackType": "IPV4_IPV6"})
        judge = NetworkPolicies(Snapshot.of((egress(to(block("2606:2800::/32"))),), (dual, CLUSTER)))
        assert judge.judge(Connection(SHOP, ANY_SITE, 443, Protocol.TLS)).allowed
        assert not judged(egress(to(block("10.0.0.0/8"))), to=ANY_SITE).allowed
        assert not judged(egress(to(block("8.8.8.8/32", "8.8.8.8/32"))), to=ANY_SITE).allowed

    def test_a_declared_host_needs_every_address_of_the_internet(self) -> None:
        assert not judged(egress(to(block("8.8.8.0/24"))), to=ANY_SITE, must_pass=True).allowed
        assert judged(egress(to(block("0.0.0.0/0", "10.0.0.0/8"))), to=ANY_SITE, must_pass=True).allowed
        halves = egress(to(block("0.0.0.0/1")), to(block("128.0.0.0/1")))
        assert judged(halves, to=ANY_SITE, must_pass=True).allowed

    def test_private_google_access_is_no_address_of_the_internet(self) -> None:
        rule = egress(to(block("199.36.153.8/30")))
        assert not judged(rule, to=ANY_SITE).allowed
        assert judged(rule, to=Outside("storage.googleapis.com", "199.36.153.10")).allowed

    def test_a_block_may_hold_a_pod_if_it_meets_the_pods_range(self) -> None:
        assert judged(egress(to(block("10.5.0.0/16")))).allowed
        assert not judged(egress(to(block("10.8.0.0/16")))).allowed


class TestNodes:
    def test_no_policy_holds_for_what_a_node_opens(self) -> None:
        assert judged(egress(), source=Node("app@p"), to=ANY_SITE).allowed

    def test_a_node_reaches_its_own_pods_and_is_an_address_to_others(self) -> None:
        near, far = Pod("bank", {}, pool="app@p"), Pod("bank", {}, pool="gateway@p")
        assert judged(ingress(), source=Node("app@p"), to=near).allowed
        assert not judged(
            ingress({"from": [{"namespaceSelector": {}}]}), source=Node("app@p"), to=far
        ).allowed
        assert judged(ingress({"from": [block("10.0.0.0/20")]}), source=Node("app@p"), to=far).allowed

    def test_a_pod_reaches_its_own_node(self) -> None:
        assert says(judged(egress(), to=Outside(None, "10.0.0.9"))) == (True, None, "")
        assert not judged(egress(), to=Outside(None, "10.0.0.0/24")).allowed

    def test_a_node_of_an_unknown_pool_may_be_the_pods_own(self) -> None:
        far = Pod("bank", {}, pool="gateway@p")
        assert says(judged(ingress(), source=Node(""), to=far)) == (True, None, "")
        assert says(judged(ingress(), source=Node("app@p"), to=Pod("bank", {}))) == (True, None, "")

    def test_where_one_end_is_under_no_policy_the_other_ends_is_named(self) -> None:
        far = Pod("bank", {}, pool="gateway@p")
        assert judged(ingress({}), source=Node("app@p"), to=far).decided_by == "bank/networkpolicy/fence"
        assert judged(egress({}), to=far).decided_by == "shop/networkpolicy/fence"
        assert judged(source=Node("app@p"), to=ANY_SITE).decided_by is None
