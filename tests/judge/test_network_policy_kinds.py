"""What NetworkPolicies let through, read from the objects: the kind's semantics one by one, and then the
tutorial's own."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.layers.network_policy import NetworkPolicies
from egress.judge.lookup.network_policy_objects import NAME_LABEL
from egress.judge.model.flow import Connection, Node, Outside, Pod, Protocol, Verdict
from egress.judge.model.snapshot import Snapshot
from egress.layers.render import render
from tests.support import dev_config, plan_of

SUBNET = Resource(
    "gcp:compute/subnetwork:Subnetwork",
    "subnet",
    {
        "ipCidrRange": "10.0.0.0/20",
        "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"}],
    },
)
CLUSTER = Resource(
    "gcp:container/cluster:Cluster", "cluster", {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}}
)
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
    must_pass = how.pop("must_pass", False)
    connection = Connection(how.pop("source", SHOP), to, port, Protocol.TCP, **how)
    return NetworkPolicies(Snapshot.of(objects, (SUBNET, CLUSTER))).judge(connection, must_pass=must_pass)


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


def says(verdict: Verdict) -> tuple[bool, str, str]:
    return verdict.allowed, verdict.decided_by, verdict.field


class TestIsolation:
    def test_without_a_namespace_a_policy_is_of_the_one_called_default(self) -> None:
        closed = {
            "kind": "NetworkPolicy",
            "metadata": {"name": "fence"},
            "spec": {"podSelector": {}, "policyTypes": ["Egress"]},
        }
        assert not judged(closed, source=Pod("default", {})).allowed
        assert judged(closed, source=SHOP).allowed

    def test_a_policy_without_a_spec_closes_what_comes_in(self) -> None:
        assert not judged(
            {"kind": "NetworkPolicy", "metadata": {"name": "fence", "namespace": "bank"}}
        ).allowed

    def test_a_pod_that_no_policy_selects_is_open(self) -> None:
        assert judged().allowed
        verdict = judged(egress(podSelector=labels(app="other")))
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (True, None, "")

    def test_an_empty_list_of_rules_closes_the_direction(self) -> None:
        verdict = judged(egress())
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            False,
            "shop/networkpolicy/fence",
            "spec.egress",
        )
        assert judged(ingress()).decided_by == "bank/networkpolicy/fence"

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
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            True,
            "shop/networkpolicy/open",
            "spec.egress[0].ports[0]",
        )

    def test_both_ends_must_agree(self) -> None:
        assert judged(egress({}), ingress({})).allowed
        assert judged(egress({}), ingress()).decided_by == "bank/networkpolicy/fence"
        assert judged(egress(), ingress({})).decided_by == "shop/networkpolicy/fence"


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
        verdicts = {port: judged(egress({"ports": ports}), port=port) for port in (442, 443, 444)}
        assert {port for port, verdict in verdicts.items() if verdict.allowed} == open_ports
        assert all(verdict.understood for verdict in verdicts.values())

    def test_every_port_is_from_the_first_to_the_last_that_there_is(self) -> None:
        rule = egress({"ports": [{"protocol": "TCP"}]})
        assert judged(rule, port=0).allowed
        assert judged(rule, port=65535).allowed

    def test_udp_needs_to_be_said(self) -> None:
        assert not judged(egress({"ports": [{"port": 53}]}), port=53, transport="UDP").allowed
        assert judged(egress({"ports": [{"port": 53, "protocol": "UDP"}]}), port=53, transport="UDP").allowed

    def test_a_named_port_is_not_understood(self) -> None:
        verdict = judged(egress({"ports": [{"port": "web"}]}))
        assert (verdict.allowed, verdict.understood, verdict.field) == (
            True,
            False,
            "spec.egress[0].ports[0]",
        )
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
        assert not unknown or verdict.reason == f"{unknown}: this judge cannot read that"

    def test_a_direction_that_there_is_not_is_not_understood(self) -> None:
        verdict = judged(policy(policyTypes=["Egress", "Sideways"], egress=[]))
        assert (verdict.allowed, verdict.understood, verdict.field) == (True, False, "spec")
        assert verdict.reason.startswith("Sideways: ")

    def test_what_a_policy_says_besides_may_change_what_its_rules_mean(self) -> None:
        verdict = judged(egress({}, order=3))
        assert (verdict.allowed, verdict.understood, verdict.reason.split(":")[0]) == (True, False, "order")

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
        assert judged(egress({"ports": [{"port": "web"}], "x": 1})).reason.startswith("x: ")
        assert judged(egress({"ports": [{"port": "web"}], "to": [{"y": 1}]})).reason.startswith(
            "the named port web: "
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


class TestLabelsThatTheTeamChooses:
    ANY = Pod("shop", None)

    def test_it_avoids_a_policy_that_wants_a_label(self) -> None:
        assert says(judged(egress(podSelector=labels(app="web")), source=self.ANY)) == (True, None, "")
        assert not judged(egress(podSelector=labels(app="web")), source=Pod("shop", {"app": "web"})).allowed

    def test_it_cannot_avoid_a_policy_for_all_pods(self) -> None:
        assert not judged(egress(), source=self.ANY).allowed

    def test_it_takes_a_label_that_opens_something(self) -> None:
        assert judged(
            egress(), egress({}, name="open", podSelector=labels(app="web")), source=self.ANY
        ).allowed
        assert judged(
            ingress({"from": [{"namespaceSelector": {}, "podSelector": labels(a="b")}]}), source=self.ANY
        ).allowed

    def test_it_cannot_have_labels_that_contradict_each_other(self) -> None:
        both = {
            "matchLabels": {"a": "b"},
            "matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}],
        }
        assert not judged(egress(), egress({}, name="open", podSelector=both), source=self.ANY).allowed
        neither = {
            "matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "a", "operator": "DoesNotExist"}]
        }
        assert not judged(egress(), egress({}, name="open", podSelector=neither), source=self.ANY).allowed


class TestNamespacesThatAreAlike:
    """What is asked of one namespace holds for every one that no policy tells apart from it."""

    @staticmethod
    def alike(*objects: dict[str, Any], one: str = "shop", other: str = "cafe") -> bool:
        judge = NetworkPolicies(Snapshot.of(objects, ()))
        return judge.alike(one) == judge.alike(other)

    def test_without_policies_all_are(self) -> None:
        assert self.alike()

    def test_policies_of_its_own_set_a_namespace_apart_unless_they_say_the_same(self) -> None:
        assert not self.alike(egress())
        assert self.alike(egress(), policy("cafe", policyTypes=["Egress"], egress=[]))
        assert not self.alike(egress(), policy("cafe", policyTypes=["Egress"], egress=[{}]))

    def test_what_comes_in_is_no_difference_for_what_goes_out(self) -> None:
        assert self.alike(
            policy(policyTypes=["Ingress"], ingress=[{}]),
            policy("cafe", policyTypes=["Ingress"], ingress=[{"ports": [{"port": 1}]}]),
        )

    def test_a_peer_that_means_one_by_its_name_sets_it_apart(self) -> None:
        named = {"namespaceSelector": labels(**{NAME_LABEL: "shop"})}
        assert not self.alike(ingress({"from": [named]}))
        both = [{"namespaceSelector": labels(**{NAME_LABEL: name})} for name in ("shop", "cafe")]
        assert not self.alike(ingress({"from": [{**both[0], "podSelector": labels(app="web")}, both[1]]}))
        assert self.alike(ingress({"from": both}))

    def test_a_label_that_some_peer_asks_for_sets_them_apart(self) -> None:
        asks = ingress({"from": [{"namespaceSelector": labels(tier="front")}]})
        expression = {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}
        for rule in (asks, ingress({"from": [{"namespaceSelector": expression}]})):
            assert not self.alike(rule, namespace("shop", tier="front"))
            assert self.alike(rule, namespace("shop", tier="front"), namespace("cafe", tier="front"))
            assert self.alike(rule, namespace("shop", colour="red"))

    def test_a_peer_of_pods_alone_asks_for_no_label_of_a_namespace(self) -> None:
        assert self.alike(
            ingress({"from": [{"podSelector": labels(app="web")}]}), namespace("shop", app="web")
        )

    def test_a_namespace_that_was_not_handed_over_has_the_label_of_its_name(self) -> None:
        asks = {"matchExpressions": [{"key": NAME_LABEL, "operator": "In", "values": ["shop"]}]}
        rule = ingress({"from": [{"namespaceSelector": asks}]})
        assert not self.alike(rule)
        assert judged(rule).allowed
        assert not judged(rule, source=Pod("cafe", {})).allowed
        judge = NetworkPolicies(Snapshot.of((rule,), ()))
        with_it = NetworkPolicies(Snapshot.of((rule, namespace("shop")), ()))
        assert judge.alike("shop") == with_it.alike("shop")


@cache
def dev() -> NetworkPolicies:
    manifests = [item.manifest for item in render(plan_of(dev_config()))]
    return NetworkPolicies(Snapshot.of(manifests, (SUBNET, CLUSTER)))


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
def test_the_tutorials_teams(
    source: Pod, to: Pod | Outside, port: int, transport: str, allowed: bool
) -> None:
    verdict = dev().judge(Connection(source, to, port, Protocol.TCP, transport))
    assert verdict.allowed is allowed, verdict
    assert verdict.understood


def test_a_public_range_that_the_network_uses_for_itself_hides_what_is_there_outside() -> None:
    own = Resource(SUBNET.type, "subnet", {"ipCidrRange": "20.0.0.0/20"})
    rule = egress(to(block("0.0.0.0/0", "20.0.0.0/20")))
    judge = NetworkPolicies(Snapshot.of((rule,), (own,)))
    assert judge.judge(Connection(SHOP, ANY_SITE, 443, Protocol.TLS), must_pass=True).allowed
