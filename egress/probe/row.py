"""One line of the probe's table: what was expected, what was seen, and whether that is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from egress.judge.model.flow import Layer
from egress.probe.asked import Asked, NotAsked
from egress.probe.layer import Came, Logs, came

_MET_IN_TURN = [*Layer]


class State(StrEnum):
    """What a row says of the cluster."""

    OK = "ok"
    LEAK = "leak"
    """It is refused by the plan, and got through."""
    WRONG = "wrong"
    NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Row:
    """One thing that was asked of the cluster."""

    what: str
    state: State
    expected: str = "-"
    seen: str = "-"
    stopped_by: str = "-"
    at: str = "-"
    says: str = ""
    """What is wrong, or why it was not asked."""

    @property
    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        return {
            "what": self.what,
            "state": self.state.value,
            "expected": self.expected,
            "seen": self.seen,
            "stoppedBy": self.stopped_by,
            "arrivedAt": self.at,
            "says": self.says,
        }


def of_flow(asked: Asked, said: Mapping[str, Any] | None, logs: Logs) -> Row:
    """A flow's row; `said` None: the pod ended before it was tried."""
    if said is None:
        return Row(asked.what, State.WRONG, asked.expected.word, says="the pod ended before it was tried")
    found = came(asked, said, logs)
    state, says = _judged(asked, found)
    return Row(asked.what, state, asked.expected.word, found.word, found.by, found.at, says)


def not_asked(one: NotAsked) -> Row:
    return Row(one.what, State.NOT_ASKED, says=one.why)


def _judged(asked: Asked, found: Came) -> tuple[State, str]:
    expected = asked.expected
    detail = f": {found.detail}" if found.detail else ""
    unmade = found.layer is Layer.DNS and expected.layer is not Layer.DNS
    if unmade and (asked.guessed or not expected.passes):
        return State.NOT_ASKED, f"nobody made {asked.flow.host}, so nothing behind DNS was asked"
    if expected.passes:
        if found.arrived:
            return State.OK, found.detail
        return State.WRONG, f"it is declared, and stopped ({found.by}{detail})"
    if found.arrived:
        return State.LEAK, f"{asked.why}; {expected.by} has to refuse it, and it got through"
    if found.layer and expected.layer and found.layer is not expected.layer:
        first = "a layer that stands before did not refuse it"
        if _MET_IN_TURN.index(found.layer) < _MET_IN_TURN.index(expected.layer):
            first = "it did not come as far as it should"
        return State.WRONG, f"{expected.by} has to refuse it, and {found.by} did: {first}"
    if found.let_on and expected.layer is Layer.SIDECAR:
        return State.WRONG, f"{expected.by} has to refuse it; it let it on, and something behind stopped it"
    return State.OK, ""
