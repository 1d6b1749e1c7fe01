"""Addresses that would mean two things: two hosts, or a host and this network.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from egress.common.errors import Problem
from egress.common.ip_space import VIRTUAL_RANGE, loopback, virtual
from egress.plan.addresses import AddressPlan
from egress.plan.host import Host, TcpPort
from egress.settings import Settings
from egress.settings.paths import egress_path, tcp_path


def shared_loopbacks(hosts: Iterable[Host]) -> Iterator[Problem]:
    """Two patterns whose loopback addresses are the same, by chance: names of one would pass as names of the
    other."""
    owners: dict[str, Host] = {}
    for host in hosts:
        if host.pattern:
            first = owners.setdefault(loopback(host.name), host)
            if first is not host:
                yield Problem(
                    egress_path(host.teams[0], host.name),
                    host.name,
                    f"By chance this pattern and {egress_path(first.teams[0], first.name)} get the same "
                    f"loopback address of the gateway, {loopback(host.name)}: names of one would pass as "
                    "names of the other.",
                    "Write one of the two differently, e.g. as several patterns below it.",
                )


def stolen_addresses(hosts: Iterable[Host]) -> Iterator[Problem]:
    """One address and port can lead to one host only: a sidecar knows raw TCP by nothing else."""
    owners: dict[tuple[str, int], TcpPort] = {}
    for host in hosts:
        for port in host.tcp:
            by_name = port.by_name
            for address in known_addresses(host, port):
                first = owners.setdefault((address, port.number), port)
                if first is not port:
                    chance = by_name or address == virtual(host.name)
                    yield Problem(
                        f"{_path(port)}.{'byName' if by_name else 'addresses'}",
                        by_name or address,
                        f"{_path(first)} has the same "
                        f"address{' by chance' if chance else ''} and "
                        f"port {port.number}: connections to one would arrive at the other.",
                        "Name the addresses of one of the two."
                        if chance
                        else "Use one name for both, or ask the host's owner for an address of its own.",
                    )


def _path(port: TcpPort) -> str:
    return tcp_path(port.teams[0], port.host, port.settings)


def known_addresses(host: Host, port: TcpPort) -> list[str]:
    """The addresses by which sidecars know raw TCP to a port of a host."""
    if port.by_name:
        return [virtual(host.name)]
    own = [str(address) for address in port.settings.addresses or ()]
    # Pods that get an address of the mesh for the name connect to that one on every port.
    return [*own, virtual(host.name)] if host.by_name else own


def own_addresses(hosts: Iterable[Host], addresses: AddressPlan) -> Iterator[Problem]:
    """Raw TCP to an address that this network uses for itself, as it may use public ones."""
    own = {name: IPv4Network(network) for name, network in addresses.own}
    for port in (port for host in hosts for port in host.tcp):
        for address in port.settings.addresses or ():
            taken = next((name for name, network in own.items() if address in network), None)
            if taken:
                yield Problem(
                    f"{_path(port)}.addresses",
                    str(address),
                    f"This network itself uses the address {taken}: the gateway would open a way into the "
                    "cluster.",
                    "Name the public addresses of the outside host, or choose other ranges for the network.",
                )


def used_range(settings: Settings) -> Iterator[Problem]:
    """A network that lies where pods' addresses for names of raw TCP hosts are."""
    by_name = any(
        entry.by_name
        for team in settings.teams.values()
        for access in team.egress.values()
        for entry in access.tcp or ()
    )
    subnet = settings.network.subnet
    own = {name: gateway.nat for name, gateway in settings.gateways.items() if gateway.nat}
    ranges = {
        "network.subnet.nodes": subnet.nodes,
        "network.subnet.pods": subnet.pods,
        "network.subnet.services": subnet.services,
        **{f"gateways.{name}.nat.nodes": nat.nodes for name, nat in own.items()},
        **{f"gateways.{name}.nat.pods": nat.pods for name, nat in own.items()},
    }
    for path, network in ranges.items():
        if by_name and network.overlaps(IPv4Network(VIRTUAL_RANGE)):
            yield Problem(
                f"gke-mesh-egress:{path}",
                str(network),
                f"tcp.byName gives its hosts addresses of {VIRTUAL_RANGE}: pods could not reach anything "
                "in this network that has such an address.",
                "Choose another range, or name the addresses of raw TCP hosts.",
            )
