"""Authorization's judge: whom a proxy lets do what, by AuthorizationPolicies that select its pods.

Understood: `selector`, `action` DENY and ALLOW, and in rules `from[].source` (principals, namespaces and their not-forms),
`to[].operation` (hosts, ports, methods, paths and their not-forms), `when[]` with `connection.sni`, `destination.port`,
`destination.ip`, `request.headers[NAME]`. A rule that asks for HTTP never allows a connection that is not read as HTTP.
Source: Istio reference, AuthorizationPolicy and "Authorization Policy Conditions" (security.istio.io/v1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from egress.judge.deployed import Deployed, Manifest, identity, listed, part
from egress.judge.flow import Connection, Layer, Misread, Pod, Request, Verdict
from egress.judge.registry import ROOT_NAMESPACE

_SOURCE = {"principals", "notPrincipals", "namespaces", "notNamespaces"}
_OPERATION = {"hosts", "notHosts", "ports", "notPorts", "methods", "notMethods", "paths", "notPaths"}
_HTTP = {"hosts", "notHosts", "methods", "notMethods", "paths", "notPaths"}
_READ_AT_A_GLANCE = {"connection.sni", "destination.port"}
_HEADER = re.compile(r"^request\.headers\[(.+)\]$")


@dataclass(frozen=True)
class _Case:
    """What a rule is asked about."""

    namespace: str
    principal: str
    request: Request | None
    port: int
    sni: str
    address: str


class Authorization:
    """Judges what a proxy's AuthorizationPolicies say to a connection that its listener has accepted."""

    def __init__(self, deployed: Deployed, explains: bool) -> None:
        """`explains`: whether a refusal names the field that comes nearest to allowing, which costs as much as deciding."""
        self._explains = explains
        self._policies: dict[str, _Policies] = {}
        for manifest in deployed.kind("AuthorizationPolicy"):
            self._policies.setdefault(manifest["metadata"]["namespace"], _Policies()).add(_Policy(manifest))

    def judge(self, at: Pod, connection: Connection) -> Verdict:
        """Whether the proxy of a pod lets the request (or connection) pass on."""
        inner = connection.inner
        request = inner if isinstance(inner, Request) else None
        principal = connection.principal or ""
        case = _Case(
            _namespace(principal), principal, request, connection.port, connection.sni or "", connection.to_address or ""
        )
        try:
            return self._decide(at, case)
        except Misread as error:
            return Verdict(Layer.AUTHORIZATION, True, error.by, error.field, error.reason, understood=False)

    def _decide(self, at: Pod, case: _Case) -> Verdict:
        homes = [home for home in dict.fromkeys((ROOT_NAMESPACE, at.namespace)) if home in self._policies]
        asked = [policy for home in homes for policy in self._policies[home].about(case.namespace) if policy.selects(at)]
        who = case.principal or "a client without a certificate"
        for policy in asked:
            if policy.action == "DENY" and (field := policy.matching(case)):
                return Verdict(Layer.AUTHORIZATION, False, policy.by, field, f"This is denied to {who} by name.")
        allowing = [policy for policy in asked if policy.action != "DENY"]
        for policy in allowing:
            if field := policy.matching(case):
                return Verdict(Layer.AUTHORIZATION, True, policy.by, field, f"This is allowed to {who}.")
        one = len(allowing) == 1
        nearest = allowing[0] if one else max(allowing, key=lambda policy: policy.nearness(case), default=None)
        if nearest is None:
            nearest = next((found for home in homes if (found := self._policies[home].any_allow(at))), None)
        if nearest is None:
            return Verdict(Layer.AUTHORIZATION, True, "nothing", "", "No policy of these pods asks who is there.")
        return Verdict(
            Layer.AUTHORIZATION,
            False,
            nearest.by,
            nearest.nearest(case) if self._explains else "spec.rules",
            f"No rule allows this to {who}.",
        )

    def server_names(self, namespace: str) -> set[str]:
        """One server name for each rule that asks a namespace's callers for one: whoever calls may say any of them."""
        return {
            name for policies in self._policies.values() for policy in policies.about(namespace) for name in policy.server_names
        }


class _Policies:
    """A namespace's policies, found by the caller's namespace: a policy for each team costs each team only its own."""

    def __init__(self) -> None:
        self._named: dict[str, list[_Policy]] = {}
        self._general: list[_Policy] = []
        self._allow: dict[frozenset[tuple[str, str]], _Policy] = {}

    def add(self, policy: _Policy) -> None:
        if policy.callers is None:
            self._general.append(policy)
        for caller in policy.callers or ():
            self._named.setdefault(caller, []).append(policy)
        if policy.action == "ALLOW":
            self._allow.setdefault(policy.labels, policy)

    def about(self, caller: str) -> Iterator[_Policy]:
        yield from self._general
        yield from self._named.get(caller, ())

    def any_allow(self, pod: Pod) -> _Policy | None:
        """A policy that allows something to somebody: with it, pods refuse what no policy allows."""
        return next((policy for policy in self._allow.values() if policy.selects(pod)), None)


