"""The sentence for some facts of one kind."""

from __future__ import annotations

from collections.abc import Sequence

from egress.answers.diff.facts import ALL, Fact
from egress.answers.words import Aspect, listing
from egress.judge.model.flow import Layer, Vantage

SHOWN = 6
"""Targets that a sentence names; it counts the rest, and JSON has them all."""
TEAMS_SHOWN = 3
WAYS = {
    Vantage.POD_WITHOUT_SIDECAR.value: "past the sidecar",
    Vantage.GATEWAY_WITH_CERTIFICATE.value: "straight at the gateway, with a certificate",
    Vantage.GATEWAY_WITHOUT_CERTIFICATE.value: "straight at the gateway, without a certificate",
    Vantage.APPLICATION_NODE.value: "from an application node",
    Vantage.GATEWAY_NODE.value: "from a gateway node",
}
INSIDE = "firewall inside"
INBOUND = {
    INSIDE: "The firewall",
    f"inbound {Layer.LOAD_BALANCER.value}": "The load balancer",
    f"inbound {Layer.FIREWALL.value}": "The firewall",
    f"inbound {Layer.NETWORK_POLICY.value}": "NetworkPolicy",
    f"inbound {Layer.GATEWAY.value}": "The ingress gateway",
    f"inbound {Layer.AUTHORIZATION.value}": "The ingress gateway's authorization",
    f"inbound {Layer.SIDECAR.value}": "A proxy",
}
"""Who refuses what comes in, or to machines from pods and nodes."""
LAYERS = {
    Layer.SIDECAR.value: "The sidecar",
    Layer.AUTHORIZATION.value: "The gateway's authorization",
    Layer.NETWORK_POLICY.value: "NetworkPolicy",
}


def sentence(teams: Sequence[str], facts: Sequence[Fact]) -> str:
    """What some facts of one kind come to, for these teams."""
    first, who = facts[0], _who(teams)
    gain, target = first.gain, first.target
    if first.aspect is Aspect.UNREAD:
        whose = f" for {who}" if teams else ""
        return f"{first.what} says something that the judges {'cannot' if gain else 'could not'} read{whose}"
    if first.aspect is Aspect.HOST:
        return f"{who} {'may now' if gain else 'can no longer'} reach {target}: {_whats(facts)}"
    if first.aspect is Aspect.PORT:
        still = "" if gain else ", but still otherwise"
        return f"{who} {'may now also' if gain else 'can no longer'} reach {target} by {_whats(facts)}{still}"
    if first.aspect is Aspect.DESTINATION:
        verb = "now also leaves" if gain else "no longer leaves"
        return f"What {who} may send to {target} {verb} to {_whats(facts)}"
    if first.aspect is Aspect.TLS:
        return _tls(who, facts)
    if first.aspect.other:
        return f"{_capital(target.replace('{who}', who))} is now {first.what} instead of {first.how}"
    if first.aspect in _SAID:
        return _SAID[first.aspect](who, facts)
    if first.aspect is Aspect.WAY:
        return f"{who} {'can now' if gain else 'can no longer'} reach {_targets(facts)} {WAYS[first.how]}"
    if first.aspect is Aspect.FENCE:
        return _fence(who, facts)
    verb = "may now also" if gain else "may no longer"
    return f"{who} {verb} {_sent(facts)} to {target}"


def _received(who: str, facts: Sequence[Fact]) -> str:
    first = facts[0]
    clients = listing([fact.what for fact in facts])
    return (
        f"From outside {clients} {'may now' if first.gain else 'can no longer'} connect to {who}: "
        f"{first.target}"
    )


def _exposed(_: str, facts: Sequence[Fact]) -> str:
    first = facts[0]
    taken = "now takes" if first.gain else "no longer takes"
    return f"{_capital(first.target)} {taken} connections from {listing([fact.what for fact in facts])}"


