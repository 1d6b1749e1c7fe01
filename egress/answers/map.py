"""The map: the evidence of one stack as a page for people, in one file that needs no network.

What stands on it is the evidence's, so the two cannot disagree; egress/answers/map.html draws it. Names and
free text travel as JSON that cannot end its element, and the page sets them as text alone; its content policy
lets no other script, style or address in.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import Any

from egress.answers.evidence_document import Allowed, Control, Elsewhere, Evidence
from egress.answers.evidence_markdown import leaves, requests, strangers
from egress.judge.targets import STRANGER, TargetKind
from egress.plan.model import Plan

ANY_NAMESPACE = "any other namespace"
NO_TEAM = "no team's namespace"
PAGE = Path(__file__).with_name("map.html")


def page(plan: Plan, found: Evidence) -> str:
    """The whole page."""
    template = PAGE.read_text(encoding="utf-8")
    return Template(template).substitute(
        title=html.escape(f"Egress of stack {found.source.stack}"),
        style_hash=_hash(template, "style"),
        script_hash=_hash(template, "script"),
        data=_safe(json.dumps(data(plan, found), separators=(",", ":"))),
    )


def data(plan: Plan, found: Evidence) -> dict[str, Any]:
    """What the page draws. Controls are written once and named by their place: most are those of many
    ways."""
    targets = {(item.kind, item.target): None for item in found.allowed}
    place = {target: index for index, target in enumerate(targets)}
    teams = [{"name": item.name, "note": _note(item.settings.model)} for item in plan.teams]
    team = {item.name: index for index, item in enumerate(plan.teams)}
    for name in dict.fromkeys(item.team for item in found.elsewhere):
        if name not in team:
            team[name] = len(teams)
            teams.append({"name": ANY_NAMESPACE if name == STRANGER else name, "note": NO_TEAM})
    controls = _Places()
    ways = [
        {
            "team": team[item.team],
            "target": place[item.kind, item.target],
            "route": _route(item),
            "by": f"{item.protocol} {item.port}" if item.port else "every port",
            "requests": requests(item),
            "why": ": ".join(filter(None, (item.rule, item.description, strangers(item)))),
            "leaves": leaves(item),
            "passes": item.passes,
            "risk": _risk(item),
            "controls": _controls(item.controls, controls),
        }
        for item in found.allowed
    ]
    elsewhere: list[list[dict[str, Any]]] = [[] for _ in teams]
    for item in found.elsewhere:
        elsewhere[team[item.team]].append(_tried(item, controls))
    return {
        "source": _source(found),
        "questions": found.proof.questions,
        "violations": [{"flow": item.flow, "says": item.says} for item in found.proof.violations],
        "teams": teams,
        "noTeam": NO_TEAM,
        "targets": [{"name": _named(kind, name), "kind": kind} for kind, name in targets],
        "ways": ways,
        "received": [
            {
                "team": team[item.team],
                "what": item.name,
                "at": f"{item.host}, {item.protocol} {item.port}",
                "clients": ", ".join(item.clients.values()),
                "from": f"{', '.join(item.source_ranges.values())} ({item.exposure})",
                "service": item.service,
                "why": item.description or "",
                "passes": item.passes,
                "controls": _controls(item.controls, controls),
            }
            for item in found.received
        ],
        "receivedElsewhere": [
            {
                "by": item.by,
                "at": f"{item.host or 'any name'}, {', '.join(map(str, item.ports))}",
                "who": item.who,
                "wanted": f"refused by {', '.join(item.wanted)}",
                "refused": [
                    controls.of((one.layer, False, one.object, one.field, "")) for one in item.refused_by
                ],
            }
            for item in found.received_elsewhere
        ],
        "elsewhere": elsewhere,
        "controls": controls.all,
    }


def _risk(item: Allowed) -> str:
    """What a reader has to see first; empty: nothing of the kind."""
    if item.kind == TargetKind.OTHER_HOST:
        return "any host"
    if item.unencrypted:
        return "leaves unencrypted"
    return "rules are void" if item.void else ""


class _Places:
    """Values written once, found by their place."""

    def __init__(self) -> None:
        self._places: dict[tuple[Any, ...], int] = {}

    def of(self, value: tuple[Any, ...]) -> int:
        return self._places.setdefault(value, len(self._places))

    @property
    def all(self) -> list[tuple[Any, ...]]:
        return list(self._places)


def _controls(given: Iterable[Control], places: _Places) -> list[int]:
    return [places.of((one.layer, one.allowed, one.object, one.field, one.reason)) for one in given]


def _tried(item: Elsewhere, controls: _Places) -> dict[str, Any]:
    return {
        "target": item.target,
        "way": item.way,
        "ports": f"{item.protocol} {', '.join(map(str, item.ports))}",
        "wanted": item.wanted,
        "refused": [controls.of((one.layer, False, one.object, one.field, "")) for one in item.refused_by],
    }


def _route(item: Allowed) -> str:
    if item.gateway:
        return item.gateway
    return {
        TargetKind.GOOGLE_API: "Google's front door",
        TargetKind.NEIGHBOUR: "inside the cluster",
    }.get(TargetKind(item.kind), "past every gateway")


def _named(kind: str, name: str) -> str:
    return f"pods of {name}" if kind == TargetKind.NEIGHBOUR else name


def _note(model: Any) -> str:
    return f"{model.model.value}: {model.reason}" if model else ""


def _source(found: Evidence) -> Iterable[str]:
    given = found.source
    said = [f"project {given.project}"]
    said += (
        [f"commit {given.commit}{' and files that differ from it' if given.uncommitted else ''}"]
        if given.commit
        else []
    )
    said += [f"stack version {given.stack_version}"] if given.stack_version else []
    said += [f"made at {given.at}"] if given.at else []
    return [*said, f"digest of {len(found.objects)} objects {found.digest[:16]}…"]


def _hash(template: str, tag: str) -> str:
    """What the page's content policy knows its own style or script by; nothing is filled in between these
    tags."""
    (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", template, re.DOTALL)
    return f"sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}"


def _safe(text: str) -> str:
    """JSON that means the same and holds nothing that HTML would read as the end of its element."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
