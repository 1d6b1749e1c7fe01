"""One rule of an AuthorizationPolicy: what it asks about a caller, an operation and a connection.

A test holds, does not, or is not understood, and what is understood decides before what is not. Empty lists
ask for nothing. What only HTTP has (hosts, methods, paths, headers, tokens) is no part of a DENY rule on a
connection that is not read as HTTP, and an ALLOW rule that asks for it anywhere does not hold there at all.
Source: Istio reference, AuthorizationPolicy and "Authorization Policy Conditions" (security.istio.io/v1),
"Trust Domain Migration"; what those leave open was read off Istio 1.30.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from ipaddress import ip_address, ip_network
from typing import Any

from egress.judge.layers.authorization_cases import Case, Holds, Home, Test
from egress.judge.model.flow import Misread, Request
from egress.judge.model.snapshot import listed
from egress.judge.model.text_patterns import path_matches, text_matches, unreadable_path

LOCAL = "cluster.local"
"""A trust domain that stands in principals for the mesh's own, whatever that is called."""
_PLAIN_NAMESPACE = re.compile(r"[a-z0-9-]+")
_HEADER = re.compile(r"request\.headers\[(.+)\]")
_PROXIES_OWN = re.compile(
    r":.*|host|connection|content-length|transfer-encoding|x-request-id"
    r"|x-forwarded-(for|proto|client-cert)|x-envoy-.*"
)
"""Headers that proxies write themselves, or by which they read something else."""


@dataclass(frozen=True)
class _Attribute:
    """What a field or condition asks for: how a value becomes a test, and whether only HTTP has it."""

    test: Callable[[str, Home], Test]
    """Of a value, and where it stands. Raises Misread."""
    http: bool = False


@dataclass(frozen=True)
class Part:
    """Something that has to hold for the rule to hold."""

    name: str
    """Where it stands in the rule; empty: nobody names it."""
    test: Test
    http: bool = False


def every(outcomes: Iterable[Holds]) -> Holds:
    """Whether all hold; the first that is not understood, if none surely does not."""
    unknown: Holds = True
    for outcome in outcomes:
        if outcome is False:
            return False
        if unknown is True:
            unknown = outcome
    return unknown


def some(outcomes: Iterable[Holds]) -> Holds:
    """Whether one holds; the first that is not understood, if none surely does."""
    unknown: Holds = False
    for outcome in outcomes:
        if outcome is True:
            return True
        if unknown is False:
            unknown = outcome
    return unknown


