"""Whether a rule of an `http` entry holds for one request, as the config intends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from egress.common.normal_form import Normalization, ambiguous, normal
from egress.judge.model.flow import Flow, Vantage
from egress.judge.model.requests import METHODS
from egress.settings.http_rule import Rule

_DECODED, _KEPT = Normalization.DECODE_AND_MERGE_SLASHES, Normalization.MERGE_SLASHES


@dataclass(frozen=True)
class Way:
    """How the proxies on the way to a host read paths."""

    sidecar_keeps: bool = False
    """Whether the team's sidecars keep encoded slashes."""
    gateway_keeps: bool = False
    """Whether the gateway does for this host."""
    guarded: bool = False
    """Whether the gateway refuses paths that could mean others to the host."""

    def read(self, flow: Flow) -> Iterator[str]:
        """The path as the gateway's rules see it, by each way on which the flow can come; none: it is
        answered before."""
        if flow.vantage is Vantage.APP:
            ways = [(_KEPT if self.sidecar_keeps else _DECODED, _KEPT if self.gateway_keeps else _DECODED)]
        else:
            # Who goes to the gateway himself chooses the server name, which decides how it reads.
            ways = [(_DECODED,), *([(_KEPT,)] if self.gateway_keeps else [])]
        for way in ways:
            path: str | None = flow.path
            for how in way:
                path = path and normal(path, how)
            if path and not (self.guarded and ambiguous(path)):
                yield path.partition("?")[0]


def rule_allows(rule: Rule, flow: Flow, way: Way = Way()) -> bool:
    """Whether a rule holds for a request as the gateway's rules see it."""
    return flow.method in METHODS and any(_allows(rule, flow, path) for path in way.read(flow))


def _allows(rule: Rule, flow: Flow, path: str) -> bool:
    return (
        (rule.service_accounts is None or flow.service_account in rule.service_accounts)
        and (rule.methods is None or flow.method in rule.methods)
        and (rule.paths is None or any(_path(pattern, path) for pattern in rule.paths))
        and all(_header(values, flow.request.values(name)) for name, values in (rule.headers or {}).items())
    )


def _header(values: list[str], sent: tuple[str, ...]) -> bool:
    """A header that is sent more than once is asked value by value, and one that is allowed is enough."""
    return any(_value(pattern, one) for pattern in values for one in sent)


def _value(pattern: str, sent: str) -> bool:
    if pattern.endswith("*"):
        return sent.startswith(pattern[:-1])
    return sent.endswith(pattern[1:]) if pattern.startswith("*") else sent == pattern


def _path(pattern: str, path: str) -> bool:
    """Exact, a prefix ending in `*`, or a template. Written again here: the intent must not share the judge's
    errors.

    Envoy takes `[` and `]` in paths, and not where a template leaves something open.
    """
    if "{" not in pattern:
        return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
    head, rest, tail = pattern.partition("{**}")
    if not rest:
        return _segments(pattern.split("/"), path.split("/"))
    first, last = head.split("/")[:-1], tail.split("/")[1:]
    parts = path.split("/")
    if len(parts) <= len(first) + len(last):
        return False
    between = parts[len(first) : len(parts) - len(last)]
    opened = not any(character in part for part in between for character in "[]")
    return (
        opened
        and _segments(first, parts[: len(first)])
        and (not last or _segments(last, parts[-len(last) :]))
    )


def _segments(wanted: list[str], given: list[str]) -> bool:
    return len(wanted) == len(given) and all(
        bool(one) and not {*one} & {*"[]"} if want == "{*}" else want == one
        for want, one in zip(wanted, given, strict=True)
    )