def _granted(who: str, facts: Sequence[Fact]) -> str:
    first = facts[0]
    has = "now has" if first.gain else "no longer has"
    roles = listing([fact.what for fact in facts])
    whose = f"{who}'s " if first.team else ""
    return f"{whose}{first.how} {has} {roles} on {first.target}; IAM decides there, not the network"


def _role(who: str, facts: Sequence[Fact]) -> str:
    first = facts[0]
    strong, weak = first.what.split(" instead of ")
    now, before = (strong, weak) if first.gain else (weak, strong)
    whose = f"{who}'s " if first.team else ""
    return (
        f"{whose}{first.how} now has {now} instead of {before} on {first.target}; IAM decides there, not "
        "the network"
    )


def _may(_: str, facts: Sequence[Fact]) -> str:
    first = facts[0]
    may, reached = ("may now", "be reached ") if first.gain else ("can no longer", "be reached ")
    ways = _some([fact.what for fact in facts])
    return f"{_capital(first.target)} {may} {reached if first.aspect is Aspect.ACCESS else ''}{ways}"


def _opened(_: str, facts: Sequence[Fact]) -> str:
    first = facts[0]
    what = " ".join(fact.what for fact in facts).removesuffix(".")
    return f"{what} ({first.target})" if first.gain else f"No longer: {what} ({first.target})"


def _guarded(_: str, facts: Sequence[Fact]) -> str:
    first = facts[0]
    return f"{first.how if first.gain else first.what} ({first.target})"


def _level(who: str, facts: Sequence[Fact]) -> str:
    """What is measured: the words are the one that counts as a gain, and the other, by turns."""
    first = facts[0]
    gained, _, lost = first.what.partition(" instead of ")
    now, before = (gained, lost) if first.gain else (lost, gained)
    return f"{_capital(first.target.replace('{who}', who))}: now {now} instead of {before}"


def _logged(who: str, facts: Sequence[Fact]) -> str:
    first = facts[0]
    if first.how == "level":
        return _level(who, facts)
    logs = "no longer logs" if first.gain else "now logs"
    return f"{_capital(first.target)} {logs} {listing([fact.what for fact in facts])}"


def _inspected(_: str, facts: Sequence[Fact]) -> str:
    first, gone = facts[0], facts[0].gain
    to = f"requests to {first.target}"
    if first.how == "whole":
        return f"{_capital(to)} are {'no longer' if gone else 'now'} inspected for {first.what}"
    if first.how == "mode":
        said = "only reported, and no longer refused" if gone else "refused, and no longer only reported"
        return f"What {to} must not hold is now {said}"
    if first.how == "bytes":
        more, _, less = first.what.partition(" instead of ")
        now, before = (more, less) if gone else (less, more)
        return f"Bodies of {to} may now have {now} bytes instead of {before}"
    names = listing([fact.what for fact in facts])
    if first.how == "case":
        return (
            f"{_capital(to)} are now searched for {names} "
            f"{'in the written case alone' if gone else 'in any case'}"
        )
    return f"{_capital(to)} are {'no longer' if gone else 'now'} searched for {names}"


_SAID = {
    Aspect.RECEIVED: _received,
    Aspect.EXPOSED: _exposed,
    Aspect.GRANT: _granted,
    Aspect.ROLE: _role,
    Aspect.RIGHT: _may,
    Aspect.ACCESS: _may,
    Aspect.OPENING: _opened,
    Aspect.PROTECTION: _guarded,
    Aspect.LIMIT: _level,
    Aspect.LOG: _logged,
    Aspect.INSPECTION: _inspected,
}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _who(teams: Sequence[str]) -> str:
    if len(teams) <= TEAMS_SHOWN:
        return listing(teams) if teams else "everybody"
    return f"{', '.join(teams[: TEAMS_SHOWN - 1])} and {len(teams) - TEAMS_SHOWN + 1} more"


def _whats(facts: Sequence[Fact]) -> str:
    return ", ".join(dict.fromkeys(fact.what for fact in facts))


