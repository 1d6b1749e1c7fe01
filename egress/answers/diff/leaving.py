"""Whence a team's requests come, as those outside see it, and how much of its gateway each of its pods may
take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from egress.answers.diff.facts import Fact, another, more_or_less
from egress.answers.words import Aspect, listing
from egress.judge.model.flow import Protocol
from egress.plan.gateway import EgressGateway
from egress.plan.model import Plan
from egress.plan.team import TeamPlan
from egress.settings.mesh import Replicas
from egress.settings.security_model import SecurityModel

_ANY, _ANY_ADDRESS = "any host", "whatever address its name has"


def facts(old: Plan, new: Plan) -> Iterator[Fact]:
    """Of teams and gateways that are on both sides."""
    teams = [{team.name: team for team in plan.teams} for plan in (old, new)]
    for name in sorted(teams[0].keys() & teams[1].keys()):
        before, after = teams[0][name], teams[1][name]
        target = "the gateway by which {who} leaves"
        yield from another(Aspect.OTHER_GATEWAY, name, target, _gateway(before), _gateway(after))
        target = "the source address of requests of {who}"
        yield from another(Aspect.OTHER_SOURCE, name, target, _source(old, before), _source(new, after))
        yield from _to_google(name, before, after)
        yield from _addresses(name, before, after)
        for field, what in _OF_PODS.items():
            sides = [getattr(team.settings.limits, field) for team in (before, after)]
            yield from _limit(name, f"{what} of each pod of {{who}} at its gateway", sides[0], sides[1])
    gateways = [_gateways(plan) for plan in (old, new)]
    for name in sorted(gateways[0].keys() & gateways[1].keys()):
        before, after = (of[name].max_connections for of in gateways)
        yield from _limit("", f"the most connections that one replica of {name} accepts", before, after)
    yield from _hosts(old, new)
    yield from _neighbours(old, new)


_OF_PODS: Mapping[str, str] = {
    "connections": "the most connections",
    "pending_requests": "the most waiting requests",
    "requests": "the most requests in flight",
}


def _addresses(name: str, old: TeamPlan, new: TeamPlan) -> Iterator[Fact]:
    """Where raw TCP to a port of a host goes: to addresses that the config names, or to those that its name
    has."""
    before, after = (
        {(way.host.name, port.number): port.settings for way in team.ways for port in way.host.tcp}
        for team in (old, new)
    )
    for host, number in sorted(before.keys() & after.keys()):
        sides = (before[host, number], after[host, number])
        named = [{str(address) for address in tcp.addresses or ()} for tcp in sides]
        if any(tcp.by_name for tcp in sides):  # any of these is among them
            named = [{_ANY_ADDRESS} if tcp.by_name else set[str]() for tcp in sides]
        yield from more_or_less(Aspect.DESTINATION, name, f"{host}:{number}", named[0], named[1])


def _to_google(name: str, before: TeamPlan, after: TeamPlan) -> Iterator[Fact]:
    """Hosts that go straight to Google's addresses on one side, and by the team's other way on the other."""
    declared = [{way.host.name for way in team.ways} for team in (before, after)]
    googles = [set(team.google_hosts) for team in (before, after)]
    for host in sorted((declared[0] & googles[1]) | (googles[0] & declared[1])):
        ways = [
            "straight to Google's addresses"
            if host in of
            else f"by {_named(team.gateway)}"
            if team.model is SecurityModel.GATEWAY
            else "past every gateway"
            for of, team in zip(googles, (before, after), strict=True)
        ]
        yield from another(Aspect.OTHER_GATEWAY, name, f"the way of {{who}} to {host}", ways[0], ways[1])


def _gateway(team: TeamPlan) -> str:
    if team.model is not SecurityModel.GATEWAY:
        return "none"
    return _named(team.gateway)


def _named(gateway: EgressGateway) -> str:
    return "the shared gateway" if gateway.shared else f"gateway {gateway.name}"


def _source(plan: Plan, team: TeamPlan) -> str:
    own = team.gateway.subnet if team.model is SecurityModel.GATEWAY else None
    addresses = own.addresses if own else plan.settings.network.nat.addresses
    return f"one of {listing(sorted(addresses))}" if addresses else "one that Cloud NAT chose"


def _neighbours(old: Plan, new: Plan) -> Iterator[Fact]:
    """Whose pods a team may connect to, where one of the two is on one side alone: between others it is asked
    of objects."""
    sides = [
        {(team.name, other) for team in plan.teams for other in team.settings.reaches} for plan in (old, new)
    ]
    both = {team.name for team in old.teams} & {team.name for team in new.teams}
    for gain, fewer, more in ((True, *sides), (False, *sides[::-1])):
        for team, other in sorted(more - fewer):
            if not {team, other} <= both:
                yield Fact(Aspect.HOST, gain, team, f"pods of {other}", Protocol.HTTP.value)


def _limit(team: str, target: str, old: int, new: int) -> Iterator[Fact]:
    if old != new:
        low, high = sorted((old, new))
        yield Fact(Aspect.LIMIT, new > old, team, target, f"{high} instead of {low}")


def _gateways(plan: Plan) -> dict[str, Replicas]:
    found: dict[str, Replicas] = {_named(gateway): gateway.settings for gateway in plan.gateways}
    return found | ({"the ingress gateway": plan.settings.ingress} if plan.settings.ingress else {})


def _hosts(old: Plan, new: Plan) -> Iterator[Fact]:
    """Hosts to which a gateway may be made to lead: none leads there until a team declares one."""
    before, after = old.settings.gateways, new.settings.gateways
    for name in sorted(before.keys() & after.keys()):
        for gain, one, other in ((True, before[name], after[name]), (False, after[name], before[name])):
            more = [_ANY] if other.hosts is None and one.hosts is not None else other.hosts or []
            for host in sorted(host for host in more if not one.leads_to(host)):
                yield Fact(
                    Aspect.OPENING,
                    gain,
                    "",
                    f"gateways.{name}.hosts",
                    f"Teams may be let to {host} by gateway {name}.",
                )
