"""Rules on what tells a proxy whom to obey, and on what makes somebody a proxy: names, roots, tokens.

A proxy finds its control plane by name, knows it by a root in a ConfigMap of the pod's own namespace, and
shows it a token made for that audience. Who leads the name elsewhere and puts another root there is the
proxy's control plane.

Sources: istio/istio 1.30, the injection template, pilot/cmd/pilot-agent and
security/pkg/server/ca/authenticate; Kubernetes, "Service Account Token Volume Projection", "DNS for Services
and Pods" and "Adding entries to Pod /etc/hosts with HostAliases".
"""

from __future__ import annotations

from egress.common import names
from egress.layers.admission.cel import literal, whole
from egress.layers.admission.injected import AUDIENCE, REVOKED, ROOT, control_plane_account
from egress.layers.admission.policy import ITSELF, PLATFORM, Check, Policy, Resources
from egress.plan.model import Plan
from egress.settings.fences import Rule

_PART = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
NAMES = (
    # The control plane by every form of its name, and whatever else is in its namespace; every Service by its
    # long names.
    rf"(.+[.])?{names.MESH_NAMESPACE}([.].+)?",
    rf"istiod([.]{_PART})?",
    r"(.+[.])?(svc|local|internal)",
    # Google's, behind which are the metadata server, its APIs and images.
    r"metadata([.]google)?",
    r"(.+[.])?(googleapis[.]com|google[.]com|gcr[.]io|pkg[.]dev|goog)",
)
"""Names, as patterns, that a pod does not lead anywhere by itself."""
_LEADS = f"h.matches({whole('|'.join(NAMES))})"

POD_CHECKS = (
    Check(
        Rule.CONTROL_PLANE_NAMES,
        "The proxy shares the pod's hosts file and resolver, and finds its control plane by name: no "
        "hostAliases, hostname or "
        "hostnameOverride of a name of the cluster or of Google, no nameservers or search paths of one's "
        "own.",
        "(variables.spec.?hostAliases.orValue([]).map(a, a.?hostnames.orValue([]))"
        " + [[variables.spec.?hostname.orValue(''), variables.spec.?hostnameOverride.orValue('')]])"
        f".all(some, some.all(h, !{_LEADS}))"
        " && variables.spec.?dnsPolicy.orValue('ClusterFirst') in ['ClusterFirst', 'ClusterFirstWithHostNet']"
        " && size(variables.spec.?dnsConfig.?nameservers.orValue([])) == 0"
        " && size(variables.spec.?dnsConfig.?searches.orValue([])) == 0",
    ),
)


def audiences(plan: Plan) -> list[str]:
    """For whom a token is made that the control plane takes for a proxy's."""
    # With Google's certificate authority the project's identity pool.
    return [AUDIENCE] if plan.in_cluster_mesh else [AUDIENCE, f"{plan.project}.svc.id.goog"]


def tokens(plan: Plan) -> Check:
    return Check(
        Rule.PROXY_TOKEN,
        f"A token for {' or '.join(audiences(plan))} is what a proxy gets its certificate with; injection "
        "mounts it in the "
        "proxy alone, as volume istio-token.",
        "variables.spec.?volumes.orValue([]).all(v, v.name == 'istio-token' || "
        "v.?projected.?sources.orValue([]).all(s,"
        f" !(s.?serviceAccountToken.?audience.orValue('') in {literal(audiences(plan))})))",
    )


_NODES = (
    "('system:nodes' in request.userInfo.?groups.orValue([]) && "
    "request.userInfo.username.startsWith('system:node:'))"
)

RESOURCES = (
    Resources("", ("configmaps",), ("CREATE", "UPDATE", "DELETE")),
    Resources("", ("serviceaccounts/token",), ("CREATE",)),
    Resources("", ("pods/status",), ("UPDATE",)),
)
_ROOT_NAMES = literal([ROOT, REVOKED])
CONDITIONS = {
    "not-any-configmap": (
        "request.resource.resource != 'configmaps'"
        f" || (request.operation == 'DELETE' ? oldObject : object).metadata.name in {_ROOT_NAMES}"
    ),
    "not-the-same-address": (
        "request.resource.resource != 'pods' || request.?subResource.orValue('') != 'status'"
        " || object.?status.?podIP != oldObject.?status.?podIP || object.?status.?podIPs != "
        "oldObject.?status.?podIPs"
        " || object.?status.?hostIP != oldObject.?status.?hostIP || object.?status.?hostIPs != "
        "oldObject.?status.?hostIPs"
    ),
    "not-the-platform": f"!{PLATFORM}",
}


def policy(plan: Plan) -> Policy:
    return Policy("egress-team-control-plane", RESOURCES, _checks(plan), CONDITIONS)


def _checks(plan: Plan) -> tuple[Check, ...]:
    wanted = literal(audiences(plan))
    maps = f"authorizer.group('').resource('configmaps').namespace('{names.MESH_NAMESPACE}')"
    writer = (
        f"request.userInfo.username == '{control_plane_account()}'"
        if plan.in_cluster_mesh
        # Google does not say as whom its control plane writes. Who may say what the mesh's configuration is
        # may do this too.
        else f"{maps}.check('update').allowed()"
    )
    return (
        Check(
            Rule.MESH_ROOT,
            f"By {ROOT} a proxy knows its control plane, and by {REVOKED} whom not to trust; nobody else "
            "writes them.",
            f"request.resource.resource != 'configmaps' || {writer}"
            # Deleting a namespace deletes what is in it.
            f" || (request.operation == 'DELETE' && {ITSELF})",
        ),
        Check(
            Rule.TOKEN_REQUESTS,
            f"A token for {' or '.join(audiences(plan))} is what a proxy gets its certificate with: nodes "
            "ask for it, for the "
            "proxies that they run.",
            "request.resource.resource != 'serviceaccounts'"
            f" || object.spec.?audiences.orValue([]).all(a, !(a in {wanted})) || {_NODES}",
        ),
        Check(
            Rule.POD_ADDRESSES,
            "A pod's address is its node's to say: another one would be any host under the name of the pod's "
            "Services.",
            f"request.?subResource.orValue('') != 'status' || {_NODES}",
        ),
    )
