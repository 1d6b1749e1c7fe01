"""Reach: every team, every host, every way out, with who decides - the table that people and machines read.

Unlike `verify`, which asks once for what no object tells apart, this spells every host out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from egress.diff.words import Classes
from egress.explain import step_json
from egress.google_cloud import METADATA_ADDRESS
from egress.intent import Intent
from egress.judge.classes import Requests, representatives
from egress.judge.flow import Flow, Pod, Protocol, Verdict, Way
from egress.judge.space import BELOW, OTHER_ADDRESS, OTHER_HOST, Allowance, concrete
from egress.judge.text_patterns import path_matches, text_matches
from egress.judge.trace import Judges
from egress.names import OPEN_TLS_HOST
from egress.judge.targets import OTHER_ACCOUNT, RESOLVER, STRANGER, Kind
from egress.void import WORDS, past_rules

AT_GATEWAYS = (Way.GATEWAY_WITH_CERTIFICATE, Way.GATEWAY_WITHOUT_CERTIFICATE)
STRAIGHT = (Way.PROXY, Way.POD_WITHOUT_SIDECAR)
NODES = (Way.GATEWAY_NODE, Way.APPLICATION_NODE)


@dataclass(frozen=True)
class Cell:
    """What comes of one target by one way out."""

    way: Way
    allowed: tuple[str, ...]
    """Which requests and callers pass, in words; empty: none, and `everything` alone: all."""
    decision: Verdict
    """Of what passes, or - where nothing does - of the refusal."""
    void: bool = False
    """Whether the rules hold nothing, because the same caller sends the same host anything in TLS of its own."""
    unread: bool = False
    """Whether some object on the way says what no judge can read: it may do anything."""

    @property
    def verdict(self) -> str:
        if not self.allowed:
            return "no"
        return "yes" if self.allowed == (EVERYTHING,) else "some"


EVERYTHING = "everything"


@dataclass(frozen=True)
class Row:
    """One team's ways to one target."""

    team: str
    target: str
    kind: Kind
    protocol: Protocol
    port: int
    cells: tuple[Cell, ...]

    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        return {
            "team": self.team,
            "target": self.target,
            "kind": self.kind.value,
            "protocol": self.protocol.value,
            "port": self.port,
            "ways": {
                cell.way.value: {
                    "verdict": cell.verdict,
                    **({"allowed": list(cell.allowed)} if cell.verdict == "some" else {}),
                    **({"void": WORDS} if cell.void else {}),
                    "decidedBy": _decided(cell.decision),
                }
                for cell in self.cells
            },
        }


def _decided(step: Verdict) -> dict[str, Any]:
    """Who decides, without the names that questions make up to stand for all others."""
    found = step_json(step)
    reason = str(found["reason"])
    for made_up, meant in ((OTHER_HOST, "any other host"), (OTHER_ACCOUNT, "any other account"), (f"{BELOW}.", "*.")):
        reason = reason.replace(made_up, meant)
    return {**found, "reason": reason}


