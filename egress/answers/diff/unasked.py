"""What firewall rules say of which nothing is asked, and which differs: said rule by rule, with why nothing
is asked.

All else about them is asked: of what leaves in egress/answers/diff/flows.py and fences.py, of what comes in
in entering.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from egress.answers.diff.both import Both, Side
from egress.answers.diff.unjudged import Unjudged
from egress.judge.lookup.firewall_rules import EGRESS, INGRESS, Rule
from egress.judge.model.ip_ranges import Ranges

_IPV4, _IPV6 = Ranges.of(["0.0.0.0/0"]), Ranges.of(["::/0"])
NO_IPV6 = "it is about IPv6, which the network does not carry"
IPV6 = "nothing is asked about IPv6 alone"
OTHER_PROTOCOLS = "little is asked about other protocols than TCP and UDP"
_Rules = Mapping[str, tuple[Rule, str]]
"""By all that it says each rule, with why nothing is asked of it."""


def unasked(both: Both) -> Iterator[Unjudged]:
    """Each rule that differs in what is not asked."""
    if any(not side.snapshot.google for side in both.sides):
        return
    sides = [_rules(side) for side in both.sides]
    carried = any(side.judges.firewall.subnets.ipv6 for side in both.sides)
    over_ipv4 = [{_said(_limited(rule, _IPV4)) for rule in side} for side in sides]
    found: list[_Rules] = []
    for side in sides:
        reasons = ((rule, _why(rule, over_ipv4, carried)) for rule in side)
        parts = (
            (_limited(rule, _IPV6) if rule.direction == INGRESS else rule, why)
            for rule, why in reasons
            if why
        )
        found.append({_said(rule): (rule, why) for rule, why in parts})
    old, new = found
    yield from _changed(old, new)
    for direction in (EGRESS, INGRESS):
        orders = [
            [
                said
                for said, (rule, _) in of.items()
                if said in old and said in new and rule.direction == direction
            ]
            for of in found
        ]
        if orders[0] != orders[1]:
            yield Unjudged(
                "firewall", (f"the order of the {direction.lower()} rules of which nothing is asked",)
            )


def _why(rule: Rule, over_ipv4: Sequence[set[str]], carried: bool) -> str:
    """Why nothing is asked of a rule, or of what it says about IPv6; empty: all is asked."""
    beside = rule.ranges.meets(_IPV4)
    if rule.direction == EGRESS:
        named = {what.transport for what in rule.what}
        return IPV6 if not beside else "" if named <= {"ALL", "TCP", "UDP"} else OTHER_PROTOCOLS
    # Where what it says about IPv4 differs as well, that is asked.
    same = not beside or all(_said(_limited(rule, _IPV4)) in said for said in over_ipv4)
    return NO_IPV6 if rule.ranges.meets(_IPV6) and same and not carried else ""


def _changed(old: _Rules, new: _Rules) -> Iterator[Unjudged]:
    gone = {_name(rule): (rule, why) for said, (rule, why) in old.items() if said not in new}
    come = {_name(rule): (rule, why) for said, (rule, why) in new.items() if said not in old}
    for name in sorted({*gone} & {*come}):
        (before, _), (after, why) = gone.pop(name), come.pop(name)
        wider, narrower = (after, before) if after.allow else (before, after)
        yield Unjudged(
            name, (f"now {_said(after)}; before: {_said(before)};",), not _within(wider, narrower), why
        )
    for word, rules in (("gone", gone), ("new", come)):
        for name, (rule, why) in sorted(rules.items()):
            yield Unjudged(name, (word,), rule.allow == (word == "new"), why)


def _rules(side: Side) -> Sequence[Rule]:
    """Those that the judge reads, in the order in which they decide; of the others it is said that they are
    not read."""
    known = (rule for rule in side.judges.firewall.rules if not rule.unknown)
    return sorted(known, key=lambda rule: (rule.order, _said(rule)))


def _limited(rule: Rule, ranges: Ranges) -> Rule:
    return replace(rule, ranges=rule.ranges.within(ranges))


def _name(rule: Rule) -> str:
    """Of a policy, which holds many rules, with the rule's own name."""
    return f"{rule.name}{rule.note}" if rule.of_policy else rule.name


def _within(inner: Rule, outer: Rule) -> bool:
    """Whether a rule means nothing that the other one does not."""
    if (
        inner.allow != outer.allow
        or inner.direction != outer.direction
        or not outer.ranges.covers(inner.ranges)
    ):
        return False
    if outer.targets is not None and (inner.targets is None or not inner.targets <= outer.targets):
        return False
    entries = [(one.transport, span) for one in inner.what for span in one.ports or _EVERY]
    return all(
        any(
            one.transport in ("ALL", transport)
            and any(low <= first and last <= high for low, high in one.ports or _EVERY)
            for one in outer.what
        )
        for transport, (first, last) in entries
    )


_EVERY = ((0, 65535),)


def _said(rule: Rule) -> str:
    """What the rule says, however it is called."""
    what = ", ".join(
        " ".join([one.transport, "/".join(_span(*span) for span in one.ports) or "every port"])
        for one in rule.what
    )
    who = f" for {', '.join(sorted(rule.targets))}" if rule.targets else ""
    way = "to" if rule.direction == EGRESS else "from"
    return f"{'allow' if rule.allow else 'deny'} {what} {way} {', '.join(rule.ranges.cidrs)}{who}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
