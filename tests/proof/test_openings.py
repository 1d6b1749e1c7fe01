"""What somebody opens in one object, or by one more, is a violation, and a gain in the difference."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from egress.answers.diff import difference
from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.proof.verify import verify
from tests.proof.test_one_list import deployed
from tests.support import config_with, dev_config, plan_of


def changed(of: Snapshot, name: str, change: Callable[[dict[str, Any]], object]) -> Snapshot:
    manifests = [deepcopy(dict(item)) for item in of.kubernetes]
    (found,) = [item for item in manifests if identity(item) == name]
    change(found)
    return Snapshot.of(manifests, of.google)


def to(cidr: str, port: int) -> dict[str, Any]:
    return {"to": [{"ipBlock": {"cidr": cidr}}], "ports": [{"protocol": "TCP", "port": port}]}


GATEWAY = "istio-egress/networkpolicy/gateway-boundary"
OBJECTS: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
    "a team's pods that take connections from anybody": (
        "team-y/networkpolicy/team-boundary",
        lambda item: item["spec"].update(ingress=[{}]),
        "NetworkPolicy no longer refuses pods of no team and the internet: pods of team-y (every port)",
    ),
    "a gateway that reaches the metadata server": (
        GATEWAY,
        lambda item: item["spec"]["egress"].append(to("169.254.169.254/32", 80)),
        "NetworkPolicy no longer refuses the gateway in istio-egress: the metadata server (TCP 80)",
    ),
    "a gateway that reaches private networks": (
        GATEWAY,
        lambda item: item["spec"]["egress"].append(to("10.0.0.0/8", 443)),
        "NetworkPolicy no longer refuses the gateway in istio-egress: 10.",
    ),
    "a gateway's namespace without Pod Security": (
        "namespace/istio-egress",
        lambda item: item["metadata"]["labels"].pop("pod-security.kubernetes.io/enforce"),
        "Pod Security of istio-egress is now privileged instead of restricted",
    ),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_the_difference_names_what_the_proof_would_refuse(name: str) -> None:
    plan = plan_of(dev_config())
    old = deployed(plan)
    new = changed(old, *OBJECTS[name][:2])
    assert verify(Intent(plan), Judges(new)).violations
    found = difference(old, new)
    gains = [change.text for change in found.changes if change.widening]
    assert any(text.startswith(OBJECTS[name][2]) for text in gains), gains
    assert found.widens
    back = difference(new, old)
    assert {fact.mirrored for change in back.changes for fact in change.facts} == {
        fact for change in found.changes for fact in change.facts
    }


def test_a_gateway_that_takes_callers_without_mutual_tls_is_named() -> None:
    plan = plan_of(dev_config())
    old = deployed(plan)
    disabled = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "none", "namespace": "istio-egress"},
        "spec": {"mtls": {"mode": "DISABLE"}},
    }
    new = Snapshot.of([*old.kubernetes, disabled], old.google)
    found = difference(old, new)
    assert any("Mutual TLS of istio-egress" in change.text and change.widening for change in found.changes)
    assert verify(Intent(plan), Judges(new)).violations


def policy(namespace: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "added", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": [kind.capitalize() for kind in spec], **spec},
    }


def named(namespace: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def block(cidr: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr}}


ADDED: dict[str, dict[str, Any]] = {
    "a gateway to another private network": policy(
        "istio-egress", egress=[{"to": [block("192.168.0.0/16")]}]
    ),
    "a gateway to one private range more, on every port": policy(
        "istio-egress", egress=[{"to": [block("10.200.0.0/16")]}]
    ),
    "a gateway to the nodes": policy("istio-egress", egress=[{"to": [block("10.0.0.0/24")]}]),
    "a gateway to the control plane": policy("istio-egress", egress=[{"to": [block("10.5.0.0/28")]}]),
    "a gateway to everything in kube-system": policy("istio-egress", egress=[{"to": [named("kube-system")]}]),
    "a team to another of Google's addresses": policy(
        "team-y", egress=[{"to": [block("199.36.153.9/32")], "ports": [{"protocol": "TCP", "port": 443}]}]
    ),
    "a team to the control plane": policy("team-x", egress=[{"to": [block("10.5.0.0/28")]}]),
    "a team to every node": policy("team-x", egress=[{"to": [block("10.0.0.0/24")]}]),
    "a team to a namespace of nobody's": policy("team-x", egress=[{"to": [named("gmp-system")]}]),
    "a team to one port of kube-system": policy(
        "team-x", egress=[{"to": [named("kube-system")], "ports": [{"protocol": "TCP", "port": 9153}]}]
    ),
    "a namespace of nobody's to a team": policy("team-x", ingress=[{"from": [named("foo")]}]),
    "every namespace to one port of a team": policy(
        "team-x",
        ingress=[{"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": 9999}]}],
    ),
    "namespaces of a label to a team": policy(
        "team-x",
        ingress=[
            {"from": [{"namespaceSelector": {"matchExpressions": [{"key": "stage", "operator": "Exists"}]}}]}
        ],
    ),
    "a namespace of nobody's to a gateway": policy("istio-egress", ingress=[{"from": [named("foo")]}]),
    "everybody to one port of a gateway": policy(
        "istio-egress", ingress=[{"ports": [{"protocol": "TCP", "port": 8085}]}]
    ),
    "a namespace of nobody's to istiod": policy("istio-system", ingress=[{"from": [named("foo")]}]),
    "everybody to one port of istiod": policy(
        "istio-system", ingress=[{"ports": [{"protocol": "TCP", "port": 9876}]}]
    ),
    "a team to a private network": policy("team-y", egress=[{"to": [block("192.168.0.0/16")]}]),
    "a team to one address, by UDP": policy(
        "team-x", egress=[{"to": [block("8.8.8.8/32")], "ports": [{"protocol": "UDP", "port": 53}]}]
    ),
    "a team to anywhere, by UDP": policy("team-x", egress=[{"ports": [{"protocol": "UDP", "port": 4000}]}]),
    "a team to anywhere, by SCTP": policy("team-x", egress=[{"ports": [{"protocol": "SCTP", "port": 4000}]}]),
    "a team to Google's other address set": policy(
        "team-y", egress=[{"to": [block("199.36.153.4/30")], "ports": [{"protocol": "TCP", "port": 443}]}]
    ),
    "istiod to anywhere": policy("istio-system", egress=[{"to": [block("0.0.0.0/0")]}]),
}


@pytest.mark.parametrize("what", ADDED)
def test_a_policy_that_somebody_adds_is_found(what: str) -> None:
    plan = plan_of(dev_config())
    old = deployed(plan)
    new = Snapshot.of([*old.kubernetes, ADDED[what]], old.google)
    assert verify(Intent(plan), Judges(new)).violations
    assert any(change.widening for change in difference(old, new).changes)


@pytest.mark.parametrize("namespace", ["istio-egress", "istio-system"])
def test_other_pods_of_the_platforms_namespaces_reach_no_address(namespace: str) -> None:
    """A pod there that is neither istiod nor a gateway was asked about as a target alone, and could leave
    unseen."""
    plan = plan_of(dev_config())
    old = deployed(plan)

    def opened(item: dict[str, Any]) -> None:
        item["spec"]["policyTypes"] = ["Ingress"]
        item["spec"].pop("egress", None)

    new = changed(old, f"{namespace}/networkpolicy/nothing", opened)
    said = [
        violation
        for violation in verify(Intent(plan), Judges(new)).violations
        if "must not be possible" in violation.says
    ]
    assert any(
        violation.says.startswith(f"Other pods of {namespace} reaching the internet") for violation in said
    )
    assert any(change.widening for change in difference(old, new).changes)


def test_a_private_range_that_is_no_longer_excepted_is_found() -> None:
    plan = plan_of(dev_config())
    old = deployed(plan)
    policies = {identity(item): item for item in old.kubernetes}
    excepted = next(
        peer["ipBlock"]["except"]
        for rule in policies[GATEWAY]["spec"]["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
    )
    for cidr in excepted:

        def opened(item: dict[str, Any], cidr: str = cidr) -> None:
            for rule in item["spec"]["egress"]:
                for peer in rule["to"]:
                    if cidr in peer.get("ipBlock", {}).get("except", ()):
                        peer["ipBlock"]["except"].remove(cidr)

        assert verify(Intent(plan), Judges(changed(old, GATEWAY, opened))).violations, cidr


def test_a_team_that_another_one_lets_in_on_one_port_is_found() -> None:
    """Both ends' policies open it, and neither says so in `reaches`."""
    plan = plan_of(config_with("teams/team-z", {"egress": {"other.example": {"https": "passthrough"}}}))
    old = deployed(plan)
    port = [{"protocol": "TCP", "port": 9999}]
    for source, target in (
        ("team-y", "team-x"),
        ("team-z", "team-y"),
        ("istio-egress", "team-y"),
        ("istio-egress", "team-z"),
    ):
        out = policy(source, egress=[{"to": [named(target)], "ports": port}])
        into = policy(target, ingress=[{"from": [named(source)], "ports": port}])
        new = Snapshot.of([*old.kubernetes, out, into], old.google)
        assert verify(Intent(plan), Judges(new)).violations, (source, target)
        assert any(change.widening for change in difference(old, new).changes), (source, target)