def reach(judges: Judges, teams: Iterable[str], intent: Intent | None = None, only: Iterable[str] | None = None) -> Iterator[Row]:
    """Rows of the table, team by team, or for some teams only. `intent` adds hosts that are declared and in no object."""
    everybody = list(teams)
    declared = {host for team in intent.teams for host in intent.hosts(team)} if intent else set[str]()
    hosts = sorted(declared | set(judges.space.outside))
    for team in only or everybody:
        for target in hosts:
            api = target.endswith(".googleapis.com")
            if target in ("metadata.google.internal", OPEN_TLS_HOST):
                continue
            kind = Kind.GOOGLE_API if api else Kind.HOST
            for port, protocol in judges.space.ports(concrete(target)):
                if not (api and protocol is Protocol.HTTP):
                    yield _row(judges, Flow(team, concrete(target), port, protocol), kind, target)
        for port, protocol in ((80, Protocol.HTTP), (443, Protocol.TLS)):
            yield _row(judges, Flow(team, OTHER_HOST, port, protocol), Kind.OTHER_HOST, Kind.OTHER_HOST.value)
        address = Flow(team, OTHER_ADDRESS, 443, Protocol.TCP, address=OTHER_ADDRESS)
        yield _row(judges, address, Kind.OTHER_ADDRESS, Kind.OTHER_ADDRESS.value)
        for other in everybody:
            if other != team:
                pods = Flow(team, other, 8080, Protocol.HTTP, to=Pod(other, None))
                yield _row(judges, pods, Kind.NEIGHBOUR, f"pods of {other}")
        metadata = Flow(team, METADATA_ADDRESS, 80, Protocol.HTTP, address=METADATA_ADDRESS)
        yield _row(judges, metadata, Kind.METADATA, Kind.METADATA.value)
        resolver = Flow(team, RESOLVER, 53, Protocol.UDP, address=RESOLVER)
        yield _row(judges, resolver, Kind.RESOLVER, Kind.RESOLVER.value)


NOBODY = "pods of no team"


def of_nobody(judges: Judges, teams: Iterable[str]) -> Iterator[Row]:
    """What is in no team's namespace: rows of the same table, for what it can try at all."""
    for port, protocol in ((80, Protocol.HTTP), (443, Protocol.TLS)):
        row = _row(judges, Flow(STRANGER, OTHER_HOST, port, protocol), Kind.OTHER_HOST, Kind.OTHER_HOST.value)
        yield replace(row, team=NOBODY, cells=tuple(cell for cell in row.cells if cell.way is not Way.APP))
    for team in teams:
        row = _row(judges, Flow(STRANGER, team, 8080, Protocol.HTTP, to=Pod(team, None)), Kind.NEIGHBOUR, f"pods of {team}")
        yield replace(row, team=NOBODY, cells=tuple(cell for cell in row.cells if cell.way is not Way.APP))


def _row(judges: Judges, flow: Flow, kind: Kind, target: str) -> Row:
    ways = {Way.APP: None, **dict.fromkeys(STRAIGHT)}
    if kind in (Kind.HOST, Kind.OTHER_HOST):
        ways |= dict.fromkeys(AT_GATEWAYS)
    if kind is not Kind.NEIGHBOUR:
        ways |= dict.fromkeys(NODES)
    cells = tuple(_cell(judges, replace(flow, way=way)) for way in ways)
    return Row(flow.namespace, target, kind, flow.protocol, flow.port, cells)


def _cell(judges: Judges, flow: Flow) -> Cell:
    """All classes of requests and callers, put together again into the words of the rules."""
    team, host = flow.namespace, flow.host
    requests = judges.space.requests(team, host)
    accounts = sorted(judges.space.accounts(team, host))
    asked: list[Flow] = []
    for account in (OTHER_ACCOUNT, *accounts):
        of_account = replace(flow, service_account=account)
        if flow.protocol is Protocol.HTTP:
            asked += [
                replace(of_account, method=one.method, path=one.path, headers=dict(one.headers))
                for one in representatives(requests)
            ]
        else:
            asked.append(of_account)
    traces = [judges.trace(one) for one in asked]
    passing = [one for one, trace in zip(asked, traces, strict=True) if trace.allowed]
    if not passing:
        return Cell(flow.way, (), traces[0].decision)
    decision = next(trace.decision for trace in traces if trace.allowed)
    unread = not all(trace.understood for trace in traces if trace.allowed)
    if len(passing) == len(asked):
        return Cell(flow.way, (EVERYTHING,), decision, unread=unread)
    void = flow.way is Way.APP and past_rules(judges, passing[0]) is not None
    return Cell(flow.way, tuple(_words(judges, requests, asked, passing)), decision, void, unread)


def _words(judges: Judges, requests: Requests, asked: Sequence[Flow], passing: Sequence[Flow]) -> Iterator[str]:
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
