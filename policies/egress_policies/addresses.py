"""When ranges mean the internet."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

WIDEST = 8
"""Bits of the shortest prefix that is still a place and not the world: the largest private network,
10.0.0.0/8."""


def anywhere(ranges: Iterable[Any]) -> bool:
    """Whether the ranges, taken together, hold one wider than /8. Two halves of the internet are the
    internet."""
    networks = [ipaddress.ip_network(text, strict=False) for text in ranges if isinstance(text, str)]
    four = [network for network in networks if isinstance(network, ipaddress.IPv4Network)]
    six = [network for network in networks if isinstance(network, ipaddress.IPv6Network)]
    merged = [*ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six)]
    return any(network.prefixlen < WIDEST for network in merged)
