"""Private networks behind the gateways: ranges that are opened although nothing would use them, and hosts
that lie in private networks although nothing leads there. Either way a reader would believe that a way is
open.

Work is linear in the number of ranges and of hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network

from egress.common.errors import Problem
from egress.common.hosts import ANY, domain_above
from egress.plan.gateway import EgressGateway
from egress.plan.team import Way
from egress.settings import Settings
from egress.settings.fences import Fence
from egress.settings.paths import egress_path, model_path, tcp_path

PATH = "gke-mesh-egress:fences.privateHosts"


def unused(settings: Settings, gateways: Iterable[EgressGateway]) -> Iterator[Problem]:
    """Ranges to which no declared host can lead, and ranges that another one opens already."""
    ranges = settings.fences.private_hosts
    if not any(gateway.ports for gateway in gateways):
        for name, network in sorted(ranges.items()):
            yield Problem(
                f"{PATH}.{name}",
                str(network),
                "This range is opened for hosts that use http or https through a gateway, and no team "
                "declares one. Raw TCP and teams that bypass the gateway reach only the internet: "
                "nothing in this range can be reached.",
                "Remove it, or declare the hosts in this range with http or https. For databases and caches, "
                "name the range in fences.privateAddresses and their addresses in tcp.",
            )
    yield from covered(PATH, ranges)


def unopened(settings: Settings, ways: Mapping[str, Iterable[Way]]) -> Iterator[Problem]:
    """Hosts that a private zone of somebody else answers, and to whose addresses nothing leads.

    `ways`: by team.
    """
    elsewhere = settings.network.dns.answered_elsewhere
    fences = settings.fences
    confined = fences.up(Fence.GATEWAY_NETWORK)
    for team, of_team in sorted(ways.items()) if elsewhere else ():
        for way in of_team:
            domain = domain_above(way.host.name.removeprefix(ANY), elsewhere)
            if domain is None or (way.gateway and not confined):
                continue
            path = egress_path(team, way.host.name)
            if way.gateway is None:
                yield Problem(
                    path,
                    way.host.name,
                    f"network.dns.answeredElsewhere.{domain} says that a private zone answers this name, so "
                    "its address is in a private network: teams that bypass the gateway reach only the "
                    "internet.",
                    f"Remove {model_path(team)}, or remove this host.",
                )
            elif entry := next((entry for entry in way.use.tcp if entry.by_name), None):
                yield Problem(
                    f"{tcp_path(team, way.host.name, entry)}.byName",
                    True,
                    f"network.dns.answeredElsewhere.{domain} says that a private zone answers this name, so "
                    "its address is in a private network: raw TCP reaches only the internet.",
                    "Write http or https if the host speaks it, or its addresses instead of byName, and "
                    "their range in fences.privateAddresses.",
                )
            elif (way.use.http or way.use.tls_ports) and not fences.private_hosts:
                yield Problem(
                    path,
                    way.host.name,
                    f"network.dns.answeredElsewhere.{domain} says that a private zone answers this name, so "
                    "its address is in a private network: the gateway reaches no such range.",
                    "Name the range in which the host lies: fences.privateHosts: {vpn: 10.200.0.0/24}.",
                )


def covered(path: str, ranges: Mapping[str, IPv4Network]) -> Iterator[Problem]:
    """Ranges that lie within another one. `path`: of the setting that names them."""
    around: str | None = None
    # By address, the widest first: ranges never overlap in part, so the last one that ended later is around,
    # or none is.
    for name in sorted(ranges, key=lambda name: (ranges[name].network_address, ranges[name].prefixlen, name)):
        if around is not None and ranges[name].subnet_of(ranges[around]):
            yield Problem(
                f"{path}.{name}",
                str(ranges[name]),
                f"{path}.{around} is {ranges[around]}, which includes this whole range: removing this one "
                "would close nothing.",
                "Remove one of the two.",
            )
        else:
            around = name
