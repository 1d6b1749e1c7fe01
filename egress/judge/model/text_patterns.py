"""How Istio's rules compare texts: exact, by beginning or end, by presence, and path templates.

Source: Istio reference, AuthorizationPolicy, Rule and Operation; Envoy, UriTemplateMatchConfig. What those
leave open was read off Istio 1.30 (a `*` at the beginning is read before one at the end, one in the middle is
a letter) and off Envoy 1.40, which tests/mesh/test_rules.py goes on doing.
"""

from __future__ import annotations

import re
from functools import lru_cache

ONE, ANY = "{*}", "{**}"
"""What a path template leaves open: one segment, and any number."""
_SEGMENT = r"[A-Za-z0-9\-._~%!$&'()+,;:@=*]"
_LITERAL = re.compile(r"[A-Za-z0-9\-._~%!$&'()+,;:@=]*")


def text_matches(pattern: str, value: str) -> bool:
    """Exact, suffix (`*abc`), prefix (`abc*`) or presence (`*`)."""
    if pattern == "*":
        return bool(value)
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def is_template(pattern: str) -> bool:
    return ONE in pattern or ANY in pattern


def path_matches(pattern: str, path: str) -> bool:
    """A path, without its query, against a pattern: exact, prefix, suffix, presence, or a template."""
    return (
        _template(pattern).fullmatch(path) is not None
        if is_template(pattern)
        else text_matches(pattern, path)
    )


@lru_cache(maxsize=4096)
def _template(pattern: str) -> re.Pattern[str]:
    literal = re.split(r"(\{\*\*\}|\{\*\})", pattern)
    held_open = {ONE: f"{_SEGMENT}+", ANY: f"(?:{_SEGMENT}|/)*"}
    return re.compile("".join(held_open.get(part) or re.escape(part) for part in literal))


@lru_cache(maxsize=4096)
def unreadable_path(pattern: str) -> bool:
    """Whether a pattern has braces without being a template that Istio takes: what proxies make of it is not
    known here."""
    if not is_template(pattern):
        return "{" in pattern or "}" in pattern
    segments = pattern.split("/")
    open_ones = [segment for segment in segments if segment in (ONE, ANY)]
    return (
        not pattern.startswith("/")
        or ANY in open_ones[:-1]
        or not all(_LITERAL.fullmatch(segment) for segment in segments if segment not in (ONE, ANY))
    )
