"""What a team may not declare beside other entries of its own, its gateway or this cluster's Services.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from egress.common.errors import Problem
from egress.common.hosts import patterns_above
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.plan.host import Host
from egress.plan.team import Way
from egress.settings import Settings
from egress.settings.http import Http
from egress.settings.paths import egress_path, gateway_path, google_hosts_path, tcp_path
from egress.settings.teams import is_reserved


def unreachable_targets(settings: Settings) -> Iterator[Problem]:
    """Hosts that get a part or a copy of a team's requests although the team may not send them there
    itself."""
    for name, team in settings.teams.items():
        for host, access in team.egress.items():
            if not access.http:
                continue
            targets = {("split", target) for target in access.http.split}
            if access.http.mirror:
                targets.add(("mirror", access.http.mirror.host))
            for field, target in sorted(targets):
                other = team.egress.get(target)
                wide = (
                    other
                    and other.http
                    and (other.http.rules == access.http.rules or _unrestricted(other.http))
                )
                if target == host or not wide:
                    yield Problem(
                        f"{egress_path(name, host)}.http.{field}",
                        target,
                        "This is the host itself."
                        if target == host
                        else f"{name} is not allowed to send these requests to {target} directly: they "
                        "would bypass that host's rules.",
                        "Name another host."
                        if target == host
                        else f"Declare {target} for {name} with http, and with the same rules or none.",
                    )


def _unrestricted(http: Http) -> bool:
    fields = ("methods", "paths", "headers", "service_accounts")
    return any(all(getattr(rule, field) is None for field in fields) for rule in http.rules.values())


def cluster_services(settings: Settings) -> Iterator[Problem]:
    """Hosts that are a Service's short name as well: `api.shop`, and `pod.api.shop` behind a headless one, in
    namespace shop."""
    for team, of_team in settings.teams.items():
        googles = of_team.google_apis.hosts if of_team.google_apis else []
        entries = [(egress_path(team, host), host) for host in of_team.egress]
        for path, host in (*entries, *((google_hosts_path(team), host) for host in sorted(set(googles)))):
            namespace = host.rpartition(".")[2]
            if host.count(".") <= 2 and (namespace in settings.teams or is_reserved(namespace)):
                yield Problem(
                    path,
                    host,
                    f"In this cluster it is also the name of a Service in namespace {namespace}: pods try "
                    "the cluster's DNS search path first, so such a Service would be reached instead of the "
                    "host on the internet.",
                    f"Give team {namespace} another name."
                    if namespace in settings.teams
                    else "Name an outside host.",
                )


def narrowed_patterns(ways: Mapping[str, Iterable[Way]]) -> Iterator[Problem]:
    """A team's own entries below its own pattern that allow less than the pattern does. `ways`: by team.

    The closer entry wins in the sidecar, and the pattern's way through the gateway stays open beside it.
    """
    for team, of_team in ways.items():
        uses = {way.host.name: way.use for way in of_team}
        for host, use in uses.items():
            pattern = next((pattern for pattern in patterns_above(host) if pattern in uses), None)
            if pattern and not use.passthrough and use.tls_ports:
                yield Problem(
                    f"{egress_path(team, host)}.httpsPorts",
                    list(use.tls_ports),
                    f"{egress_path(team, pattern)} lets {team} reach {host} on 443 as well: this entry would "
                    "seem to deny that.",
                    f"Add {HTTPS_PORT}, or name the pattern's hosts one by one.",
                )
            if pattern is None or not use.passthrough_accounts:
                continue
            allowed = uses[pattern].passthrough_accounts
            more = sorted(set(allowed) - set(use.passthrough_accounts))
            if more or not allowed:
                yield Problem(
                    f"{egress_path(team, host)}.serviceAccounts",
                    list(use.passthrough_accounts),
                    f"{egress_path(team, pattern)} covers {host} and allows "
                    f"{', '.join(more) or f'all of {team}'}: this entry would seem to deny what the "
                    "pattern still allows.",
                    "Narrow the pattern as well, or name its hosts one by one.",
                )


def read_and_raw(hosts: Iterable[Host], ways: Mapping[str, Iterable[Way]]) -> Iterator[Problem]:
    """Raw TCP on a port of a host on which some team's requests or TLS to it are read, or the same team's by
    a pattern. `hosts`: of one gateway; `ways`: by team."""
    patterns = {
        team: {way.host.name for way in of_team if way.host.pattern} for team, of_team in ways.items()
    }
    for host in hosts:
        reading: dict[int, str] = {}
        for use in host.uses:
            if use.http:
                reading.setdefault(HTTP_PORT, f"{egress_path(use.team, host.name)}.http")
            for port in use.tls_ports:
                reading.setdefault(port, f"{egress_path(use.team, host.name)}.https")
        for use in host.uses:
            above = next((name for name in patterns_above(host.name) if name in patterns[use.team]), None)
            for entry in use.tcp:
                other = reading.get(entry.port)
                if entry.port == HTTPS_PORT and above:
                    other = egress_path(use.team, above)
                if other:
                    yield Problem(
                        f"{tcp_path(use.team, host.name, entry)}.port",
                        entry.port,
                        f"{other} is for this port of the host as well, and nothing but the bytes of a "
                        "client would tell which of the two it means: the name that one checks, the other "
                        "lets through unread.",
                        "Remove one of the two, or let the app use another port for this one, with "
                        f"outsidePort: {entry.port}.",
                    )


def beyond_gateways(settings: Settings) -> Iterator[Problem]:
    """Hosts that a team declares and that its gateway does not lead to."""
    for name, team in sorted(settings.teams.items()):
        gateway = settings.gateways.get(team.gateway) if team.gateway else None
        for host in team.egress if gateway else ():
            if gateway and team.gateway and not gateway.leads_to(host):
                yield Problem(
                    egress_path(name, host),
                    host,
                    f"{name} leaves only through {gateway_path(team.gateway)}, whose hosts do not include "
                    "this one: the gateway would refuse every connection.",
                    f"Add it to {gateway_path(team.gateway)}.hosts, or remove this entry.",
                )
