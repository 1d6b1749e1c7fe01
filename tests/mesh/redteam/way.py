"""One way round the fences: what is tried, what has to come of it, and whose doing that is."""

from __future__ import annotations

from dataclasses import dataclass

from tests.mesh.evidence import Layer
from tests.mesh.flow import CHEAT_X, CHEAT_Y, Flow

IN_THE_POD = frozenset({Layer.SIDECAR})
"""What an attacker who owns the pod owns as well."""
CHEATS = (CHEAT_X, CHEAT_Y)
"""Pods without a sidecar."""


@dataclass(frozen=True, kw_only=True)
class Way(Flow):
    """A flow with a number that stays, however many are added."""

    number: str
    """Letter of the theme, and a number within it."""
    team: str | None = None
    """Whose rights it uses; None: of the pod's own team."""
    left: str = ""
    """It gets out; this says why, and what is to be done about it. Such a way is tried as well, so that this
    stays true."""

    @property
    def cheating(self) -> bool:
        """Whether the pod's own proxy has no say."""
        return self.pod in CHEATS or "uid 1337" in self.what