def _targets(facts: Sequence[Fact]) -> str:
    """Targets, each with what of it."""
    by_target: dict[str, list[str]] = {}
    for fact in facts:
        by_target.setdefault(fact.target, []).append(fact.what)
    named = [f"{target} ({', '.join(what)})" if any(what) else target for target, what in by_target.items()]
    return _some(named)


def _ends(facts: Sequence[Fact]) -> str:
    """Ranges, each with the ports of it."""
    by_range: dict[str, list[str]] = {}
    for fact in facts:
        name, _, port = fact.what.partition(" on ")
        by_range.setdefault(name, []).append(port)
    return _some([f"{name} ({_some(ports)})" for name, ports in by_range.items()])


def _some(items: Sequence[str]) -> str:
    more = [f"{len(items) - SHOWN} more"] if len(items) > SHOWN else []
    return listing([*items[:SHOWN], *more])


def _sent(facts: Sequence[Fact]) -> str:
    """Requests, or - where only callers are told apart - connections."""
    said: list[str] = []
    for fact in facts:
        if fact.what.startswith(ALL):
            callers = fact.what.removeprefix(ALL)
            said.append(f"send everything{callers}, by {fact.how} and past every rule for http,")
        elif not fact.how.startswith("http") or fact.how.startswith("https"):
            said.append(f"open {fact.how} {fact.what}")
        else:
            what = f"requests {fact.what}" if fact.what.startswith(("as ", "with ")) else fact.what
            said.append(f"send {what}" + (f" (port {fact.how[5:]})" if fact.how[5:] else ""))
    return listing(said)


def _tls(who: str, facts: Sequence[Fact]) -> str:
    first = facts[0]
    weak, _, strong = first.what.partition(" instead of ")
    now, before = (weak, strong) if first.gain else (strong, weak)
    if first.how in ("level", "minimum version"):
        of = f" of {who}" if first.team else ""
        what = "" if first.how == "level" else f", {first.how}"
        return f"{_capital(first.target)}{of}{what}: now {now} instead of {before}"
    spoke = listing(list(dict.fromkeys(fact.how for fact in facts)))
    return f"What {who} may send to {first.target} by {spoke} now leaves {now} instead of {before}"


_KEPT = {
    "early": (
        "no longer connects to {} before it knows who calls",
        "now connects to {} before it knows who calls",
    ),
    "itself": (
        "can no longer be led to itself by the name of {}",
        "may now be led to itself by the name of {}",
    ),
    "slashes": (
        "again decodes encoded slashes in paths of {}",
        "now leaves encoded slashes in paths of {} as they are",
    ),
    "copies": ("no longer have the headers {}", "now have the headers {}"),
}
"""By what filters keep: the words for it, and for its lack."""


def _fence(who: str, facts: Sequence[Fact]) -> str:
    first, gone = facts[0], facts[0].gain
    if first.how == "level":
        weak, _, strong = first.what.partition(" instead of ")
        now, before = (weak, strong) if gone else (strong, weak)
        return f"{first.target} of {who} is now {now} instead of {before}"
    if first.how in _KEPT:
        held, loose = _KEPT[first.how]
        hosts = _some([fact.what for fact in facts])
        return f"{_capital(first.target)} {(loose if gone else held).format(hosts)}"
    if first.how in INBOUND:
        verb = "no longer refuses" if gone else "now refuses"
        where = "inside" if first.how == INSIDE else "from outside"
        return (
            f"{INBOUND[first.how]} {verb} {where}: {_some(list(dict.fromkeys(fact.what for fact in facts)))}"
        )
    if first.how == "admission":
        return f"Admission {'no longer holds' if gone else 'now holds'} {who} to {_targets(facts)}"
    if first.how == "firewall":
        return f"The firewall {'no longer' if gone else 'now'} stops {first.target}: {_ends(facts)}"
    if first.how == "DNS":
        return f"DNS {'now answers' if gone else 'no longer answers'} for {_targets(facts)}"
    return f"{LAYERS[first.how]} {'no longer' if gone else 'now'} refuses {who}: {_targets(facts)}"
