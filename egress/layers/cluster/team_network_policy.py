"""NetworkPolicy: what a team's pods may connect to, whatever runs in them - enforced by the node, not by the
pod.

Source: Kubernetes, NetworkPolicy (networking.k8s.io/v1); GKE, "Network policy requirements" for the metadata
server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from egress.common import names
from egress.common.ip_space import ANYWHERE
from egress.common.objects import Object, Owner, manifest
from egress.common.ports import HTTPS_PORT, PROXY_PORTS, TARGET_PORTS
from egress.layers.cluster.gateway_workload import INGRESS_LABELS
from egress.plan.model import Plan
from egress.plan.team import TeamPlan

XDS_PORT = 15012
"""istiod's port for configuration and certificates, inside TLS."""
DNS_PORT = 53


def render(plan: Plan) -> Iterator[Object]:
    """One NetworkPolicy per team, for all its pods and both directions: what is not listed is refused."""
    for team in plan.teams:
        yield Object(
            Owner.team(team.name),
            manifest(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                "team-boundary",
                team.name,
                annotations=team.opened,
                spec={
                    "podSelector": {},
                    "policyTypes": ["Ingress", "Egress"],
                    "ingress": list(_ingress(team)),
                    "egress": list(_egress(plan, team)),
                },
            ),
        )


def _ingress(team: TeamPlan) -> Iterator[dict[str, Any]]:
    yield {"from": [_same_namespace()]}
    if team.reached_by:
        yield {"from": [namespace(other) for other in team.reached_by], "ports": _applications()}
    if team.receptions:
        ports = [port("TCP", number) for number in team.received_ports]
        yield {"from": [pods(names.INGRESS_NAMESPACE, INGRESS_LABELS)], "ports": ports}


def _egress(plan: Plan, team: TeamPlan) -> Iterator[dict[str, Any]]:
    if plan.in_cluster_mesh:
        yield control_plane()
    if team.gateway_ways:
        ports = [port("TCP", number) for number in TARGET_PORTS.values()]
        yield {"to": [pods(team.gateway.namespace, team.gateway.labels)], "ports": ports}
    yield dns()
    if team.uses_google_apis or not plan.in_cluster_mesh:
        # With managed Cloud Service Mesh the control plane and its certificate authority are Google APIs as
        # well.
        yield from google_apis(plan)
    if leaves_on := plan.leaves_on(team):
        # Past the gateway. A NetworkPolicy cannot match host names: it limits ports and keeps to the
        # internet.
        yield {
            "to": [block(ANYWHERE, plan.addresses.not_outside)],
            "ports": [port("TCP", number) for number in leaves_on],
        }
    yield {"to": [_same_namespace()]}
    if team.settings.reaches:
        yield {"to": [namespace(other) for other in sorted(team.settings.reaches)], "ports": _applications()}


def _applications() -> list[dict[str, Any]]:
    """Every port but those of the proxies: some of those answer in plain text, without asking who is
    there."""
    first, last = min(PROXY_PORTS), max(PROXY_PORTS)
    return [
        {**port("TCP", 1), "endPort": first - 1},
        {**port("TCP", last + 1), "endPort": 65535},
        {**port("UDP", 1), "endPort": 65535},
    ]


def control_plane() -> dict[str, Any]:
    """A rule that lets a proxy speak to istiod."""
    return {"to": [pods(names.MESH_NAMESPACE, names.ISTIOD_LABELS)], "ports": [port("TCP", XDS_PORT)]}


def google_apis(plan: Plan) -> Iterator[dict[str, Any]]:
    """Rules that let a pod call Google APIs as itself."""
    yield {"to": [block(plan.addresses.google_apis.range)], "ports": [port("TCP", HTTPS_PORT)]}
    # Dataplane V2 sees the metadata server's own address; nodes without it would need 169.254.169.252, port
    # 988.
    yield {"to": [block(plan.addresses.metadata_server)], "ports": [port("TCP", 80)]}


def dns() -> dict[str, Any]:
    """A rule that lets a pod ask the cluster's DNS."""
    return {
        # GKE's clusters answer from a cache on each node first.
        "to": [pods("kube-system", {"k8s-app": name}) for name in ("kube-dns", "node-local-dns")],
        "ports": [port("UDP", DNS_PORT), port("TCP", DNS_PORT)],
    }


def _same_namespace() -> dict[str, Any]:
    return {"podSelector": {}}


def namespace(name: str) -> dict[str, Any]:
    # The API server sets this label on every namespace and refuses any other value, so nobody can forge it.
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def pods(within: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {**namespace(within), "podSelector": {"matchLabels": dict(labels)}}


def block(cidr: str, but: Sequence[str] = ()) -> dict[str, Any]:
    """A range of addresses without the ranges `but`, which must lie within it."""
    return {"ipBlock": {"cidr": cidr, **({"except": list(but)} if but else {})}}


def port(protocol: str, number: int) -> dict[str, Any]:
    return {"protocol": protocol, "port": number}
