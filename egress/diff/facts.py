"""What is different, one fact at a time. What one way round is gained, the other way round is lost."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import Enum

ALL = "everything"
"""What TLS that is not opened may hold."""

EVERY_PORT = "every port"


class Aspect(Enum):
    """What a fact is about: the risk of gaining it, and the word for losing it. In the order in which people read them.

    One word for both: neither of two is more than the other, so a change counts as a gain both ways.
    """

    UNREAD = ("not understood", "understood again")
    HOST = ("new host", "lost host")
    PORT = ("new port", "lost port")
    DESTINATION = ("new destination", "lost destination")
    PATH = ("wider path", "narrower path")
    METHOD = ("wider method", "narrower method")
    HEADER = ("wider header", "narrower header")
    ACCOUNT = ("wider account", "narrower account")
    RECEIVED = ("new caller", "lost caller")
    EXPOSED = ("wider exposure", "narrower exposure")
    GRANT = ("new role", "lost role")
    ROLE = ("wider role", "narrower role")
    OTHER_ROLE = ("other role", "other role")
    RIGHT = ("new right", "lost right")
    ACCESS = ("new access", "lost access")
    OPENING = ("new opening", "closed opening")
    TLS = ("weaker TLS", "stronger TLS")
    INSPECTION = ("less inspection", "more inspection")
    OTHER_INSPECTION = ("other inspection", "other inspection")
    OTHER_AUTHORITY = ("other authority", "other authority")
    OTHER_CERTIFICATE = ("other certificate", "other certificate")
    OTHER_IDENTITY = ("other identity", "other identity")
    OTHER_PROTOCOL = ("other protocol", "other protocol")
    OTHER_GATEWAY = ("other gateway", "other gateway")
    OTHER_SOURCE = ("other source address", "other source address")
    OTHER_IMAGES = ("other images", "other images")
    OTHER_PLACE = ("other place", "other place")
    OTHER_PERIMETER = ("other perimeter", "other perimeter")
    WAY = ("new way round", "closed way round")
    FENCE = ("removed fence", "new fence")
    PROTECTION = ("less protection", "more protection")
    LIMIT = ("looser limit", "tighter limit")
    LOG = ("less logged", "more logged")

    def risk(self, gain: bool) -> str:
        return self.value[0 if gain else 1]

    @property
    def other(self) -> bool:
        """Whether facts say that something is another, and not that it is more or less."""
        return self.value[0] == self.value[1]


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
    """Which part of the target; for TLS and fences the words for the weaker state and the stronger, by turns. Where something is
    another one: what it is now."""
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
