"""Ranges of private networks that the config opens to gateways although nothing would use them: a reader
would believe that a way is open.

Work is linear in the number of ranges and of hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network

from egress.common.errors import Problem
from egress.plan.gateway import EgressGateway
from egress.settings import Settings

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
                "Remove it, or declare the hosts in this range with http or https. Not supported: "
                "databases and caches on private addresses.",
            )
    for name, other in _covered(ranges):
        yield Problem(
            f"{PATH}.{name}",
            str(ranges[name]),
            f"{PATH}.{other} is {ranges[other]}, which includes this whole range: removing this one would "
            "close nothing.",
            "Remove one of the two.",
        )


def _covered(ranges: Mapping[str, IPv4Network]) -> Iterator[tuple[str, str]]:
    """Names of ranges that lie within another one, each with that one's."""
    around: str | None = None
    # By address, the widest first: ranges never overlap in part, so the last one that ended later is around,
    # or none is.
    for name in sorted(ranges, key=lambda name: (ranges[name].network_address, ranges[name].prefixlen, name)):
        if around is not None and ranges[name].subnet_of(ranges[around]):
            yield name, around
        else:
            around = name
