"""Ports by which hosts are left by their names."""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.ports import listener
from egress.settings.base import Refusal


def refused_by_name(at: tuple[str | int, ...], port: int, fix: str) -> Iterator[Refusal]:
    """That no host is left by its name on a TCP port, where that is so."""
    if who := listener(port):
        yield (
            at,
            f"On this port {who} listens as well: anyone who controls the DNS name could point it to that "
            "address, and every team's connections would end there.",
            fix,
        )
