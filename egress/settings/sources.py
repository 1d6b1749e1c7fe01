"""Ranges from which somebody outside may connect: each by itself, and all of them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, collapse_addresses

from egress.common.ip_space import NEVER_SENDS
from egress.settings.base import Refusal

MOST = 28
"""Bits of the addresses that all ranges together may hold: a sixteenth of all there are."""


def too_wide(ranges: Mapping[str, IPv4Network], consequence: str, fix: str) -> Iterator[Refusal]:
    """Ranges that let in whoever likes - which two halves do as one whole does - or nobody at all."""
    wide = [name for name, network in ranges.items() if network.prefixlen < 32 - MOST]
    for name in wide:
        yield (name,), consequence, fix
    together = sum(network.num_addresses for network in collapse_addresses(ranges.values()))
    if not wide and together > 1 << MOST:
        yield (), f"Together they hold {together} addresses. {consequence}", fix
    for name, network in ranges.items():
        if block := next((block for block in NEVER_SENDS if network.subnet_of(block)), None):
            yield (name,), f"Nobody sends from an address of {block}, so this would let in nobody.", fix


def own(ranges: Mapping[str, IPv4Network], inside: Mapping[str, IPv4Network]) -> Iterator[Refusal]:
    """Ranges that hold addresses of the cluster itself. `inside`: by what has them."""
    for name, network in ranges.items():
        for what, range_ in inside.items():
            if network.overlaps(range_):
                yield (
                    (name,),
                    f"{network} contains addresses of {range_}, the range of {what}: this setting is for "
                    "clients outside, and pods of this cluster would be let in with them.",
                    "Name only the ranges of those who connect from outside.",
                )
                break
