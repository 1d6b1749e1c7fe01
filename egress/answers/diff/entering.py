"""What the VPC firewall lets come to machines, on both sides: from outside, and from the cluster's own pods
and nodes.

Asked are the classes of egress/judge/inbound_nodes.py. What changes for neighbouring ports, for every address
or for every machine is one fact: so a rule that is gone is a line, and not one for each class that other
rules make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from egress.answers.diff.both import Both
from egress.answers.diff.facts import Fact
from egress.answers.words import Aspect
from egress.judge.inbound_nodes import LAST_PORT, OTHER_MACHINE, from_inside, from_outside
from egress.judge.lookup.inbound_flow import NodeFlow, sent
from egress.judge.model.flow import Verdict
from egress.judge.model.ip_ranges import Ranges
from egress.judge.trace import Judges

FROM_OUTSIDE, FROM_INSIDE = "inbound firewall", "firewall inside"
EVERYTHING = "anything"
_Turned = Mapping[NodeFlow, str]
"""What one side lets through, with the object by which the other one refuses it."""


def facts(both: Both) -> Iterator[Fact]:
    """Everything that one side's firewall lets through to machines and the other's does not."""
    sides = [side.judges for side in both.sides]
    pools = _Pools(sides)
    outside, inside = (list(of(sides, machines=True)) for of in (from_outside, from_inside))
    for how, anywhere, asked in (
        (FROM_OUTSIDE, "any address", outside),
        (FROM_INSIDE, "any pod or node", inside),
    ):
        more: dict[NodeFlow, str] = {}
        less: dict[NodeFlow, str] = {}
        for flow in asked:
            old, new = pools.judged(flow)
            if old.understood != new.understood:
                by = (new if old.understood else old).object
                yield Fact(Aspect.UNREAD, old.understood, "", by, by, by=by)
            elif old.allowed != new.allowed:
                by = (old if new.allowed else new).decided_by
                (more if new.allowed else less)[flow] = by or ""
        for gain, turned in ((True, more), (False, less)):
            for what, by in _told(turned, asked, anywhere, pools):
                yield Fact(Aspect.FENCE, gain, "", "", what, how, by)


class _Pools:
    """Node pools, whose accounts may be called otherwise on each side."""

    def __init__(self, sides: Sequence[Judges]) -> None:
        self._sides = sides
        self._emails = [{pool.name: pool.email for pool in side.workloads.pools.values()} for side in sides]
        self._names = {pool.email: pool.name for side in sides for pool in side.workloads.pools.values()}

    def name(self, flow: NodeFlow) -> str:
        """What people call the machines."""
        if flow.pool in self._names:
            return f"nodes of {self._names[flow.pool]}"
        return (
            "machines of no such account"
            if flow.pool == OTHER_MACHINE
            else f"machines of {flow.pool.partition('@')[0]}"
        )

    def together(self, found: Mapping[str, str], every: set[str]) -> Iterator[tuple[str, str]]:
        """The same for some of all that there are, each with what is found for them."""
        nodes = {f"nodes of {name}" for name in self._names.values()}
        whole = every if every == set(found) else nodes if nodes and nodes <= found.keys() else set[str]()
        if whole:
            yield "every machine" if whole == every else "nodes", next(iter(found.values()))
        yield from ((name, by) for name, by in found.items() if name not in whole)

    def judged(self, flow: NodeFlow) -> tuple[Verdict, Verdict]:
        """What each side says; where a pool is not there, what it would say to such nodes."""
        old, new = (
            side.inbound.at_node(
                flow
                if flow.pool in emails.values()
                else replace(flow, pool=emails.get(self._names.get(flow.pool, ""), flow.pool))
            )
            for side, emails in zip(self._sides, self._emails, strict=True)
        )
        return old, new


def _told(
    turned: _Turned, asked: Sequence[NodeFlow], anywhere: str, pools: _Pools
) -> Iterator[tuple[str, str]]:
    """What turned the same way, put together into words, each with the object that refuses it."""
    transports, every = {flow.transport for flow in asked}, {flow.source for flow in asked}
    machines = {pools.name(flow) for flow in asked}
    spans: dict[tuple[Ranges, str, str], dict[str, set[range]]] = {}
    refusing: dict[tuple[str, str], str] = {}
    for flow, by in turned.items():
        pool = pools.name(flow)
        spans.setdefault((flow.source, flow.origin, pool), {}).setdefault(flow.transport, set()).add(
            flow.ports
        )
        refusing.setdefault((flow.origin, pool), by)
    places: dict[tuple[str, str], dict[Ranges, str]] = {}
    for (source, origin, pool), of in spans.items():
        for what in _whats(of, transports):
            places.setdefault((what, pool), {})[source] = origin
    alike: dict[tuple[str, str], dict[str, str]] = {}
    for (what, pool), sources in places.items():
        whole = sources.keys() == every
        for origin in sources.values():
            alike.setdefault((what, anywhere if whole else origin), {}).setdefault(
                pool, refusing[origin, pool]
            )
    for (what, origin), of in alike.items():
        for to, by in pools.together(of, machines):
            yield f"{what} to {to} from {origin}", by


def _whats(spans: Mapping[str, set[range]], transports: set[str]) -> list[str]:
    """Words for some ports of some protocols; one word for every port of all that there are."""
    if set(spans) == transports and all(
        _NO_PORT in of or sum(map(len, of)) == LAST_PORT for of in spans.values()
    ):
        return [EVERYTHING]
    return [sent(transport, [(one[0], one[-1]) for one in of]) for transport, of in spans.items()]


_NO_PORT = range(1)
