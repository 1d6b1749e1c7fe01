"""The gateways' nodes are the gateways': whatever namespace a pod is in, it does not run there.

Of all namespaces but Kubernetes' and Google's own, whose agents run on every node, and the gateways' own,
into which only the platform puts anything (platform_namespaces.py).

Source: Kubernetes, "Taints and Tolerations", "Assigning Pods to Nodes"; API reference, Binding (core/v1), by
which a scheduler puts a pod onto a node, past taints and selectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from egress.common import names
from egress.layers.admission import workloads
from egress.layers.admission.policy import ITSELF, NOT_OF_THE_SYSTEM, PLATFORM, Check, Policy, Resources
from egress.layers.cluster.gateway_workload import INGRESS_NODES, TAINT_KEY
from egress.plan.model import Plan
from egress.settings.fences import Rule

POOL_LABEL = "cloud.google.com/gke-nodepool"
WHERE: dict[str, Any] = {
    "matchExpressions": [
        NOT_OF_THE_SYSTEM,
        {
            "key": names.PLATFORM_LABEL,
            "operator": "NotIn",
            "values": [names.EGRESS_GATEWAY, names.INGRESS_GATEWAY],
        },
    ]
}
RESOURCES = (*workloads.RESOURCES, Resources("", ("bindings", "pods/binding"), ("CREATE",)))
VARIABLES = {
    **workloads.TEMPLATE,
    "nodeTerms": (
        "variables.spec.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution"
        ".?nodeSelectorTerms.orValue([])"
        " + "
        "variables.spec.?affinity.?nodeAffinity.?preferredDuringSchedulingIgnoredDuringExecution.orValue([])"
        ".map(p, p.preference)"
    ),
}


def _free_of(pools: Sequence[str]) -> str:
    """CEL: the pod asks for no node of these pools, and does not tolerate the taint that keeps it away. A
    taint's value is the kind of node, with which its pool's name begins: both are among `pools`."""
    every = " && ".join
    other_taint = every(f"t.?value.orValue('') != '{value}'" for value in pools)
    not_in, named = (
        every(f"!('{pool}' in e.values)" for pool in pools),
        every(f"'{pool}' in e.values" for pool in pools),
    )
    return every(
        (
            # A toleration without a key tolerates every taint.
            "variables.spec.?tolerations.orValue([]).all(t, t.?key.orValue('') != ''"
            f" && (t.key != '{TAINT_KEY}'"
            f" || (t.?operator.orValue('Equal') == 'Equal' && {other_taint})))",
            *(f"variables.spec.?nodeSelector[?'{POOL_LABEL}'].orValue('') != '{pool}'" for pool in pools),
            # A node's name goes past the scheduler, which is what heeds the taint. A pod that runs has one
            # from the scheduler.
            "(variables.isPod && request.operation != 'CREATE' || variables.spec.?nodeName.orValue('') == "
            "'')",
            "variables.nodeTerms.all(t, t.?matchExpressions.orValue([]).all(e,"
            f" e.key != '{POOL_LABEL}' || (e.operator == 'In' && {not_in})"
            f" || (e.operator == 'NotIn' && {named})))",
            # Nodes by name: the DaemonSet controller asks for each pod's node in this way, and heeds the
            # taint.
            "(variables.isPod && object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == "
            "'DaemonSet')"
            " || variables.nodeTerms.all(t, size(t.?matchFields.orValue([])) == 0))",
        )
    )


def policy(plan: Plan) -> Policy:
    pools = list(dict.fromkeys(name for of in plan.gateways for name in (of.nodes, of.node_pool)))
    if plan.receptions:
        pools.append(INGRESS_NODES)
    nodes = Check(
        Rule.GATEWAY_NODES,
        "Gateway nodes may leave the cluster, so only the gateway runs there: no toleration of their taint "
        "or of every taint, "
        "no selector or affinity for their pool, no node by name, no scheduler of one's own.",
        f"request.kind.kind == 'Binding' ? {ITSELF} || {PLATFORM} : ({_free_of(pools)})",
    )
    return Policy(
        "egress-gateway-nodes", RESOURCES, (nodes,), {"changed": workloads.CHANGED}, VARIABLES, WHERE
    )
