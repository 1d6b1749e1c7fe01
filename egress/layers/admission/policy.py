"""From rules to the two objects that enforce them: a policy that says what must hold, and a binding that says
where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from egress.common import names
from egress.common.objects import Object, Owner, manifest
from egress.common.system_namespaces import SYSTEM
from egress.plan.model import Plan
from egress.settings.fences import Action, Fences, Rule

API = "admissionregistration.k8s.io/v1"
TEAM_NAMESPACES: dict[str, Any] = {"matchExpressions": [{"key": names.TEAM_LABEL, "operator": "Exists"}]}
PLATFORM_NAMESPACES: dict[str, Any] = {
    "matchExpressions": [{"key": names.PLATFORM_LABEL, "operator": "Exists"}]
}
NOT_OF_THE_SYSTEM: dict[str, Any] = {
    "key": "kubernetes.io/metadata.name",
    "operator": "NotIn",
    "values": list(SYSTEM),
}
"""The API server itself writes this label, so nobody gives a namespace another name by it."""
PLATFORM = (
    "authorizer.group('admissionregistration.k8s.io').resource('validatingadmissionpolicies')"
    ".check('update').allowed()"
)
"""CEL: whether the requester is the platform - whoever may change these policies, by RBAC or by IAM, could
lift them anyway.

No list of names, which on GKE would have to hold the identity that runs Pulumi and would lock it out where it
does not.
"""
_ITS_ACCOUNTS = ", ".join(f"'system:serviceaccounts:{namespace}'" for namespace in SYSTEM)
ITSELF = (
    "(request.userInfo.username.startsWith('system:') && request.userInfo.username != 'system:anonymous'"
    " && !request.userInfo.username.startsWith('system:serviceaccount:')"
    f" || request.userInfo.?groups.orValue([]).exists(g, g in [{_ITS_ACCOUNTS}]))"
)
"""CEL: whether Kubernetes' or Google's own components ask: users that no person and no workload of others can
log in as."""
NAMESPACE = "request.?namespace.orValue('')"
"""CEL: the namespace that is asked about; of a namespace itself, its name."""
_ACTIONS = {Action.DENY: ["Deny"], Action.WARN: ["Warn", "Audit"]}


@dataclass(frozen=True)
class Check:
    """One rule as CEL that is true for what is accepted, and the sentences that a refused person reads."""

    rule: Rule
    why: str
    accepts: str

    def message(self, contact: str) -> str:
        return f"{self.rule}: {self.why} Where that cannot be, ask {contact}."


@dataclass(frozen=True)
class Resources:
    """What a policy looks at; `name` may hold subresources."""

    group: str
    names: Sequence[str]
    operations: Sequence[str] = ("CREATE", "UPDATE")
    scope: str = "*"

    def rule(self) -> dict[str, Any]:
        scope = {} if self.scope == "*" else {"scope": self.scope}
        return {
            "apiGroups": [self.group],
            "apiVersions": ["*"],
            "operations": list(self.operations),
            "resources": list(self.names),
            **scope,
        }


@dataclass(frozen=True)
class Policy:
    """Checks on one group of resources.

    Args:
        conditions: name to CEL; where one is false, the policy has nothing to say.
        variables: name to CEL, evaluated when first used, in order.
        where: the namespaces in which it holds, as a selector; None: in all of them.
    """

    name: str
    resources: Sequence[Resources]
    checks: Sequence[Check]
    conditions: Mapping[str, str] = field(default_factory=dict[str, str])
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    where: Mapping[str, Any] | None = field(default_factory=lambda: TEAM_NAMESPACES)

    def render(self, plan: Plan) -> Iterator[Object]:
        """Policy and binding; nothing where the config relaxes every rule of it, for a policy without rules
        is refused."""
        fences = plan.settings.fences
        relaxed = fences.admission.relaxed
        checks = [check for check in self.checks if check.rule not in relaxed]
        if not checks:
            return
        spec: dict[str, Any] = {
            # An expression that fails, or finds an object of another form than it knows, refuses.
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [resources.rule() for resources in self.resources]},
            "matchConditions": [{"name": name, "expression": cel} for name, cel in self.conditions.items()],
            "variables": [{"name": name, "expression": cel} for name, cel in self.variables.items()],
            "validations": [_validation(check, fences) for check in checks],
        }
        annotations = {
            f"{names.RELAXED}{check.rule}": relaxed[check.rule]
            for check in self.checks
            if check.rule in relaxed
        }
        exempted = {check.rule: fences.admission.exempted(check.rule) for check in checks}
        annotations |= {
            f"{names.EXEMPT}{rule}": "; ".join(
                f"{namespace}: {reason}" for namespace, reason in sorted(reasons.items())
            )
            for rule, reasons in exempted.items()
            if reasons
        }
        binding: dict[str, Any] = {
            "policyName": self.name,
            "validationActions": _ACTIONS[fences.admission.action],
        }
        if self.where is not None:
            binding["matchResources"] = {"namespaceSelector": dict(self.where)}
        spec = {key: value for key, value in spec.items() if value}
        yield Object(
            Owner.mesh(),
            manifest(API, "ValidatingAdmissionPolicy", self.name, annotations=annotations, spec=spec),
        )
        yield Object(Owner.mesh(), manifest(API, "ValidatingAdmissionPolicyBinding", self.name, spec=binding))


def _validation(check: Check, fences: Fences) -> dict[str, Any]:
    exempted = sorted(fences.admission.exempted(check.rule))
    # In the policy's own text, which the stack owns whole: a list of which Kubernetes merges nothing, unlike
    # annotations.
    besides = f"{NAMESPACE} in {exempted} || " if exempted else ""
    return {
        "expression": f"{besides}({check.accepts})" if besides else check.accepts,
        "message": check.message(fences.contact),
        "reason": "Forbidden",
    }
