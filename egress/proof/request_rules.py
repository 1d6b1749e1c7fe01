"""Whether a rule of an `http` entry holds for one request, as the config intends it."""

from __future__ import annotations

from egress.common.normal_form import Normalization, normal
from egress.judge.model.flow import Flow, Vantage
from egress.judge.model.requests import METHODS
from egress.settings.http_rule import Rule

_PROXIES = {Vantage.APP: 2}
"""Proxies that a request passes until rules are asked: the sidecar and the gateway, else the gateway
alone."""


def rule_allows(rule: Rule, flow: Flow) -> bool:
    """Whether a rule holds for a request as the gateway's rules see it."""
    path: str | None = flow.path
    for _ in range(_PROXIES.get(flow.vantage, 1)):
        path = path and normal(path, Normalization.DECODE_AND_MERGE_SLASHES)
    if path is None or flow.method not in METHODS:
        return False
    path = path.partition("?")[0]
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
