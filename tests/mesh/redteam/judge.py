"""What a team may cause outside, read from the plan alone: everything else that arrives anywhere is a
leak."""

from __future__ import annotations

import re
from collections.abc import Iterator

from egress.layers.mesh.gateway import INTERNAL_HEADERS
from egress.plan.team import TeamPlan
from egress.settings.http_rule import Rule
from tests.mesh.flow import Seen
from tests.mesh.mesh import Mesh
from tests.mesh.redteam.way import Way
from tests.mesh.websites import Arrival


def leaks(mesh: Mesh, team: str, arrived: list[Arrival]) -> list[str]:
    """In words, each arrival at a site that this team's config does not allow, and each header that is the
    mesh's own."""
    return list(_leaks(mesh, next(one for one in mesh.plan.teams if one.name == team), arrived))


def leaks_of(mesh: Mesh, way: Way, seen: Seen) -> list[str]:
    """What leaked when this way was tried; a way that is known to get out is held to nothing but where it
    arrives."""
    return (
        [] if way.left else leaks(mesh, way.team or mesh.pods[way.pod].namespace, list(seen.evidence.arrived))
    )


def _leaks(mesh: Mesh, team: TeamPlan, arrived: list[Arrival]) -> Iterator[str]:
    for arrival in arrived:
        if arrival.site in mesh.pods:
            if not _neighbour(mesh, team, arrival.site):
                yield f"{arrival.site}: a neighbour that {team.name} does not reach"
        elif arrival.site in ("googleapis", "metadata"):
            if not team.uses_google_apis:
                yield f"{arrival.site}: {team.name} uses no Google API"
            elif arrival.source == mesh.gateway.address:
                yield f"{arrival.site}: asked by the gateway, as the gateway"
            elif arrival.sni and arrival.sni not in team.google_hosts:
                yield f"{arrival.sni}: a host of Google's that {team.name} did not name"
        else:
            yield from _outside(mesh, team, arrival)


def _outside(mesh: Mesh, team: TeamPlan, arrival: Arrival) -> Iterator[str]:
    if arrival.source != mesh.gateway.address:
        yield f"{arrival.site}:{arrival.port}: from {arrival.source}, which is not the gateway"
    if not arrival.method:
        # A connection without a request tells the host that somebody is there, and tells the team what the
        # host says first.
        if not any(_covers(way.host.name, arrival.site) for way in team.gateway_ways):
            yield f"{arrival.site}:{arrival.port}: a connection to a host that {team.name} did not declare"
        return
    uses = [way.use for way in team.gateway_ways if _covers(way.host.name, arrival.site)]
    raw = any(entry.leaves_on == arrival.port for use in uses for entry in use.tcp)
    passed = raw or any(use.passthrough and arrival.port == 443 for use in uses)
    rules = [rule for use in uses if use.http for rule in use.http.rules.values()]
    if not passed and not any(_allows(rule, arrival) for rule in rules):
        yield f"{arrival.site}:{arrival.port} {arrival.method} {arrival.path}: {team.name} did not declare it"
    if not passed:
        told = [
            name
            for name, _ in arrival.headers
            if name.lower() in INTERNAL_HEADERS or name.lower().startswith("x-envoy-")
        ]
        if told:
            yield f"{arrival.site}: told of the mesh by {', '.join(told)}"
        if arrival.header("host") not in (None, arrival.site, f"{arrival.site}:80"):
            yield f"{arrival.site}: was asked as {arrival.header('host')}"


def _neighbour(mesh: Mesh, team: TeamPlan, pod: str) -> bool:
    other = mesh.pods[pod].namespace
    return other == team.name or other in team.settings.reaches


def _covers(declared: str, site: str) -> bool:
    return site.endswith(declared.removeprefix("*")) if declared.startswith("*.") else site == declared


def _allows(rule: Rule, arrival: Arrival) -> bool:
    path = (arrival.path or "").partition("?")[0]
    headers = {name.lower(): value for name, value in arrival.headers}
    return (
        (rule.methods is None or arrival.method in rule.methods)
        and (rule.paths is None or any(re.fullmatch(_pattern(wanted), path) for wanted in rule.paths))
        and all(headers.get(name) in values for name, values in (rule.headers or {}).items())
    )


def _pattern(path: str) -> str:
    """A rule's path as a regular expression."""
    parts = re.split(r"(\{\*\*\}|\{\*\}|\*$)", path)
    return "".join({"{**}": ".*", "{*}": "[^/]+", "*": ".*"}.get(part, re.escape(part)) for part in parts)
