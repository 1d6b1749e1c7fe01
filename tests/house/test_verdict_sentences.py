"""Every reason of a verdict is a whole sentence, wherever a judge writes one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support import ROOT

JUDGES = (*sorted((ROOT / "egress/judge").rglob("*.py")), ROOT / "egress/proof/answers.py")
MADE_BY = {"Verdict", "Misread", "_verdict", "_doubt", "_no", "_unknown", "unread"}
"""What makes a verdict; its last text of several words is the reason, since fields have no spaces."""


def reasons(source: str) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The texts that are handed over as reasons, directly or by a variable of the same function."""
    for function in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)):
        texts: dict[str, list[ast.expr]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                texts.setdefault(node.targets[0].id, []).append(node.value)
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and _name(node.func) in MADE_BY:
                handed = [text for text in map(partial(_texts, texts), node.args) if text]
                yield from handed[-1] if handed else ()


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _texts(assigned: dict[str, list[ast.expr]], given: ast.expr) -> list[ast.Constant | ast.JoinedStr]:
    values = assigned.get(given.id, []) if isinstance(given, ast.Name) else [given]
    return [
        value
        for value in values
        if isinstance(value, (ast.Constant, ast.JoinedStr)) and " " in ast.unparse(value)
    ]


def is_sentence(text: ast.Constant | ast.JoinedStr) -> bool:
    """A value that is put in may begin it, being a name, or end it, being a sentence itself."""
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    first, last = parts[0], parts[-1]
    begins = not isinstance(first, ast.Constant) or not str(first.value)[:1].islower()
    ends = not isinstance(last, ast.Constant) or str(last.value).endswith((".", "?"))
    return begins and ends


@pytest.mark.parametrize("file", JUDGES, ids=lambda file: file.stem)
def test_a_verdict_is_a_whole_sentence(file: Path) -> None:
    found = reasons(file.read_text(encoding="utf-8"))
    assert not [f"{text.lineno}: {ast.unparse(text)}" for text in found if not is_sentence(text)]


@pytest.mark.parametrize(
    "reason",
    [
        '"lets TCP 443 to the internet"',
        '"The rule lets it through"',
        'f"no rule of {name} lets it through."',
        'f"{name} is not read here"',
    ],
)
@pytest.mark.parametrize(
    "made",
    [
        "return Verdict(Layer.DNS, Outcome.DENIED, None, '', {})",
        "return _verdict(Outcome.DENIED, None, '', {})",
        "raise Misread(by, field, {})",
        "why = {}\n    return _verdict(Outcome.DENIED, None, '', why)",
    ],
)
def test_a_fragment_is_found(made: str, reason: str) -> None:
    (text,) = reasons(f"def judge():\n    {made.replace('{}', reason)}\n")
    assert not is_sentence(text)


def test_there_are_reasons_to_read() -> None:
    assert sum(1 for file in JUDGES for _ in reasons(file.read_text(encoding="utf-8"))) > 150
