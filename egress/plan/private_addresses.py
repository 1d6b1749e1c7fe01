"""Private addresses of raw TCP: each lies in a range that the platform opens, and no name leads to it.

Work grows with the addresses of entries, each asked of every range; ranges are few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from egress.common.errors import Problem
from egress.common.ip_space import shareable
from egress.plan.gateway import EgressGateway
from egress.plan.host import TcpPort
from egress.plan.private_hosts import covered
from egress.settings import Settings
from egress.settings.paths import tcp_path

PATH = "gke-mesh-egress:fences.privateAddresses"


def refused(settings: Settings, gateways: Iterable[EgressGateway]) -> Iterator[Problem]:
    """Addresses that no range holds or to which names could lead, and ranges that hold none."""
    ranges = settings.fences.private_addresses
    used: set[str] = set()
    for gateway in gateways:
        named = dict(_led_by_name(gateway))
        for port in gateway.tcp:
            for address in filter(shareable, port.settings.addresses or ()):
                holding = [name for name, network in ranges.items() if address in network]
                used.update(holding)
                if not holding:
                    yield _unopened(port, address)
                if other := named.get(port.settings.leaves_on):
                    yield _led_there(port, address, other)
    for name, network in sorted(ranges.items()):
        if name not in used:
            yield Problem(
                f"{PATH}.{name}",
                str(network),
                "No team names an address in this range for raw TCP, so nothing in it can be reached.",
                "Remove it, or name the addresses in it: tcp: {port: 5432, addresses: [...], ...}.",
            )
    yield from covered(PATH, ranges)


def _led_by_name(gateway: EgressGateway) -> Iterator[tuple[int, str]]:
    """TCP ports on which a gateway leaves to wherever a name leads, with the name."""
    for host in gateway.hosts:
        yield from ((port, host.name) for port in host.web_ports)
        yield from ((port.settings.leaves_on, host.name) for port in host.tcp if port.by_name)


def _unopened(port: TcpPort, address: IPv4Address) -> Problem:
    return Problem(
        f"{_path(port)}.addresses",
        str(address),
        "This is a private address, and no range of fences.privateAddresses holds it: teams do not open "
        "private networks by themselves.",
        f"Name the range in which it lies: fences.privateAddresses: {{databases: {_around(address)}}}.",
    )


def _led_there(port: TcpPort, address: IPv4Address, other: str) -> Problem:
    number = port.settings.leaves_on
    return Problem(
        f"{_path(port)}.addresses",
        str(address),
        f"On port {number} this gateway connects to wherever {other} leads: whoever owns that name could "
        "lead its teams to this address.",
        "Give one of the two a gateway of its own (gateways, and gateway of the team), or another port.",
    )


def _path(port: TcpPort) -> str:
    return tcp_path(port.teams[0], port.host, port.settings)


def _around(address: IPv4Address) -> str:
    return str(IPv4Network((address, 24), strict=False))
