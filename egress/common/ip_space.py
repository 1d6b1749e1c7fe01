"""Ranges of IPv4 addresses: which are the internet, which are somebody's own, and which nobody may have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, collapse_addresses

from egress.common.google_cloud import Vip

ANYWHERE = "0.0.0.0/0"
ANYWHERE_IPV6 = "::/0"
SHAREABLE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""Private ranges in which another network's hosts may lie (RFC 1918, RFC 6598)."""
NEVER_OUTSIDE = (*SHAREABLE, *map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
"""What is no address of the internet: private, this machine, link-local with the metadata server, multicast
and above (IANA, "IPv4 Special-Purpose Address Registry"). Ranges for documentation and benchmarks lead
nowhere and are not listed."""


def shareable(address: IPv4Address) -> bool:
    """Whether an address is one that networks give to their own machines."""
    return any(address in network for network in SHAREABLE)


def never_outside(address: IPv4Address) -> bool:
    """Whether an address is nobody's on the internet, or Google's for its own APIs, whatever ranges this
    network has."""
    return any(address in network for network in (*NEVER_OUTSIDE, *(IPv4Network(vip.range) for vip in Vip)))


_TAKEN = {
    "0.0.0.0/8": "refers to the machine itself",
    "127.0.0.0/8": "is every machine's own loopback",
    "169.254.0.0/16": "is link-local, with the metadata server in it",
    "192.0.2.0/24": "is reserved for documentation: examples and the proof of this stack use it for "
    "internet hosts",
    "198.51.100.0/24": "is reserved for documentation: examples and the proof of this stack use it for "
    "internet hosts",
    "199.36.153.0/24": "is where Google APIs answer (Private Google Access)",
    "203.0.113.0/24": "is reserved for documentation: examples and the proof of this stack use it for "
    "internet hosts",
    "224.0.0.0/4": "is multicast",
    "240.240.0.0/16": "is the range from which Istio gives addresses to hosts without one",
    "255.255.255.255/32": "is broadcast",
}
"""What no network of this program may have, and why. Sources: VPC, "Valid IPv4 ranges" and "Prohibited IPv4
subnet ranges"; IANA, "IPv4 Special-Purpose Address Registry"; Istio, `PILOT_IP_AUTOALLOCATE_IPV4_PREFIX`."""
_RESERVED = tuple(map(IPv4Network, (*map(str, SHAREABLE), "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4")))
"""What is nobody's on the internet and what Google lets a VPC network have."""
DOCKER = IPv4Network("172.17.0.0/16")


NEVER_SENDS = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
"""Nothing that arrives has such a source."""


def taken(network: IPv4Network) -> str | None:
    """Why no machine, Pod or Service may have an address of this range; None: they may.

    Public ranges may be used privately (Google: "privately used public IPs"); they hide the hosts that have
    them.
    """
    for block, why in _TAKEN.items():
        if network.overlaps(IPv4Network(block)):
            return f"{block} {why}"
    return None


def nobodys(network: IPv4Network) -> bool:
    """Whether no host of the internet can have an address of this range."""
    return any(network.subnet_of(block) for block in _RESERVED)


def loopback(pattern: str) -> str:
    """The address at which a gateway pod talks to itself about a pattern, from 127.64.0.1 to 127.191.255.254.

    From the pattern alone, so it stays when other patterns come and go; two patterns may meet, which
    egress/plan/address_checks.py refuses.
    """
    one, two, three, *_ = hashlib.sha256(pattern.encode()).digest()
    return f"127.{64 + one % 128}.{two}.{1 + three % 254}"


VIRTUAL_RANGE = "241.0.0.0/8"
"""Addresses by which pods speak of hosts of raw TCP whose own addresses nobody knows. No packet to them
leaves a pod: the proxy takes it. Reserved addresses (RFC 1112), and not those that Istio gives out by itself,
240.240.0.0/16."""


def virtual(host: str) -> str:
    """The address in `VIRTUAL_RANGE` that stands for a host in pods.

    From the name alone, so it stays when other hosts come and go; two hosts may meet, which
    egress/plan/address_checks.py refuses.
    """
    one, two, three, *_ = hashlib.sha256(host.encode()).digest()
    return f"241.{one}.{two}.{1 + three % 254}"


def without(ranges: Iterable[str], less: Iterable[IPv4Network]) -> tuple[str, ...]:
    """Ranges without some that lie within them, or around them."""
    left = [IPv4Network(network) for network in ranges]
    for removed in less:
        kept = [network for network in left if not network.overlaps(removed)]
        around = [network for network in left if removed != network and removed.subnet_of(network)]
        left = [*kept, *(rest for network in around for rest in network.address_exclude(removed))]
    return collapsed(left)


def collapsed(networks: Iterable[IPv4Network]) -> tuple[str, ...]:
    """The fewest ranges that hold the same addresses, sorted."""
    return tuple(str(network) for network in collapse_addresses(networks))
