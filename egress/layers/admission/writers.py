"""Who writes fences: with `fences.writers` the accounts that run `pulumi up`, and in an emergency a group of
people who say why.

The other rules let the platform through - whoever may change these policies - since it could lift them
anyway. This one does not: what is written by hand is drift, whoever writes it. It cannot guard the policies
of admission themselves, which Kubernetes leaves out of admission; those are for RBAC, and for `egress drift`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common import names
from egress.common.objects import Object, Owner, manifest
from egress.layers.admission.policy import API, ITSELF, Resources
from egress.plan.model import Plan
from egress.settings.writers import Writers

NAME = "egress-writers"
RULE = "fence-writers"
"""What a refusal begins with."""
REASON = f"{names.OWN_DOMAIN}/break-glass"
"""On an object: why it is written past the pipeline."""
_WRITTEN = ("CREATE", "UPDATE", "DELETE")
_RBAC = "rbac.authorization.k8s.io"
RESOURCES = (
    *(
        Resources(f"{group}.istio.io", ("*",), _WRITTEN)
        for group in ("networking", "security", "telemetry", "extensions")
    ),
    Resources("networking.k8s.io", ("networkpolicies",), _WRITTEN),
    Resources(_RBAC, ("roles", "rolebindings", "clusterroles", "clusterrolebindings"), _WRITTEN),
    Resources("secrets-store.csi.x-k8s.io", ("secretproviderclasses",), _WRITTEN),
    Resources("secret-sync.gke.io", ("secretsyncs",), _WRITTEN),
    Resources("", ("namespaces", "namespaces/status", "namespaces/finalize"), _WRITTEN),
    Resources("", ("services", "serviceaccounts", "configmaps"), _WRITTEN),
    Resources("apps", ("deployments", "deployments/scale"), _WRITTEN),
    Resources("autoscaling", ("horizontalpodautoscalers",), _WRITTEN),
    Resources("policy", ("poddisruptionbudgets",), _WRITTEN),
)
CONDITIONS = {
    "not-kubernetes-itself": f"!{ITSELF}",
    # istiod writes the status of its objects, and what it elects and hands out.
    "not-the-control-plane": (
        f"!('system:serviceaccounts:{names.MESH_NAMESPACE}' in request.userInfo.?groups.orValue([]))"
    ),
}
_BESIDE_GATEWAYS = [
    *("services", "serviceaccounts", "deployments", "horizontalpodautoscalers", "poddisruptionbudgets"),
]
"""Kinds that in its own namespace a team writes."""
_LABELS = f"['{names.TEAM_LABEL}', '{names.PLATFORM_LABEL}']"
VARIABLES = {
    "written": "request.operation == 'DELETE' ? oldObject : object",
    "before": "request.operation == 'CREATE' ? {} : oldObject.metadata.?labels.orValue({})",
    "after": "request.operation == 'DELETE' ? {} : object.metadata.?labels.orValue({})",
    "around": "request.?namespace.orValue('') == '' || namespaceObject == null ? {} : "
    "namespaceObject.metadata.?labels.orValue({})",
    "fenced": (
        "request.resource.resource == 'namespaces'"
        f" ? {_LABELS}.exists(k, k in variables.before || k in variables.after)"
        " : request.resource.resource in ['clusterroles', 'clusterrolebindings']"
        " ? variables.written.metadata.name.startsWith('egress-')"
        # The mesh's settings, and what sidecars are made of.
        " : request.resource.resource == 'configmaps'"
        f" ? '{names.PLATFORM_LABEL}' in variables.around"
        " && variables.written.metadata.name.startsWith('istio')"
        f" : request.resource.resource in {_BESIDE_GATEWAYS}"
        f" ? '{names.PLATFORM_LABEL}' in variables.around"
        f" : {_LABELS}.exists(k, k in variables.around)"
    ),
    "reason": f"variables.written.metadata.?annotations[?'{REASON}'].orValue('')",
}


def render(plan: Plan) -> Iterator[Object]:
    """Policy and binding, where the config names writers."""
    writers = plan.settings.fences.writers
    if writers is None:
        return
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [resources.rule() for resources in RESOURCES]},
        "matchConditions": [{"name": name, "expression": cel} for name, cel in CONDITIONS.items()],
        "variables": [{"name": name, "expression": cel} for name, cel in VARIABLES.items()],
        "validations": [
            {
                "expression": accepts(writers),
                "message": _message(writers, plan.settings.fences.contact),
                "reason": "Forbidden",
            }
        ],
    }
    annotations: dict[str, str] = {}
    if glass := writers.break_glass:
        annotations[REASON] = glass.reason
        broken = f"variables.fenced && {_in_groups(glass.groups)}"
        said = "request.userInfo.username + ': ' + variables.reason"
        spec["auditAnnotations"] = [{"key": "break-glass", "valueExpression": f"{broken} ? {said} : ''"}]
    yield Object(
        Owner.mesh(), manifest(API, "ValidatingAdmissionPolicy", NAME, annotations=annotations, spec=spec)
    )
    binding = {"policyName": NAME, "validationActions": ["Deny", "Audit"]}
    yield Object(Owner.mesh(), manifest(API, "ValidatingAdmissionPolicyBinding", NAME, spec=binding))


def accepts(writers: Writers) -> str:
    """CEL: true for what is not fenced, for the pipeline, and for whoever breaks the glass and says why."""
    groups = writers.break_glass.groups if writers.break_glass else []
    return (
        f"!variables.fenced || request.userInfo.username in {sorted(set(writers.accounts))}"
        f" || {_in_groups(groups)} && variables.reason.trim() != ''"
    )


def _in_groups(groups: list[str]) -> str:
    return f"request.userInfo.?groups.orValue([]).exists(g, g in {sorted(set(groups))})"


def _message(writers: Writers, contact: str) -> str:
    glass = (
        f" In an emergency {' or '.join(sorted(set(writers.break_glass.groups)))} may, with the reason in "
        f"the annotation {REASON}."
        if writers.break_glass
        else ""
    )
    return (
        f"{RULE}: What this stack renders is written by its pipeline alone: what is changed by hand is in no "
        f"review, and the next update takes it away.{glass} Where that cannot be, ask {contact}."
    )
