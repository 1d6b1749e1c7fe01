"""What every kind of Kubernetes object is to the judges: read by one of them, harmless for a reason that
stands here, or neither.

What is neither is not understood, whoever made the kind: nobody here can tell what it does to packets, names
or proxies. Kinds are told apart by their API's group as well, so a Gateway of the Gateway API is no Gateway
of Istio's.
Source: Kubernetes API reference; each project's own reference for its custom resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ISTIO = ".istio.io"
"""How the groups of everything end that istiod reads."""
_NETWORKING, _SECURITY, _EXTENSIONS = f"networking{ISTIO}", f"security{ISTIO}", f"extensions{ISTIO}"

READ: Mapping[str, str] = {
    **dict.fromkeys(("ConfigMap", "Namespace", "Pod", "ReplicationController", "Service"), ""),
    **dict.fromkeys(("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"), "apps"),
    **dict.fromkeys(("CronJob", "Job"), "batch"),
    **dict.fromkeys(
        ("MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
        "admissionregistration.k8s.io",
    ),
    "APIService": "apiregistration.k8s.io",
    "CustomResourceDefinition": "apiextensions.k8s.io",
    "EndpointSlice": "discovery.k8s.io",
    "NetworkPolicy": "networking.k8s.io",
    **dict.fromkeys(
        (
            "DestinationRule",
            "EnvoyFilter",
            "Gateway",
            "ProxyConfig",
            "ServiceEntry",
            "Sidecar",
            "VirtualService",
        ),
        _NETWORKING,
    ),
    **dict.fromkeys(("AuthorizationPolicy", "PeerAuthentication"), _SECURITY),
    "Telemetry": f"telemetry{ISTIO}",
    "TrafficExtension": _EXTENSIONS,
}
"""Kinds that some judge reads field by field, with their group."""

_LATER = "it makes objects that are read where they are"
_STORAGE = "it is about disks"
_FIGURES = "it is about what is measured and logged"
_MANY = "it says how many pods there are and which come first"
_REFUSES = "it can only refuse objects"
_RIGHTS = "it says who may write objects; rights are no part of what is proven (docs/proof.md)"
_STATE = "the cluster keeps its own state in it"
HARMLESS_GROUPS: Mapping[str, str] = {
    "rbac.authorization.k8s.io": _RIGHTS,
    "certificates.k8s.io": "it asks for a certificate for the API server, which no proxy takes",
    "policy": _MANY,
    **dict.fromkeys(
        (
            "autoscaling",
            "autoscaling.k8s.io",
            "autoscaling.gke.io",
            "autoscaling.x-k8s.io",
            "scheduling.k8s.io",
            "keda.sh",
        ),
        _MANY,
    ),
    **dict.fromkeys(
        (
            *(
                "storage.k8s.io",
                "snapshot.storage.k8s.io",
                "populator.storage.k8s.io",
                "storage.gke.io",
                "filestore.csi.storage.gke.io",
            ),
            *("velero.io", "gkebackup.gke.io"),
        ),
        _STORAGE,
    ),
    **dict.fromkeys(
        (
            *(
                "events.k8s.io",
                "metrics.k8s.io",
                "custom.metrics.k8s.io",
                "external.metrics.k8s.io",
                "monitoring.coreos.com",
            ),
            *("monitoring.googleapis.com", "opentelemetry.io", "grafana.integreatly.org"),
        ),
        _FIGURES,
    ),
    **dict.fromkeys(
        (
            *(
                "coordination.k8s.io",
                "flowcontrol.apiserver.k8s.io",
                "internal.apiserver.k8s.io",
                "migration.k8s.io",
            ),
            *("storagemigration.k8s.io", "nodemanagement.gke.io", "hub.gke.io", "node.k8s.io"),
        ),
        _STATE,
    ),
    **dict.fromkeys(
        ("authentication.k8s.io", "authorization.k8s.io"),
        "it is a question to the API server, and is not kept",
    ),
    **dict.fromkeys(
        ("cert-manager.io", "acme.cert-manager.io", "trust.cert-manager.io"), f"of certificates: {_LATER}"
    ),
    **dict.fromkeys(
        ("secrets-store.csi.x-k8s.io", "secret-sync.gke.io", "external-secrets.io", "bitnami.com"),
        f"of Secrets: {_LATER}",
    ),
    **dict.fromkeys(
        (
            "constraints.gatekeeper.sh",
            "templates.gatekeeper.sh",
            "config.gatekeeper.sh",
            "status.gatekeeper.sh",
        ),
        _REFUSES,
    ),
    **dict.fromkeys(
        ("auto.gke.io", "warden.gke.io"), "it says which pods Autopilot takes; what pods are is read"
    ),
}
"""API groups of which no kind matters to who reaches what, each with its reason."""
HARMLESS_KINDS: Mapping[tuple[str, str], str] = {
    **dict.fromkeys((("", "Secret"), ("", "ServiceAccount")), "rules that name it are read"),
    **dict.fromkeys((("", "PersistentVolume"), ("", "PersistentVolumeClaim")), _STORAGE),
    **dict.fromkeys((("", "LimitRange"), ("", "ResourceQuota")), _REFUSES),
    **dict.fromkeys(
        (("", "Event"), ("", "ComponentStatus"), ("", "Node"), ("apps", "ControllerRevision")), _STATE
    ),
    ("", "PodTemplate"): "no pod comes of it by itself",
    (
        "",
        "Endpoints",
    ): "a Service that has a selector has the addresses of its pods; one without is not understood",
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _REFUSES,
    ("networking.k8s.io", "IngressClass"): "it names who makes Ingresses true; an Ingress is not understood",
    **dict.fromkeys((("networking.k8s.io", "IPAddress"), ("networking.k8s.io", "ServiceCIDR")), _STATE),
    (
        "gateway.networking.k8s.io",
        "GatewayClass",
    ): "it names who makes such Gateways true; a Gateway of this API is not understood",
    (
        "gateway.networking.k8s.io",
        "ReferenceGrant",
    ): "it lets routes of this API name others' objects; the routes are not understood",
    **dict.fromkeys(
        (("resource.k8s.io", "DeviceClass"), ("resource.k8s.io", "ResourceSlice")),
        "devices that no pod has by it alone",
    ),
    **dict.fromkeys(
        (
            ("cilium.io", kind)
            for kind in (
                "CiliumNode",
                "CiliumEndpoint",
                "CiliumEndpointSlice",
                "CiliumIdentity",
                "CiliumNodeConfig",
            )
        ),
        _STATE,
    ),
    ("networking.gke.io", "NetworkLogging"): _FIGURES,
    **dict.fromkeys(
        (
            ("networking.gke.io", kind)
            for kind in ("FrontendConfig", "HealthCheckPolicy", "ManagedCertificate")
        ),
        "it says how a load balancer treats what comes in, and lets nobody in",
    ),
    (
        "cloud.google.com",
        "BackendConfig",
    ): "it says how a load balancer treats what comes in, and lets nobody in",
    ("networking.gke.io", "ServiceNetworkEndpointGroup"): _STATE,
}
"""Kinds by group that do not matter to who reaches what, each with its reason."""
WHAT: Mapping[str, str] = {
    "WasmPlugin": "a program of its own in the proxies",
    "WorkloadEntry": "an address that stands for a Service",
    "WorkloadGroup": "addresses that stand for a Service",
    "RequestAuthentication": "tokens that requests are judged by",
    **dict.fromkeys(("HTTPRoute", "TLSRoute", "TCPRoute", "UDPRoute", "GRPCRoute"), "routes of another API"),
    **dict.fromkeys(("CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig"), "another proxy's configuration"),
    **dict.fromkeys(
        ("CiliumLocalRedirectPolicy", "CiliumEgressGatewayPolicy", "GCPEgressPolicy"),
        "another way for packets",
    ),
    **dict.fromkeys(
        ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"),
        "a rule that changes objects as they are written",
    ),
    "Ingress": "a way in",
    "Binding": "a pod's place on a node, whatever keeps others off that node",
    **dict.fromkeys(
        (
            *(
                "AdminNetworkPolicy",
                "BaselineAdminNetworkPolicy",
                "ClusterNetworkPolicy",
                "FQDNNetworkPolicy",
            ),
            *("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"),
        ),
        "another kind of network policy",
    ),
    **dict.fromkeys(("ResourceClaim", "ResourceClaimTemplate"), "devices for pods, network cards among them"),
}
"""In words, what some kinds do that no judge reads."""


def group(manifest: Mapping[str, Any]) -> str | None:
    """The group of an object's API; None where it names no API at all."""
    version = manifest.get("apiVersion")
    return None if version is None else str(version).rpartition("/")[0]


def is_read(manifest: Mapping[str, Any]) -> bool:
    """Whether a judge reads objects of this kind."""
    of = READ.get(manifest["kind"])
    return of is not None and group(manifest) in (None, of)


def is_foreign(manifest: Mapping[str, Any]) -> bool:
    """Whether it is called like a kind that is read, and is another API's."""
    return manifest["kind"] in READ and not is_read(manifest)


def unknown(manifest: Mapping[str, Any]) -> str | None:
    """Why an object of a kind that no judge reads is not understood; None where it is harmless."""
    kind, of = manifest["kind"], group(manifest) or ""
    if of in HARMLESS_GROUPS or (of, kind) in HARMLESS_KINDS:
        return None
    if what := WHAT.get(kind):
        return f"A {kind} is {what}, and is not read here."
    return f"A {kind} of {of or 'the core API'} is nothing that is known here."
