"""Admission: what the API server refuses to make in a namespace, whoever asks.

Source: Kubernetes, "Validating Admission Policy" (admissionregistration.k8s.io/v1). CEL is not interpreted
here. An expression counts if its digest is in admission_expressions.json: those have been tried on a real API
server, with objects that they must refuse (tests/apiserver). A rule has several where what it says depends on
who redirects a pod, or who runs the mesh. All that decides what is refused goes into the digest, the policy's
constraints, conditions and variables too; messages and what is written into the audit log do not.

A rule is in force in a namespace if a policy with a recorded expression fails closed, a binding of it denies
and selects the namespace, and the expression does not name the namespace as exempted. Three things in
expressions differ from stack to stack and are read: the exempted namespaces, the range that endpoints may be
in, which must lie in the pods', and the node pools that pods are kept from. Registry and version of the
proxy's image and the project's identity pool differ too, and are taken as written.

Not understood: an expression that is not recorded, parameters, bindings that select by anything but the
namespace. Not known to this judge: who may change policies, bindings and namespaces (RBAC and IAM), and
webhooks, which can only refuse more.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from egress.common.objects import Resource
from egress.judge.lookup.subnets import Subnets
from egress.judge.model.flow import Layer, Outcome, Verdict
from egress.judge.model.ip_ranges import Ranges
from egress.judge.model.selectors import Selector
from egress.judge.model.snapshot import Manifest, Snapshot, identity

RECORDED = Path(__file__).with_name("admission_expressions.json")
GATEWAY_NODES = "gateway-nodes"
NODE_POOL = "gcp:container/nodePool:NodePool"
_DEFAULTS: dict[str, Any] = {
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "scope": "*",
}
"""What the API server adds to matchConstraints and their rules."""
_POOLS = re.compile(r"nodeSelector\[\?'[^']+'\]\.orValue\(''\) != '([^']+)'")
_TAINT_KEY = re.compile(r"t\.key != '([^']+)'")
_OF_EACH_POOL = (
    "t.?value.orValue('') != '{}'",
    "variables.spec.?nodeSelector[?'cloud.google.com/gke-nodepool'].orValue('') != '{}'",
    "!('{}' in e.values)",
    "'{}' in e.values",
)
"""What an expression says of every gateway's pool, joined with `&&`."""
_EXEMPTED = re.compile(
    r"request\.\?namespace\.orValue\(''\) in \[((?:'[a-z0-9-]+'(?:, )?)+)\] \|\| \((.*)\)", re.DOTALL
)
"""Namespaces for which the expression is true whatever is asked, and what it says of the others."""
_OWN_NAMES = {
    re.compile(r"c\.image == '[^' ]+/proxyv2:1\.\d+\.\d+'"): "c.image == 'IMAGE'",
    re.compile(r"'[a-z][a-z0-9:.-]+\.svc\.id\.goog'"): "'POOL.svc.id.goog'",
    re.compile(r"request\.userInfo\.username in \[('[^' ]+'(?:, )?)+\]"): "username in ACCOUNTS",
    re.compile(r"exists\(g, g in \[('[^']+'(?:, )?)*\]\) && variables\.reason"): "GROUPS && variables.reason",
}
"""What differs from stack to stack and decides no question of this judge's."""
_RANGE = re.compile(r"\bcidr\('([^']+)'\)")


@dataclass(frozen=True, slots=True)
class Expression:
    """One validation: its digest, and what in it is the stack's own."""

    digest: str
    pools: tuple[str, ...]
    taint_key: str
    ranges: tuple[str, ...]
    exempted: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Rule:
    policy: Manifest
    by: str
    field: str
    expression: Expression


