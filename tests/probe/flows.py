"""A flow that is asked, for tests of what becomes of it."""

from __future__ import annotations

from typing import Any

from egress.judge.model.flow import Flow, Layer, Protocol
from egress.probe.asked import Asked, Expected

PASSES = Expected(True)
BY_SIDECAR = Expected(False, Layer.SIDECAR, "sidecar (shop/sidecar/default spec)")


def an_asked(
    protocol: Protocol = Protocol.HTTP,
    expected: Expected = PASSES,
    address: str | None = "203.0.113.1",
    **more: Any,
) -> Asked:
    flow = Flow("shop", "example.com", 80, protocol, address=address)
    return Asked("1", flow, expected, "declared by nobody", **more)
