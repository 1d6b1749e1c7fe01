"""One way to say no: every refused value is a Problem, and all problems of a config are raised together.

A Problem names the path as the reader sees it in `Pulumi.<stack>.yaml`, the value, what would have happened
had the program accepted it, and what to write instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from egress.common.refusals import code_of

ABSENT = object()
"""Value of a Problem about something that is not there."""


@dataclass(frozen=True)
class Default:
    """Value of a Problem that the file does not name: what holds where it says nothing."""

    value: Any


@dataclass(frozen=True)
class Problem:
    """One refused value."""

    path: str
    value: Any
    consequence: str
    fix: str

    @property
    def code(self) -> str:
        """What stays whatever becomes of the words; `egress why CODE` says more."""
        return code_of(self.consequence)

    def __str__(self) -> str:
        value = "" if self.value is ABSENT else f" = {shown(self.value)}"
        return f"{self.path}{value}\n    {self.code}: {self.consequence}\n    Fix: {self.fix}"


class ConfigError(Exception):
    """The config cannot be honoured. Raised before the first resource; nothing has been changed."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        unique = {(p.path, p.consequence): p for p in problems}
        self.problems: tuple[Problem, ...] = tuple(sorted(unique.values(), key=lambda p: p.path))
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.problems)
        heading = f"{count} problem{'s' if count != 1 else ''} in the stack's config. Nothing was changed."
        return "\n\n".join([heading, *(str(problem) for problem in self.problems)])


def shown(value: Any, limit: int = 120) -> str:
    """The value as a reader would write it, cut to one line of `limit` characters; of a key that was pasted,
    nothing."""
    if isinstance(value, Default):
        return f"{shown(value.value, limit)} (the default)"
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except (ValueError, RecursionError):  # a number of thousands of digits, or a value that contains itself
        return "(too large to be shown)"
    if "-----BEGIN" in text:
        return "(a PEM file, not shown)"
    return text if len(text) <= limit else text[: limit - 1] + "…"
