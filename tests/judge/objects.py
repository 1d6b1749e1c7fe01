"""Small objects written by hand, as somebody else's cluster may hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from egress.common.names import TEAM_LABEL
from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot

_APIS = {
    **dict.fromkeys(("AuthorizationPolicy", "PeerAuthentication"), "security.istio.io/v1"),
    "Deployment": "apps/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "TrafficExtension": "extensions.istio.io/v1alpha1",
    **dict.fromkeys(("Namespace", "Service", "ConfigMap"), "v1"),
}


def written(
    kind: str,
    namespace: str | None,
    name: str = "somebodys",
    *,
    metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """An object of a kind; what a keyword would not take goes into `metadata`."""
    place = {"namespace": namespace} if namespace else {}
    return {
        "apiVersion": _APIS.get(kind, "networking.istio.io/v1"),
        "kind": kind,
        "metadata": {"name": name, **place, **(metadata or {})},
        "spec": spec,
    }


def namespace(name: str, **labels: str) -> dict[str, Any]:
    """A Namespace; a label's dots, slashes and dashes go into `metadata`."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def team(name: str, **labels: str) -> dict[str, Any]:
    """The Namespace of a team, as the platform labels it."""
    return namespace(name, **{TEAM_LABEL: name}, **labels)


def named(namespace: str) -> dict[str, Any]:
    """A NetworkPolicy's peer: every pod of a namespace."""
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def snapshot(*objects: Mapping[str, Any], google: tuple[Resource, ...] = ()) -> Snapshot:
    return Snapshot.of(objects, google)


def node_pool(name: str, account: str = "", *taints: Mapping[str, str], **config: Any) -> Resource:
    """A node pool whose nodes run as a Google service account."""
    nodes = {
        "serviceAccount": account or f"{name}@example.com",
        **({"taints": list(taints)} if taints else {}),
        **config,
    }
    return Resource("gcp:container/nodePool:NodePool", name, {"name": name, "nodeConfig": nodes})


def deployment(
    namespace: str, name: str, labels: Mapping[str, str], *, of: Mapping[str, Any] | None = None, **pods: Any
) -> Any:
    """A Deployment; keywords are its pods', `of` is its own spec's."""
    template = {"metadata": {"labels": dict(labels)}, "spec": {"containers": [{"name": "app"}], **pods}}
    return written("Deployment", namespace, name, template=template, **(of or {}))


TAINT = {"key": "dedicated", "value": "gateway", "effect": "NO_SCHEDULE"}
TOLERATES = {"key": "dedicated", "value": "gateway", "effect": "NoSchedule"}
IN_TEMPLATE = "spec.template.spec"
