"""Objects of any kind, and what is said of them that no judge reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from egress.common.objects import Resource
from egress.judge.layers.admission import Admission
from egress.judge.model.snapshot import identity
from egress.judge.pods import Present
from egress.judge.unread import unread
from tests.judge.objects import snapshot

APIS = {
    **dict.fromkeys(
        ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"), "security.istio.io/v1"
    ),
    **dict.fromkeys(("Service", "Namespace", "Pod", "Secret"), "v1"),
    **dict.fromkeys(("Deployment", "DaemonSet"), "apps/v1"),
    "NetworkPolicy": "networking.k8s.io/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "Telemetry": "telemetry.istio.io/v1",
    "TrafficExtension": "extensions.istio.io/v1alpha1",
    **dict.fromkeys(
        ("MutatingWebhookConfiguration", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"),
        "admissionregistration.k8s.io/v1",
    ),
    "APIService": "apiregistration.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "Tunnel": "things.example.com/v1",
}
Written = dict[str, Any]


def thing(
    kind: str, namespace: str | None = "shop", /, name: str = "it", labels: Any = None, **body: Any
) -> Written:
    metadata = {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        **({"labels": labels} if labels else {}),
    }
    return {
        "apiVersion": APIS.get(kind, "networking.istio.io/v1"),
        "kind": kind,
        "metadata": metadata,
        **body,
    }


def found(
    *objects: Mapping[str, Any], google: tuple[Resource, ...] = ()
) -> list[tuple[str, str | None, str]]:
    """Namespace, object and field of everything that is not understood."""
    deployed = snapshot(*objects, google=google)
    said = unread(deployed, Present(deployed, Admission(deployed)))
    assert all(said.values())
    assert all(not one.understood and one.allowed for of in said.values() for one in of)
    return [(namespace, one.decided_by, one.field) for namespace, of in said.items() for one in of]


def fields(it: Written, *others: Written) -> list[str]:
    return [field for _, by, field in found(it, *others) if by == identity(it)]


def service(namespace: str = "shop", /, name: str = "web", labels: Any = None, **spec: Any) -> Written:
    ports = [{"port": 443, "name": "tls"}]
    return thing(
        "Service", namespace, name, labels, spec={"selector": {"app": "web"}, "ports": ports, **spec}
    )


EDGE = thing(
    "Gateway",
    "gw",
    "edge",
    spec={
        "selector": {"istio": "gw"},
        "servers": [{"port": {"number": 443, "protocol": "TLS"}, "hosts": ["a.example"]}],
    },
)


def of_edge(**spec: Any) -> Written:
    return service("gw", "edge", selector={"istio": "gw", "app": "edge"}, **spec)
