"""Things received that would share a name or a port of the ingress gateway, or stand where strangers look.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.errors import Problem
from egress.settings import Settings
from egress.settings.ingress import Exposure
from egress.settings.paths import reception_path

DATABASES = {
    1433: "SQL Server",
    1521: "Oracle",
    3306: "MySQL",
    5432: "PostgreSQL",
    5984: "CouchDB",
    6379: "Redis",
    9042: "Cassandra",
    9200: "Elasticsearch",
    11211: "memcached",
    27017: "MongoDB",
}
"""Ports that everybody knows. Source: IANA, "Service Name and Transport Protocol Port Number Registry"."""


def well_known(settings: Settings) -> Iterator[Problem]:
    """Databases at the port at which the whole internet looks for them."""
    if settings.ingress is None or settings.ingress.exposure is not Exposure.EXTERNAL:
        return
    for team, of_team in sorted(settings.teams.items()):
        for name, wanted in sorted(of_team.receives.items()):
            if program := DATABASES.get(wanted.port):
                yield Problem(
                    f"{reception_path(team, name)}.port",
                    wanted.port,
                    f"Everybody who looks for {program} on the internet tries this port, and the gateway's "
                    "address would be known for one.",
                    f"Write another port, e.g. {wanted.port + 10000}, or "
                    "ingress.exposure: internal. The Service keeps its own.",
                )


def reception_collisions(settings: Settings) -> Iterator[Problem]:
    """Two things received at one name and port, and one port that would have to be two things at once."""
    served: dict[tuple[str, int], str] = {}
    spoken: dict[int, tuple[str, str]] = {}
    for team, of_team in sorted(settings.teams.items()):
        for name, wanted in sorted(of_team.receives.items()):
            path = reception_path(team, name)
            first = served.setdefault((wanted.host, wanted.port), path)
            if first != path:
                yield Problem(
                    f"{path}.host",
                    wanted.host,
                    f"{first} has the same host and port {wanted.port}: partners of one would arrive at the "
                    "other.",
                    "Give one of the two a name or port of its own.",
                )
            where, protocol = spoken.setdefault(wanted.port, (path, wanted.protocol.value))
            if protocol != wanted.protocol.value:
                yield Problem(
                    f"{path}.protocol",
                    wanted.protocol.value,
                    f"{where} receives {protocol} at port {wanted.port}: the gateway speaks one protocol at "
                    "one port.",
                    "Use another port for one of the two.",
                )
