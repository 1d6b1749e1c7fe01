"""NetworkPolicy of the platform's own namespaces: nothing in or out but what gateways and control plane are
there for.

In each namespace one policy refuses everything to every pod, and one policy for each kind of pod that belongs
there says what that kind may. Kubelet's probes come from the pod's own node, which Kubernetes always lets
through, so no rule names them.

Source: Kubernetes, "Network Policies" (a node always reaches its own pods); Istio, "Application requirements"
(ports of istiod); GKE, "Konnectivity service" (how the control plane reaches webhooks).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from egress.common import names
from egress.common.google_cloud import WEBHOOK_PORT
from egress.common.ip_space import ANYWHERE
from egress.common.objects import Manifest, Object, Owner, manifest
from egress.common.ports import HTTPS_PORT, TARGET_PORTS
from egress.layers.cluster.gateway_workload import INGRESS_LABELS
from egress.layers.cluster.namespaces import INJECTED
from egress.layers.cluster.team_network_policy import (
    XDS_PORT,
    block,
    control_plane,
    dns,
    google_apis,
    namespace,
    pods,
    port,
)
from egress.plan.gateway import EgressGateway
from egress.plan.model import Plan
from egress.settings.fences import Fence
from egress.settings.ingress import Ingress

Rules = Iterable[dict[str, Any]]
KONNECTIVITY = {"k8s-app": "konnectivity-agent"}
"""GKE's agents, through which the control plane connects to pods."""


def render(plan: Plan) -> Iterator[Object]:
    """For the control plane and each egress gateway: a refusal of everything, and what is excepted from
    it."""
    fences = plan.settings.fences
    if fences.up(Fence.CONTROL_PLANE_NETWORK):
        yield Object(Owner.mesh(), _nothing(names.MESH_NAMESPACE))
        if plan.in_cluster_mesh:
            yield Object(Owner.mesh(), _istiod(plan))
    if not fences.up(Fence.GATEWAY_NETWORK):
        return
    for gateway in plan.gateways:
        owner = Owner.egress_gateway(gateway.name)
        yield Object(owner, _nothing(gateway.namespace))
        yield Object(owner, _egress_gateway(plan, gateway))


def around_ingress(plan: Plan, ingress: Ingress) -> Iterator[Object]:
    """The same for the ingress gateway, which comes with its namespace (egress/layers/ingress.py)."""
    if plan.settings.fences.up(Fence.GATEWAY_NETWORK):
        yield Object(Owner.ingress(), _nothing(names.INGRESS_NAMESPACE))
        yield Object(Owner.ingress(), _ingress_gateway(plan, ingress))


def _nothing(within: str) -> Manifest:
    spec: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return manifest("networking.k8s.io/v1", "NetworkPolicy", "nothing", within, spec=spec)


def _boundary(name: str, within: str, labels: Mapping[str, str], ingress: Rules, egress: Rules) -> Manifest:
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": dict(labels)},
        "policyTypes": ["Ingress", "Egress"],
    }
    opened = {"ingress": list(ingress), "egress": list(egress)}
    # A direction without rules is left out: the API server would store an empty list as nothing, and never be
    # in agreement.
    return manifest(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        within,
        spec={**spec, **{direction: rules for direction, rules in opened.items() if rules}},
    )


def _istiod(plan: Plan) -> Manifest:
    return _boundary(
        "control-plane-boundary",
        names.MESH_NAMESPACE,
        names.ISTIOD_LABELS,
        [
            # Wherever there are proxies. The label is the platform's, by admission; and no new team changes
            # this policy.
            {"from": [{"namespaceSelector": {"matchLabels": INJECTED}}], "ports": [port("TCP", XDS_PORT)]},
            # From the range itself, or out of an agent's tunnel: it depends on how GKE connects the control
            # plane.
            {
                "from": [block(plan.addresses.control_plane), pods("kube-system", KONNECTIVITY)],
                "ports": [port("TCP", WEBHOOK_PORT)],
            },
        ],
        # The API server's Service leads to the control plane's own address. Dataplane V2 asks policies about
        # that one; the Service's is named for a data plane that asks before.
        [
            {
                "to": [block(plan.addresses.control_plane), block(plan.addresses.api_server)],
                "ports": [port("TCP", HTTPS_PORT)],
            },
            dns(),
        ],
    )


def _egress_gateway(plan: Plan, gateway: EgressGateway) -> Manifest:
    teams = [namespace(team) for team in gateway.teams]
    ports = [port("TCP", number) for number in TARGET_PORTS.values()]
    return _boundary(
        "gateway-boundary",
        gateway.namespace,
        gateway.labels,
        # An empty list of peers would be everybody.
        [{"from": teams, "ports": ports}] if teams else [],
        [*_own_needs(plan), *_outside(plan, gateway)],
    )


def _outside(plan: Plan, gateway: EgressGateway) -> Iterator[dict[str, Any]]:
    """Anywhere outside on the ports that the gateway's hosts need; for raw TCP its addresses alone."""
    if gateway.ports:
        private = [block(str(network)) for _, network in sorted(plan.settings.fences.private_hosts.items())]
        yield {
            "to": [block(ANYWHERE, plan.addresses.not_outside), *private],
            "ports": [port("TCP", number) for number in gateway.ports],
        }
    for number, ranges in sorted(gateway.tcp_ranges.items()):
        # By name the addresses are whatever its owner says; they must not be ours.
        to = [block(address, plan.addresses.not_outside if address == ANYWHERE else ()) for address in ranges]
        yield {"to": to, "ports": [port("TCP", number)]}


def _ingress_gateway(plan: Plan, ingress: Ingress) -> Manifest:
    partners = sorted({str(network) for network in ingress.source_ranges.values()})
    listening = sorted({reception.wanted.pod_port for reception in plan.receptions})
    to_teams = [
        {"to": [namespace(team.name)], "ports": [port("TCP", number) for number in team.received_ports]}
        for team in plan.teams
        if team.receptions
    ]
    return _boundary(
        "ingress-boundary",
        names.INGRESS_NAMESPACE,
        INGRESS_LABELS,
        [
            {
                "from": [block(network) for network in partners],
                "ports": [port("TCP", number) for number in listening],
            }
        ],
        [*_own_needs(plan), *to_teams],
    )


def _own_needs(plan: Plan) -> Iterator[dict[str, Any]]:
    """What every gateway's proxy needs for itself."""
    if plan.in_cluster_mesh:
        yield control_plane()
    else:
        # With managed Cloud Service Mesh the control plane and its certificate authority are Google APIs.
        yield from google_apis(plan)
    yield dns()