class _Binding:
    """Where a policy is in force, by one of its bindings."""

    def __init__(self, binding: Manifest) -> None:
        spec, self._name = binding["spec"], identity(binding)
        where: Mapping[str, Any] = spec.get("matchResources") or {}
        self._selector = Selector.of(where.get("namespaceSelector"))
        self._everywhere: Verdict | None = None
        beyond = [key for key in spec if key not in ("policyName", "validationActions", "matchResources")]
        beyond += [
            key for key, value in where.items() if key != "namespaceSelector" and _DEFAULTS.get(key) != value
        ]
        if "Deny" not in (spec.get("validationActions") or ()):
            why = "The binding only warns: it refuses nothing."
            self._everywhere = _verdict(Outcome.ALLOWED, self._name, "spec.validationActions", why)
        elif beyond or self._selector.unknown:
            why = f"Not read here: {', '.join(filter(None, [*beyond, self._selector.unknown]))}."
            self._everywhere = _verdict(Outcome.NOT_UNDERSTOOD, self._name, "spec", why)

    def lets(self, namespace: str, labels: Mapping[str, str]) -> Verdict | None:
        """Why it refuses nothing in the namespace, or None."""
        if self._everywhere or self._selector.selects(labels):
            return self._everywhere
        return _verdict(
            Outcome.ALLOWED,
            self._name,
            "spec.matchResources.namespaceSelector",
            f"The binding does not select namespace {namespace}.",
        )


