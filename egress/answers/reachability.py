"""Reach: every team, every host, every way out, with who decides - the table that people and machines read.

Unlike `verify`, which asks once for what no object tells apart, this spells every host out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from egress.answers.words import Classes
from egress.common.words import VOID
from egress.judge.cluster_connections import ClusterConnections
from egress.judge.distinctions import APPLICATION_PORT, LAST_PORT, Distinctions
from egress.judge.lookup.flow_space import OTHER_HOST, Allowance
from egress.judge.lookup.host_shapes import BELOW
from egress.judge.model.equivalence import Requests
from egress.judge.model.flow import Flow, Protocol, Vantage, Verdict
from egress.judge.model.text_patterns import path_matches, text_matches
from egress.judge.targets import METADATA_PORT, OTHER_ACCOUNT, STRANGER, Target, TargetKind, Targets
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.proof.void import past_rules

AT_GATEWAYS = (Vantage.GATEWAY_WITH_CERTIFICATE, Vantage.GATEWAY_WITHOUT_CERTIFICATE)


@dataclass(frozen=True)
class Cell:
    """What comes of one target by one way out."""

    vantage: Vantage
    allowed: tuple[str, ...]
    """Which requests and callers pass, in words; empty: none, and `everything` alone: all."""
    decision: Verdict
    """Of what passes, or - where nothing does - of the refusal."""
    void: bool = False
    """Whether the rules hold nothing, because the same caller sends the same host anything in TLS of its
    own."""
    unread: bool = False
    """Whether some object on the way says what no judge can read: it may do anything."""

    @property
    def verdict(self) -> str:
        return share(self.allowed)


EVERYTHING = "everything"


def share(allowed: tuple[str, ...]) -> str:
    """How much of what is asked together passes: "no", "yes" for everything, or "some"."""
    if not allowed:
        return "no"
    return "yes" if allowed == (EVERYTHING,) else "some"


@dataclass(frozen=True)
class Row:
    """One team's ways to one target."""

    team: str
    target: str
    kind: TargetKind
    protocol: Protocol | None
    """None: every one that something tells apart."""
    port: int | None
    cells: tuple[Cell, ...]

    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        return {
            "team": self.team,
            "target": self.target,
            "kind": self.kind.value,
            "protocol": self.protocol.value if self.protocol else None,
            "port": self.port,
            "ways": {
                cell.vantage.value: {
                    "verdict": cell.verdict,
                    **({"allowed": list(cell.allowed)} if cell.verdict == "some" else {}),
                    **({"void": VOID} if cell.void else {}),
                    "decidedBy": _decided(cell.decision),
                }
                for cell in self.cells
            },
        }


def _decided(step: Verdict) -> dict[str, Any]:
    """Who decides, without the names that questions make up to stand for all others."""
    found = step.as_json
    reason = str(found["reason"])
    for made_up, meant in (
        (OTHER_HOST, "any other host"),
        (OTHER_ACCOUNT, "any other account"),
        (f"{BELOW}.", "*."),
    ):
        reason = reason.replace(made_up, meant)
    return {**found, "reason": reason}


def reach(
    judges: Judges, teams: Iterable[str], intent: Intent | None = None, only: Iterable[str] | None = None
) -> Iterator[Row]:
    """Rows of the table, team by team, or for some teams only. `intent` adds hosts that are declared and in
    no object."""
    targets = Targets(Distinctions([judges], intent))
    for team in only or teams:
        yield from _rows(judges, targets.of(team, spelled=True))


NOBODY = "pods of no team"


def of_nobody(judges: Judges, teams: Iterable[str]) -> Iterator[Row]:
    """What is in no team's namespace: rows of the same table, for what it can try at all."""
    distinctions = Distinctions([judges])
    asked = (target for target in Targets(distinctions).of_nobody() if target.flow.namespace == STRANGER)
    for row in _rows(judges, asked):
        yield replace(row, team=NOBODY)
    for team in teams:
        yield _invited(judges, distinctions, team)


def _invited(judges: Judges, distinctions: Distinctions, team: str) -> Row:
    """Which ports of a team's pods are open to pods of no team."""
    asked = [
        one
        for one in ClusterConnections(distinctions).into(team)
        if one.source.name == STRANGER and not one.source.labelled
    ]
    verdicts = [one.judged([judges])[0] for one in asked]
    ports: dict[str, dict[int, bool]] = {}
    for one, verdict in zip(asked, verdicts, strict=True):
        ports.setdefault(one.transport, {})[one.port] = verdict.allowed
    passing = [f"{transport} {', '.join(_spans(of))}" for transport, of in ports.items() if any(of.values())]
    decision = next((verdict for verdict in verdicts if verdict.allowed == bool(passing)), verdicts[0])
    allowed = (EVERYTHING,) if all(verdict.allowed for verdict in verdicts) else tuple(passing)
    unread = not all(verdict.understood for verdict in verdicts)
    cell = Cell(Vantage.POD_WITHOUT_SIDECAR, allowed, decision, unread=unread)
    return Row(NOBODY, f"pods of {team}", TargetKind.NEIGHBOUR, None, None, (cell,))


_Place = tuple[str, TargetKind, Protocol | None, int | None]
"""Target, its kind, protocol and port of a row; None: all that something tells apart."""