class Rule:
    """One rule, read when it is first asked."""

    def __init__(self, written: Mapping[str, Any], home: Home) -> None:
        self._written, self._home, self.field = written, home, home.field

    @cached_property
    def parts(self) -> Sequence[Part]:
        return tuple(self._parts())

    @cached_property
    def http(self) -> bool:
        """Whether it asks for something that only HTTP has."""
        return any(part.http for part in self.parts)

    def holds(self, case: Case, denies: bool) -> Holds:
        if case.request is None and self.http and not denies:
            return False
        return every(part.test(case) for part in self.parts)

    def held(self, case: Case) -> Iterator[tuple[str, bool]]:
        """Of a rule that allows: what it asks for, each with whether it may hold."""
        for part in self.parts:
            yield part.name, not (part.http and case.request is None) and part.test(case) is not False

    def _parts(self) -> Iterator[Part]:
        for key in sorted(key for key in self._written.keys() - {"from", "to", "when"} if self._written[key]):
            yield self._unknown(f"{self.field}.{key}", f"`{key}` is not read here.")
        if sources := listed(self._written, "from"):
            yield _one_of("from", [list(self._fields(entry["source"], _SOURCE, "from")) for entry in sources])
        if operations := listed(self._written, "to"):
            if len(operations) == 1:
                # Part by part, so that a refusal can name the one that does not hold.
                for part in self._fields(operations[0]["operation"], _OPERATION, "to"):
                    yield replace(part, name=f"to[0].operation.{part.name}")
            else:
                yield _one_of(
                    "to", [list(self._fields(entry["operation"], _OPERATION, "to")) for entry in operations]
                )
        for index, condition in enumerate(listed(self._written, "when")):
            yield from self._condition(index, condition)

    def _fields(self, written: Mapping[str, Any], known: Mapping[str, _Attribute], at: str) -> Iterator[Part]:
        for name in (name for name, values in written.items() if values):
            negated = name.startswith("not") and name[3:4].isupper()
            plain = f"{name[3].lower()}{name[4:]}" if negated else name
            if attribute := known.get(plain):
                yield self._part(name, attribute, written[name], f"{self.field}.{at}", negated)
            else:
                yield self._unknown(f"{self.field}.{at}.{name}", f"`{name}` is not read here.")

    def _condition(self, index: int, condition: Mapping[str, Any]) -> Iterator[Part]:
        key, field = str(condition["key"]), f"{self.field}.when"
        name = f"when[{index}].{key}".replace("connection.", "")
        unread = sorted(part for part in condition.keys() - {"key", "values", "notValues"} if condition[part])
        if unread:
            yield self._unknown(f"{field}.{unread[0]}", f"`{unread[0]}` is not read here.")
        if (attribute := _condition(key)) is None:
            yield self._unknown(field, f"The condition {key} is not read here.")
            return
        for side in ("values", "notValues"):
            if values := listed(condition, side):
                yield self._part(name, attribute, values, field, side == "notValues")

    def _unknown(self, field: str, reason: str) -> Part:
        unknown = Misread(self._home.by, field, reason)
        return Part("", lambda _: unknown)

    def _part(
        self, name: str, attribute: _Attribute, values: Sequence[Any], field: str, negated: bool
    ) -> Part:
        home = replace(self._home, field=field)
        tests = [_test(attribute, str(value), home) for value in values]
        test = tests[0] if len(tests) == 1 else _one(tests)
        return _of_http(Part(name, _not(test) if negated else test, attribute.http))


def _test(attribute: _Attribute, value: str, home: Home) -> Test:
    try:
        return attribute.test(value, home)
    except Misread as error:
        unknown = error
        return lambda _: unknown


def _one(tests: Sequence[Test]) -> Test:
    return lambda case: some(test(case) for test in tests)


def _not(test: Test) -> Test:
    def found(case: Case) -> Holds:
        outcome = test(case)
        return not outcome if isinstance(outcome, bool) else outcome

    return found


def _of_http(part: Part) -> Part:
    """Where there is no request, what only a request has is not asked."""
    if not part.http:
        return part
    test = part.test
    return Part(part.name, lambda case: True if case.request is None else test(case), True)


def _one_of(name: str, alternatives: Sequence[Sequence[Part]]) -> Part:
    http = any(part.http for parts in alternatives for part in parts)
    return Part(
        name, lambda case: some(every(part.test(case) for part in parts) for parts in alternatives), http
    )


def _principal(value: str, home: Home) -> Test:
    wanted = _of_mesh(value, home.trust_domain)
    return lambda case: text_matches(wanted, case.principal)


def _of_mesh(principal: str, own: str) -> str:
    """A principal as proxies are told it: a trust domain that means the mesh's own is written as that."""
    domain, *rest = principal.split("/")
    means_own = text_matches(domain, own) if "*" in domain else domain == LOCAL
    # One with a `*` at its beginning stays: it matches the mesh's own as it is, and others.
    return (
        "/".join((own, *rest)) if len(rest) == 4 and means_own and not domain.startswith("*") else principal
    )


def _namespace(value: str, _: Home) -> Test:
    if _PLAIN_NAMESPACE.fullmatch(value):
        return lambda case: case.namespace == value
    return _identity(".*/ns/" + ".*".join(map(re.escape, value.split("*"))) + "/.*")


def _account(value: str, home: Home) -> Test:
    namespace, slash, account = value.partition("/")
    if not slash:
        namespace, account = home.namespace, value
    return _identity(f".+/ns/{re.escape(namespace)}/(.+/|)sa/{re.escape(account)}(/.+)?")


