"""What teams that leave past the gateway need of the whole stack, and where they would undo what another team
asked for.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from egress.common.errors import ABSENT, Problem
from egress.common.hosts import is_pattern, patterns_above
from egress.plan.host import Host
from egress.plan.team import Way
from egress.settings import Settings
from egress.settings.dns import Undeclared
from egress.settings.paths import egress_path, model_path
from egress.settings.security_model import SecurityModel

NODES = "gke-mesh-egress:fences.applicationNodes"


def closed_nodes(settings: Settings, ways: Mapping[str, Iterable[Way]]) -> Iterator[Problem]:
    """Ports on which teams need to leave application nodes although these may not be left on them, and ports
    that are opened although no team needs them.

    `ways`: by team.
    """
    opened = settings.fences.application_nodes
    leaving = set(opened.leave_on) if opened else set[int]()
    needed: set[int] = set()
    anywhere = False
    for name, team in sorted(settings.teams.items()):
        if team.model is None:
            continue
        needs = {
            port: way.host.name for way in ways[name] if way.gateway is None for port in way.host.web_ports
        }
        needed |= needs.keys()
        anywhere |= team.model.open is not None
        if opened is None:
            ports = sorted(needs) or [80, 443]
            yield Problem(
                model_path(name),
                team.model.model.value,
                "The team's pods leave from application nodes, from which the VPC firewall allows no "
                "egress. The firewall knows nodes, not teams: what it opens for this team it opens for "
                "every team's pods, and then only NetworkPolicies keep the other teams' pods from "
                "leaving.",
                f"Allow it for the whole stack with fences.applicationNodes: {{leaveOn: {ports}, reason: "
                "...}, or remove model.",
            )
            continue
        for port in sorted(needs.keys() - leaving):
            yield Problem(
                egress_path(name, needs[port]),
                port,
                f"Application nodes reach this host on port {port}, which {NODES}.leaveOn does not include.",
                f"Add {port} to leaveOn, or remove {model_path(name)}.",
            )
    if opened is None:
        return
    if not any(team.model for team in settings.teams.values()):
        yield Problem(
            NODES,
            sorted(leaving),
            "Every team leaves by the gateway, so no team needs the application nodes opened.",
            "Remove it.",
        )
    elif not anywhere:
        for port in sorted(leaving - needed):
            yield Problem(
                f"{NODES}.leaveOn",
                port,
                "No team that leaves past the gateway has a host on this port, so none needs it opened on "
                "the application nodes.",
                f"Remove {port}.",
            )


def unresolvable(settings: Settings) -> Iterator[Problem]:
    """Teams that may reach any host, in a network where names that nobody declares do not exist."""
    if settings.network.dns.undeclared_names is Undeclared.RESOLVE:
        return
    for name, team in sorted(settings.teams.items()):
        if team.model is not None and team.model.model is SecurityModel.OPEN:
            yield Problem(
                model_path(name),
                team.model.model.value,
                "Names that no team declares do not resolve in this network: the team would reach only "
                "hosts whose addresses it knows. DNS cannot tell teams apart, so names that resolve for "
                "one team resolve for every team.",
                "Allow it for the whole stack with network.dns: {undeclaredNames: resolve}, or write "
                "registryOnly and declare the hosts.",
            )


def uninspected(hosts: Iterable[Host], ways: Mapping[str, Iterable[Way]]) -> Iterator[Problem]:
    """Hosts that a team reaches past the gateway although another one has requests to them inspected
    there."""
    inspecting = {
        host.name: next(use.team for use in host.uses if use.http)
        for host in hosts
        if host.leaving and host.leaving.inspect
    }
    below: dict[str, str] = {}
    for name in inspecting:
        for pattern in patterns_above(name):
            below.setdefault(pattern, name)
    for team, of_team in ways.items():
        for host in (way.host for way in of_team if way.gateway is None):
            name = below.get(host.name, "") if is_pattern(host.name) else host.name
            if name in inspecting:
                yield Problem(
                    egress_path(team, host.name),
                    ABSENT,
                    f"{egress_path(inspecting[name], name)}.http.inspect inspects at the gateway what is "
                    f"sent to this host, and {team} bypasses the gateway: the same data could leave "
                    "uninspected.",
                    f"Remove the host from {team}, remove {model_path(team)}, or remove inspect.",
                )
