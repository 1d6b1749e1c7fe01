"""What a proof is: the answer to every question, and what of it is not as the config says."""

from __future__ import annotations

from dataclasses import dataclass

from egress.judge.cluster_connections import ClusterConnection
from egress.judge.model.flow import Verdict
from egress.judge.trace import Trace
from egress.proof.expectations import Question
from egress.proof.inbound import InboundAnswer
from egress.proof.violation import Violation


@dataclass(frozen=True, slots=True)
class FlowAnswer:
    """What came of a flow."""

    question: Question
    trace: Trace | None
    """None: it is answered as its app's flow is, which is asked by itself."""


@dataclass(frozen=True, slots=True)
class ConnectionAnswer:
    """What came of a connection that no flow shows."""

    connection: ClusterConnection
    must: bool
    """Whether it has to be possible; otherwise it must not be."""
    verdict: Verdict


@dataclass(frozen=True)
class Proof:
    """What came of every question. It holds where there is no violation."""

    violations: tuple[Violation, ...]
    questions: int
    """How many were asked about flows and about what comes in."""
    flows: tuple[FlowAnswer, ...] = ()
    """This and the two below are kept where `verify` is asked for every answer."""
    connections: tuple[ConnectionAnswer, ...] = ()
    received: tuple[InboundAnswer, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.violations