def _trust_domain(value: str, _: Home) -> Test:
    first, star, last = value.partition("*")
    return _identity(re.escape(first) + ("[^/]*" if star else "") + re.escape(last) + "/.*")


def _identity(pattern: str) -> Test:
    wanted = re.compile(pattern)
    return lambda case: wanted.fullmatch(case.principal) is not None


def _port(value: str, home: Home) -> Test:
    if not (value.isascii() and value.isdigit()):
        raise home.unread(f"`{value}` is no number of a port.")
    wanted = int(value)
    return lambda case: case.port == wanted


def _request(case: Case) -> Request:
    assert case.request is not None  # `_of_http` asks nothing of a connection without one
    return case.request


def _host(value: str, _: Home) -> Test:
    wanted = value.lower()
    return lambda case: text_matches(wanted, _request(case).host.lower())


def _method(value: str, _: Home) -> Test:
    return lambda case: text_matches(value, _request(case).method)


def _path(value: str, home: Home) -> Test:
    if unreadable_path(value):
        raise home.unread(f"`{value}` is no template of a path.")
    return lambda case: path_matches(value, _request(case).path.partition("?")[0])


def _header(name: str) -> _Attribute:
    """A header that is sent more than once is asked value by value (Envoy 1.38 and later), and one that
    matches is enough."""

    def test(value: str, home: Home) -> Test:
        if _PROXIES_OWN.fullmatch(name):
            raise home.unread(f"The header {name} is the proxies' own: what is in it is not known here.")
        if value == "*":
            return lambda case: bool(_request(case).values(name))
        return lambda case: any(text_matches(value, sent) for sent in _request(case).values(name))

    return _Attribute(test, http=True)


def _server_name(value: str, _: Home) -> Test:
    return lambda case: text_matches(value, case.sni)


def _address(value: str, home: Home) -> Test:
    """Whether the address is in a range. Without one it is the pod's own, of which no more is known than that
    others reach it."""
    try:
        wanted = ip_network(value, strict=False)
    except ValueError:
        raise home.unread(f"`{value}` is no range of addresses.") from None
    pods: Holds = (
        False
        if wanted.is_loopback
        else home.unread(f"Whether a pod's own address lies in {value} is not known here.")
    )
    return lambda case: ip_address(case.address) in wanted if case.address else pods


_CALLER = {
    "principals": _Attribute(_principal),
    "namespaces": _Attribute(_namespace),
    "serviceAccounts": _Attribute(_account),
    "trustDomains": _Attribute(_trust_domain),
}


def _unread(what: str, _: str, home: Home) -> Test:
    raise home.unread(f"{what} is not read here.")


_TOKENS = _Attribute(partial(_unread, "What tokens say"), http=True)
_SOURCE = _CALLER | {
    "ipBlocks": _Attribute(partial(_unread, "The address that a connection comes from")),
    "remoteIpBlocks": _Attribute(partial(_unread, "The address that a client is said to have")),
    "requestPrincipals": _TOKENS,
}
_OPERATION = {
    "hosts": _Attribute(_host, http=True),
    "ports": _Attribute(_port),
    "methods": _Attribute(_method, http=True),
    "paths": _Attribute(_path, http=True),
}
_CONDITIONS = {
    "connection.sni": _Attribute(_server_name),
    "destination.port": _OPERATION["ports"],
    "destination.ip": _Attribute(_address),
    "source.principal": _CALLER["principals"],
    "source.namespace": _CALLER["namespaces"],
    "source.serviceAccount": _CALLER["serviceAccounts"],
    "source.trustDomain": _CALLER["trustDomains"],
    **dict.fromkeys(("request.auth.principal", "request.auth.audiences", "request.auth.presenter"), _TOKENS),
}


def _condition(key: str) -> _Attribute | None:
    if header := _HEADER.fullmatch(key):
        return _header(header[1].lower())
    return _TOKENS if key.startswith("request.auth.claims[") else _CONDITIONS.get(key)
