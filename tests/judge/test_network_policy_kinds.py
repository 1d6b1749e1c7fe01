"""What NetworkPolicies let through, read from the objects: the kind's semantics one by one, and then the
tutorial's own. Who is meant by a peer is in test_network_policy_peers.py."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.common.ports import GATEWAY_HTTP, GATEWAY_TLS
from egress.judge.layers.network_policy import NetworkPolicies
from egress.judge.lookup.network_policy_objects import NAME_LABEL
from egress.judge.model.flow import Connection, Outside, Pod, Protocol
from egress.judge.model.snapshot import Snapshot
from egress.layers.render import render
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
from tests.support import dev_config, plan_of


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
        assert verdict.reason == "Not read here: the named port web."

    def test_what_is_understood_decides_before_what_is_not(self) -> None:
        assert judged(egress({"ports": [{"port": "web"}, {"port": 443}]})).field == "spec.egress[0].ports[1]"
        assert judged(egress({"ports": [{"port": "web"}]}), ingress()).understood


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
        return judge.alike.outward(one) == judge.alike.outward(other)

    @staticmethod
    def alike_inward(*objects: dict[str, Any]) -> bool:
        judge = NetworkPolicies(Snapshot.of(objects, ()))
        return judge.alike.inward("shop") == judge.alike.inward("cafe")

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

    def test_for_what_comes_in_it_is_one(self) -> None:
        one = policy(policyTypes=["Ingress"], ingress=[{}])
        assert not self.alike_inward(one)
        assert not self.alike_inward(one, policy("cafe", policyTypes=["Ingress"], ingress=[]))
        assert self.alike_inward(one, policy("cafe", policyTypes=["Ingress"], ingress=[{}]))

    def test_for_what_comes_in_it_counts_whom_others_open_connections_to(self) -> None:
        """By name, by a label, and from a namespace of its own."""
        for place in ("shop", "elsewhere"):
            named = {"namespaceSelector": labels(**{NAME_LABEL: "shop"})}
            assert not self.alike_inward(policy(place, policyTypes=["Egress"], egress=[{"to": [named]}]))
        front = policy(
            "elsewhere",
            policyTypes=["Egress"],
            egress=[{"to": [{"namespaceSelector": labels(tier="front")}]}],
        )
        assert not self.alike_inward(front, namespace("shop", tier="front"))
        assert self.alike_inward(front, namespace("shop", tier="front"), namespace("cafe", tier="front"))

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
        assert judge.alike.outward("shop") == with_it.alike.outward("shop")


@cache
def dev() -> NetworkPolicies:
    manifests = [item.manifest for item in render(plan_of(dev_config()))]
    return NetworkPolicies(Snapshot.of(manifests, (SUBNET, CLUSTER)))


TEAM_X = Pod("team-x", None)
GATEWAY = Pod("istio-egress", {"istio": "egressgateway", "app": "istio-egressgateway"})


@pytest.mark.parametrize(
    ("source", "to", "port", "transport", "allowed"),
    [
        (TEAM_X, GATEWAY, GATEWAY_HTTP, "TCP", True),
        (TEAM_X, GATEWAY, GATEWAY_TLS, "TCP", True),
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
