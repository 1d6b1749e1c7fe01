"""The mesh's own defaults: mutual TLS everywhere, every request logged, nothing reachable that is not
registered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from egress.common import names
from egress.common.objects import ISTIO_SECURITY, ISTIO_TELEMETRY, Object, Owner, manifest
from egress.layers.mesh import access_log, host_traffic
from egress.plan.model import Plan
from egress.settings.fences import Fence


def render(plan: Plan) -> Iterator[Object]:
    """STRICT mutual TLS and access logs for the whole mesh; with the managed flavor also the mesh
    configuration."""
    owner = Owner.mesh()
    yield Object(
        owner,
        manifest(
            ISTIO_SECURITY,
            "PeerAuthentication",
            "default",
            names.MESH_NAMESPACE,
            spec={"mtls": {"mode": "STRICT"}},
        ),
    )
    yield Object(
        owner,
        manifest(
            ISTIO_TELEMETRY,
            "Telemetry",
            "mesh-default",
            names.MESH_NAMESPACE,
            spec={"accessLogging": [{"providers": [{"name": name} for name in access_log.providers(plan)]}]},
        ),
    )
    for name in () if plan.in_cluster_mesh else names.MANAGED_MESH_CONFIGS:
        yield Object(
            owner,
            # JSON is YAML, which is what the control plane reads here.
            manifest(
                "v1", "ConfigMap", name, names.MESH_NAMESPACE, data={"mesh": json.dumps(mesh_config(plan))}
            ),
            # Google makes that of the channel when it provisions the control plane, before or after us.
            made_by_gke=True,
        )


def mesh_config(plan: Plan) -> dict[str, Any]:
    """MeshConfig. Paths are normalised as an upstream may read them, before any rule compares them."""
    return {
        **access_log.mesh_config(plan),
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        # For TLS that proxies open to the outside; the mesh's own is not concerned.
        "tlsDefaults": {"minProtocolVersion": plan.settings.mesh.min_tls_version.istio_name},
        # Nobody tells a proxy that the network on the way has forgotten a connection.
        "tcpKeepalive": host_traffic.tcp_keepalive(plan.settings.mesh.keepalive),
        "pathNormalization": {"normalization": "DECODE_AND_MERGE_SLASHES"},
        "defaultConfig": {
            "holdApplicationUntilProxyStarts": True,
            # Nobody needs what a proxy finds out about the cloud below it, and where the metadata server is
            # shut its search for one only lets the pod start later.
            **({"proxyMetadata": {"CLOUD_PLATFORM": "none"}} if plan.in_cluster_mesh else {}),
            # Headers that proxies add after the gateway's route has removed the others.
            "proxyHeaders": {
                "attemptCount": {"disabled": True},
                "envoyDebugHeaders": {"disabled": True},
                "server": {"disabled": True},
            },
        },
        **_openness(plan),
    }


def _openness(plan: Plan) -> dict[str, Any]:
    """Which namespaces see which objects. By default Istio exports every object to every namespace."""
    fences = plan.settings.fences
    if not plan.in_cluster_mesh:
        return {}
    closed: dict[str, Any] = {}
    if fences.up(Fence.MESH_EXPORTS):
        closed["defaultServiceExportTo"] = [".", *_callers(plan)]
        closed["defaultVirtualServiceExportTo"] = ["."]
        closed["defaultDestinationRuleExportTo"] = ["."]
    if fences.up(Fence.MESH_DISCOVERY):
        own = [names.MESH_NAMESPACE, *(gateway.namespace for gateway in plan.gateways)]
        named = [*own, *([names.INGRESS_NAMESPACE] if plan.receptions else [])]
        closed["discoverySelectors"] = [
            {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": named}]},
            # The label is the platform's, by admission; a new team changes nothing here.
            {"matchExpressions": [{"key": names.TEAM_LABEL, "operator": "Exists"}]},
        ]
    return closed


def _callers(plan: Plan) -> list[str]:
    """Namespaces that call Services of other teams: those that reach any, and the ingress gateway's. Which of
    them a caller knows is its own Sidecar's to say; the Services carry no word of this program."""
    reaching = [team.name for team in plan.teams if team.settings.reaches]
    return [*reaching, *([names.INGRESS_NAMESPACE] if plan.receptions else [])]


def base_values() -> dict[str, Any]:
    """Helm values of the chart `base`: the CRDs, and validation of Istio's objects by the default
    revision."""
    return {"defaultRevision": "default"}


def redirected_by_node(plan: Plan) -> bool:
    """Whether the node redirects a pod's traffic to its sidecar (istio-cni); else an init container with
    NET_ADMIN does."""
    return plan.in_cluster_mesh and plan.settings.fences.up(Fence.POD_SECURITY)


PLATFORM = "gke"
"""What Istio's charts call where they run."""


def cni_values(plan: Plan) -> dict[str, Any]:
    """Helm values of the chart `cni`."""
    return {
        # On this platform the chart itself finds where GKE's container runtime looks for plugins.
        "global": {**_images(plan), "platform": PLATFORM},
        # The platform's other setting: a quota of 5,000 critical pods. kube-system has one of GKE's own, and
        # this one would count GKE's pods as well, which in large clusters are more.
        "resourceQuotas": {"enabled": False},
        # Since Kubernetes 1.30 a field of the pod says it, and a later one no longer reads the annotation.
        "useAppArmorAnnotation": False,
        "ambient": {"enabled": False},
    }


def _images(plan: Plan) -> dict[str, Any]:
    return {"hub": plan.mesh_hub, "tag": plan.settings.mesh.chart.version}


def istiod_values(plan: Plan) -> dict[str, Any]:
    """Helm values of the chart `istiod`."""
    return {
        # Injected containers say for themselves what Pod Security asks of every container.
        "global": {**_images(plan), "proxy": {"seccompProfile": {"type": "RuntimeDefault"}}},
        "meshConfig": mesh_config(plan),
        "pilot": {
            "autoscaleMin": 2,
            "env": istiod_environment(plan),
            "cni": {"enabled": redirected_by_node(plan)},
        },
    }


def istiod_environment(plan: Plan) -> dict[str, str]:
    """What istiod is told by environment variables, because MeshConfig has no word for it."""
    # A Gateway of any namespace could otherwise open a port at the gateways and send it where it likes.
    return {"PILOT_SCOPE_GATEWAY_TO_NAMESPACE": "true"} if plan.settings.fences.up(Fence.MESH_EXPORTS) else {}
