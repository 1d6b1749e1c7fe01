"""Connections on which nothing is sent for a while, against what the network on the way remembers of them.

Source: VPC, "VPC firewall rules" (connection tracking: 10 minutes); Cloud NAT, "Tune NAT configuration".
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.errors import Default, Problem
from egress.settings import Settings
from egress.settings.duration import milliseconds
from egress.settings.paths import egress_path

OWN = "gke-mesh-egress:"
TRACKED = "10m"
"""How long Google's network knows a connection on which no packet was seen."""


def too_late(settings: Settings) -> Iterator[Problem]:
    """Every keepalive by which the network has forgotten the connection."""
    mesh = settings.mesh.keepalive
    written = "keepalive" in settings.mesh.model_fields_set
    yield from _late(settings, f"{OWN}mesh.keepalive", mesh, mesh if written else Default(mesh))
    for team, of_team in settings.teams.items():
        for host, access in of_team.egress.items():
            traffic = access.http.traffic if access.http else None
            if traffic is not None and traffic.keepalive is not None:
                path = f"{egress_path(team, host)}.http.traffic.keepalive"
                yield from _late(settings, path, traffic.keepalive, traffic.keepalive)


def _late(settings: Settings, path: str, keepalive: str, shown: str | Default) -> Iterator[Problem]:
    idle, after = settings.network.nat.tcp_established_idle, milliseconds(keepalive)
    if after >= milliseconds(TRACKED):
        yield Problem(
            path,
            shown,
            f"After {TRACKED} without a packet Google's network no longer knows a connection: what the host "
            "sends then is dropped, and nobody is told.",
            f"Write less than {TRACKED}, e.g. 5m.",
        )
    elif after >= milliseconds(idle):
        yield Problem(
            path,
            shown,
            f"Cloud NAT forgets a connection after {idle} without a packet (network.nat.tcpEstablishedIdle), "
            "before it is asked whether the other side is still there.",
            f"Write less than {idle} here, or more there.",
        )
