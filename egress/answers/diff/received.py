"""Who outside may connect to what inside, on both sides: the same classes of connections, asked of the old
objects and the new.

Who a client is and from where it comes do not touch each other (egress/judge/inbound_targets.py), so they are
told apart here as
well: callers, ranges, and layers that no longer refuse what another one still does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from egress.answers.diff.both import Both
from egress.answers.diff.facts import Fact, another
from egress.answers.words import Aspect
from egress.judge.inbound_targets import OTHER_CLIENT, InboundKind, InboundTarget, inbound_targets
from egress.judge.lookup.flow_space import OTHER_HOST
from egress.judge.lookup.inbound_flow import Door, InboundFlow, InboundTrace, Shown
from egress.judge.model.flow import Layer
from egress.judge.model.ip_ranges import Ranges
from egress.judge.trace import Judges

ANYBODY = "anybody, without a certificate,"
WITHOUT_TLS = "anybody, without TLS,"
ANY_CERTIFICATE = "whoever has a certificate of the authority"
ANY_AUTHORITY = "whoever has a certificate of any authority"
ANYWHERE = "any address"
_WIDE = (WITHOUT_TLS, ANYBODY, ANY_AUTHORITY, ANY_CERTIFICATE)
"""Callers that others are among, the widest first."""
_BY_ADDRESS = (InboundKind.ADDRESS, InboundKind.PAST_GATEWAY, InboundKind.PORT)

_Door = tuple[str, str, str]
"""Whose Service, which one, and at which name and port."""
_Pair = tuple[InboundTarget, InboundTrace, InboundTrace]


def facts(both: Both) -> Iterator[Fact]:
    """Callers and ranges that one side lets in and the other does not, and layers that refuse less."""
    sides = [side.judges for side in both.sides]
    if not any(side.inbound.edges for side in sides):
        return
    # What stands for a class is taken from the first of two: so that the way back says the same, that one is
    # always the same.
    old, new = (repr((side.snapshot.kubernetes, side.snapshot.google)) for side in both.sides)
    swapped = old > new
    for fact in _Compared(sides[::-1] if swapped else sides).all():
        yield fact.mirrored if swapped else fact


class _Compared:
    """Every class of connections, with what becomes of it on both sides."""

    def __init__(self, sides: Sequence[Judges]) -> None:
        self._sides = sides
        self._pairs: list[_Pair] = []
        for target in inbound_targets(*self._sides):
            if isinstance(target.flow, InboundFlow) and target.flow.door is Door.BALANCER:
                old, new = (side.inbound.trace(target.flow) for side in self._sides)
                self._pairs.append((target, old, new))

    def all(self) -> Iterator[Fact]:
        """Every fact."""
        yield from self.callers
        yield from self.protocols()
        yield from self.exposed()
        yield from self.fences()
        yield from self.unread()

    @cached_property
    def callers(self) -> list[Fact]:
        """Who is taken, by what is reached, apart from the address."""
        old, new = (self._let_in(side) for side in (0, 1))
        made: list[Fact] = []
        for gain, fewer, more in ((True, old, new), (False, new, old)):
            for door in sorted(more):
                team, service, at = door
                others = fewer.get(door, {})
                for client in _widest({one: by for one, by in more[door].items() if one not in others}):
                    made.append(
                        Fact(Aspect.RECEIVED, gain, team, f"{service} ({at})", client, by=more[door][client])
                    )
        return made

    def _let_in(self, side: int) -> dict[_Door, dict[str, str]]:
        """By what is reached the callers that are taken, each with the object that takes it."""
        opened = {trace.edge.by for _, *traces in self._pairs if (trace := traces[side]).open and trace.edge}
        found: dict[_Door, dict[str, str]] = {}
        for target, *traces in self._pairs:
            trace, flow = traces[side], target.flow
            if (
                not isinstance(flow, InboundFlow)
                or not trace.taken
                or flow.edge not in opened
                or target.kind in _BY_ADDRESS
            ):
                continue
            if trace.edge and flow.port not in trace.edge.ports:
                continue
            host = "any other name" if flow.host == OTHER_HOST else flow.host
            for at in trace.reached:
                name, _, _ = at.service.partition(".")
                door = (
                    at.namespace,
                    f"{name}:{at.port}" if at.namespace else str(at),
                    f"{host}, port {flow.port}",
                )
                found.setdefault(door, {})[_client(target)] = trace.server.by if trace.server else ""
        return found

    def protocols(self) -> Iterator[Fact]:
        """What the gateway reads of connections that both sides take."""
        for target, *traces in self._pairs:
            servers, flow = [trace.server for trace in traces if trace.server and trace.reached], target.flow
            if target.kind is InboundKind.CLIENT and isinstance(flow, InboundFlow) and len(servers) == 2:
                old, new = (
                    "HTTP" if server.reads_http else "bytes that are not looked into" for server in servers
                )
                team = traces[1].reached[0].namespace
                what = f"what {{who}} receives at {flow.host}, port {flow.port},"
                yield from another(Aspect.OTHER_PROTOCOL, team, what, old, new, servers[1].by)

    def exposed(self) -> Iterator[Fact]:
        """Ranges from which one side's Services take connections, and the other's do not."""
        old, new = (self._ranges(side) for side in (0, 1))
        for key in sorted(old.keys() | new.keys()):
            before, after = old.get(key, Ranges(())), new.get(key, Ranges(()))
            for gain, more, all_of in (
                (True, after.minus(before), after),
                (False, before.minus(after), before),
            ):
                if not more:
                    continue
                gateway, way, by = key
                named = [ANYWHERE] if all_of.covers(self._outside) else more.cidrs
                for cidr in named:
                    yield Fact(Aspect.EXPOSED, gain, "", gateway, f"{cidr} by way of {way}", by=by)

    @cached_property
    def _outside(self) -> Ranges:
        every = Ranges(())
        for target, *_ in self._pairs:
            if isinstance(target.flow, InboundFlow):
                every = every.union(target.flow.source)
        return every

    def _ranges(self, side: int) -> dict[tuple[str, str, str], Ranges]:
        found: dict[tuple[str, str, str], Ranges] = {}
        for target, *traces in self._pairs:
            trace, flow = traces[side], target.flow
            if isinstance(flow, InboundFlow) and trace.edge and trace.open and target.kind in _BY_ADDRESS:
                behind = self._sides[side].inbound.gateway(trace.edge.pod)
                what = (
                    f"the gateway in {trace.edge.namespace}"
                    if behind
                    else f"{trace.edge.by} of {trace.edge.namespace}"
                )
                key = what, trace.edge.words, trace.edge.by
                found[key] = found.get(key, Ranges(())).union(flow.source)
        return found

    def fences(self) -> Iterator[Fact]:
        """Layers that refuse something on one side alone, while it gets through on neither."""
        said = {fact.target.partition(" (")[2].removesuffix(")") for fact in self.callers}
        ports = {at.rpartition(" ")[2] for at in said}
        for target, old, new in self._pairs:
            flow = target.flow
            if not isinstance(flow, InboundFlow) or old.allowed or new.allowed or not (old.edge and new.edge):
                continue
            # What is received there is another thing now: all that is refused about it is so by other words.
            if f"{flow.host}, port {flow.port}" in said or (
                target.kind in _BY_ADDRESS and str(flow.port) in ports
            ):
                continue
            # What the firewall refuses, it refuses to nodes, and of those everything is asked
            # (egress/answers/diff/entering.py).
            before, after = (
                {step.layer for step in trace.refused_by} - {Layer.FIREWALL} for trace in (old, new)
            )
            for gain, layers, trace in ((True, before - after, old), (False, after - before, new)):
                for layer in sorted(layers):
                    by = next(step.object for step in trace.refused_by if step.layer is layer)
                    yield Fact(Aspect.FENCE, gain, "", "", _words(target), f"inbound {layer.value}", by=by)

    def unread(self) -> Iterator[Fact]:
        """Objects by which an answer is understood on one side alone: what they do there may let anybody
        further."""
        for _, old, new in self._pairs:
            if old.understood != new.understood:
                steps = (new if old.understood else old).steps
                by = next(step.object for step in steps if not step.understood)
                yield Fact(Aspect.UNREAD, old.understood, "", by, by, by=by)


def _client(target: InboundTarget) -> str:
    assert isinstance(target.flow, InboundFlow)
    caller = target.flow.caller
    if caller.shows is Shown.NAMED:
        return ANY_CERTIFICATE if caller.name == OTHER_CLIENT else caller.name
    return {Shown.PLAIN: WITHOUT_TLS, Shown.NOTHING: ANYBODY}.get(caller.shows, ANY_AUTHORITY)


def _widest(clients: dict[str, str]) -> list[str]:
    """Of callers those that no other of them includes."""
    wide = next((one for one in _WIDE if one in clients), None)
    if wide is None:
        return sorted(clients)
    return [one for one in (WITHOUT_TLS, ANYBODY) if one in clients] or [wide]


def _words(target: InboundTarget) -> str:
    flow = target.flow
    assert isinstance(flow, InboundFlow)
    host = "any other name" if flow.host == OTHER_HOST else flow.host
    if target.kind in _BY_ADDRESS:
        return f"{flow.origin} at port {flow.port}"
    what = {
        InboundKind.CLIENT: target.name,
        InboundKind.OTHER_HOST: "whoever asks",
        InboundKind.OTHER_REQUEST: "requests for another host",
    }.get(target.kind, target.kind.value)
    return (
        f"{what} for {host}, port {flow.port}"
        if what == "whoever asks"
        else f"{what} at {host}, port {flow.port}"
    )
