"""Private DNS: Google's names answer with the addresses of Private Google Access, inside this network only.

Source: Google Cloud, "Configure Private Google Access", DNS configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from egress.google_cloud import PRIVATE_ZONES
from egress.plan import Plan

TTL = 300
"""Seconds."""


@dataclass(frozen=True)
class Record:
    """One record set. `name` and the names in `data` are absolute, with a trailing dot."""

    name: str
    type: str
    data: tuple[str, ...]


@dataclass(frozen=True)
class PrivateZone:
    name: str
    dns_name: str
    """Absolute, with a trailing dot."""
    records: tuple[Record, ...]


def render(plan: Plan) -> Iterator[PrivateZone]:
    """One zone for each of Google's domains that nodes and images need: every name in it is an alias of the VIP's name."""
    vip = plan.addresses.google_apis
    for domain in PRIVATE_ZONES:
        # googleapis.com has a name of its own for each VIP; the other domains carry the addresses themselves.
        answers = vip.domain if domain == "googleapis.com" else domain
        name = "private-google-apis" if domain == "googleapis.com" else f"private-{domain.replace('.', '-')}"
        yield PrivateZone(
            name,
            f"{domain}.",
            (Record(f"*.{domain}.", "CNAME", (f"{answers}.",)), Record(f"{answers}.", "A", vip.addresses)),
        )
