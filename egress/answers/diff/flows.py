"""A team's flows, asked of both sides: what its app reaches, how that leaves, what goes past the sidecar, who
refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from egress.answers.diff.both import Both
from egress.answers.diff.facts import ALL, EVERY_PORT, Fact
from egress.answers.words import Aspect, Classes, displayed, spoken
from egress.judge.model.flow import Connection, Flow, Layer, Outside, Protocol, Vantage
from egress.judge.targets import TargetKind
from egress.judge.trace import Trace

OPENS = {"": "as the app sent it", "SIMPLE": "in TLS", "MUTUAL": "in mutual TLS"}
"""What a gateway opens towards the outside, the weakest first."""
PAST = "(everything, past the rules for http)"
UNSEEN = "in plain http (in TLS everything passes)"
FENCES = {
    Vantage.APP: Layer.SIDECAR,
    Vantage.GATEWAY_WITH_CERTIFICATE: Layer.AUTHORIZATION,
    Vantage.POD_WITHOUT_SIDECAR: Layer.NETWORK_POLICY,
}
"""The layer that is asked first on each way, so that its word is known on both sides."""


@dataclass(frozen=True)
class Asked:
    """One flow and what both sides make of it. None: the team is not there."""

    flow: Flow
    old: Trace | None
    new: Trace | None

    @property
    def traces(self) -> tuple[Trace | None, Trace | None]:
        return self.old, self.new


class TeamFlows:
    """Everything that one team's workloads can try."""

    def __init__(self, both: Both, team: str) -> None:
        self._both = both
        self._team = team
        self._there = both.there(team)

    def facts(self) -> Iterator[Fact]:
        """What is different for the team."""
        destinations: dict[tuple[TargetKind, str], list[Asked]] = {}
        for target in self._both.targets.of(self._team):
            kind = (
                TargetKind.INSIDE
                if target.flow.vantage in _PAST and target.kind is TargetKind.OTHER_HOST
                else target.kind
            )
            destinations.setdefault((kind, target.name), []).append(self._ask(target.flow))
        internet = list[Fact]()
        for (kind, name), asked in destinations.items():
            if kind in (TargetKind.HOST, TargetKind.OTHER_HOST):
                yield from self._host(displayed(asked[0].flow.host), asked)
            elif kind is TargetKind.NEIGHBOUR:
                yield from self._neighbour(name, asked)
            elif kind is TargetKind.INSIDE and name == TargetKind.OTHER_HOST.value:
                internet = [fact for way in _ways(asked).values() for fact in self._past_all(name, way)]
                yield from internet
            elif kind is TargetKind.INSIDE:
                # What holds for the internet need not be said of its parts.
                said = {(fact.what, fact.gain) for fact in internet}
                yield from (
                    fact for fact in self._past_all(name, asked) if (fact.what, fact.gain) not in said
                )
            else:
                words = (
                    "the metadata server"
                    if kind is TargetKind.METADATA
                    else _PLURAL.get(kind, displayed(asked[0].flow.host))
                )
                by_way = _ways(asked)
                yield from self._app(words, _ports(by_way.pop(Vantage.APP, [])))
                for way in by_way.values():
                    yield from self._past_all(words, way)

    def _ask(self, flow: Flow) -> Asked:
        old, new = (
            side.judges.trace(flow) if there else None
            for side, there in zip(self._both.sides, self._there, strict=True)
        )
        return Asked(flow, old, new)

    def _host(self, target: str, asked: Sequence[Asked]) -> Iterator[Fact]:
        ways = _ways(asked)
        ports = _ports([one for one in ways.get(Vantage.APP, []) if not one.flow.authority])
        facts = list(self._app(target, ports))
        yield from facts
        forms = [one for one in ways.get(Vantage.APP, []) if one.flow.authority]
        for form in dict.fromkeys(one.flow.authority for one in forms) if not facts else ():
            yield from self._app(
                f"{target}, asked for as {form}", _ports([one for one in forms if one.flow.authority == form])
            )
        quiet = any(fact.aspect in (Aspect.HOST, Aspect.PORT) for fact in facts)
        at_gateways = [
            one for one in ways.get(Vantage.GATEWAY_WITH_CERTIFICATE, []) if not one.flow.authority
        ]
        for port in _ports(at_gateways):
            flow = port[0].flow
            if flow.protocol is Protocol.HTTP:
                of_app = next(
                    of for of in ports if (of[0].flow.port, of[0].flow.protocol) == (flow.port, flow.protocol)
                )
                yield from self._at_gateways(target, port, [[one] for one in of_app], quiet)
            else:
                # In TLS to the gateway a client says a name and an account; which port it comes out on is not
                # for it to say.
                tunnels = [one for of in ports for one in of if one.flow.protocol is not Protocol.HTTP]
                by_account = [
                    [one for one in tunnels if one.flow.service_account == of.flow.service_account]
                    for of in port
                ]
                yield from self._at_gateways(target, port, by_account, quiet)
        for one in ways.get(Vantage.GATEWAY_WITHOUT_CERTIFICATE, []):
            yield from self._past(target, one)

    def _neighbour(self, other: str, asked: Sequence[Asked]) -> Iterator[Fact]:
        """Another team's pods: one that some object names with this team, or one that stands for all that
        none does."""
        if not all(self._both.there(other)):
            return
        target = (
            f"pods of {other}"
            if self._both.distinctions.named_together(self._team, other)
            else "other teams' pods"
        )
        ways = _ways(asked)
        yield from self._app(target, _ports(ways.get(Vantage.APP, [])))
        yield from self._past_all(target, ways.get(Vantage.POD_WITHOUT_SIDECAR, []))

    def _past_all(self, target: str, asked: Sequence[Asked]) -> Iterator[Fact]:
        """Facts of one way on many ports; one fact, where it is every port."""
        facts = [fact for one in asked for fact in self._past(target, one)]
        common = {(fact.aspect, fact.gain, fact.how, fact.by) for fact in facts}
        if len(facts) == len(asked) > _MANY and len(common) == 1 and facts[0].aspect is not Aspect.UNREAD:
            yield replace(facts[0], what=EVERY_PORT)
        else:
            yield from facts

    def _app(self, target: str, ports: Sequence[Sequence[Asked]]) -> Iterator[Fact]:
        """What the app itself reaches of one target, all ports together."""
        passing = [any(_passes(one.traces[at]) for asked in ports for one in asked) for at in (0, 1)]
        ruled = [any(_ruled(asked, at) for asked in ports) for at in (0, 1)]
        sealed = [any(_sealed(asked, at) for asked in ports) for at in (0, 1)]
        for asked in ports:
            flow = asked[0].flow
            spoke = spoken(flow)
            some = [any(_passes(one.traces[at]) for one in asked) for at in (0, 1)]
            requests = self._both.distinctions.requests(self._team, flow.host)
            for gain, before, after in ((True, 0, 1), (False, 1, 0)):
                more = [
                    one for one in asked if _passes(one.traces[after]) and not _passes(one.traces[before])
                ]
                if more:
                    classes = Classes(
                        requests if flow.protocol is Protocol.HTTP else None,
                        [one.flow for one in asked],
                        [one.flow for one in asked if _passes(one.traces[after])],
                    )
                    words = classes.words([one.flow for one in more])
                    by = _refusal(more[0].traces[before])
                    if some[before]:
                        known = [one.flow for one in asked if _passes(one.traces[before])]
                        aspect = classes.aspect([one.flow for one in more], known)
                        if flow.protocol is Protocol.HTTP and sealed[before] and sealed[after]:
                            words = f"{words} {UNSEEN}".strip()
                        yield Fact(aspect, gain, self._team, target, words, spoke, by)
                    elif flow.protocol is Protocol.TLS and ruled[before] and ruled[after]:
                        yield Fact(Aspect.PATH, gain, self._team, target, f"{ALL} {words}".strip(), spoke, by)
                    else:
                        leaves = _leaving(more[0].traces[after])
                        past = PAST if flow.protocol is Protocol.TLS and ruled[after] else ""
                        what = " ".join(filter(None, (spoke, words, leaves, past)))
                        aspect = Aspect.PORT if passing[before] else Aspect.HOST
                        yield Fact(aspect, gain, self._team, target, what, by=by)
            yield from self._leaves(target, spoke, asked)
            yield from self._unread(target, asked)
            if passing[0] == passing[1]:
                for one in asked:
                    yield from self._fence(target, one)

    def _leaves(self, target: str, spoke: str, asked: Sequence[Asked]) -> Iterator[Fact]:
        """How what passes on both sides leaves the cluster."""
        facts: dict[Fact, None] = {}
        for one in asked:
            if not (one.old and one.new and one.old.allowed and one.new.allowed):
                continue
            old, new = _by_destination(one.old), _by_destination(one.new)
            for gain, fewer, more in ((True, old, new), (False, new, old)):
                for name, port in sorted(more.keys() - fewer.keys()):
                    facts[
                        Fact(Aspect.DESTINATION, gain, self._team, target, f"{name}, port {port}", spoke)
                    ] = None
            weak = [_weakest(trace) for trace in (one.old, one.new)]
            for name in sorted(weak[0].keys() & weak[1].keys()):
                for before, after in zip(weak[0][name], weak[1][name], strict=True):
                    if before[0] != after[0]:
                        gain = after[0] < before[0]
                        what = " instead of ".join(text for _, text in sorted((before, after)))
                        facts[Fact(Aspect.TLS, gain, self._team, name, what, spoke)] = None
        yield from facts

    def _at_gateways(
        self, target: str, flows: Sequence[Asked], declared: Sequence[Sequence[Asked]], quiet: bool
    ) -> Iterator[Fact]:  # fmt: skip
        """What a workload's certificate opens at the gateways that the app does not get through its sidecar
        anyhow."""
        for one, by_app in zip(flows, declared, strict=True):
            open_ = [
                _open(one.traces[at]) and not any(_open(other.traces[at]) for other in by_app)
                for at in (0, 1)
            ]
            if open_[0] != open_[1]:
                by = _refusal(one.traces[0 if open_[1] else 1])
                yield Fact(
                    Aspect.WAY, open_[1], self._team, target, spoken(one.flow), one.flow.vantage.value, by
                )
            elif not quiet and not _open(one.old) and not _open(one.new):
                yield from self._fence(target, one)

    def _past(self, target: str, one: Asked) -> Iterator[Fact]:
        """A way that is open only if no layer holds it."""
        old, new = _open(one.old), _open(one.new)
        if old != new:
            by = _refusal(one.old if new else one.new)
            yield Fact(Aspect.WAY, new, self._team, target, spoken(one.flow), one.flow.vantage.value, by)
        elif not old:
            yield from self._fence(target, one)
        yield from self._unread(target, [one])

    def _fence(self, target: str, one: Asked) -> Iterator[Fact]:
        """A layer that refused and lets through now, or the other way round, though another one refuses as
        well."""
        layer = FENCES.get(one.flow.vantage)
        if not (one.old and one.new and layer) or _open(one.old) or _open(one.new):
            return
        said = [
            next((step for step in trace.steps if step.layer is layer), None) for trace in (one.old, one.new)
        ]
        if said[0] and said[1] and said[0].allowed != said[1].allowed:
            by = (said[0] if said[1].allowed else said[1]).object
            yield Fact(Aspect.FENCE, said[1].allowed, self._team, target, spoken(one.flow), layer.value, by)

    def _unread(self, target: str, asked: Sequence[Asked]) -> Iterator[Fact]:
        for one in asked:
            read = [trace is None or trace.understood for trace in one.traces]
            if read[0] != read[1]:
                trace = one.traces[1 if read[0] else 0]
                by = next(step.object for step in trace.steps if not step.understood) if trace else ""
                yield Fact(Aspect.UNREAD, read[0], self._team, target, by, by=by)


