"""The sentences with which the program refuses a config, read off its source: what changes from case to case
is `{}`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support import ROOT

ROOMS = [
    "egress/common/yaml_text.py",
    "egress/common/yaml_scalars.py",
    "egress/common/stack_file.py",
    "egress/settings/load.py",
    "egress/settings/words.py",
    "egress/common/hosts.py",
    "egress/common/google_hosts.py",
    "egress/common/body_patterns.py",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "egress/settings").glob("*.py")),
    *(
        f"egress/plan/{name}.py"
        for name in (
            "merge",
            "host_checks",
            "address_checks",
            "inspection_checks",
            "identity_checks",
            "ingress_checks",
            "direct_egress",
            "port_checks",
            "private_addresses",
            "private_hosts",
            "keepalive",
            "google_host_checks",
            "credentials",
            "capabilities",
        )
    ),
    "egress/plan/inspection_script.py",
    "egress/layers/repair.py",
]
CALLS = {
    "refusal": 0,
    "Problem": 2,
    "HostError": 0,
    "Fault": 1,
    "ValueError": 0,
    "_refused": 1,
    "PatternError": 0,
    "Form": 1,
    "too_wide": 1,
}
"""What is called to refuse, and which argument is the consequence."""


TABLES = (
    "words.py",
    "stack_file.py",
    "duration.py",
    "sources.py",
    "load.py",
    "body_patterns.py",
    "fences.py",
    "tcp.py",
)
"""Rooms with tables of consequence and fix."""


@cache
def texts() -> dict[str, str]:
    """Every such sentence, and the room that it is in."""
    found: dict[str, str] = {}
    for room in dict.fromkeys(ROOMS):
        tree = ast.parse((ROOT / room).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            for text in _of(node, Path(room).name):
                found.setdefault(text, room)
    return found


def _of(node: ast.AST, room: str) -> Iterator[str]:
    if isinstance(node, ast.Call):
        name = (
            node.func.id
            if isinstance(node.func, ast.Name)
            else node.func.attr
            if isinstance(node.func, ast.Attribute)
            else ""
        )
        at = CALLS.get(name)
        if name in ("fault", "_fault"):
            at = 1
        if name == "ValueError" and room != "load.py":
            return
        if at is not None and len(node.args) > at:
            yield from _sentences(node.args[at])
    elif isinstance(node, ast.Tuple):
        elements = node.elts
        if len(elements) == 3 and isinstance(elements[0], ast.Tuple | ast.Name | ast.IfExp):
            yield from _sentences(elements[1])
        elif len(elements) == 2 and room in TABLES:
            yield from _sentences(elements[0])


def _sentences(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _sentences(node.body)
        yield from _sentences(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _whole(node.value)
    elif isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
        yield from _whole("".join(parts))


def _whole(text: str) -> Iterator[str]:
    if text.endswith((".", "?", ". {}")) and text.strip("{}.: ") and " " in text:
        yield text
