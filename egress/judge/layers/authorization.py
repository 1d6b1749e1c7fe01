"""Authorization's judge: whom a proxy lets do what, by AuthorizationPolicies that select its pods.

Understood: whose pods a policy is for (its namespace, everybody's in the root namespace, `selector`,
`targetRefs` for gateways of another API), actions DENY, ALLOW and AUDIT (which decides nothing),
`istio.io/dry-run` (neither does such a policy), and rules as authorization_rules.py reads them. What a CUSTOM
policy's service answers is not known: it may refuse, and lets nothing through that others refuse. Source:
Istio reference, AuthorizationPolicy (security.istio.io/v1), and annotation `istio.io/dry-run`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from egress.judge.layers.authorization_cases import Case, Holds, Home, namespace_of
from egress.judge.layers.authorization_rules import LOCAL, Rule
from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.flow import Connection, Layer, Misread, Outcome, Pod, Request, Verdict
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

_NAMESPACE = re.compile(r"[a-z0-9-]+")
_DRY_RUN = "istio.io/dry-run"
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""Label of pods that are a gateway of the Gateway API."""


class Authorization:
    """Judges what a proxy's AuthorizationPolicies say to a connection that its listener has accepted."""

    def __init__(self, snapshot: Snapshot, explains: bool, trust_domain: str = LOCAL) -> None:
        """Reads the policies.

        Args:
            deployed: where they are.
            explains: whether a refusal names the field that comes nearest to allowing, which costs as much as
            deciding.
            trust_domain: the first part of the mesh's own identities.
        """
        self._explains = explains
        self._policies: dict[str, _Policies] = {}
        for manifest in snapshot.kind("AuthorizationPolicy"):
            policy = _Policy(manifest, trust_domain)
            if policy.decides:
                self._policies.setdefault(manifest["metadata"]["namespace"], _Policies()).add(policy)

    def judge(self, at: Pod, connection: Connection) -> Verdict:
        """Whether the proxy of a pod lets the request (or connection) pass on."""
        inner = connection.inner
        request = inner if isinstance(inner, Request) else None
        principal, sni = connection.principal or "", (connection.sni or "").lower()
        case = Case(principal, request, connection.port, sni, connection.to_address)
        who = principal or "a client without a certificate"
        homes = [home for home in dict.fromkeys((ROOT_NAMESPACE, at.namespace)) if home in self._policies]
        asked = [
            (policy, selected)
            for home in homes
            for policy in self._policies[home].about(case)
            if (selected := policy.selects(at)) is not False
        ]
        doubt: Misread | None = None
        for policy, selected in asked:
            if policy.action != "ALLOW":
                outcome = policy.matching(selected, case)
                if isinstance(outcome, str):
                    return Verdict(
                        Layer.AUTHORIZATION,
                        Outcome.DENIED,
                        policy.by,
                        outcome,
                        f"This is denied to {who} by name.",
                    )
                doubt = doubt or outcome
        allowing = [(policy, selected) for policy, selected in asked if policy.action == "ALLOW"]
        allowed: Verdict | None = None
        unsure: Misread | None = None
        for policy, selected in allowing:
            outcome = policy.matching(selected, case)
            if isinstance(outcome, str):
                allowed = Verdict(
                    Layer.AUTHORIZATION, Outcome.ALLOWED, policy.by, outcome, f"This is allowed to {who}."
                )
                break
            unsure = unsure or outcome
        if allowed is None and unsure is None:
            sure = [policy for policy, selected in allowing if selected is True]
            nearest = _nearest(sure, case) if sure else self._refusing(homes, at)
            if isinstance(nearest, _Policy):
                field = nearest.nearest(case) if self._explains else "spec.rules"
                return Verdict(
                    Layer.AUTHORIZATION, Outcome.DENIED, nearest.by, field, f"No rule allows this to {who}."
                )
            unsure = nearest
        unknown = doubt if allowed else doubt or unsure
        if unknown:
            return Verdict(
                Layer.AUTHORIZATION, Outcome.NOT_UNDERSTOOD, unknown.by, unknown.field, unknown.reason
            )
        reason = "No AuthorizationPolicy selects these pods, so every caller is allowed."
        return allowed or Verdict(Layer.AUTHORIZATION, Outcome.ALLOWED, None, "", reason)

    def _refusing(self, homes: Sequence[str], at: Pod) -> _Policy | Misread | None:
        """A policy because of which pods refuse what none allows; a doubt where it may not be theirs; None:
        there is none."""
        doubt: Misread | None = None
        for policy in (policy for home in homes for policy in self._policies[home].allowing):
            selected = policy.selects(at)
            if selected is True:
                return policy
            doubt = doubt or selected or None
        return doubt

    def server_names(self, namespace: str) -> set[str]:
        """Server names that rules about a namespace's callers ask for: whoever calls may say any of them."""
        return {
            name
            for policies in self._policies.values()
            for policy in policies.of(namespace)
            for name in policy.server_names
        }