def _namespace(principal: str) -> str:
    parts = principal.split("/")
    return parts[2] if len(parts) == 5 and parts[1] == "ns" and parts[3] == "sa" else ""


class _Policy:
    """One AuthorizationPolicy."""

    def __init__(self, manifest: Manifest) -> None:
        spec = part(manifest, "spec")
        self.by = identity(manifest)
        self.action = spec.get("action", "ALLOW")
        self.labels = frozenset((part(spec, "selector", "matchLabels")).items())
        self._rules: Sequence[Mapping[str, Any]] = listed(spec, "rules")
        unread = sorted(spec.keys() - {"selector", "action", "rules"})
        self._unread = unread[0] if unread else "action" if self.action not in ("ALLOW", "DENY") else None
        self.callers = None if self._unread else _callers(self._rules)
        """Namespaces whose callers some rule names; None: any caller may be meant."""
        asked = (
            condition for rule in self._rules for condition in listed(rule, "when") if condition.get("key") == "connection.sni"
        )
        self.server_names = [str(values[0]) for condition in asked if (values := listed(condition, "values"))]
        self._of_name: dict[str, list[int]] = {}
        self._of_any_name: list[int] = []
        for index, rule in enumerate(self._rules):
            exact = _names(rule)
            for name in exact or ():
                self._of_name.setdefault(name, []).append(index)
            if not exact:
                self._of_any_name.append(index)

    def selects(self, pod: Pod) -> bool:
        return self.labels <= (pod.labels or {}).items()

    def matching(self, case: _Case) -> str | None:
        """The field of the first rule that matches."""
        if self._unread:
            raise Misread(self.by, f"spec.{self._unread}", f"this `{self._unread}` is not read here")
        for index in self._asked(case):
            field = f"spec.rules[{index}]"
            if all(holds for _, holds in _parts(self._rules[index], case, self.by, field)):
                return field
        return None

    def _asked(self, case: _Case) -> list[int]:
        """The rules that could match, in order: those that name the host or the server name, and those that name none.

        A team's rules name one host each, so that a case costs what its own host has, however many the team has.
        """
        host = case.request.host.lower() if case.request else ""
        return sorted({*self._of_any_name, *self._of_name.get(host, ()), *self._of_name.get(case.sni, ())})

    def nearness(self, case: _Case) -> int:
        """How much of a rule holds, at best: what a reader wants to see first when nothing matches."""
        return max((self._held(self._rules[index], case) for index in self._asked(case)), default=0)

    def nearest(self, case: _Case) -> str:
        """The field that would have to differ for the nearest rule to match."""
        asked = self._asked(case)
        if not asked:
            return "spec.rules" if self._rules else "spec"
        index = max(asked, key=lambda index: self._held(self._rules[index], case))
        parts = _parts(self._rules[index], case, self.by, "")
        return f"spec.rules[{index}]" + next((f".{name}" for name, holds in parts if not holds), "")

    def _held(self, rule: Mapping[str, Any], case: _Case) -> int:
        names = [name for name, holds in _parts(rule, case, self.by, "") if holds]
        return 1 + 2 * ("from" in names) + sum(2 if name.endswith(("hosts", "sni")) else 1 for name in names if name != "from")


def _names(rule: Mapping[str, Any]) -> set[str] | None:
    """The hosts or server names of which a rule needs one; None where it needs none, or says more than this reads at a glance."""
    conditions = listed(rule, "when")
    if rule.keys() - {"from", "to", "when"} or any(condition["key"] not in _READ_AT_A_GLANCE for condition in conditions):
        return None
    found: set[str] | None = None
    operations = [part(entry, "operation") for entry in listed(rule, "to")]
    if operations and all(operation.get("hosts") and not operation.keys() - _OPERATION for operation in operations):
        found = {str(host).lower() for operation in operations for host in operation["hosts"]}
    for condition in conditions:
        if condition["key"] == "connection.sni" and condition.get("values"):
            found = {str(value) for value in condition["values"]}
    return None if found is None or any("*" in name for name in found) else found


def _callers(rules: Sequence[Mapping[str, Any]]) -> frozenset[str] | None:
    """Every namespace that some rule names as a caller's; None where a rule asks for none."""
    found: set[str] = set()
    for rule in rules:
        sources = [entry["source"] for entry in listed(rule, "from")]
        if not sources:
            return None
        for source in sources:
            named = list(listed(source, "namespaces"))
            named += [_namespace(principal) for principal in listed(source, "principals")]
            if not named or any("*" in name or not name for name in named) or "*" in str(source.get("principals") or ""):
                return None
            found.update(named)
    return frozenset(found)


