"""Equivalence classes of addresses: one representative for every set of ranges that an address can lie in.

Ranges cut the line of all addresses into pieces, at their first addresses and behind their last ones. Within
a piece no range begins or ends, so no object tells two of its addresses apart. Pieces that lie in the same
ranges are one class, however far apart they are. There are at most two cuts for each range, so the classes
grow with the ranges and not with the addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, summarize_address_range
from itertools import pairwise

from egress.judge.model.ip_ranges import VERSION_6, Ranges, Span

EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})
"""Ranges that tell nothing apart but the versions."""


@dataclass(frozen=True)
class AddressClass:
    """All addresses that lie in the same ranges, by one that stands for them."""

    address: str
    """The first one."""
    block: str
    """The largest range that begins with it and lies in the class; the address itself where there is none."""
    within: str
    """The smallest of the ranges, as somebody wrote it; empty: in none that tells it from others."""


def address_classes(cidrs: Iterable[str]) -> tuple[AddressClass, ...]:
    """One class for every set of ranges that some address lies in, in order of address.

    Args:
        cidrs: ranges in CIDR notation or single addresses. What is neither is left out: whoever wrote it has
            it said to be not understood by its own judge.
    """
    return _classes(tuple(sorted(set(cidrs))))


@lru_cache(maxsize=512)
def _classes(cidrs: tuple[str, ...]) -> tuple[AddressClass, ...]:
    spans = {cidr: span for cidr in cidrs if cidr not in EVERYWHERE and (span := _span(cidr))}
    opens: dict[int, list[str]] = {}
    shuts: dict[int, list[str]] = {}
    for cidr, (first, last) in spans.items():
        opens.setdefault(first, []).append(cidr)
        shuts.setdefault(last + 1, []).append(cidr)
    inside: dict[str, None] = {}
    found: dict[tuple[bool, frozenset[str]], AddressClass] = {}
    cuts = sorted({0, VERSION_6, _END, *opens, *shuts})
    for at, following in pairwise(cuts):
        for cidr in shuts.get(at, ()):
            inside.pop(cidr)
        inside |= dict.fromkeys(opens.get(at, ()))
        signature = at < VERSION_6, frozenset(inside)
        if signature not in found:
            smallest = min(inside, key=lambda cidr: spans[cidr][1] - spans[cidr][0], default="")
            found[signature] = AddressClass(text(at), _block(at, following - 1), smallest)
    return tuple(found.values())


_END = VERSION_6 + (1 << 128)


def _block(first: int, last: int) -> str:
    offset, bits = (0, 32) if first < VERSION_6 else (VERSION_6, 128)
    kind = IPv4Address if first < VERSION_6 else IPv6Address
    block = next(summarize_address_range(kind(first - offset), kind(last - offset)))  # type: ignore[type-var]
    return str(block.network_address) if block.prefixlen == bits else str(block)


def text(position: int) -> str:
    """The address at a place of the line."""
    return str(IPv4Address(position)) if position < VERSION_6 else str(IPv6Address(position - VERSION_6))


def _span(cidr: str) -> Span | None:
    try:
        return Ranges.of([cidr]).spans[0]
    except ValueError:
        return None