class _Policies:
    """A namespace's policies, found by the caller's namespace: a policy for each team costs each team only
    its own."""

    def __init__(self) -> None:
        self._named: dict[str, list[_Policy]] = {}
        self._general: list[_Policy] = []
        self._of_name: dict[str, list[_Policy]] = {}
        """For whatever caller, each of whose rules needs some name: where many receive, a case costs what its
        own name has."""
        self._allow: dict[object, _Policy] = {}

    def add(self, policy: _Policy) -> None:
        if policy.callers is None and policy.names:
            for name in policy.names:
                self._of_name.setdefault(name, []).append(policy)
        elif policy.callers is None:
            self._general.append(policy)
        for caller in policy.callers or ():
            self._named.setdefault(caller, []).append(policy)
        if policy.action == "ALLOW":
            self._allow.setdefault(policy.target, policy)

    def about(self, case: Case) -> Iterator[_Policy]:
        """Those that could say something to a case."""
        yield from self._general
        yield from self._named.get(case.namespace, ())
        if self._of_name:
            found = (policy for name in case.names for policy in self._of_name.get(name, ()))
            yield from dict.fromkeys(found)

    def of(self, caller: str) -> Iterator[_Policy]:
        """Those that could say something to a caller, whatever it asks for."""
        yield from self._general
        yield from self._named.get(caller, ())
        yield from dict.fromkeys(policy for policies in self._of_name.values() for policy in policies)

    @property
    def allowing(self) -> Iterator[_Policy]:
        """One policy for each set of pods that allows something to somebody: with it, they refuse what no
        policy allows."""
        yield from self._allow.values()