def _parts(rule: Mapping[str, Any], case: _Case, by: str, field: str) -> Iterator[tuple[str, bool]]:
    """What a rule asks for, each with whether it holds; all have to."""
    unread = sorted(rule.keys() - {"from", "to", "when"})
    if unread:
        raise Misread(by, f"{field}.{unread[0]}", f"`{unread[0]}` is not read here")
    if rule.get("from"):
        yield "from", any(_source(entry["source"], case, by, field) for entry in rule["from"])
    if operations := rule.get("to"):
        if len(operations) == 1:
            # Part by part, so that a refusal can name the one that does not hold.
            operation = operations[0]["operation"]
            for name in operation:
                yield f"to[0].operation.{name}", _operation({name: operation[name]}, case, by, field)
        else:
            yield "to", any(_operation(entry["operation"], case, by, field) for entry in operations)
    for index, condition in enumerate(listed(rule, "when")):
        yield f"when[{index}].{condition['key']}".replace("connection.", ""), _condition(condition, case, by, field)


def _source(source: Mapping[str, Any], case: _Case, by: str, field: str) -> bool:
    _read(source, _SOURCE, by, f"{field}.from")
    return _both(source, "principals", "notPrincipals", case.principal, text_matches) and _both(
        source, "namespaces", "notNamespaces", case.namespace, text_matches
    )


def _operation(operation: Mapping[str, Any], case: _Case, by: str, field: str) -> bool:
    _read(operation, _OPERATION, by, f"{field}.to")
    request = case.request
    if request is None and operation.keys() & _HTTP:
        return False
    if not _both(operation, "ports", "notPorts", str(case.port), text_matches):
        return False
    if request is None:
        return True
    return (
        _both(operation, "hosts", "notHosts", request.host.lower(), lambda want, host: text_matches(want.lower(), host))
        and _both(operation, "methods", "notMethods", request.method, text_matches)
        and _both(operation, "paths", "notPaths", request.path.partition("?")[0], path_matches)
    )


def _condition(condition: Mapping[str, Any], case: _Case, by: str, field: str) -> bool:
    key = condition["key"]
    if "values" not in condition and "notValues" not in condition:
        raise Misread(by, f"{field}.when", f"the condition {key} names no values")
    header = _HEADER.fullmatch(key)
    if header:
        if case.request is None:
            return False
        return _header(condition, case.request.values(header[1].lower()))
    if key == "connection.sni":
        return _both(condition, "values", "notValues", case.sni, text_matches)
    if key == "destination.port":
        return _both(condition, "values", "notValues", str(case.port), text_matches)
    if key == "destination.ip":
        return _both(condition, "values", "notValues", case.address, lambda want, address: _in_range(want, address, by, field))
    raise Misread(by, f"{field}.when", f"the condition {key} is not read here")


def _both(mapping: Mapping[str, Any], wanted: str, unwanted: str, value: str, match: Callable[[str, str], bool]) -> bool:
    if wanted in mapping and not any(match(pattern, value) for pattern in mapping[wanted]):
        return False
    return not any(match(pattern, value) for pattern in mapping.get(unwanted) or ())


def _header(condition: Mapping[str, Any], sent: tuple[str, ...]) -> bool:
    """A header that is sent more than once is asked value by value (Envoy 1.38 and later), and one that matches is enough."""

    def found(patterns: Sequence[str]) -> bool:
        return any(text_matches(pattern, value) for pattern in patterns for value in sent or ("",))

    return not ("values" in condition and not found(condition["values"])) and not found(condition.get("notValues") or ())


def _read(mapping: Mapping[str, Any], known: set[str], by: str, field: str) -> None:
    unknown = sorted(mapping.keys() - known)
    if unknown:
        raise Misread(by, f"{field}.{unknown[0]}", f"`{unknown[0]}` is not read here")


def text_matches(pattern: str, value: str) -> bool:
    """Exact, prefix (`abc*`), suffix (`*abc`) or presence (`*`)."""
    if pattern == "*":
        return bool(value)
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value.endswith(pattern[1:]) if pattern.startswith("*") else value == pattern


def _in_range(pattern: str, value: str, by: str, field: str) -> bool:
    """Whether an address is in a range. Without one it is the pod's own, of which no more is known than that others reach it.

    Raises:
        Misread: the range is none, or the pod's address may lie in it.
    """
    try:
        wanted = ip_network(pattern, strict=False)
    except ValueError:
        raise Misread(by, f"{field}.when", f"{pattern} is no range of addresses") from None
    if value:
        return ip_address(value) in wanted
    if not wanted.is_loopback:
        raise Misread(by, f"{field}.when", f"whether a pod's own address lies in {pattern} is not known here")
    return False


def path_matches(pattern: str, path: str) -> bool:
    """A path against a pattern: exact, prefix, suffix, or a template with `{*}` (one segment) and `{**}` (any number)."""
    if "{" in pattern:
        return _template(pattern).fullmatch(path) is not None
    return text_matches(pattern, path)


@lru_cache(maxsize=4096)
def _template(pattern: str) -> re.Pattern[str]:
    literal = re.split(r"(\{\*\*\}|\{\*\})", pattern)
    return re.compile("".join({"{*}": "[^/]+", "{**}": ".*"}.get(part, re.escape(part)) for part in literal))