def _rows(judges: Judges, targets: Iterable[Target]) -> Iterator[Row]:
    """Targets of one team, those of one destination and port together."""
    team, rows = "", dict[_Place, dict[Vantage, list[Target]]]()
    for target in targets:
        team = target.flow.namespace
        if not target.flow.authority:  # another form of a name that a row is about already
            rows.setdefault(_place(target), {}).setdefault(target.flow.vantage, []).append(target)
    for (name, kind, protocol, port), ways in rows.items():
        cells = {way: _cell(judges, of, port is None) for way, of in ways.items()}
        if kind in _STRAIGHT and Vantage.POD_WITHOUT_SIDECAR in cells:
            # A process that runs as the proxy's user goes past the sidecar as a pod without one does.
            cells[Vantage.PROXY] = replace(cells[Vantage.POD_WITHOUT_SIDECAR], vantage=Vantage.PROXY)
        yield Row(team, name, kind, protocol, port, tuple(cells[way] for way in Vantage if way in cells))


_STRAIGHT = set(TargetKind) - {TargetKind.OTHER_TEAMS_HOST}
_SPELLED = {TargetKind.HOST, TargetKind.GOOGLE_API, TargetKind.RESOLVER}
_USUAL = {TargetKind.NEIGHBOUR: APPLICATION_PORT, TargetKind.METADATA: METADATA_PORT}


def _place(target: Target) -> _Place:
    flow, kind = target.flow, target.kind
    name = f"pods of {target.name}" if kind is TargetKind.NEIGHBOUR else target.name
    if kind in _SPELLED or (kind in _USUAL and (flow.port, flow.protocol) == (_USUAL[kind], Protocol.HTTP)):
        return name, kind, flow.protocol, flow.port
    if kind is TargetKind.OTHER_HOST:
        if (
            flow.vantage in AT_GATEWAYS
            or flow.vantage is Vantage.APP
            or (flow.port, flow.protocol) == (443, Protocol.TLS)
        ):
            return name, kind, flow.protocol, flow.port
        return TargetKind.OTHER_ADDRESS.value, TargetKind.OTHER_ADDRESS, None, None
    if kind is TargetKind.OTHER_TEAMS_HOST:
        return "any team's host", kind, None, None
    if kind in (TargetKind.INSIDE, TargetKind.METADATA):
        return TargetKind.INSIDE.value, TargetKind.INSIDE, None, None
    return name, kind, None, None


def _cell(judges: Judges, targets: Sequence[Target], folded: bool) -> Cell:
    """All classes of one way, put together again into the words of the rules."""
    asked = [target.flow for target in targets]
    first = asked[0]
    traces = [judges.trace(one) for one in asked]
    passing = [one for one, trace in zip(asked, traces, strict=True) if trace.allowed]
    if not passing:
        return Cell(first.vantage, (), traces[0].decision)
    decision = next(trace.decision for trace in traces if trace.allowed)
    unread = not all(trace.understood for trace in traces if trace.allowed)
    if len(passing) == len(asked):
        return Cell(first.vantage, (EVERYTHING,), decision, unread=unread)
    if folded:
        return Cell(
            first.vantage, tuple(_parts(targets, {id(one) for one in passing})), decision, unread=unread
        )
    void = first.vantage is Vantage.APP and past_rules(judges, passing[0]) is not None
    requests = judges.space.requests(first.namespace, first.host)
    return Cell(first.vantage, tuple(_words(judges, requests, asked, passing)), decision, void, unread)


def _parts(targets: Sequence[Target], passing: set[int]) -> Iterator[str]:
    """What passes of many ports and addresses: each destination with its ports, or all of them."""
    ports: dict[tuple[str, str], dict[int, bool]] = {}
    for target in targets:
        name = target.name if target.kind in (TargetKind.INSIDE, TargetKind.METADATA) else ""
        of = ports.setdefault((name, target.flow.protocol.transport), {})
        of[target.flow.port] = id(target.flow) in passing
    for (name, transport), of in ports.items():
        if any(of.values()):
            yield f"{name} {transport} {', '.join(_spans(of))}".strip()


def _spans(passing: Mapping[int, bool]) -> Iterator[str]:
    """Ports that pass, each for all up to the next one that was asked."""
    asked = sorted(passing)
    ends = dict(zip(asked, [*(port - 1 for port in asked[1:]), LAST_PORT], strict=True))
    for passes, run in groupby(asked, key=passing.__getitem__):
        if passes:
            ports = list(run)
            first, last = ports[0], ends[ports[-1]]
            yield str(first) if first == last else f"{first}-{last}"


def _words(
    judges: Judges, requests: Requests, asked: Sequence[Flow], passing: Sequence[Flow]
) -> Iterator[str]:
    """Rules of which everything passes, as they are written; then what passes and is in none of them."""
    first = passing[0]
    http = first.protocol is Protocol.HTTP
    passes, left = {id(one) for one in passing}, list(passing)
    if http:
        for allowance in judges.space.allowances(first.namespace, first.host):
            meant = [one for one in asked if _means(allowance, one)]
            if meant and all(id(one) in passes for one in meant):
                known = {id(one) for one in meant}
                left = [one for one in left if id(one) not in known]
                yield _said(allowance)
    if left:
        yield Classes(requests if http else None, asked, passing).words(left)


def _means(allowance: Allowance, flow: Flow) -> bool:
    return (
        (not allowance.accounts or flow.service_account in allowance.accounts)
        and (not allowance.methods or flow.method in allowance.methods)
        and (not allowance.paths or any(path_matches(pattern, flow.path) for pattern in allowance.paths))
        and all(
            name in flow.headers and any(text_matches(value, flow.headers[name]) for value in values)
            for name, values in allowance.headers
        )
    )


def _said(allowance: Allowance) -> str:
    headers = ", ".join(f"{name}: {' or '.join(values)}" for name, values in allowance.headers)
    parts = (
        "/".join(allowance.methods),
        ", ".join(allowance.paths),
        f"with {headers}" if headers else "",
        f"as {', '.join(sorted(allowance.accounts))}" if allowance.accounts else "",
    )
    return " ".join(filter(None, parts)) or EVERYTHING
