"""What somebody can send to nodes' own addresses, once for each class that some firewall rule for what comes
in tells apart.

Of every pool: each protocol that a rule names, and one that none does; each span of ports that the rules'
ports cut out; each set of addresses that their ranges do. With two sets of objects the classes of both. Those
outside and those of the cluster's own addresses are asked apart: GKE lets the cluster's own pods and nodes
in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import pairwise

from egress.judge.lookup.firewall_rules import Rule
from egress.judge.lookup.inbound_flow import NodeFlow
from egress.judge.model.ip_ranges import Ranges
from egress.judge.outside import Source, outside, told_apart
from egress.judge.trace import Judges

OTHER_PROTOCOL = "any other protocol"
"""Stands for every protocol that no rule names."""
OTHER_MACHINE = "any other account"
"""Stands for machines of every service account that no node has and no rule names."""
LAST_PORT = 65535
_WITH_PORTS = ("TCP", "UDP", "SCTP")
PODS, NODES = "pods", "nodes"


def from_outside(sides: Sequence[Judges], *, machines: bool) -> Iterator[NodeFlow]:
    """Everything that somebody outside can send.

    Args:
        sides: the objects.
        machines: whether machines of the network that are no nodes are asked too: of every account that a
        rule names, and others.
    """
    named = {ranges: ", ".join(ranges.cidrs) for ranges in _ranges(sides)}
    yield from _sent(sides, told_apart(outside(sides), named), machines)


def from_inside(sides: Sequence[Judges], *, machines: bool) -> Iterator[NodeFlow]:
    """The same from the cluster's own pods and nodes, at addresses that are theirs in each set of objects."""
    for words in (PODS, NODES):
        subnets = [side.inbound.subnets for side in sides]
        theirs = [(one.pods if words == PODS else one.nodes).within(one.own) for one in subnets]
        whole = reduce(Ranges.within, theirs)
        named = {of: ", ".join(of.cidrs) for of in _ranges(sides) if not of.covers(whole)}
        yield from _sent(sides, told_apart(whole, named, words), machines)


def _sent(sides: Sequence[Judges], sources: Sequence[Source], machines: bool) -> Iterator[NodeFlow]:
    accounts = list(dict.fromkeys(pool.email for side in sides for pool in side.workloads.pools.values()))
    if machines:
        targets = {
            target for side in sides for rule in side.firewall.coming_in for target in rule.targets or ()
        }
        accounts += [*sorted(targets - {*accounts}), OTHER_MACHINE]
    # Clusters whose nodes Google keeps have no pools that anybody handed over.
    if not accounts and any(side.snapshot.google for side in sides):
        accounts = [""]
    spans = list(_spans([rule for side in sides for rule in side.firewall.coming_in]))
    for account in accounts:
        for transport, first, last in spans:
            for source in sources:
                yield NodeFlow(source.ranges, source.words, account, first, transport, last)


def _ranges(sides: Iterable[Judges]) -> dict[Ranges, None]:
    return {rule.ranges: None for side in sides for rule in side.firewall.coming_in}


def _spans(rules: Sequence[Rule]) -> Iterator[tuple[str, int, int]]:
    """Protocols with first and last port of each span that rules tell apart; where there are no ports,
    zero."""
    entries = [what for rule in rules for what in rule.what]
    named = {what.transport for what in entries} - {"ALL"}
    for transport in dict.fromkeys(("TCP", "UDP", *sorted(named), OTHER_PROTOCOL)):
        if transport not in _WITH_PORTS:
            yield transport, 0, 0
            continue
        ports = (span for what in entries if what.transport in ("ALL", transport) for span in what.ports)
        cuts = sorted(
            {
                1,
                LAST_PORT + 1,
                *(cut for first, last in ports for cut in (first, last + 1) if 0 < cut <= LAST_PORT),
            }
        )
        for first, after in pairwise(cuts):
            yield transport, first, after - 1
