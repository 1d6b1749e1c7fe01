"""From rules to the two objects that enforce them: a policy that says what must hold, and a binding that says where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from egress import names
from egress.manifest import Object, Owner, manifest
from egress.plan import Plan
from egress.settings.fences import Action, Rule

API = "admissionregistration.k8s.io/v1"
TEAM_NAMESPACES: dict[str, Any] = {"matchExpressions": [{"key": names.TEAM_LABEL, "operator": "Exists"}]}
PLATFORM = "authorizer.group('admissionregistration.k8s.io').resource('validatingadmissionpolicies').check('update').allowed()"
"""CEL: whether the requester is the platform - whoever may change these policies, by RBAC or by IAM, could lift them anyway.

No list of names, which on GKE would have to hold the identity that runs Pulumi and would lock it out where it does not.
"""
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

    def rule(self) -> dict[str, Any]:
        return {
            "apiGroups": [self.group],
            "apiVersions": ["*"],
            "operations": list(self.operations),
            "resources": list(self.names),
        }


@dataclass(frozen=True)
class Policy:
    """Checks on one group of resources.

    Args:
        conditions: name to CEL; where one is false, the policy has nothing to say.
        variables: name to CEL, evaluated when first used, in order.
        in_teams: whether it holds in team namespaces alone, and teams can be exempted from its rules.
    """

    name: str
    resources: Sequence[Resources]
    checks: Sequence[Check]
    conditions: Mapping[str, str] = field(default_factory=dict[str, str])
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    in_teams: bool = True

    def render(self, plan: Plan) -> Iterator[Object]:
        """Policy and binding; nothing where the config relaxes every rule of it, for a policy without rules is refused."""
        fences = plan.settings.fences
        relaxed = fences.admission.relaxed
        checks = [check for check in self.checks if check.rule not in relaxed]
        if not checks:
            return
        variables = {"exempt": "namespaceObject.metadata.?annotations.orValue({})", **self.variables}
        if not self.in_teams:
            variables = dict(self.variables)
        spec: dict[str, Any] = {
            # An expression that fails, or finds an object of another form than it knows, refuses.
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [resources.rule() for resources in self.resources]},
            "matchConditions": [{"name": name, "expression": cel} for name, cel in self.conditions.items()],
            "variables": [{"name": name, "expression": cel} for name, cel in variables.items()],
            "validations": [self._validation(check, fences.contact) for check in checks],
        }
        annotations = {f"{names.RELAXED}{check.rule}": relaxed[check.rule] for check in self.checks if check.rule in relaxed}
        binding: dict[str, Any] = {"policyName": self.name, "validationActions": _ACTIONS[fences.admission.action]}
        if self.in_teams:
            binding["matchResources"] = {"namespaceSelector": TEAM_NAMESPACES}
        spec = {key: value for key, value in spec.items() if value}
        yield Object(Owner.mesh(), manifest(API, "ValidatingAdmissionPolicy", self.name, annotations=annotations, spec=spec))
        yield Object(Owner.mesh(), manifest(API, "ValidatingAdmissionPolicyBinding", self.name, spec=binding))

    def _validation(self, check: Check, contact: str) -> dict[str, Any]:
        exempt = f"'{names.EXEMPT}{check.rule}' in variables.exempt || " if self.in_teams else ""
        return {
            "expression": f"{exempt}({check.accepts})" if exempt else check.accepts,
            "message": check.message(contact),
            "reason": "Forbidden",
        }
