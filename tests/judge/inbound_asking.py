"""What is asked about the ways in, as text, names or flows, and a load balancer of one port to ask about."""

from __future__ import annotations

from typing import Any

from egress.judge.inbound_targets import InboundKind, InboundTarget, inbound_targets
from egress.judge.lookup.inbound_flow import InboundFlow
from egress.judge.trace import Judges
from tests.judge.incoming import Object, balancer

OTHER, UNKNOWN = "spiffe://another.example/client", "undeclared.example"
NAMED = {"allocateLoadBalancerNodePorts": False, "ports": [{"port": 5432, "targetPort": 5432}]}


def edge(**spec: Any) -> Object:
    """A load balancer of one port, without ports of nodes."""
    return balancer(**{**NAMED, **spec})


def targets(*sides: Judges, kind: InboundKind | None = None) -> list[InboundTarget]:
    return [target for target in inbound_targets(*sides) if kind in (None, target.kind)]


def asked(*sides: Judges, without: tuple[InboundKind, ...] = ()) -> list[str]:
    """Kind and question, each once: what differs in nothing but the version of its addresses reads the
    same."""
    found = targets(*sides)
    return list(dict.fromkeys(f"{one.kind.name} {one.flow}" for one in found if one.kind not in without))


def names(*sides: Judges, kind: InboundKind) -> list[str]:
    return list(dict.fromkeys(target.name for target in targets(*sides, kind=kind)))


def inbound(*sides: Judges, kind: InboundKind) -> list[InboundFlow]:
    return [target.flow for target in targets(*sides, kind=kind) if isinstance(target.flow, InboundFlow)]