_PAST = (Vantage.POD_WITHOUT_SIDECAR, Vantage.APPLICATION_NODE, Vantage.GATEWAY_NODE)
_PLURAL = {TargetKind.OTHER_ADDRESS: "any other address", TargetKind.RESOLVER: "DNS servers outside"}
_MANY = 2


def _ways(asked: Iterable[Asked]) -> dict[Vantage, list[Asked]]:
    found: dict[Vantage, list[Asked]] = {}
    for one in asked:
        found.setdefault(one.flow.vantage, []).append(one)
    return found


def _ports(asked: Iterable[Asked]) -> list[list[Asked]]:
    """By port and what is spoken there."""
    found: dict[tuple[int, Protocol], list[Asked]] = {}
    for one in asked:
        found.setdefault((one.flow.port, one.flow.protocol), []).append(one)
    return list(found.values())


def _ruled(asked: Sequence[Asked], at: int) -> bool:
    """Whether rules let some requests through on a side and not all."""
    passing = [_passes(one.traces[at]) for one in asked]
    return asked[0].flow.protocol is Protocol.HTTP and any(passing) and not all(passing)


def _sealed(asked: Sequence[Asked], at: int) -> bool:
    """Whether TLS that nobody opens gets through on a side."""
    return asked[0].flow.protocol is Protocol.TLS and any(_passes(one.traces[at]) for one in asked)