class _Policy:
    """One AuthorizationPolicy."""

    def __init__(self, manifest: Manifest, trust_domain: str) -> None:
        spec, metadata = part(manifest, "spec"), manifest["metadata"]
        self.by = identity(manifest)
        self.action = str(spec.get("action") or "ALLOW")
        dry = str(part(metadata, "annotations").get(_DRY_RUN)) in _TRUE
        self.decides = self.action != "AUDIT" and not (dry and self.action in ("ALLOW", "DENY"))
        self._labels = frozenset(part(spec, "selector", "matchLabels").items())
        self._attached = bool(spec.get("targetRefs") or spec.get("targetRef"))
        self._doubt = self._not_read(spec)
        self.target = self._doubt or (self._labels, self._attached)
        """What is the same in policies that are for the same pods."""
        self._rules: Sequence[Mapping[str, Any]] = listed(spec, "rules")
        self._read = [
            Rule(rule, Home(self.by, metadata["namespace"], trust_domain, f"spec.rules[{index}]"))
            for index, rule in enumerate(self._rules)
        ]
        self.callers = _callers(self._rules, metadata["namespace"])
        """Namespaces whose callers some rule names; None: any caller may be meant."""
        asked = (
            condition
            for rule in self._rules
            for condition in listed(rule, "when")
            if condition.get("key") == "connection.sni"
        )
        self.server_names = [
            str(value) for one in asked for side in ("values", "notValues") for value in listed(one, side)
        ]  # fmt: skip
        self._of_name: dict[str, list[int]] = {}
        self._of_any_name: list[int] = []
        for index, rule in enumerate(self._rules):
            exact = _names(rule)
            for name in exact:
                self._of_name.setdefault(name, []).append(index)
            if not exact:
                self._of_any_name.append(index)

    def _not_read(self, spec: Mapping[str, Any]) -> Misread | None:
        """What leaves open for which pods the policy is, or what it does."""
        known = {
            "selector",
            "targetRef",
            "targetRefs",
            "action",
            "rules",
            *(("provider",) if self.action == "CUSTOM" else ()),
        }
        unread = [f"spec.{key}" for key in sorted(spec.keys() - known) if spec[key]]
        unread += [f"spec.selector.{key}" for key in sorted(part(spec, "selector").keys() - {"matchLabels"})]
        unread += ["spec.action"] if self.action not in ("ALLOW", "DENY", "CUSTOM") else []
        return (
            Misread(self.by, unread[0], f"This `{unread[0].rpartition('.')[2]}` is not read here.")
            if unread
            else None
        )

    def selects(self, pod: Pod) -> Holds:
        """Whether it is for a pod."""
        if self._doubt:
            return self._doubt
        if self._attached:
            # Such a policy is for gateways of another API, and for nobody else.
            if pod.labels is not None and _GATEWAY_NAME not in pod.labels:
                return False
            return Misread(
                self.by, "spec.targetRefs", "Which gateways of another API these are is not read here."
            )
        if pod.labels is None and self._labels:
            return Misread(
                self.by,
                "spec.selector",
                "Whether it selects these pods is up to whoever writes their labels.",
            )
        return self._labels <= (pod.labels or {}).items()

    def matching(self, selected: Holds, case: Case) -> str | Misread | None:
        """The field of the first rule that matches; None where surely none does. `selected`: whether it is
        for the pod."""
        doubt: Misread | None = None
        for index in self._asked(case):
            rule = self._read[index]
            outcome = rule.holds(case, self.action != "ALLOW")
            if outcome is True:
                if isinstance(selected, Misread):
                    return selected
                if self.action == "CUSTOM":
                    return Misread(
                        self.by, "spec.provider", "What another service says to this is not known here."
                    )
                return rule.field
            if outcome is not False:
                doubt = doubt or outcome
        return doubt

    def _asked(self, case: Case) -> Sequence[int]:
        """The rules that could match, in order: those that name the host or the server name, and those that
        name none.

        A team's rules name one host each, so that a case costs what its own host has, however many the team
        has.
        """
        if case.request is None and self.action != "ALLOW":
            return range(len(self._rules))
        return sorted(
            {*self._of_any_name, *(index for name in case.names for index in self._of_name.get(name, ()))}
        )

    @property
    def names(self) -> list[str]:
        """Names of which each rule needs one; none where some rule needs none, or it is not by name alone
        that rules hold."""
        return [] if self._of_any_name or self.action != "ALLOW" else [*self._of_name]

    def nearness(self, case: Case) -> int:
        """How much of a rule holds, at best: what a reader wants to see first when nothing matches."""
        return max((_held(self._read[index], case) for index in self._asked(case)), default=-1)

    def nearest(self, case: Case) -> str:
        """The field that would have to differ for the nearest rule to match."""
        asked = self._asked(case)
        if not asked:
            return "spec.rules" if self._rules else "spec"
        index = max(asked, key=lambda index: _held(self._read[index], case))
        return f"spec.rules[{index}]" + next(
            (f".{name}" for name, holds in self._read[index].held(case) if not holds), ""
        )


def _nearest(policies: Sequence[_Policy], case: Case) -> _Policy:
    return policies[0] if len(policies) == 1 else max(policies, key=lambda policy: policy.nearness(case))


def _held(rule: Rule, case: Case) -> int:
    """How much of a rule holds: who calls and the host count twice."""
    names = (name for name, holds in rule.held(case) if holds)
    return sum(2 if name.endswith(("from", "hosts", "sni")) else 1 for name in names)


def _names(rule: Mapping[str, Any]) -> set[str]:
    """The hosts or server names of which a request needs one for the rule to hold; none where any will do."""
    operations = [part(entry, "operation") for entry in listed(rule, "to")]
    found: set[str] = set()
    if all(operation.get("hosts") for operation in operations):
        found = {str(host).lower() for operation in operations for host in operation["hosts"]}
    for condition in listed(rule, "when"):
        if condition["key"] == "connection.sni" and condition.get("values"):
            found = {str(value) for value in condition["values"]}
    return set() if any("*" in name for name in found) else found


def _callers(rules: Sequence[Mapping[str, Any]], own: str) -> frozenset[str] | None:
    """Every namespace that some rule names as a caller's; None where a rule asks for none."""
    found: set[str] = set()
    for rule in rules:
        sources = [entry["source"] for entry in listed(rule, "from")]
        if not sources:
            return None
        for source in sources:
            named = [str(name) for name in listed(source, "namespaces")]
            named += [namespace_of(str(principal)) for principal in listed(source, "principals")]
            named += [str(account).rpartition("/")[0] or own for account in listed(source, "serviceAccounts")]
            if not named or not all(_NAMESPACE.fullmatch(name) for name in named):
                return None
            found.update(named)
    return frozenset(found)
