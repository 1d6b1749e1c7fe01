"""What tests ask of VPC firewalls: a small network, its rules and policies, and how a verdict reads."""

from __future__ import annotations

from typing import Any

from egress.common.objects import Resource
from egress.judge.layers.firewall import Firewall
from egress.judge.model.flow import Connection, Node, Outside, Pod, Protocol, Verdict
from egress.judge.model.snapshot import Snapshot

SUBNET = Resource(
    "gcp:compute/subnetwork:Subnetwork",
    "subnet",
    {
        "ipCidrRange": "10.0.0.0/24",
        "network": "projects/p/global/networks/ours",
        "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "10.1.0.0/16"}],
    },
)
CLUSTER = Resource(
    "gcp:container/cluster:Cluster", "one", {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}}
)
APP, GATE = "app@p.iam", "gate@p.iam"
ANY_SITE = Outside("example.com", None)
TCP_443 = [{"protocol": "tcp", "ports": ["443"]}]
ALL = [{"protocol": "all"}]


def rule(name: str = "rule", **properties: Any) -> Resource:
    return Resource(
        "gcp:compute/firewall:Firewall", name, {"name": name, "direction": "EGRESS", **properties}
    )


DENY_ALL = rule("deny-all", denies=ALL, destinationRanges=["0.0.0.0/0"], priority=65535)


def judged(*rules: Resource, to: Pod | Outside = ANY_SITE, port: int = 443, **how: Any) -> Verdict:
    others = how.pop("others", (SUBNET, CLUSTER))
    must_pass = how.pop("must_pass", False)
    source = how.pop("source", Node(APP))
    connection = Connection(source, to, port, Protocol.TCP, **how)
    return Firewall(Snapshot.of((), (*rules, *others))).judge(connection, must_pass=must_pass)


def policy(*rules: dict[str, Any]) -> Resource:
    kind = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
    return Resource(kind, "policy", {"name": "policy", "rules": list(rules)})


def of_policy(action: str, protocol: str = "all", **properties: Any) -> dict[str, Any]:
    match = {"destIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": protocol}]}
    return {
        "ruleName": action,
        "direction": "EGRESS",
        "action": action,
        "priority": 1000,
        "match": match,
        **properties,
    }


def of_google(**properties: Any) -> Resource:
    """A rule without the direction that `rule` says."""
    return Resource("gcp:compute/firewall:Firewall", "of-google", properties)


def says(verdict: Verdict) -> tuple[bool, bool, str, str]:
    return verdict.allowed, verdict.understood, verdict.decided_by, verdict.field
