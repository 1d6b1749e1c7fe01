"""Rules on Services and their endpoints: a name in the cluster stands for pods of the cluster, and nothing
else."""

from __future__ import annotations

from egress.layers.admission.policy import Check, Policy, Resources
from egress.plan.model import Plan
from egress.settings.fences import Rule

RESOURCES = (
    Resources("", ("services", "endpoints")),
    Resources("discovery.k8s.io", ("endpointslices",)),
)


def policy(plan: Plan) -> Policy:
    return Policy("egress-team-services", RESOURCES, _checks(plan.addresses.pods))


def _checks(pods: str) -> tuple[Check, ...]:
    inside = f"isIP(a) && cidr('{pods}').containsIP(a)"
    addresses = "(s.?addresses.orValue([]) + s.?notReadyAddresses.orValue([])).map(a, a.ip)"
    return (
        Check(
            Rule.SERVICE_TYPES,
            "A Service of a team is of type ClusterIP: ExternalName is an alias for an outside host, "
            "NodePort and LoadBalancer "
            "open it on nodes and outside.",
            "request.kind.kind != 'Service' || object.spec.?type.orValue('ClusterIP') == 'ClusterIP'",
        ),
        Check(
            Rule.EXTERNAL_IPS,
            "externalIPs draws every pod's traffic to these addresses to this Service.",
            "request.kind.kind != 'Service' || size(object.spec.?externalIPs.orValue([])) == 0",
        ),
        Check(
            Rule.OUTSIDE_ENDPOINTS,
            f"Endpoints are pods' addresses ({pods}): another one would be an outside host under a name of "
            "the cluster, or a "
            "node.",
            "request.kind.kind == 'Service' ? true"
            f" : request.kind.kind == 'Endpoints' ? object.?subsets.orValue([]).all(s, {addresses}.all(a, "
            f"{inside}))"
            " : object.addressType == 'IPv4' && (object.?endpoints.orValue(null) == null"
            f" || object.endpoints.all(e, e.addresses.all(a, {inside})))",
        ),
    )
