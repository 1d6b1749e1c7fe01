"""Addresses that would mean two things: two hosts, or a host and this network.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from egress.common.errors import Problem
from egress.common.ip_space import VIRTUAL_RANGE, loopback, virtual
from egress.plan.addresses import AddressPlan
from egress.plan.host import Host
from egress.settings import Settings
from egress.settings.paths import egress_path


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
    owners: dict[tuple[str, int], Host] = {}
    for host in hosts:
        if host.tcp is None:
            continue
        port, by_name = host.tcp.port, host.tcp.by_name
        for address in [virtual(host.name)] if by_name else map(str, host.tcp.addresses or ()):
            first = owners.setdefault((address, port), host)
            if first is not host:
                yield Problem(
                    f"{egress_path(host.teams[0], host.name)}.tcp.{'byName' if by_name else 'addresses'}",
                    by_name or address,
                    f"{egress_path(first.teams[0], first.name)}.tcp has the same "
                    f"address{' by chance' if by_name else ''} and "
                    f"port {port}: connections to one would arrive at the other.",
                    "Name the addresses of one of the two."
                    if by_name
                    else "Use one name for both, or ask the host's owner for an address of its own.",
                )


def own_addresses(hosts: Iterable[Host], addresses: AddressPlan) -> Iterator[Problem]:
    """Raw TCP to an address that this network uses for itself, as it may use public ones."""
    own = {name: IPv4Network(network) for name, network in addresses.own}
    for host in hosts:
        for address in host.tcp.addresses or () if host.tcp else ():
            taken = next((name for name, network in own.items() if address in network), None)
            if taken:
                yield Problem(
                    f"{egress_path(host.teams[0], host.name)}.tcp.addresses",
                    str(address),
                    f"This network itself uses the address {taken}: the gateway would open a way into the "
                    "cluster.",
                    "Name the public addresses of the outside host, or choose other ranges for the network.",
                )


def used_range(settings: Settings) -> Iterator[Problem]:
    """A network that lies where pods' addresses for names of raw TCP hosts are."""
    by_name = any(
        access.tcp and access.tcp.by_name
        for team in settings.teams.values()
        for access in team.egress.values()
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
