"""Rules on pods, and on every template that a controller makes pods from - so that the error reaches whoever applies it.

The pod that is judged here has been through Istio's injection already, and the proxy's own containers break half of these
rules by design. They are told apart from a forgery by who wrote them: the API server records the author's fields of a new
object (`metadata.managedFields`) before any webhook adds to it, so a proxy container that nobody wrote is an injected one.
"""

from __future__ import annotations

from collections.abc import Sequence

from egress.layers.admission import proxy
from egress.layers.admission.policy import Check, Policy, Resources
from egress.layers.gateway_workload import INGRESS_NODES, TAINT_KEY
from egress.plan import Plan
from egress.settings.fences import Rule

POOL_LABEL = "cloud.google.com/gke-nodepool"
VOLUMES = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
"""Kinds of volumes that neither open the node's files nor make the node connect somewhere (as in Pod Security's restricted)."""
INTERFACE_ANNOTATIONS = ("k8s.v1.cni.cncf.io/", "v1.multus-cni.io/", "networking.gke.io/", "cni.projectcalico.org/")
"""Prefixes of annotations by which a pod asks for interfaces or addresses beside its own."""

RESOURCES = (
    Resources("", ("pods", "pods/ephemeralcontainers", "podtemplates", "replicationcontrollers")),
    Resources("apps", ("deployments", "replicasets", "statefulsets", "daemonsets")),
    Resources("batch", ("jobs", "cronjobs")),
)

CHANGED = (
    "request.operation != 'UPDATE' || ("
    "request.kind.kind == 'Pod' ? object.spec != oldObject.spec"
    " || object.metadata.?labels.orValue({}) != oldObject.metadata.?labels.orValue({})"
    " || object.metadata.?annotations.orValue({}) != oldObject.metadata.?annotations.orValue({})"
    " : request.kind.kind == 'CronJob' ? object.spec.jobTemplate != oldObject.spec.jobTemplate"
    " : request.kind.kind == 'PodTemplate' ? object.template != oldObject.template"
    " : object.spec.template != oldObject.spec.template)"
)
"""CEL: what the rules look at is new. What was there before them must still be scaled, finished and deleted."""

VARIABLES = {
    "isPod": "request.kind.kind == 'Pod'",
    "template": (
        "variables.isPod ? object"
        " : request.kind.kind == 'CronJob' ? object.spec.jobTemplate.spec.template"
        " : request.kind.kind == 'PodTemplate' ? object.template"
        " : object.spec.template"
    ),
    "spec": "variables.template.spec",
    "labels": "variables.template.?metadata.?labels.orValue({})",
    "annotations": "variables.template.?metadata.?annotations.orValue({})",
    "containers": "variables.spec.containers + variables.spec.?initContainers.orValue([])",
    # The author's own: the proxy's are let through by name, and rule proxy-container sees to it that nobody writes those.
    "own": (f"variables.containers.filter(c, !(c.name in {proxy.NAMES})) + variables.spec.?ephemeralContainers.orValue([])"),
    "nodeTerms": (
        "variables.spec.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([])"
        " + variables.spec.?affinity.?nodeAffinity.?preferredDuringSchedulingIgnoredDuringExecution.orValue([])"
        ".map(p, p.preference)"
    ),
}


def _free_of(pools: Sequence[str]) -> str:
    """CEL: the pod asks for no node of these pools, and does not tolerate the taint, of the pool's name, that keeps it away."""
    every = " && ".join
    other_taint = every(f"t.?value.orValue('') != '{value}'" for value in pools)
    not_in, named = every(f"!('{pool}' in e.values)" for pool in pools), every(f"'{pool}' in e.values" for pool in pools)
    return every(
        (
            # A toleration without a key tolerates every taint.
            "variables.spec.?tolerations.orValue([]).all(t, t.?key.orValue('') != ''"
            f" && (t.key != '{TAINT_KEY}'"
            f" || (t.?operator.orValue('Equal') == 'Equal' && {other_taint})))",
            *(f"variables.spec.?nodeSelector[?'{POOL_LABEL}'].orValue('') != '{pool}'" for pool in pools),
            # A node's name goes past the scheduler, which is what heeds the taint. A pod that runs has one from the scheduler.
            "(variables.isPod && request.operation != 'CREATE' || variables.spec.?nodeName.orValue('') == '')",
            "variables.nodeTerms.all(t, t.?matchExpressions.orValue([]).all(e,"
            f" e.key != '{POOL_LABEL}' || (e.operator == 'In' && {not_in})"
            f" || (e.operator == 'NotIn' && {named})))",
            # Nodes by name: the DaemonSet controller asks for each pod's node in this way, and heeds the taint.
            "(variables.isPod && object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == 'DaemonSet')"
            " || variables.nodeTerms.all(t, size(t.?matchFields.orValue([])) == 0))",
        )
    )


