"""What goes with a namespace: no reach, but work and data of a team's that nobody brings back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from egress.common.names import TEAM_LABEL
from egress.judge.model.snapshot import Snapshot


@dataclass(frozen=True)
class Deleted:
    """A team's namespace that one side has and the other has not."""

    namespace: str

    @property
    def text(self) -> str:
        return (
            f"Namespace {self.namespace} is deleted with everything in it, also what the team itself has put "
            "there: workloads, volumes, Secrets"
        )

    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        return {"namespace": self.namespace, "text": self.text, "widening": False}


def deleted(old: Snapshot, new: Snapshot) -> tuple[Deleted, ...]:
    return tuple(map(Deleted, sorted(_teams(old) - _teams(new))))


def _teams(of: Snapshot) -> set[str]:
    return {
        item["metadata"]["name"]
        for item in of.kubernetes
        if item["kind"] == "Namespace" and TEAM_LABEL in (item["metadata"].get("labels") or {})
    }
