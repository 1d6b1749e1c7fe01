"""Connections that the config promises, against the source ports that Cloud NAT has for them.

To one outside address and port a node has as many connections at a time as it has source ports; one more is
dropped without an answer, and nothing but a metric of Cloud NAT says so. Hosts are often one address, so what
a gateway accepts must be possible towards one.

Source: Cloud NAT, "IP addresses and ports".
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.errors import Problem
from egress.settings import Settings
from egress.settings.cluster import NodePool
from egress.settings.mesh import Gateway
from egress.settings.network import ADDRESS_PORTS
from egress.settings.paths import egress_path

OWN = "gke-mesh-egress:"
GOOGLES_MOST = 65536
"""Ports of a node, whatever the config says."""


def beyond_ports(settings: Settings) -> Iterator[Problem]:
    """Everything that promises more connections than there are ports."""
    yield from _accepted(settings, "gateway", settings.gateway, settings.cluster.gateway_pool)
    for name, gateway in settings.gateways.items():
        yield from _accepted(settings, f"gateways.{name}", gateway, gateway.pool)
    yield from _towards_hosts(settings)
    yield from _too_few_addresses(settings)


def _zones(settings: Settings) -> int:
    return 1 if settings.cluster.zone else 3


def _accepted(settings: Settings, path: str, gateway: Gateway, pool: NodePool) -> Iterator[Problem]:
    """What the replicas of one node accept. However well they are spread, some node has the most of them."""
    nodes, ports = _zones(settings) * pool.max_nodes, settings.network.nat.ports
    on_one = -(-gateway.max_replicas // nodes)
    wanted = on_one * gateway.max_connections
    if wanted <= ports:
        return
    replicas = (
        "a replica" if on_one == 1 else f"{on_one} replicas ({path}.maxReplicas: {gateway.max_replicas})"
    )
    yield Problem(
        f"{OWN}{path}.maxConnections",
        gateway.max_connections,
        f"With at most {nodes} nodes, one of them runs {replicas} and accepts {wanted} connections, but "
        f"Cloud NAT gives a node at most {ports} source ports: of connections to one host, all further ones "
        "would be dropped without an answer.",
        f"Write {ports // on_one} or less, or " + _more_ports(settings, wanted),
    )


def _more_ports(settings: Settings, wanted: int) -> str:
    if wanted > GOOGLES_MOST:
        return "spread the replicas over more nodes (the pool's maxNodes)."
    if not settings.network.nat.dynamic_port_allocation:
        return "set network.nat.dynamicPortAllocation: true."
    return f"network.nat.maxPortsPerVm: {1 << (wanted - 1).bit_length()}."


def _towards_hosts(settings: Settings) -> Iterator[Problem]:
    """What a replica may open to one host, where a team says so."""
    ports = settings.network.nat.ports
    for name, team in settings.teams.items():
        for host, access in team.egress.items() if team.model is None else ():
            traffic = access.http.traffic if access.http else None
            wanted = traffic.limits.connections if traffic else None
            if wanted and wanted > ports:
                yield Problem(
                    f"{egress_path(name, host)}.http.traffic.limits.connections",
                    wanted,
                    f"A replica of the gateway never has so many connections to the host: Cloud NAT gives "
                    f"its node at most {ports} source ports.",
                    f"Write {ports} or less.",
                )


def _too_few_addresses(settings: Settings) -> Iterator[Problem]:
    """Reserved addresses that have no ports left for the last nodes: these would reach nothing outside."""
    zones, least = _zones(settings), settings.network.nat.min_ports_per_vm
    shared = [settings.cluster.default_pool, settings.cluster.gateway_pool]
    if any(team.receives for team in settings.teams.values()):
        shared.append(settings.cluster.ingress_pool)
    shared += [gateway.pool for gateway in settings.gateways.values() if not gateway.nat]
    found = {"network.nat": (settings.network.nat.addresses, shared)}
    found |= {
        f"gateways.{name}.nat": (gateway.nat.addresses, [gateway.pool])
        for name, gateway in settings.gateways.items()
        if gateway.nat
    }
    for path, (addresses, pools) in found.items():
        nodes = zones * sum(pool.max_nodes for pool in pools)
        served = len(addresses) * (ADDRESS_PORTS // least)
        if addresses and nodes > served:
            yield Problem(
                f"{OWN}{path}.addresses",
                len(addresses),
                f"Each node always has {least} source ports (network.nat.minPortsPerVm) and an address has "
                f"{ADDRESS_PORTS}: that is enough for {served} nodes. The pools may grow to {nodes}, and the "
                "last of them would reach nothing outside.",
                f"Name {-(-nodes // (ADDRESS_PORTS // least))} addresses, or lower network.nat.minPortsPerVm "
                "or maxNodes.",
            )
