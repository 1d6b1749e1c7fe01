"""What those outside connect to and who they are, in words: the same for rows, evidence and the map."""

from __future__ import annotations

from dataclasses import dataclass

from egress.judge.inbound_targets import InboundKind, InboundTarget
from egress.judge.lookup.flow_space import OTHER_HOST
from egress.judge.lookup.inbound_flow import NodeFlow

NODES = "nodes"
FOLDED = {
    InboundKind.PORT: "any other port",
    InboundKind.NODE_PORT: "a port of the nodes",
    InboundKind.NODE: "whatever listens on nodes",
}
"""Kinds of which only what passes is spelled out."""
BY_ADDRESS = (InboundKind.ADDRESS, InboundKind.PAST_GATEWAY)


@dataclass(frozen=True)
class InboundPlace:
    """What is connected to."""

    by: str
    """Identity of the Service that opens the cluster, or `nodes`."""
    host: str
    """The name that is asked for; empty: whichever."""
    port: int | None
    """None: every one that is not served."""


def place_of(target: InboundTarget) -> InboundPlace:
    """What one class of connections is about."""
    flow = target.flow
    if isinstance(flow, NodeFlow):
        return InboundPlace(NODES, "", None)
    if target.kind in FOLDED:
        return InboundPlace(flow.edge, "", None)
    return InboundPlace(
        flow.edge,
        "" if target.kind in (*BY_ADDRESS, InboundKind.OTHER_HOST) else host_of(flow.host),
        flow.port,
    )


def who_of(target: InboundTarget) -> str:
    """Who tries it, in words."""
    flow = target.flow
    if isinstance(flow, NodeFlow):
        return f"{FOLDED[target.kind]} of {flow.pool.partition('@')[0] or 'any pool'}"
    match target.kind:
        case InboundKind.OTHER_HOST:
            return f"whoever asks for {target.name}"
        case InboundKind.OTHER_REQUEST:
            return f"requests for {target.name}"
        case kind if kind in FOLDED:
            return FOLDED[kind]
        case _:
            return target.name


def host_of(host: str) -> str:
    """A name for people: the one that is made up stands for all others."""
    return "any other name" if host == OTHER_HOST else host
