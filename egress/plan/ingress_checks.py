"""Things received that would share a name or a port of the ingress gateway.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.errors import Problem
from egress.settings import Settings
from egress.settings.paths import reception_path


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
