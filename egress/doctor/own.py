"""What this stack has made already, read from its own state."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from egress.doctor.finding import Finding, NotKnown, State, judged, unknown
from egress.doctor.google import Json, entries, part
from egress.doctor.machine import Machine

WHAT = "state of the stack"
NEEDED = "a place where Pulumi keeps it"
NAMES = ("name", "accountId", "service", "featureId", "repositoryId")
"""Inputs that may hold the physical name."""


@dataclass(frozen=True)
class Own:
    """Resources of Google's by type and physical name."""

    resources: frozenset[tuple[str, str]] = frozenset()
    problem: NotKnown | None = None
    """Why it is not known what is this stack's."""
    finding: Finding | None = None

    def has(self, kind: str, name: str) -> bool:
        return (kind, name) in self.resources


def own(machine: Machine, stack: str) -> Own:
    """Ask Pulumi, which changes nothing by answering."""
    whoami = machine.run("pulumi", "whoami", "--non-interactive")
    if whoami is None:
        return _not_known(NotKnown("there is no pulumi on PATH"))
    if whoami.code:
        login = "pulumi login gs://YOUR_STATE_BUCKET"
        found = judged(
            "state", WHAT, False, f"nobody is logged in to Pulumi: {whoami.complaint}", NEEDED, login
        )
        return Own(problem=NotKnown("nobody is logged in to Pulumi", login), finding=found)
    export = machine.run("pulumi", "stack", "export", "--non-interactive", "--stack", stack)
    if export is None or export.code:
        said = export.complaint if export else ""
        if "no stack named" in (export.err if export else ""):
            return Own(finding=Finding("state", WHAT, State.OK, f"there is no stack {stack} yet", NEEDED))
        return _not_known(NotKnown(f"Pulumi says: {said}"))
    try:
        content: Any = json.loads(export.out)
        resources = entries(part(content, "deployment"), "resources")
    except (ValueError, AttributeError):
        return _not_known(NotKnown("what Pulumi exports is no JSON"))
    count = sum(not resource["type"].startswith("pulumi:") for resource in resources)
    found = f"{count} resource{'' if count == 1 else 's'}" if count else "empty"
    return Own(frozenset(_named(resources)), finding=Finding("state", WHAT, State.OK, found, NEEDED))


def _named(resources: Iterable[Json]) -> Iterable[tuple[str, str]]:
    for resource in resources:
        inputs = part(resource, "inputs")
        for field in NAMES:
            if isinstance(inputs.get(field), str):
                yield resource["type"], inputs[field]


def _not_known(why: NotKnown) -> Own:
    return Own(problem=why, finding=unknown("state", WHAT, NEEDED, why))