_NOT_THE_PROXYS_IDENTITY = " && ".join(
    (
        "[variables.spec.?securityContext.?runAsUser, variables.spec.?securityContext.?runAsGroup,"
        f" variables.spec.?securityContext.?fsGroup].all(id, id.orValue(0) != {proxy.UID})",
        f"!({proxy.UID} in variables.spec.?securityContext.?supplementalGroups.orValue([]))",
        f"variables.own.all(c, c.?securityContext.?runAsUser.orValue(0) != {proxy.UID}"
        f" && c.?securityContext.?runAsGroup.orValue(0) != {proxy.UID})",
    )
)

_CONFINED = (
    "variables.own.all(c,"
    " c.?securityContext.?runAsUser.or(variables.spec.?securityContext.?runAsUser).hasValue()"
    " && c.?securityContext.?runAsGroup.or(variables.spec.?securityContext.?runAsGroup).hasValue()"
    " && c.?securityContext.?allowPrivilegeEscalation.orValue(true) == false"
    " && 'ALL' in c.?securityContext.?capabilities.?drop.orValue([]))"
)

CHECKS = (
    Check(
        Rule.HOST_NAMESPACES,
        "hostNetwork, hostPID and hostIPC put a pod into the node's own namespaces, where no policy on pods holds.",
        "[variables.spec.?hostNetwork, variables.spec.?hostPID, variables.spec.?hostIPC].all(h, h.orValue(false) == false)",
    ),
    Check(
        Rule.HOST_PORTS,
        "A hostPort opens the pod on the node's own address, past the mesh.",
        "variables.own.all(c, c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0))",
    ),
    Check(
        Rule.HOST_VOLUMES,
        f"A volume of another kind than {', '.join(VOLUMES)} opens the node's files, or lets the node connect for the pod.",
        "variables.spec.?volumes.orValue([]).all(v, " + " || ".join(f"has(v.{kind})" for kind in VOLUMES) + ")",
    ),
    Check(
        Rule.PRIVILEGED,
        "A privileged container, or one with an unmasked /proc, can undo what confines it.",
        "variables.own.all(c, c.?securityContext.?privileged.orValue(false) == false"
        " && c.?securityContext.?procMount.orValue('Default') == 'Default'"
        " && c.?securityContext.?windowsOptions.?hostProcess.orValue(false) == false)"
        " && variables.spec.?securityContext.?windowsOptions.?hostProcess.orValue(false) == false",
    ),
    Check(
        Rule.CAPABILITIES,
        "Capabilities such as NET_ADMIN, NET_RAW, SYS_ADMIN or SETUID undo the redirection to the proxy or become the proxy; "
        "only NET_BIND_SERVICE may be added.",
        "variables.own.all(c, c.?securityContext.?capabilities.?add.orValue([]).all(a, a == 'NET_BIND_SERVICE'))",
    ),
    Check(
        Rule.PROXY_IDENTITY,
        f"What runs as user or group {proxy.UID} is taken for the proxy, whose traffic nobody redirects.",
        _NOT_THE_PROXYS_IDENTITY,
    ),
    Check(
        Rule.CONFINED_PROCESS,
        "An image may name the proxy's user itself, or carry a program that becomes it: state runAsUser and runAsGroup (of the "
        "pod or of the container), and in each container allowPrivilegeEscalation: false and capabilities: {drop: [ALL]}.",
        _CONFINED,
    ),
    *proxy.CHECKS,
    Check(
        Rule.NETWORK_INTERFACES,
        "An interface or address beside the pod's own leaves around the mesh and its NetworkPolicies.",
        "variables.annotations.all(k, !(" + " || ".join(f"k.startsWith('{prefix}')" for prefix in INTERFACE_ANNOTATIONS) + "))",
    ),
)


def policy(plan: Plan) -> Policy:
    pools = [gateway.nodes for gateway in plan.gateways]
    if plan.receptions:
        pools.append(INGRESS_NODES)
    nodes = Check(
        Rule.GATEWAY_NODES,
        "Gateway nodes may leave the cluster, so only the gateway runs there: no toleration of their taint or of every taint, "
        "no selector or affinity for their pool, no node by name.",
        _free_of(pools),
    )
    return Policy("egress-team-workloads", RESOURCES, (nodes, *CHECKS), {"changed": CHANGED}, VARIABLES)
