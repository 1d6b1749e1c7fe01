"""What is different, one fact at a time. What one way round is gained, the other way round is lost."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from egress.answers.words import Aspect

ALL = "everything"
"""What TLS that is not opened may hold."""

EVERY_PORT = "every port"


@dataclass(frozen=True)
class Fact:
    """One thing that one of two sides lets through or lacks, and the other does not."""

    aspect: Aspect
    gain: bool
    """Whether the new side lets more through by it."""
    team: str
    """Empty: it is about no team alone."""
    target: str
    what: str
    """Which part of the target; for TLS and fences the words for the weaker state and the stronger, by turns.
    Where something is another one: what it is now."""
    how: str = ""
    """By which way, or which layer refuses. Where something is another one: what it was."""
    by: str = ""
    """The object that decides where less passes."""

    @property
    def mirrored(self) -> Fact:
        """What is to be said of the way back."""
        if self.aspect.other:
            return replace(self, what=self.how, how=self.what)
        return replace(self, gain=not self.gain)


def another(aspect: Aspect, team: str, target: str, old: str, new: str, by: str = "") -> Iterator[Fact]:
    """That something is not what it was, where it is not."""
    if old != new:
        yield Fact(aspect, True, team, target, new, old, by)


def more_or_less(
    aspect: Aspect, team: str, target: str, old: Collection[str], new: Collection[str], by: str = ""
) -> Iterator[Fact]:
    """What of a set one side has and the other has not. More is a gain."""
    for gain, fewer, more in ((True, old, new), (False, new, old)):
        for what in sorted(set(more) - set(fewer)):
            yield Fact(aspect, gain, team, target, what, by=by)
