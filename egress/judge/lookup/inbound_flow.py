"""A connection from outside the cluster, and what every layer says to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from egress.judge.lookup.edges import Edge
from egress.judge.lookup.servers import Server
from egress.judge.model.flow import Request, Verdict
from egress.judge.model.ip_ranges import Ranges

EVERY_PORT = (1, 65535)


class Shown(StrEnum):
    """What a client shows of itself in the TLS handshake."""

    PLAIN = "no TLS"
    NOTHING = "no certificate"
    NAMED = "a certificate of the authority"
    """Of the one that the gateway asks, whichever that is."""
    FOREIGN = "a certificate of another authority"


@dataclass(frozen=True)
class Caller:
    """Somebody outside."""

    shows: Shown = Shown.NOTHING
    name: str = ""
    """Subject alternative name of the certificate: a SPIFFE id or a DNS name."""

    @property
    def principal(self) -> str:
        """As authorization sees it: identities are what follows `spiffe://`, and a DNS name is none."""
        return (
            self.name.removeprefix("spiffe://") if self.name.startswith("spiffe://") else f"DNS:{self.name}"
        )

    def __str__(self) -> str:
        match self.shows:
            case Shown.NAMED:
                return self.name
            case Shown.FOREIGN:
                return f"{self.name} of another authority"
            case _:
                return f"somebody with {self.shows.value}"


class Door(StrEnum):
    """By what a connection comes to the cluster."""

    BALANCER = "load balancer"
    NODE_PORT = "port of a node"


@dataclass(frozen=True)
class InboundFlow:
    """One connection, and what is said on it."""

    source: Ranges
    """Where it comes from; of a range, any address of it."""
    origin: str
    """The same for people."""
    host: str
    """The name that is asked for (SNI)."""
    port: int
    """Of the load balancer, or of the node."""
    caller: Caller = Caller()
    request: Request | None = None
    """What is sent in HTTP; None: bytes that are no HTTP."""
    door: Door = Door.BALANCER
    edge: str = ""
    """Identity of the Service that is connected to; empty: whichever gets furthest."""
    backend: int | None = None
    """Port of the pods behind the Service that it is led to, where that Service is not among the objects."""

    def __str__(self) -> str:
        asked = (
            "" if self.request is None or self.request.host == self.host else f", Host: {self.request.host}"
        )
        what = "https" if self.request else "tcp"
        by = "" if self.door is Door.BALANCER else " by a port of a node"
        return f"From {self.origin}, {self.caller}: {what}://{self.host}:{self.port}{asked}{by}"


@dataclass(frozen=True)
class Reached:
    """A Service that is led to."""

    namespace: str
    """Empty: it lies outside the cluster."""
    service: str
    port: int
    target: int
    """Port of the pods."""

    def __str__(self) -> str:
        return f"{self.service}:{self.port}" if self.namespace else f"{self.service}:{self.port} outside"


@dataclass(frozen=True)
class InboundTrace:
    """What every layer said, in order."""

    flow: InboundFlow
    steps: tuple[Verdict, ...]
    reached: tuple[Reached, ...] = ()
    """Where the route leads, whether or not some layer refuses."""
    edge: Edge | None = None
    server: Server | None = None
    tells: tuple[str, ...] = ()
    """Headers of the mesh that a response still carries."""
    front: int = 0
    """How many of the steps come before any proxy is reached: they go by addresses and ports alone."""

    @property
    def allowed(self) -> bool:
        return bool(self.reached) and all(step.allowed for step in self.steps)

    @property
    def open(self) -> bool:
        """Whether packets get through to the pods behind the Service."""
        return self.edge is not None and all(step.allowed for step in self.steps[: self.front])

    @property
    def taken(self) -> bool:
        """Whether, once packets get there, everything lets it through to where it is led."""
        return bool(self.reached) and all(step.allowed for step in self.steps[self.front :])

    @property
    def understood(self) -> bool:
        return all(step.understood for step in self.steps)

    @property
    def refused_by(self) -> tuple[Verdict, ...]:
        return tuple(step for step in self.steps if not step.allowed)

    @property
    def decision(self) -> Verdict:
        """The first refusal, the first thing that is not understood, or the last word."""
        refused = next(iter(self.refused_by), None)
        return refused or next((step for step in self.steps if not step.understood), self.steps[-1])


@dataclass(frozen=True)
class NodeFlow:
    """A connection from outside to a node's own address, whatever listens there."""

    source: Ranges
    origin: str
    pool: str
    """The service account of the pool's nodes; empty: of any node."""
    port: int
    """Of several that no rule tells apart the first; a protocol without ports has 0."""
    transport: str = "TCP"
    last: int = 0
    """The last of several ports; 0: it is one."""

    @property
    def ports(self) -> range:
        """Every port for which it stands."""
        return range(self.port, (self.last or self.port) + 1)

    @property
    def what(self) -> str:
        """Protocol and ports, for people."""
        return sent(self.transport, [(self.port, self.last or self.port)])

    def __str__(self) -> str:
        return f"From {self.origin}: nodes of {self.pool or 'any pool'}, {self.what}"


def sent(transport: str, spans: Iterable[tuple[int, int]]) -> str:
    """A protocol and its ports, for people; spans that follow each other are one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    if joined in ([(0, 0)], [EVERY_PORT]):
        return transport if joined == [(0, 0)] else f"{transport} on every port"
    return (
        f"{transport} "
        f"{', '.join(str(first) if first == last else f'{first}-{last}' for first, last in joined)}"
    )
