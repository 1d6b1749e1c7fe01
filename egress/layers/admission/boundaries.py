"""Rules on what only the platform does, whatever rights somebody was given, in whatever namespace.

RBAC adds up: Kubernetes' own roles `edit` and `admin`, or IAM's roles/container.developer, hold rights on
NetworkPolicies and on the kinds of any API that chooses to aggregate into them. These rules take those rights
back. They do not stop at teams: an object of Istio in any namespace may export itself to the gateways', and
what lies beside a gateway decides what it does.
"""

from __future__ import annotations

from egress.common.names import MESH_NAMESPACE
from egress.common.system_namespaces import SYSTEM
from egress.layers.admission import proxy
from egress.layers.admission.policy import (
    ITSELF,
    NAMESPACE,
    PLATFORM,
    PLATFORM_NAMESPACES,
    Check,
    Policy,
    Resources,
)
from egress.settings.fences import Rule

PLATFORM_KINDS = {
    "networking.istio.io": "*",
    "security.istio.io": "*",
    "telemetry.istio.io": "*",
    "extensions.istio.io": "*",
    "gateway.networking.k8s.io": "*",
    "networking.gke.io": "*",
    "cilium.io": "*",
    "networking.k8s.io": "networkpolicies",
    "": "resourcequotas limitranges",
}
"""API group to its kinds that only the platform changes."""
_WRITTEN = ("CREATE", "UPDATE", "DELETE")
KINDS = tuple(Resources(group, kinds.split(), _WRITTEN) for group, kinds in PLATFORM_KINDS.items())
CONNECTED = (Resources("", ("pods/exec", "pods/attach"), ("CONNECT",)),)
EVERYTHING = (Resources("*", ("*/*",), (*_WRITTEN, "CONNECT"), "Namespaced"),)
"""Subresources as well: what scales, enters, evicts or impersonates is among them."""

CONDITIONS = {
    # Kubernetes' own controllers: deleting a namespace deletes what is in it.
    "not-kubernetes-itself": f"!{ITSELF}",
    "not-the-platform": f"!{PLATFORM}",
}

PLATFORMS = Check(
    Rule.PLATFORM_KINDS,
    "Istio's objects, Gateway API, NetworkPolicies and quotas are made from the platform's config: what a "
    "team may reach is "
    "written there, and an object in another namespace could say so too.",
    # Google's own namespaces have NetworkPolicies and quotas of their own, and nothing of Istio's.
    f"{NAMESPACE} in {list(SYSTEM)} && !request.resource.group.endsWith('.istio.io')",
)
EXEC = Check(
    Rule.PROXY_EXEC,
    "A process in the proxy's container is taken for the proxy, whose traffic nobody redirects.",
    f"!(object.?container.orValue('') in {proxy.NAMES})",
)
INSIDE = Check(
    Rule.PLATFORM_NAMESPACES,
    "Control plane and gateways are the platform's: what runs there leaves the cluster, or tells every proxy "
    "what it may do.",
    # istiod keeps its leases there and hands its certificate to every namespace that it reads. Whether a pod
    # may be moved off its node, and who may do what, changes neither.
    f"'system:serviceaccounts:{MESH_NAMESPACE}' in request.userInfo.?groups.orValue([])"
    " || request.?subResource.orValue('') == 'eviction' || request.resource.group == 'authorization.k8s.io'",
)


def kinds() -> Policy:
    """What only the platform writes, everywhere."""
    return Policy("egress-platform-kinds", KINDS, (PLATFORMS,), CONDITIONS, where=None)


def entering() -> Policy:
    """Who enters the proxies of a team."""
    return Policy("egress-team-boundaries", CONNECTED, (EXEC,), CONDITIONS)


def inside() -> Policy:
    """What is in the platform's own namespaces."""
    return Policy("egress-platform-namespaces", EVERYTHING, (INSIDE,), CONDITIONS, where=PLATFORM_NAMESPACES)
