"""Rules on pods, and on every template that a controller makes pods from - so that the error reaches whoever
applies it.

The pod that is judged here has been through Istio's injection already, and the proxy's own containers break
half of these rules by design. They are told apart from a forgery by what they are, down to the last argument
(injected.py), and by who wrote
them: the API server records the author's fields of a new object (`metadata.managedFields`) before any webhook
adds to it.
"""

from __future__ import annotations

from egress.common import names
from egress.layers.admission import control_plane, injected, proxy
from egress.layers.admission.cel import literal
from egress.layers.admission.injected import NAMES, UID
from egress.layers.admission.policy import Check, Policy, Resources
from egress.plan.model import Plan
from egress.settings.fences import Rule

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
"""Kinds of volumes that neither open the node's files nor make the node connect somewhere (as in Pod
Security's restricted)."""
CSI_DRIVERS = ("secrets-store-gke.csi.k8s.io", "gcsfuse.csi.storage.gke.io")
"""Drivers of volumes written into a pod: the node fetches a secret as the pod, or opens a file system that a
container of the pod serves. Others, such as NFS's, make the node connect wherever the pod says."""
INTERFACE_ANNOTATIONS = (
    "k8s.v1.cni.cncf.io/",
    "v1.multus-cni.io/",
    "networking.gke.io/",
    "cni.projectcalico.org/",
)
"""Prefixes of annotations by which a pod asks for interfaces or addresses beside its own."""

