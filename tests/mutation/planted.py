"""Errors that can be planted in the judges' source, and where each stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mutation.operators import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
JUDGES = ROOT / "egress" / "judge"
SURVIVED, KILLED = 0, 1


@dataclass(frozen=True, eq=False)
class Planted:
    """An error and the source that it is planted in."""

    module: str
    file: str
    tree: ast.Module
    text: str
    """The line, without its indentation."""
    mutant: Mutant

    @property
    def key(self) -> tuple[str, str, str]:
        return ".".join(filter(None, (self.module, self.mutant.function))), self.text, self.mutant.change

    def __str__(self) -> str:
        return f"{Path(self.file).relative_to(ROOT)}:{self.mutant.line}  {self.key[0]}  {self.mutant.change}"


def planted(modules: list[str]) -> Iterator[Planted]:
    for module in modules:
        file = _files()[module]
        source = file.read_text(encoding="utf-8")
        tree = ast.parse(source, str(file))
        for mutant in mutants(tree):
            yield Planted(module, str(file), tree, source.splitlines()[mutant.line - 1].strip(), mutant)


@cache
def _files() -> dict[str, Path]:
    """The judges' files by name; no two have the same."""
    return {file.stem: file for file in JUDGES.rglob("*.py") if file.stem != "__init__"}


def every_module() -> list[str]:
    return sorted(_files())
