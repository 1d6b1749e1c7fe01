"""The address plan: every range that a rule of any layer may name, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from egress.google_cloud import HEALTH_CHECK_RANGES, METADATA_ADDRESS, Vip
from egress.settings.network import Network

ANYWHERE = "0.0.0.0/0"


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
