"""Packet filters from policies and rules: the translation itself, without a network."""

from __future__ import annotations

from typing import Any

import pytest

from egress.layers.google.firewall import FirewallRule, Nodes
from tests.mesh.filters import Endpoint, Refusals, refusals, restore_text

APP = Endpoint("app", "team-a", "10.1.0.10", {"app": "test"}, Nodes.APPLICATION)
OTHER = Endpoint("other", "team-b", "10.1.0.11", {"app": "test"}, Nodes.APPLICATION)
GATEWAY = Endpoint("gateway", "istio-egress", "10.1.1.10", {"istio": "egressgateway"}, Nodes.GATEWAY)
PODS = [APP, OTHER, GATEWAY]
NAMESPACES = {"team-a": {"team": "a"}, "team-b": {}, "istio-egress": {}}
REFUSE = "-j REJECT --reject-with icmp-admin-prohibited"


def chain(
    name: str, policies: list[dict[str, Any]] | None = None, rules: list[FirewallRule] | None = None
) -> list[str]:
    """The rules of one chain, in order."""
    start = f"-A {name} "
    text = restore_text(PODS, policies or [], rules or [], NAMESPACES)
    return [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]


def policy(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "team-a"}, "spec": {"podSelector": {}, **spec}}


def to(*peers: dict[str, Any], port: int | None = None) -> dict[str, Any]:
    ports = {"ports": [{"protocol": "TCP", "port": port}]} if port else {}
    return policy(policyTypes=["Egress"], egress=[{"to": list(peers), **ports}])


def test_a_pod_that_no_policy_selects_may_do_everything() -> None:
    assert chain("egress-other", [to()]) == []


def test_a_policy_without_rules_refuses_everything() -> None:
    assert chain("egress-app", [policy(policyTypes=["Egress"])]) == [REFUSE]
    assert chain("ingress-app", [policy(policyTypes=["Egress"])]) == []


def test_a_policy_without_types_is_about_ingress() -> None:
    assert chain("ingress-app", [policy()]) == [REFUSE]
    assert chain("egress-app", [policy()]) == []


def test_namespace_and_pod_selector_in_one_peer_must_both_hold() -> None:
    name = {"kubernetes.io/metadata.name": "istio-egress"}
    both = {
        "namespaceSelector": {"matchLabels": name},
        "podSelector": {"matchLabels": {"istio": "egressgateway"}},
    }
    assert chain("egress-app", [to(both, port=8080)]) == [
        "-d 10.1.1.10/32 -p tcp --dport 8080 -j RETURN",
        REFUSE,
    ]
    neither = {"namespaceSelector": {"matchLabels": name}, "podSelector": {"matchLabels": {"app": "test"}}}
    assert chain("egress-app", [to(neither)]) == [REFUSE]


def test_a_pod_selector_alone_stays_in_its_namespace() -> None:
    assert chain("egress-app", [to({"podSelector": {}})]) == ["-d 10.1.0.10/32 -j RETURN", REFUSE]


def test_an_address_block_is_taken_as_it_is() -> None:
    assert chain("egress-app", [to({"ipBlock": {"cidr": "192.0.2.0/24"}})]) == [
        "-d 192.0.2.0/24 -j RETURN",
        REFUSE,
    ]


def test_what_is_excepted_from_a_block_is_left_out() -> None:
    block = {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.0/26", "192.0.2.128/26"]}}
    assert chain("egress-app", [to(block)]) == [
        "-d 192.0.2.64/26 -j RETURN",
        "-d 192.0.2.192/26 -j RETURN",
        REFUSE,
    ]
    assert chain("egress-app", [to({"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.0/24"]}})]) == [
        REFUSE
    ]


def test_what_is_not_translated_is_an_error_and_never_ignored() -> None:
    with pytest.raises(NotImplementedError):
        chain("egress-app", [to({"podSelector": {"matchExpressions": []}})])


def rule(name: str, **more: Any) -> FirewallRule:
    given: dict[str, Any] = {"egress": True, "ranges": ("0.0.0.0/0",), "protocol": "all", **more}
    return FirewallRule(name, "", **given)


def test_the_lower_priority_number_wins_and_deny_wins_over_allow() -> None:
    rules = [
        rule("deny", allow=False, priority=65535),
        rule("web", protocol="tcp", ports=(80, 443)),
        rule("no", allow=False),
    ]
    assert chain("vpc-app", rules=rules)[1:] == [
        f"-d 0.0.0.0/0 {REFUSE}",
        "-d 0.0.0.0/0 -p tcp -m multiport --dports 80,443 -j RETURN",
        f"-d 0.0.0.0/0 {REFUSE}",
    ]


def test_rules_are_for_the_nodes_that_they_name_and_ingress_is_not_egress() -> None:
    rules = [rule("web", targets=(Nodes.GATEWAY,)), rule("in", egress=False)]
    assert chain("vpc-gateway", rules=rules)[1:] == ["-d 0.0.0.0/0 -j RETURN"]
    assert chain("vpc-app", rules=rules)[1:] == []


def test_counters_tell_who_refused() -> None:
    saved = """*filter
[3:180] -A egress-app -j REJECT --reject-with icmp-admin-prohibited
[9:540] -A egress-app -d 10.1.1.10/32 -j RETURN
[2:120] -A vpc-app -d 0.0.0.0/0 -j REJECT --reject-with icmp-admin-prohibited
[1:60] -A vpc-app -j REJECT --reject-with icmp-admin-prohibited
COMMIT
"""
    assert refusals(saved, ["app", "other"]) == {"app": Refusals(3, 3, 0), "other": Refusals(0, 0, 0)}
