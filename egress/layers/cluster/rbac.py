"""RBAC: what people may do in the cluster. Three roles, each an explicit list, none of them open to
aggregation.

A team works with its workloads and sees the rest of its namespace; what decides where traffic goes is the
platform's. The roles say so again where admission does already (egress/layers/admission): RBAC is what
`kubectl auth can-i` answers from.

Source: Kubernetes, "Using RBAC Authorization" and "RBAC Good Practices"; GKE, "Google Groups for RBAC".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from egress.common.objects import Manifest, Object, Owner, manifest
from egress.plan.model import Plan

API = "rbac.authorization.k8s.io/v1"
TEAM, SECURITY, PLATFORM = "egress-team-member", "egress-security", "egress-platform"

READ = ("get", "list", "watch")
WRITE = (*READ, "create", "update", "patch", "delete", "deletecollection")

TEAM_WRITES: dict[str, Sequence[str]] = {
    "": (
        "pods",
        "services",
        "configmaps",
        "secrets",
        "serviceaccounts",
        "persistentvolumeclaims",
        "podtemplates",
        "replicationcontrollers",
        "replicationcontrollers/scale",
    ),
    "apps": (
        "deployments",
        "deployments/scale",
        "replicasets",
        "replicasets/scale",
        "statefulsets",
        "statefulsets/scale",
        "daemonsets",
    ),
    "batch": ("jobs", "cronjobs"),
    "autoscaling": ("horizontalpodautoscalers",),
    "policy": ("poddisruptionbudgets",),
}
"""Group to kinds that a team's members create, change and delete."""
TEAM_READS: dict[str, Sequence[str]] = {
    "": ("pods/log", "pods/status", "events", "endpoints", "resourcequotas", "limitranges", "namespaces"),
    "apps": ("controllerrevisions",),
    "discovery.k8s.io": ("endpointslices",),
    "events.k8s.io": ("events",),
    "metrics.k8s.io": ("pods",),
    "networking.k8s.io": ("networkpolicies",),
    "networking.istio.io": ("*",),
    "security.istio.io": ("*",),
    "telemetry.istio.io": ("*",),
    "extensions.istio.io": ("*",),
}
"""What they see besides: enough to find out why a connection is refused."""
# No pods/proxy and services/proxy (the API server would connect for them), no serviceaccounts/token, no
# bindings, no status.
TEAM_ACTS: Sequence[tuple[Sequence[str], Sequence[str]]] = (
    (("pods/exec", "pods/attach", "pods/portforward"), ("get", "create")),
    (("pods/eviction",), ("create",)),
    (("pods/ephemeralcontainers", "pods/resize"), ("get", "update", "patch")),
)

CORE_BUT_SECRETS = (
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "pods/log",
    "pods/status",
    "podtemplates",
    "replicationcontrollers",
    "resourcequotas",
    "serviceaccounts",
    "services",
)
OTHER_GROUPS = (
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "cilium.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions.istio.io",
    "gateway.networking.k8s.io",
    "metrics.k8s.io",
    "networking.gke.io",
    "networking.istio.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "secret-sync.gke.io",
    "secrets-store.csi.x-k8s.io",
    "security.istio.io",
    "storage.k8s.io",
    "telemetry.istio.io",
)
"""API groups that security reads whole and the platform manages."""


def render(plan: Plan) -> Iterator[Object]:
    """Three ClusterRoles; a binding for each of them that the config names groups for, a team's in its own
    namespace."""
    groups = plan.settings.fences.groups
    for name, rules in ((TEAM, _team()), (SECURITY, _security()), (PLATFORM, _platform())):
        yield Object(Owner.mesh(), manifest(API, "ClusterRole", name, rules=list(rules)))
    for name, members in ((SECURITY, groups.security), (PLATFORM, groups.platform)):
        if members:
            yield Object(Owner.mesh(), manifest(API, "ClusterRoleBinding", name, **_binding(name, members)))
    for team in plan.teams:
        members = groups.teams.get(team.name, [])
        if members:
            yield Object(Owner.team(team.name), _team_binding(team.name, members))


def _team_binding(team: str, members: Sequence[str]) -> Manifest:
    return manifest(API, "RoleBinding", TEAM, team, **_binding(TEAM, members))


def _binding(role: str, groups: Iterable[str]) -> dict[str, Any]:
    return {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}
            for group in sorted(set(groups))
        ],
    }


def _rule(group: str, resources: Iterable[str], verbs: Iterable[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _team() -> Iterator[dict[str, Any]]:
    for group, kinds in TEAM_WRITES.items():
        yield _rule(group, kinds, WRITE)
    for group, kinds in TEAM_READS.items():
        yield _rule(group, kinds, READ)
    for kinds, verbs in TEAM_ACTS:
        yield _rule("", kinds, verbs)


def _security() -> Iterator[dict[str, Any]]:
    yield _rule("", CORE_BUT_SECRETS, READ)
    yield {"apiGroups": list(OTHER_GROUPS), "resources": ["*"], "verbs": list(READ)}
    # To answer "who may do this?", which creates nothing.
    yield _rule("authorization.k8s.io", ("subjectaccessreviews", "localsubjectaccessreviews"), ("create",))


def _platform() -> Iterator[dict[str, Any]]:
    # No escalate, bind or impersonate: the platform hands on what it holds itself - the other two roles among
    # it - and no more.
    yield _rule("", ("*",), WRITE)
    yield {"apiGroups": list(OTHER_GROUPS), "resources": ["*"], "verbs": list(WRITE)}
    yield _rule("authorization.k8s.io", ("subjectaccessreviews", "localsubjectaccessreviews"), ("create",))
