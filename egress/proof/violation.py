"""What does something else than the config says, in words, and the refusal to go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from egress.judge.model.flow import Verdict

SHOWN = 20
"""Violations that a message spells out; it says how many more there are."""


@dataclass(frozen=True)
class Violation:
    """A flow that does something else than the config says."""

    flow: str
    """In words."""
    steps: tuple[Verdict, ...]
    says: str

    def __str__(self) -> str:
        steps = "\n".join(
            f"    {step.layer.value}: {step.symbol}, {step.object} {step.field} - {step.reason}"
            for step in self.steps
        )
        return f"{self.flow}\n    {self.says}\n{steps}"


class NotProven(Exception):
    """The rendered objects do not do what the config says. Raised before the first resource; nothing has been
    changed."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        shown = [str(violation) for violation in self.violations[:SHOWN]]
        more = len(self.violations) - len(shown)
        heading = f"{len(self.violations)} flows do something else than the config says. Nothing was changed."
        super().__init__("\n\n".join([heading, *shown, *([f"... and {more} more."] if more else [])]))
