"""The table in front of the filter that refuses bodies: what gateways look for in requests, read back from
its Lua.

Understood is a table in the one form in which it is written (egress/layers/mesh/body_inspection.py): any
other might call something, or lack what the filter reads and fail there, which lets bodies through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_BYTE = r"\\(?:[01][0-9][0-9]|2[0-4][0-9]|25[0-5])"
_TEXT = rf'"(?:[^"\\\n]|{_BYTE})*"'
_SAYS = rf"forms = \{{{_TEXT}(?:, {_TEXT})*\}}(?:, lower = true)?|pattern = {_TEXT}"
_RULE = re.compile(rf"\{{name = ({_TEXT}), ({_SAYS})\}}")
_RULES = rf"\{{name = {_TEXT}, (?:{_SAYS})\}}"
_ENTRY = re.compile(
    rf"  \[({_TEXT})\] = "
    rf"\{{enforce = (true|false), max = ([0-9]+), rules = \{{({_RULES}(?:, {_RULES})*)\}}\}},\n"
)
_WRITTEN = re.compile(_TEXT)
_ESCAPE = re.compile(rb"\\(\d{3})")


@dataclass(frozen=True)
class Wanted:
    """One thing that requests must not hold."""

    says: tuple[str, ...]
    """A text in several character sets, or a pattern."""
    any_case: bool


@dataclass(frozen=True)
class Entry:
    """How requests to one host are read."""

    refuses: bool
    """Whether what is found is refused; else it is reported."""
    most: int
    """Bytes of a body; a longer one is refused."""
    rules: Mapping[str, Wanted]


def split(script: str) -> tuple[str, str]:
    """The table, and the filter behind it."""
    table, end, rest = script.partition("\n}\n")
    return table + end, rest


def read(table: str) -> dict[str, Entry] | None:
    """By host; None where the table is of another form, or says a thing twice, of which not all would
    count."""
    entries = list(_ENTRY.finditer(table))
    if table != "".join(("local HOSTS = {\n", *(entry[0] for entry in entries), "}\n")):
        return None
    found: dict[str, Entry] = {}
    for entry in entries:
        host, enforce, most, written = entry.groups()
        named = _RULE.findall(written)
        rules = {_said(name): _wanted(says) for name, says in named}
        if len(rules) < len(named) or _said(host) in found:
            return None
        found[_said(host)] = Entry(enforce == "true", int(most), rules)
    return found


def _wanted(says: str) -> Wanted:
    return Wanted(tuple(map(_said, _WRITTEN.findall(says))), says.endswith("lower = true"))


def _said(written: str) -> str:
    """A text of Lua's; bytes that are no UTF-8 stay numbers, so that no two look the same."""
    return _ESCAPE.sub(lambda byte: bytes((int(byte[1]),)), written[1:-1].encode()).decode(
        errors="backslashreplace"
    )
