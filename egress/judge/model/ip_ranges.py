"""Sets of IP addresses. IPv4 and IPv6 lie on one line of integers, IPv6 behind IPv4, so one arithmetic serves
both."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network, summarize_address_range

from egress.common.google_cloud import Vip

VERSION_6 = 1 << 32
"""Where IPv6's address zero lies on the line."""

Span = tuple[int, int]
"""First and last, both included."""


@lru_cache(maxsize=1 << 14)
def position(address: str) -> int:
    """Where an address lies on the line.

    Raises:
        ValueError: it is not an address.
    """
    return _place(ip_address(address))


@lru_cache(maxsize=1 << 14)
def _span(cidr: str) -> Span:
    network = ip_network(cidr, strict=False)
    first = _place(network.network_address)
    return first, first + network.num_addresses - 1


def _place(address: IPv4Address | IPv6Address) -> int:
    """An IPv4 address that is written as one of IPv6 is reached by IPv4."""
    found = (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
    return int(found) if isinstance(found, IPv4Address) else int(found) + VERSION_6


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of addresses, as disjoint spans in ascending order."""

    spans: tuple[Span, ...]

    @classmethod
    def of(cls, cidrs: Iterable[str]) -> Ranges:
        """The addresses of these ranges in CIDR notation (or single addresses).

        Raises:
            ValueError: one of them is neither.
        """
        return cls(_joined(_span(cidr) for cidr in cidrs))

    @staticmethod
    @lru_cache(maxsize=1 << 14)
    def one(cidr: str) -> Ranges:
        """The addresses of one range, or one address.

        Raises:
            ValueError: it is neither.
        """
        return Ranges((_span(cidr),))

    @property
    def cidrs(self) -> list[str]:
        """The same in CIDR notation."""
        found: list[str] = []
        for first, last in self.spans:
            if first >= VERSION_6:
                found += map(
                    str,
                    summarize_address_range(IPv6Address(first - VERSION_6), IPv6Address(last - VERSION_6)),
                )
            else:
                found += map(str, summarize_address_range(IPv4Address(first), IPv4Address(last)))
        return found

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __contains__(self, address: int) -> bool:
        at = bisect_right(self.spans, address, key=_first) - 1
        return at >= 0 and self.spans[at][1] >= address

    def union(self, other: Ranges) -> Ranges:
        return Ranges(_joined((*self.spans, *other.spans)))

    def minus(self, other: Ranges) -> Ranges:
        left: list[Span] = []
        for first, last in self.spans:
            at = first
            for start, end in other.spans:
                if end < at or start > last:
                    continue
                if start > at:
                    left.append((at, start - 1))
                at = end + 1
            if at <= last:
                left.append((at, last))
        return Ranges(tuple(left))

    def within(self, other: Ranges) -> Ranges:
        """Those of them that lie in the other as well."""
        return self.minus(self.minus(other))

    def meets(self, other: Ranges) -> bool:
        """Whether the two have an address in common."""
        return any(first <= end and start <= last for first, last in self.spans for start, end in other.spans)

    def covers(self, other: Ranges) -> bool:
        """Whether every address of the other is in this one."""
        return not other.minus(self)


NOWHERE = Ranges(())


def _first(span: Span) -> int:
    return span[0]


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1 and (first != VERSION_6):
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


NOT_OF_THE_INTERNET = (
    *(
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
    ),
    *("192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
)
"""Source: IANA, special-purpose address registry. Ranges for documentation count as the internet: examples
use them as such."""


@cache
def internet(*, version: int | None = None) -> Ranges:
    """Addresses at which a host of the internet may be; `version` 4 or 6: of this version alone.

    Without the two ranges of Private Google Access: only Google answers there, and only within a VPC network.
    Source: Google Cloud, "Configure Private Google Access", "Domain options".
    """
    google = [vip.range for vip in Vip]
    fourth = Ranges.of(["0.0.0.0/0"]).minus(Ranges.of([*NOT_OF_THE_INTERNET, *google]))
    sixth = Ranges.of(["2000::/3"])
    return {4: fourth, 6: sixth, None: fourth.union(sixth)}[version]


@cache
def private() -> Ranges:
    """Addresses that a pod may have where nobody said which: none of the internet's, of the machine's own, or
    of multicast."""
    machines = Ranges.of(["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4"])
    return Ranges.of(NOT_OF_THE_INTERNET).minus(machines)