class Admission:
    """Every ValidatingAdmissionPolicy, by the rule that its expressions are."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._pods = Subnets(snapshot).pods
        self._labels = snapshot.namespace_labels
        self._bindings: dict[str, list[_Binding]] = {}
        for binding in snapshot.kind("ValidatingAdmissionPolicyBinding"):
            self._bindings.setdefault(str(binding["spec"].get("policyName")), []).append(_Binding(binding))
        by_digest = {digest: rule for rule, digests in recorded().items() for digest in digests}
        self._rules: dict[str, list[_Rule]] = {}
        self._unknown: list[tuple[Manifest, str]] = []
        for policy in snapshot.kind("ValidatingAdmissionPolicy"):
            for at, expression in enumerate(expressions(policy)):
                field, name = f"spec.validations[{at}]", by_digest.get(expression.digest)
                if name is None or not all(
                    self._pods.covers(Ranges.of([cidr])) for cidr in expression.ranges
                ):
                    self._unknown.append((policy, field))
                else:
                    self._rules.setdefault(name, []).append(
                        _Rule(policy, identity(policy), field, expression)
                    )
        self._said: dict[tuple[str, str], Verdict] = {}
        self._pools: dict[str, list[Resource]] = {}
        for pool in snapshot.resources(NODE_POOL):
            config: Mapping[str, Any] = pool.properties.get("nodeConfig") or {}
            self._pools.setdefault(config.get("serviceAccount") or "", []).append(pool)

    @property
    def exempted(self) -> frozenset[str]:
        """Namespaces that some rule names as exempted."""
        return frozenset(
            name for rules in self._rules.values() for rule in rules for name in rule.expression.exempted
        )

    def judge(self, namespace: str, rule: str) -> Verdict:
        """Whether something can be made in the namespace that the rule, as docs/security.md names it, is
        there to refuse."""
        if (namespace, rule) not in self._said:
            self._said[namespace, rule] = self._judge(namespace, rule, None)
        return self._said[namespace, rule]

    def placed(self, namespace: str, pool: str) -> Verdict:
        """Whether a pod of the namespace can be put on nodes that run as this Google service account
        (email)."""
        nodes = self._pools.get(pool)
        if not nodes:
            return _verdict(Outcome.NOT_UNDERSTOOD, None, "", f"No node pool of {pool} was handed over.")
        verdicts = [self._judge(namespace, GATEWAY_NODES, one) for one in nodes]
        return next((verdict for verdict in verdicts if verdict.allowed), verdicts[0])

    def _judge(self, namespace: str, rule: str, pool: Resource | None) -> Verdict:
        open_because: Verdict | None = None
        for found in self._rules.get(rule, ()):
            verdict = (_unguarded(found, pool) if pool else None) or self._in_force(found, namespace, rule)
            if not verdict.allowed:
                return verdict
            open_because = open_because or verdict
        unknown = next(
            (
                (policy, field)
                for policy, field in self._unknown
                if self._bindings.get(policy["metadata"]["name"])
            ),
            None,
        )
        if unknown:
            why = (
                "This expression is not among those that were tried on an API server, or names more than "
                "the pods' range."
            )
            return _verdict(Outcome.NOT_UNDERSTOOD, identity(unknown[0]), unknown[1], why)
        return open_because or _verdict(Outcome.ALLOWED, None, "", f"No policy has the rule {rule}.")

    def _in_force(self, rule: _Rule, namespace: str, name: str) -> Verdict:
        policy = rule.by
        if (rule.policy["spec"].get("failurePolicy") or "Fail") != "Fail":
            return _verdict(
                Outcome.ALLOWED,
                policy,
                "spec.failurePolicy",
                f"Rule {name} admits what it cannot decide.",
            )
        if namespace in rule.expression.exempted:
            return _verdict(
                Outcome.ALLOWED, policy, f"{rule.field}.expression", f"The namespace is exempt from {name}."
            )
        open_because: Verdict | None = None
        for binding in self._bindings.get(rule.policy["metadata"]["name"], ()):
            why = binding.lets(
                namespace, self._labels.get(namespace) or {"kubernetes.io/metadata.name": namespace}
            )
            if why is None:
                return _verdict(
                    Outcome.DENIED, policy, rule.field, f"Rule {name} refuses it in namespace {namespace}."
                )
            open_because = open_because or why
        return open_because or _verdict(
            Outcome.ALLOWED, policy, "", f"No binding puts rule {name} into force."
        )


def _unguarded(rule: _Rule, pool: Resource) -> Verdict | None:
    """Why the rule does not keep pods off a node pool, or None."""
    config: Mapping[str, Any] = pool.properties.get("nodeConfig") or {}
    taints: list[Mapping[str, str]] = config.get("taints") or []
    effects, key = ("NO_SCHEDULE", "NO_EXECUTE"), rule.expression.taint_key
    held = [taint for taint in taints if taint["key"] == key and taint.get("effect") in effects]
    if not held:
        return _verdict(
            Outcome.ALLOWED, pool.identity, "nodeConfig.taints", "No taint keeps pods off its nodes."
        )
    if pool.name not in rule.expression.pools or not all(
        taint.get("value") in rule.expression.pools for taint in held
    ):
        why = f"The rule does not name the pool {pool.name} and its taint."
        return _verdict(Outcome.ALLOWED, identity(rule.policy), rule.field, why)
    return None


@cache
def recorded() -> dict[str, list[str]]:
    """Rule to the digests of its expressions, as tried."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def expressions(policy: Manifest) -> Iterator[Expression]:
    """A policy's validations, in order."""
    spec: Mapping[str, Any] = policy["spec"]
    around = {
        key: _plain(value)
        for key, value in spec.items()
        if key not in ("validations", "failurePolicy", "auditAnnotations")
    }
    for validation in spec.get("validations") or ():
        text = str(validation.get("expression"))
        exempted = frozenset[str]()
        if besides := _EXEMPTED.fullmatch(text):
            exempted, text = frozenset(re.findall(r"'([^']+)'", besides[1])), besides[2]
        pools = tuple(_POOLS.findall(text))
        ranges = tuple(_RANGE.findall(text))
        keys = _TAINT_KEY.findall(text)
        for form in _OF_EACH_POOL if pools else ():
            text = text.replace(" && ".join(form.format(pool) for pool in pools), form.format("POOL"))
        text = _RANGE.sub("cidr('RANGE')", text)
        for own, stand_in in _OWN_NAMES.items():
            text = own.sub(stand_in, text)
        digest = hashlib.sha256(json.dumps([around, text], sort_keys=True).encode()).hexdigest()
        yield Expression(digest, pools, keys[0] if keys else "", ranges, exempted)


def _plain(value: Any) -> Any:
    """Without what the API server adds to every policy by itself."""
    if isinstance(value, Mapping):
        fields: Mapping[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return {key: _plain(of) for key, of in fields.items() if key not in _DEFAULTS or of != _DEFAULTS[key]}
    if isinstance(value, list):
        return [_plain(of) for of in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _verdict(outcome: Outcome, by: str | None, field: str, reason: str) -> Verdict:
    return Verdict(Layer.ADMISSION, outcome, by, field, reason)