def _passes(trace: Trace | None) -> bool:
    """Whether it arrives: what every layer lets through and no gateway sends on arrives nowhere."""
    return trace is not None and trace.allowed and (trace.flow.to is not None or bool(trace.left))


def _open(trace: Trace | None) -> bool:
    return trace is not None and not trace.held


def _refusal(trace: Trace | None) -> str:
    return (trace and trace.decision.decided_by) or ""


def _end(connection: Connection) -> str:
    assert isinstance(connection.to, Outside)
    return connection.to.name or connection.to.address or "any address"


def _by_destination(trace: Trace) -> dict[tuple[str, int], None]:
    return {(displayed(_end(connection)), connection.port): None for connection in trace.left}


Strength = tuple[int, str]
"""How strong, and the words for it."""


def _weakest(trace: Trace) -> dict[str, tuple[Strength, ...]]:
    """The worst of what leaves to each name: TLS, whose certificate is taken, what is told about the
    inside."""
    found: dict[str, tuple[Strength, ...]] = {}
    plain = "unencrypted" if trace.flow.protocol is Protocol.HTTP else OPENS[""]
    for connection in trace.left:
        name, checked = displayed(_end(connection)), bool(connection.verified) or not connection.opens
        told = ", ".join(sorted(connection.reveals))
        one = (
            (list(OPENS).index(connection.opens), OPENS[connection.opens] if connection.opens else plain),
            (int(checked), "with the certificate checked" if checked else "with any certificate taken"),
            (-len(connection.reveals), f"with the headers {told}" if told else "without internal headers"),
        )
        before = found.get(name)
        found[name] = tuple(min(pair) for pair in zip(before, one, strict=True)) if before else one
    return found


def _leaving(trace: Trace | None) -> str:
    """How a plain request leaves, in a word."""
    opens = {connection.opens for connection in trace.left} if trace else set[str]()
    if "MUTUAL" in opens:
        return "(leaves in mutual TLS)"
    return (
        "(leaves as https)" if opens == {"SIMPLE"} and trace and trace.flow.protocol is Protocol.HTTP else ""
    )
