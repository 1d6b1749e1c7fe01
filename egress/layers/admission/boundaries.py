"""Rules on what only the platform does in a team's namespace, whatever rights somebody was given there.

RBAC adds up: Kubernetes' own roles `edit` and `admin`, or IAM's roles/container.developer, hold rights on NetworkPolicies and
on the kinds of any API that chooses to aggregate into them. These rules take those rights back.
"""

from __future__ import annotations

from egress.layers.admission import proxy
from egress.layers.admission.policy import PLATFORM, Check, Policy, Resources
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
"""API group to its kinds in a team's namespace that only the platform changes."""

RESOURCES = (
    *(Resources(group, kinds.split(), ("CREATE", "UPDATE", "DELETE")) for group, kinds in PLATFORM_KINDS.items()),
    Resources("", ("pods/exec", "pods/attach"), ("CONNECT",)),
)

CONDITIONS = {
    # Kubernetes' own controllers: deleting a namespace deletes what is in it.
    "not-kubernetes-itself": (
        "!('system:serviceaccounts:kube-system' in request.userInfo.?groups.orValue([]))"
        " && request.userInfo.username != 'system:kube-controller-manager'"
    ),
    "not-the-platform": f"!{PLATFORM}",
}

CHECKS = (
    Check(
        Rule.PLATFORM_KINDS,
        "Istio's objects, Gateway API, NetworkPolicies and quotas in a team's namespace are made from the platform's config: "
        "what a team may reach is written there.",
        "request.operation == 'CONNECT'",
    ),
    Check(
        Rule.PROXY_EXEC,
        "A process in the proxy's container is taken for the proxy, whose traffic nobody redirects.",
        f"request.operation != 'CONNECT' || !(object.?container.orValue('') in {proxy.NAMES})",
    ),
)


def policy() -> Policy:
    return Policy("egress-team-boundaries", RESOURCES, CHECKS, CONDITIONS)