GOOGLE: dict[str, tuple[str, dict[str, Any]]] = {
    "a port that nothing else names": (
        "gcp:compute/firewall:Firewall",
        {
            "direction": "EGRESS",
            "priority": 1,
            "destinationRanges": ["0.0.0.0/0"],
            "allows": [{"protocol": "tcp", "ports": ["8888"]}],
        },
    ),
    "a protocol without ports": (
        "gcp:compute/firewall:Firewall",
        {
            "direction": "EGRESS",
            "priority": 1,
            "destinationRanges": ["0.0.0.0/0"],
            "allows": [{"protocol": "esp"}],
        },
    ),
    "one address, by UDP": (
        "gcp:compute/firewall:Firewall",
        {
            "direction": "EGRESS",
            "priority": 1,
            "destinationRanges": ["8.8.8.8/32"],
            "allows": [{"protocol": "udp", "ports": ["53"]}],
        },
    ),
    "a private network": (
        "gcp:compute/firewall:Firewall",
        {
            "direction": "EGRESS",
            "priority": 1,
            "destinationRanges": ["192.168.0.0/16"],
            "allows": [{"protocol": "all"}],
        },
    ),
    "names that another network answers": (
        "gcp:dns/managedZone:ManagedZone",
        {
            "dnsName": "exfil.test.",
            "visibility": "private",
            "peeringConfig": {"targetNetwork": {"networkUrl": "other"}},
        },
    ),
    "names that another server answers": (
        "gcp:dns/managedZone:ManagedZone",
        {
            "dnsName": "com.",
            "visibility": "private",
            "forwardingConfig": {"targetNameServers": [{"ipv4Address": "8.8.8.8"}]},
        },
    ),
}


@pytest.mark.parametrize("what", GOOGLE)
def test_a_resource_of_googles_that_somebody_adds_is_found(what: str) -> None:
    plan = plan_of(dev_config())
    old = deployed(plan)
    kind, properties = GOOGLE[what]
    network = next(item.properties["network"] for item in old.google if "firewall" in item.type)
    seen: dict[str, Any] = (
        {"network": network}
        if "Firewall" in kind
        else {"privateVisibilityConfig": {"networks": [{"networkUrl": network}]}}
    )
    added = Resource(kind, "added", {"name": "added", **seen, **properties})
    new = Snapshot.of(old.kubernetes, [*old.google, added])
    assert verify(Intent(plan), Judges(new)).violations
    assert difference(old, new).widens
