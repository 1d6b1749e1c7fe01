"""What those outside reach: every class of connections that they can try, put together into rows for people
and machines.

The classes are those of egress/judge/inbound_targets.py, the one list; this room asks the judge about each
and says what comes of it by whose Service it is, by name and port, and by who tries. What differs in an
address alone stands by itself: no name and no certificate changes what addresses decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from egress.answers.reachability import EVERYTHING, share
from egress.judge.inbound_targets import InboundKind, InboundTarget, inbound_targets
from egress.judge.lookup.flow_space import OTHER_HOST
from egress.judge.lookup.inbound_flow import InboundTrace, NodeFlow, sent
from egress.judge.model.flow import Request, Verdict
from egress.judge.trace import Judges
from egress.proof.inbound_places import BY_ADDRESS, FOLDED, NODES, InboundPlace, host_of, place_of, who_of


@dataclass(frozen=True)
class InboundRow:
    """What becomes of one kind of client at one place."""

    place: InboundPlace
    team: str
    """Whose Service it is led to; empty: nobody's, or not known by address alone."""
    service: str
    kind: InboundKind
    who: str
    allowed: tuple[str, ...]
    """What passes, in words; empty: nothing, and `everything` alone: all."""
    decision: Verdict
    unread: bool = False
    """Whether some object on the way says what no judge can read."""

    @property
    def verdict(self) -> str:
        return share(self.allowed)

    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        return {
            "by": self.place.by,
            "team": self.team,
            "service": self.service,
            "host": self.place.host,
            "port": self.place.port,
            "kind": self.kind.value,
            "who": self.who,
            "verdict": self.verdict,
            **({"allowed": list(self.allowed)} if self.verdict == "some" else {}),
            "decidedBy": _decided(self.decision),
        }


def inbound_rows(judges: Judges) -> Iterator[InboundRow]:
    """Every row, in the order of the list. A Service's place that no certificate leads to belongs to no
    team."""
    rows: dict[tuple[InboundPlace, str], list[InboundTarget]] = {}
    for target in inbound_targets(judges):
        rows.setdefault((place_of(target), who_of(target)), []).append(target)
    made = [_row(judges, place, who, of) for (place, who), of in rows.items()]
    led = {row.place: row for row in made if row.team}
    for row in made:
        known = led.get(row.place)
        yield replace(row, team=known.team, service=known.service) if known and row.place.host else row


def _row(judges: Judges, place: InboundPlace, who: str, targets: Sequence[InboundTarget]) -> InboundRow:
    kind = targets[0].kind
    asked: list[tuple[InboundTarget, InboundTrace | Verdict]] = []
    for target in targets:
        flow = target.flow
        asked.append(
            (
                target,
                judges.inbound.at_node(flow) if isinstance(flow, NodeFlow) else judges.inbound.trace(flow),
            )
        )
    passing = [(target, said) for target, said in asked if said.allowed]
    _, first = (passing or asked)[0]
    decision = first if isinstance(first, Verdict) else first.decision
    at = next((at for _, said in asked if isinstance(said, InboundTrace) for at in said.reached), None)
    if kind in (*BY_ADDRESS, *FOLDED) or at is None:
        team = service = ""
    else:
        team, service = at.namespace, f"{at.service.partition('.')[0]}:{at.port}" if at.namespace else str(at)
    words = (EVERYTHING,) if len(passing) == len(asked) else tuple(_words([target for target, _ in passing]))
    unread = any(not said.understood for _, said in passing)
    return InboundRow(place, team, service, kind, who, words, decision, unread)


def _words(targets: Iterable[InboundTarget]) -> Iterator[str]:
    """What passes of several that stand in one row: requests, or ports by where they are open to."""
    ports: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for target in targets:
        flow = target.flow
        if isinstance(flow, NodeFlow):
            ports.setdefault((flow.origin, flow.transport), []).append((flow.ports[0], flow.ports[-1]))
        elif target.kind in FOLDED:
            ports.setdefault((flow.origin, "TCP"), []).append((flow.port, flow.port))
        else:
            yield _request(flow.request) if flow.request else EVERYTHING
    for (origin, transport), of in ports.items():
        yield f"{sent(transport, of)} from {origin}"


def _request(request: Request) -> str:
    return f"{request.method} {request.path} for {host_of(request.host)}"


def _decided(step: Verdict) -> dict[str, Any]:
    found = step.as_json
    return {**found, "reason": str(found["reason"]).replace(OTHER_HOST, "any other name")}


def lines(rows: Iterable[InboundRow]) -> Iterator[tuple[str, list[tuple[InboundRow, list[str]]]]]:
    """For people: each place with its rows, those of one verdict and one deciding layer together."""
    places: dict[InboundPlace, list[InboundRow]] = {}
    for row in rows:
        places.setdefault(row.place, []).append(row)
    for place, of in places.items():
        alike: dict[tuple[object, ...], tuple[InboundRow, list[str]]] = {}
        for row in of:
            key = (row.allowed, row.unread) if row.allowed else ((), row.decision.layer)
            alike.setdefault(key, (row, []))[1].append(row.who)
        yield _head(place, of[0]), list(alike.values())


def _head(place: InboundPlace, row: InboundRow) -> str:
    if place.by == NODES:
        return "nodes' own ports"
    at = (
        f"{place.host}, port {place.port}"
        if place.host
        else f"port {place.port}"
        if place.port
        else "elsewhere"
    )
    if not place.host:
        return f"{place.by}, {at}"
    return f"{row.team or 'no team'}: {row.service or 'nothing'} at {at}"
