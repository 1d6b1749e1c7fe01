"""What is different, one fact at a time. What one way round is gained, the other way round is lost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

ALL = "everything"
"""What TLS that is not opened may hold."""


class Aspect(Enum):
    """What a fact is about: the risk of gaining it, and the word for losing it. In the order in which people read them."""

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
    TLS = ("weaker TLS", "stronger TLS")
    WAY = ("new way round", "closed way round")
    FENCE = ("removed fence", "new fence")

    def risk(self, gain: bool) -> str:
        return self.value[0 if gain else 1]


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
    """Which part of the target; for TLS and fences the words for the weaker state and the stronger, by turns."""
    how: str = ""
    """By which way, or which layer refuses."""
    by: str = ""
    """The object that decides where less passes."""
