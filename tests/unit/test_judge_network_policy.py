"""What NetworkPolicies let through, read from the objects: the kind's semantics one by one, and then the tutorial's own."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from egress.judge.deployed import Deployed, Resource
from egress.judge.flow import Connection, Node, Outside, Pod, Protocol, Verdict
from egress.judge.network_policy import NetworkPolicies
from egress.render import render
from tests.support import dev_config, plan_of

SUBNET = Resource(
    "gcp:compute/subnetwork:Subnetwork",
    "subnet",
    {"ipCidrRange": "10.0.0.0/20", "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"}]},
)
CLUSTER = Resource("gcp:container/cluster:Cluster", "cluster", {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}})
SHOP = Pod("shop", {"app": "web"})
BANK = Pod("bank", {"app": "till"})
ANY_SITE = Outside("example.com", None)


def policy(namespace: str = "shop", name: str = "fence", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": {}, **spec},
    }


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def judged(*objects: dict[str, Any], to: Pod | Outside = BANK, port: int = 443, **how: Any) -> Verdict:
    everywhere = how.pop("everywhere", False)
    connection = Connection(how.pop("source", SHOP), to, port, Protocol.TCP, **how)
    return NetworkPolicies(Deployed.of(objects, (SUBNET, CLUSTER))).judge(connection, everywhere=everywhere)


def egress(*rules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return policy(policyTypes=["Egress"], egress=list(rules), **spec)


def ingress(*rules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return policy("bank", policyTypes=["Ingress"], ingress=list(rules), **spec)


def to(*peers: dict[str, Any]) -> dict[str, Any]:
    return {"to": list(peers)}


def block(cidr: str, *excepted: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr, **({"except": list(excepted)} if excepted else {})}}


def labels(**wanted: str) -> dict[str, Any]:
    return {"matchLabels": wanted}


class TestIsolation:
    def test_a_pod_that_no_policy_selects_is_open(self) -> None:
        assert judged().allowed
        verdict = judged(egress(podSelector=labels(app="other")))
        assert (verdict.allowed, verdict.by, verdict.field) == (True, "nothing", "")

    def test_an_empty_list_of_rules_closes_the_direction(self) -> None:
        verdict = judged(egress())
        assert (verdict.allowed, verdict.by, verdict.field) == (False, "shop/networkpolicy/fence", "spec.egress")
        assert judged(ingress()).by == "bank/networkpolicy/fence"

    def test_a_policy_for_one_direction_leaves_the_other_open(self) -> None:
        assert judged(policy(policyTypes=["Ingress"])).allowed
        assert judged(policy("bank", policyTypes=["Egress"], egress=[])).allowed

    def test_without_policy_types_it_is_for_ingress_and_for_egress_only_if_it_has_egress_rules(self) -> None:
        assert judged(policy(egress=[])).allowed
        assert not judged(policy(egress=[to(block("192.0.2.0/24"))])).allowed
        assert not judged(policy("bank")).allowed

    def test_rules_of_a_direction_that_the_policy_is_not_for_are_ignored(self) -> None:
        assert not judged(
            policy(policyTypes=["Egress"], egress=[]), policy(name="b", policyTypes=["Ingress"], egress=[{}])
        ).allowed

    def test_policies_add_up(self) -> None:
        verdict = judged(egress(), egress({"ports": [{"port": 443}]}, name="open"))
        assert (verdict.allowed, verdict.by, verdict.field) == (True, "shop/networkpolicy/open", "spec.egress[0].ports[0]")

    def test_both_ends_must_agree(self) -> None:
        assert judged(egress({}), ingress({})).allowed
        assert judged(egress({}), ingress()).by == "bank/networkpolicy/fence"
        assert judged(egress(), ingress({})).by == "shop/networkpolicy/fence"


class TestPorts:
    @pytest.mark.parametrize(
        ("ports", "open_ports"),
        [
            ([], {442, 443, 444}),
            ([{"port": 443}], {443}),
            ([{"port": 442, "endPort": 443}], {442, 443}),
            ([{"protocol": "TCP"}], {442, 443, 444}),
            ([{"protocol": "UDP", "port": 443}], set()),
            ([{"port": 1}, {"port": 444, "protocol": "TCP"}], {444}),
        ],
    )
    def test_which_ports_an_entry_opens(self, ports: list[dict[str, Any]], open_ports: set[int]) -> None:
        assert {port for port in (442, 443, 444) if judged(egress({"ports": ports}), port=port).allowed} == open_ports

    def test_udp_needs_to_be_said(self) -> None:
        assert not judged(egress({"ports": [{"port": 53}]}), port=53, transport="UDP").allowed
        assert judged(egress({"ports": [{"port": 53, "protocol": "UDP"}]}), port=53, transport="UDP").allowed

    def test_a_named_port_is_not_understood(self) -> None:
        verdict = judged(egress({"ports": [{"port": "web"}]}))
        assert (verdict.allowed, verdict.understood, verdict.field) == (True, False, "spec.egress[0].ports[0]")
        assert verdict.reason == "the named port web: this judge cannot read that"

    def test_what_is_understood_decides_before_what_is_not(self) -> None:
        assert judged(egress({"ports": [{"port": "web"}, {"port": 443}]})).field == "spec.egress[0].ports[1]"
        assert judged(egress({"ports": [{"port": "web"}]}), ingress()).understood


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

    def test_an_unknown_operator_or_field_is_not_understood(self) -> None:
        gt = {"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]}
        assert not judged(egress(to({"podSelector": gt}))).understood
        assert not judged(egress({"to": [{"serviceSelector": {}}]})).understood
        assert not judged(egress(order=3)).understood

    def test_a_peer_that_is_not_met_is_understood_all_the_same(self) -> None:
        assert judged(egress(to(block("192.0.2.0/24"), {"podSelector": labels(app="x")}))).understood

    def test_another_kind_of_policy_makes_nothing_certain(self) -> None:
        other = {"kind": "CiliumClusterwideNetworkPolicy", "metadata": {"name": "wide"}}
        verdict = judged(egress(), other)
        assert (verdict.allowed, verdict.understood, verdict.by) == (True, False, "ciliumclusterwidenetworkpolicy/wide")


class TestAddresses:
    def test_a_block_without_its_exceptions(self) -> None:
        rule = egress(to(block("192.0.2.0/24", "192.0.2.8/29")))
        assert judged(rule, to=Outside(None, "192.0.2.7")).allowed
        assert not judged(rule, to=Outside(None, "192.0.2.8")).allowed
        assert not judged(rule, to=Outside(None, "192.0.3.1")).allowed

    def test_ipv6_has_blocks_of_its_own(self) -> None:
        address = Outside(None, "2001:db8::1")
        assert not judged(egress(to(block("0.0.0.0/0"))), to=address).allowed
        assert judged(egress(to(block("2001:db8::/32"))), to=address).allowed

    def test_some_address_of_the_internet_is_reached_if_one_is(self) -> None:
        assert judged(egress(to(block("8.8.8.8/32"))), to=ANY_SITE).allowed
        assert not judged(egress(to(block("10.0.0.0/8"))), to=ANY_SITE).allowed
        assert not judged(egress(to(block("8.8.8.8/32", "8.8.8.8/32"))), to=ANY_SITE).allowed

    def test_a_declared_host_needs_every_address_of_the_internet(self) -> None:
        assert not judged(egress(to(block("8.8.8.0/24"))), to=ANY_SITE, everywhere=True).allowed
        assert judged(egress(to(block("0.0.0.0/0", "10.0.0.0/8"))), to=ANY_SITE, everywhere=True).allowed
        halves = egress(to(block("0.0.0.0/1")), to(block("128.0.0.0/1")))
        assert judged(halves, to=ANY_SITE, everywhere=True).allowed

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
        assert not judged(ingress({"from": [{"namespaceSelector": {}}]}), source=Node("app@p"), to=far).allowed
        assert judged(ingress({"from": [block("10.0.0.0/20")]}), source=Node("app@p"), to=far).allowed

    def test_a_pod_reaches_its_own_node(self) -> None:
        assert judged(egress(), to=Outside(None, "10.0.0.9")).allowed


class TestLabelsThatTheTeamChooses:
    ANY = Pod("shop", None)

    def test_it_avoids_a_policy_that_wants_a_label(self) -> None:
        assert judged(egress(podSelector=labels(app="web")), source=self.ANY).allowed

    def test_it_cannot_avoid_a_policy_for_all_pods(self) -> None:
        assert not judged(egress(), source=self.ANY).allowed

    def test_it_takes_a_label_that_opens_something(self) -> None:
        assert judged(egress(), egress({}, name="open", podSelector=labels(app="web")), source=self.ANY).allowed
        assert judged(ingress({"from": [{"namespaceSelector": {}, "podSelector": labels(a="b")}]}), source=self.ANY).allowed

    def test_it_cannot_have_labels_that_contradict_each_other(self) -> None:
        both = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}
        assert not judged(egress(), egress({}, name="open", podSelector=both), source=self.ANY).allowed
        neither = {"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "a", "operator": "DoesNotExist"}]}
        assert not judged(egress(), egress({}, name="open", podSelector=neither), source=self.ANY).allowed


@cache
def dev() -> NetworkPolicies:
    manifests = [item.manifest for item in render(plan_of(dev_config()))]
    return NetworkPolicies(Deployed.of(manifests, (SUBNET, CLUSTER)))


TEAM_X = Pod("team-x", None)
GATEWAY = Pod("istio-egress", {"istio": "egressgateway", "app": "istio-egressgateway"})


@pytest.mark.parametrize(
    ("source", "to", "port", "transport", "allowed"),
    [
        (TEAM_X, GATEWAY, 8080, "TCP", True),
        (TEAM_X, GATEWAY, 8443, "TCP", True),
        (TEAM_X, GATEWAY, 15090, "TCP", False),
        (TEAM_X, ANY_SITE, 443, "TCP", False),
        (TEAM_X, ANY_SITE, 80, "TCP", False),
        (TEAM_X, ANY_SITE, 53, "UDP", False),
        (TEAM_X, Outside("storage.googleapis.com", "199.36.153.8"), 443, "TCP", True),
        (Pod("team-y", None), Outside("storage.googleapis.com", "199.36.153.8"), 443, "TCP", False),
        (TEAM_X, Pod("team-x", None), 9999, "TCP", True),
        (TEAM_X, Pod("team-y", None), 8080, "TCP", True),
        (TEAM_X, Pod("team-y", None), 15001, "TCP", False),
        (Pod("team-y", None), TEAM_X, 8080, "TCP", False),
        (TEAM_X, Pod("kube-system", {"k8s-app": "kube-dns"}), 53, "UDP", True),
        (TEAM_X, Pod("kube-system", {"k8s-app": "metrics"}), 53, "UDP", False),
        (TEAM_X, Pod("istio-system", {"app": "istiod"}), 15012, "TCP", True),
        (TEAM_X, Pod("istio-system", {"app": "istiod"}), 15010, "TCP", False),
        (GATEWAY, ANY_SITE, 443, "TCP", True),
    ],
)
def test_the_tutorials_teams(source: Pod, to: Pod | Outside, port: int, transport: str, allowed: bool) -> None:
    verdict = dev().judge(Connection(source, to, port, Protocol.TCP, transport))
    assert verdict.allowed is allowed, verdict
    assert verdict.understood


def test_a_public_range_that_the_network_uses_for_itself_hides_what_is_there_outside() -> None:
    own = Resource(SUBNET.type, "subnet", {"ipCidrRange": "20.0.0.0/20"})
    rule = egress(to(block("0.0.0.0/0", "20.0.0.0/20")))
    judge = NetworkPolicies(Deployed.of((rule,), (own,)))
    assert judge.judge(Connection(SHOP, ANY_SITE, 443, Protocol.TLS), everywhere=True).allowed
