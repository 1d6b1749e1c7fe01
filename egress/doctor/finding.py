"""One row of the doctor's table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Finding:
    """What was asked, what was found, what the plan needs, and the command that mends it."""

    check: str
    """Of which check it is; stays whatever becomes of the words."""
    what: str
    state: State
    found: str
    needed: str
    fix: str = ""
    """A command, several lines of them, or a sentence where no command can do it. Empty where nothing is to
    be mended."""

    @property
    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class NotKnown(Exception):
    """A question has no answer. The text says why, as the end of a sentence; `fix` is what would give
    one."""

    def __init__(self, why: str, fix: str = "") -> None:
        super().__init__(why)
        self.fix = fix


def judged(check: str, what: str, holds: bool, found: str, needed: str, fix: str) -> Finding:
    """A finding that has an answer; what mends it is said only where it is wrong."""
    return Finding(check, what, State.OK if holds else State.WRONG, found, needed, "" if holds else fix)


def unknown(check: str, what: str, needed: str, why: NotKnown) -> Finding:
    return Finding(check, what, State.UNKNOWN, f"not known, because {why}", needed, why.fix)


def some(names: Iterable[str], most: int = 4) -> str:
    """The first of many, and how many more there are."""
    listed = list(names)
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more} more" if more > 0 else "")
