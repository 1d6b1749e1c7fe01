"""The address plan: every range that a rule of any layer may name, in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from egress.common.google_cloud import HEALTH_CHECK_RANGES, METADATA_ADDRESS, Vip
from egress.common.ip_space import NEVER_OUTSIDE, collapsed
from egress.settings.gateways import TeamGateway
from egress.settings.network import Network


@dataclass(frozen=True)
class AddressPlan:
    """Ranges in CIDR notation. `nodes`, `pods`, `services` and `control_plane` are disjoint (checked at
    config time)."""

    nodes: str
    pods: str
    services: str
    control_plane: str
    google_apis: Vip
    gateways: tuple[str, ...] = ()
    """Ranges of gateways that have a subnet of their own, for their nodes and Pods."""
    health_checks: tuple[str, ...] = HEALTH_CHECK_RANGES
    metadata_server: str = f"{METADATA_ADDRESS}/32"

    @property
    def api_server(self) -> str:
        """The Service `kubernetes`: Kubernetes gives it the first address of the range. Source: Kubernetes,
        "Service ClusterIP allocation"."""
        return f"{IPv4Network(self.services)[1]}/32"

    @property
    def not_outside(self) -> tuple[str, ...]:
        """What a gateway that connects to anywhere may not connect to: all that is no address of the
        internet, this network whatever ranges it has, and both address sets of Google APIs. Sorted; none
        within another."""
        own = (*(network for _, network in self.own), *(vip.range for vip in Vip))
        return collapsed((*NEVER_OUTSIDE, *map(IPv4Network, own)))

    @property
    def own(self) -> Iterator[tuple[str, str]]:
        """What this network has for itself, each range with what it is for."""
        yield "for nodes", self.nodes
        yield "for pods", self.pods
        yield "for Services", self.services
        yield "for the control plane", self.control_plane
        yield from (("for gateways", network) for network in self.gateways)

    @classmethod
    def of(cls, network: Network, gateways: Iterable[TeamGateway] = ()) -> AddressPlan:
        own = [gateway.nat for gateway in gateways if gateway.nat]
        return cls(
            nodes=str(network.subnet.nodes),
            pods=str(network.subnet.pods),
            services=str(network.subnet.services),
            control_plane=str(network.control_plane),
            google_apis=network.google_apis,
            gateways=tuple(str(network) for nat in own for network in (nat.nodes, nat.pods)),
        )