# The API server takes a pod's labels and annotations from updates of its status as well.
RESOURCES = (
    Resources(
        "", ("pods", "pods/ephemeralcontainers", "pods/status", "podtemplates", "replicationcontrollers")
    ),
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
"""CEL: what the rules look at is new. What was there before them must still be scaled, finished and
deleted."""

TEMPLATE = {
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
}
"""What a workload's rules look at: the pod itself, or the template that a controller makes pods from."""

VARIABLES = {
    **TEMPLATE,
    "all": "variables.containers + variables.spec.?ephemeralContainers.orValue([])",
    # The author's own, and those that are called as the injector's are.
    "own": f"variables.containers.filter(c, !(c.name in {NAMES})) + "
    "variables.spec.?ephemeralContainers.orValue([])",
    "made": f"variables.containers.filter(c, c.name in {NAMES})",
}


_NOT_THE_PROXYS_IDENTITY = " && ".join(
    (
        "[variables.spec.?securityContext.?runAsUser, variables.spec.?securityContext.?runAsGroup,"
        f" variables.spec.?securityContext.?fsGroup].all(id, id.orValue(0) != {UID})",
        f"!({UID} in variables.spec.?securityContext.?supplementalGroups.orValue([]))",
        f"variables.own.all(c, c.?securityContext.?runAsUser.orValue(0) != {UID}"
        f" && c.?securityContext.?runAsGroup.orValue(0) != {UID})",
        # Of the proxy's own containers one runs as root, for it sets up the redirection; a root in another
        # could be anybody.
        "variables.made.all(c, [c.?securityContext.?runAsUser, c.?securityContext.?runAsGroup]"
        f".all(id, id.orValue(-1) == (c.name == 'istio-init' ? 0 : {UID})))",
    )
)

_CONFINED = (
    "variables.all.all(c,"
    " c.?securityContext.?runAsUser.or(variables.spec.?securityContext.?runAsUser).hasValue()"
    " && c.?securityContext.?runAsGroup.or(variables.spec.?securityContext.?runAsGroup).hasValue()"
    " && c.?securityContext.?allowPrivilegeEscalation.orValue(true) == false"
    " && 'ALL' in c.?securityContext.?capabilities.?drop.orValue([]))"
)

CHECKS = (
    Check(
        Rule.HOST_NAMESPACES,
        "hostNetwork, hostPID and hostIPC put a pod into the node's own namespaces, where no policy on pods "
        "holds.",
        "[variables.spec.?hostNetwork, variables.spec.?hostPID, variables.spec.?hostIPC].all(h, "
        "h.orValue(false) == false)",
    ),
    Check(
        Rule.HOST_PORTS,
        "A hostPort opens the pod on the node's own address, past the mesh.",
        "variables.all.all(c, c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0))",
    ),
    Check(
        Rule.HOST_VOLUMES,
        f"A volume of another kind than {', '.join(VOLUMES)}, or of another csi driver than "
        f"{', '.join(CSI_DRIVERS)}, opens the "
        "node's files, or lets the node connect for the pod.",
        "variables.spec.?volumes.orValue([]).all(v, ("
        + " || ".join(f"has(v.{kind})" for kind in VOLUMES)
        + ")"
        # The proxy's own are rule proxy-container's.
        f" && (!has(v.csi) || v.csi.driver in {literal(CSI_DRIVERS)} || v.name in "
        f"{literal(injected.VOLUMES)}))",
    ),
    Check(
        Rule.PRIVILEGED,
        "A privileged container, or one with an unmasked /proc, can undo what confines it.",
        "variables.all.all(c, c.?securityContext.?privileged.orValue(false) == false"
        " && c.?securityContext.?procMount.orValue('Default') == 'Default'"
        " && c.?securityContext.?windowsOptions.?hostProcess.orValue(false) == false)"
        " && variables.spec.?securityContext.?windowsOptions.?hostProcess.orValue(false) == false",
    ),
    Check(
        Rule.CAPABILITIES,
        "Capabilities such as NET_ADMIN, NET_RAW, SYS_ADMIN or SETUID undo the redirection to the proxy or "
        "become the proxy; "
        "only NET_BIND_SERVICE may be added.",
        "variables.own.all(c, c.?securityContext.?capabilities.?add.orValue([]).all(a, a == "
        "'NET_BIND_SERVICE'))"
        # The init container that sets up the redirection, where the node does not.
        " && variables.made.all(c, c.?securityContext.?capabilities.?add.orValue([]).all(a, c.name == "
        "'istio-init'"
        " && a in ['NET_ADMIN', 'NET_RAW']))",
    ),
    Check(
        Rule.PROXY_IDENTITY,
        f"What runs as user or group {UID} is taken for the proxy, whose traffic nobody redirects.",
        _NOT_THE_PROXYS_IDENTITY,
    ),
    Check(
        Rule.CONFINED_PROCESS,
        "An image may name the proxy's user itself, or carry a program that becomes it: state runAsUser and "
        "runAsGroup (of the "
        "pod or of the container), and in each container allowPrivilegeEscalation: false and capabilities: "
        "{drop: [ALL]}.",
        _CONFINED,
    ),
    Check(
        Rule.SYSTEM_PRIORITY,
        f"Classes that begin with system-, and {names.PRIORITY_CLASS}, are the cluster's own and the "
        "gateways': a pod that takes "
        "one is kept before them, or ends others to get their place.",
        "!variables.spec.?priorityClassName.orValue('').startsWith('system-')"
        f" && variables.spec.?priorityClassName.orValue('') != '{names.PRIORITY_CLASS}'",
    ),
    *control_plane.POD_CHECKS,
    Check(
        Rule.NETWORK_INTERFACES,
        "An interface or address beside the pod's own leaves around the mesh and its NetworkPolicies.",
        "variables.annotations.all(k, !("
        + " || ".join(f"k.startsWith('{prefix}')" for prefix in INTERFACE_ANNOTATIONS)
        + "))",
    ),
)


def policy(plan: Plan) -> Policy:
    made = injected.made(plan)
    checks = (*proxy.checks(made), *CHECKS, control_plane.tokens(plan))
    return Policy(
        "egress-team-workloads", RESOURCES, checks, {"changed": CHANGED}, {**VARIABLES, **made.variables}
    )
