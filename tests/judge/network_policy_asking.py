"""What tests ask of NetworkPolicies: two teams, their policies, and how a verdict reads."""

from __future__ import annotations

from typing import Any

from egress.common.objects import Resource
from egress.judge.layers.network_policy import NetworkPolicies
from egress.judge.model.flow import Connection, Outside, Pod, Protocol, Verdict
from egress.judge.model.snapshot import Snapshot

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
