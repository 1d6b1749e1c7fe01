"""Reach: every team, every host, every way out, with who decides - the table that people and machines read.

Unlike `verify`, which asks once for what no object tells apart, this spells every host out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from egress.explain import step_json
from egress.google_cloud import METADATA_ADDRESS
from egress.intent import Intent
from egress.judge.authorization import path_matches
from egress.judge.classes import representatives
from egress.judge.flow import Flow, Pod, Protocol, Verdict, Way
from egress.judge.space import OTHER_ADDRESS, OTHER_HOST, concrete
from egress.judge.trace import Judges, Trace
from egress.questions import OTHER_ACCOUNT, RESOLVER, Kind

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
                    "decidedBy": step_json(cell.decision),
                }
                for cell in self.cells
            },
        }


def reach(judges: Judges, teams: Iterable[str], intent: Intent | None = None, only: Iterable[str] | None = None) -> Iterator[Row]:
    """Rows of the table, team by team, or for some teams only. `intent` adds hosts that are declared and in no object."""
    everybody = list(teams)
    declared = {host for team in intent.teams for host in intent.hosts(team)} if intent else set[str]()
    hosts = sorted(declared | set(judges.space.outside))
    for team in only or everybody:
        for target in hosts:
            api = target.endswith(".googleapis.com")
            if target == "metadata.google.internal":
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


def _row(judges: Judges, flow: Flow, kind: Kind, target: str) -> Row:
    ways = {Way.APP: None, **dict.fromkeys(STRAIGHT)}
    if kind in (Kind.HOST, Kind.OTHER_HOST):
        ways |= dict.fromkeys(AT_GATEWAYS)
    if kind is not Kind.NEIGHBOUR:
        ways |= dict.fromkeys(NODES)
    cells = tuple(_cell(judges, replace(flow, way=way)) for way in ways)
    return Row(flow.namespace, target, kind, flow.protocol, flow.port, cells)


def _cell(judges: Judges, flow: Flow) -> Cell:
    """All classes of requests and callers, put together again into words."""
    team, host = flow.namespace, flow.host
    requests = judges.space.requests(team, host)
    by_class: dict[str, Trace] = {}
    for account in (OTHER_ACCOUNT, *sorted(judges.space.accounts(team, host))):
        for one in representatives(requests) if flow.protocol is Protocol.HTTP else (None,):
            asked = replace(flow, service_account=account)
            if one:
                asked = replace(asked, method=one.method, path=one.path, headers=dict(one.headers))
            by_class[_words(asked, requests.paths, bool(requests.methods))] = judges.trace(asked)
    passing = {words: trace for words, trace in by_class.items() if trace.allowed}
    if not passing:
        return Cell(flow.way, (), next(iter(by_class.values())).decision)
    allowed = (EVERYTHING,) if len(passing) == len(by_class) else tuple(passing)
    return Cell(flow.way, allowed, next(iter(passing.values())).decision)


def _words(flow: Flow, patterns: Iterable[str], methods: bool) -> str:
    """The class that a flow stands for, as a person would say it."""
    said: list[str] = []
    if flow.protocol is Protocol.HTTP:
        meant = sorted(pattern for pattern in patterns if path_matches(pattern, flow.path))
        said.append(" ".join([*([flow.method] if methods else []), " and ".join(meant) or "other paths"]))
        said += [f"{name}: {value}" for name, value in flow.headers.items()]
    if flow.service_account != OTHER_ACCOUNT:
        said.append(f"as {flow.service_account}")
    return ", ".join(said) or "other accounts"
