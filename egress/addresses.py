"""The address plan: every range that a rule of any layer may name, in one place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from egress.google_cloud import HEALTH_CHECK_RANGES, METADATA_ADDRESS, Vip
from egress.settings.network import Network

ANYWHERE = "0.0.0.0/0"


def loopback(pattern: str) -> str:
    """The address at which a gateway pod talks to itself about a pattern, from 127.64.0.1 to 127.191.255.254.

    From the pattern alone, so it stays when other patterns come and go; two patterns may meet, which egress/conflicts.py
    refuses.
    """
    one, two, three, *_ = hashlib.sha256(pattern.encode()).digest()
    return f"127.{64 + one % 128}.{two}.{1 + three % 254}"


@dataclass(frozen=True)
class AddressPlan:
    """Ranges in CIDR notation. `nodes`, `pods`, `services` and `control_plane` are disjoint (checked at config time)."""

    nodes: str
    pods: str
    services: str
    control_plane: str
    google_apis: Vip
    health_checks: tuple[str, ...] = HEALTH_CHECK_RANGES
    metadata_server: str = f"{METADATA_ADDRESS}/32"

    @classmethod
    def of(cls, network: Network) -> AddressPlan:
        return cls(
            nodes=str(network.subnet.nodes),
            pods=str(network.subnet.pods),
            services=str(network.subnet.services),
            control_plane=str(network.control_plane),
            google_apis=network.google_apis,
        )
