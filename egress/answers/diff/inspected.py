"""What gateways no longer look for in requests, or look for now: of hosts that both sides lead to."""

from __future__ import annotations

from collections.abc import Iterator

from egress.answers.diff.both import Both, Side
from egress.answers.diff.facts import Fact, another, more_or_less
from egress.answers.words import Aspect, listing
from egress.judge.fields.inspection_table import Wanted
from egress.judge.fields.inspections import Inspected, inspections

WHOLE, RULE, CASE, MODE, BYTES = "whole", "rule", "case", "mode", "bytes"
"""What of an inspection a fact is about."""


def facts(both: Both) -> Iterator[Fact]:
    """Of each gateway and host."""
    old, new = (inspections(side.snapshot) for side in both.sides)
    for at in sorted(old.keys() | new.keys()):
        namespace, _, host = at
        if all(_reads(side, namespace, host) for side in both.sides):
            yield from _of_host(host, old.get(at), new.get(at))


def _reads(side: Side, namespace: str, host: str) -> bool:
    """Whether a gateway reads requests to a host."""
    return any(
        entrance.http and entrance.pod.namespace == namespace
        for entrance in side.judges.gateways.entrances(host)
    )


def _of_host(host: str, old: Inspected | None, new: Inspected | None) -> Iterator[Fact]:
    if old is None or new is None:
        if one := old or new:
            yield Fact(
                Aspect.INSPECTION, new is None, "", host, listing(sorted(one.entry.rules)), WHOLE, one.by
            )
        return
    before, after = old.entry, new.entry
    if before.refuses != after.refuses:
        yield Fact(Aspect.INSPECTION, before.refuses, "", host, "", MODE, new.by)
    if before.most != after.most:
        low, high = sorted((before.most, after.most))
        yield Fact(
            Aspect.INSPECTION, after.most > before.most, "", host, f"{high} instead of {low}", BYTES, new.by
        )
    for fact in more_or_less(Aspect.INSPECTION, "", host, after.rules, before.rules, new.by):
        yield Fact(fact.aspect, fact.gain, "", host, fact.what, RULE, fact.by)
    for name in sorted(before.rules.keys() & after.rules.keys()):
        yield from _of_rule(host, name, before.rules[name], after.rules[name], new.by)


def _of_rule(host: str, name: str, old: Wanted, new: Wanted, by: str) -> Iterator[Fact]:
    if old.any_case != new.any_case and _lower(old) == _lower(new):
        yield Fact(Aspect.INSPECTION, old.any_case, "", host, name, CASE, by)
    elif old != new:
        target = f"what requests to {host} are searched for by the rule {name}"
        yield from another(Aspect.OTHER_INSPECTION, "", target, _text(old), _text(new), by)


def _lower(wanted: Wanted) -> set[str]:
    return {text.lower() for text in wanted.says}


def _text(wanted: Wanted) -> str:
    return wanted.says[0] + (" in upper and lower case" if wanted.any_case else "")
