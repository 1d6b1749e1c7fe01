"""Decisions and traps say when they were written down, and every decision is told in one order."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.support import ROOT

DECISIONS = sorted((ROOT / "docs/adr").glob("*.md"))
TRAPS = (ROOT / "docs/traps/README.md").read_text(encoding="utf-8")
PARTS = ["Context", "Decision", "Why", "Rejected", "Consequences"]
"""In this order. What is decided and what was rejected is in all of them, and the reason in one of two."""


def test_decisions_are_numbered_without_a_gap() -> None:
    assert len(DECISIONS) > 20
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_number_its_date_and_its_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    head = re.match(r"# (\d+)\. .+\n\nDecided (\d{4}-\d\d-\d\d)\.\n\n## ", text)
    assert head is not None
    assert int(head[1]) == int(page.name[:4])
    date.fromisoformat(head[2])
    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert parts == [part for part in PARTS if part in parts]
    assert {"Decision", "Rejected"} <= set(parts)
    assert {"Context", "Why"} & set(parts)


def test_every_trap_ends_with_the_date_of_its_writing() -> None:
    traps = re.findall(r"^- .+(?:\n  .+)*", TRAPS, re.MULTILINE)
    assert len(traps) > 40
    assert [trap for trap in traps if not re.search(r"\*\d{4}-\d\d-\d\d\*$", trap)] == []
