"""What gateways look for in requests: the table in front of the filter that refuses bodies, read back.

Read: TrafficExtensions that are understood as a whole (egress/judge/filters.py); their table holds nothing but data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from egress.judge.deployed import Deployed, identity, part
from egress.judge.filters import unread_of_extension

_TOKEN = re.compile(r'"(?P<text>(?:[^"\\\n]|\\\d{3})*)"|(?P<number>\d+)|(?P<word>[a-z]+)|(?P<sign>[\[\]{}=,])')
_ESCAPE = re.compile(rb"\\(\d{3})")


@dataclass(frozen=True)
class Wanted:
    """One thing that requests must not hold."""

    says: tuple[str, ...]
    """A text in several character sets, or a pattern."""
    any_case: bool


@dataclass(frozen=True)
class Inspected:
    """How requests to one host are read."""

    refuses: bool
    """Whether what is found is refused; else it is reported."""
    most: int
    """Bytes of a body; a longer one is refused."""
    rules: Mapping[str, Wanted]
    by: str


def inspections(deployed: Deployed) -> dict[tuple[str, str], Inspected]:
    """By the gateway's namespace and the host."""
    found: dict[tuple[str, str], Inspected] = {}
    for manifest in deployed.kind("TrafficExtension"):
        if any(True for _ in unread_of_extension(manifest)):
            continue
        table, _, _ = str(part(manifest, "spec", "lua")["inlineCode"]).removeprefix("local HOSTS = ").partition("\n}\n")
        hosts = cast("dict[str, Any]", _value(_tokens(f"{table}\n}}")))
        for host, entry in hosts.items():
            rules = {str(rule["name"]): _wanted(rule) for rule in entry["rules"]}
            at = str(manifest["metadata"].get("namespace")), host
            found[at] = Inspected(entry["enforce"], entry["max"], rules, identity(manifest))
    return found


def _wanted(rule: Mapping[str, Any]) -> Wanted:
    return Wanted(tuple(rule.get("forms") or (rule["pattern"],)), bool(rule.get("lower")))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for token in _TOKEN.finditer(text):
        yield token.lastgroup or "", token[token.lastgroup or 0]


def _value(tokens: Iterator[tuple[str, str]], first: tuple[str, str] | None = None) -> Any:
    """One value: a text, a number, a switch, or a table, which is a list where no key is in it."""
    kind, said = first or next(tokens)
    if kind == "text":
        return _ESCAPE.sub(lambda byte: bytes((int(byte[1]),)), said.encode()).decode(errors="replace")
    if kind == "number":
        return int(said)
    if kind == "word":
        return said == "true"
    keyed: dict[str, Any] = {}
    listed: list[Any] = []
    for token in tokens:
        if token == ("sign", "}"):
            break
        if token == ("sign", ","):
            continue
        if token == ("sign", "["):
            key = str(_value(tokens))
            next(tokens)  # ]
            next(tokens)  # =
            keyed[key] = _value(tokens)
        elif token[0] == "word" and token[1] not in ("true", "false"):
            next(tokens)  # =
            keyed[token[1]] = _value(tokens)
        else:
            listed.append(_value(tokens, token))
    return keyed or listed
