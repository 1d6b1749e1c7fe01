"""One flow that is tried in the mesh: from which pod, with which expected outcome, and what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from egress.answers.asked import flow_of
from egress.judge.model import flow as judge
from tests.mesh import client
from tests.mesh.client import Answer
from tests.mesh.evidence import Evidence, Layer, Watch
from tests.mesh.mesh import Mesh
from tests.mesh.proxies import PROXY_UID

X, Y = "test-team-x", "test-team-y"
CHEAT_X, CHEAT_Y = "cheat-team-x", "cheat-team-y"
GATEWAY = "gateway"
REFUSED = "refused"


@dataclass(frozen=True)
class Flow:
    """One flow."""

    what: str
    pod: str
    attempt: Callable[[Mesh], Answer]
    expected: str
    """The HTTP status, or `refused`: no HTTP answer at all."""
    stopped_by: Layer = Layer.NOBODY
    at: tuple[str, int] | None = None
    """Site and port at which a request has to arrive; None if it must arrive nowhere."""
    why: str = ""
    beside: int = 0
    """How many requests of the same attempt are allowed, and pass, before the one in question."""
    says: str = ""
    """Words in the answer that identify the layer that has to stop it, where that layer leaves no other
    trace; `|` separates alternatives."""

    def told(self, answer: Answer) -> bool:
        return bool(self.says) and any(
            words in answer.head + answer.body + answer.failure for words in self.says.split("|")
        )


@dataclass(frozen=True)
class Seen:
    """What came of a flow."""

    flow: Flow
    answer: Answer
    evidence: Evidence

    @property
    def stopped_by(self) -> Layer:
        found = self.evidence.stopped_by(self.flow.beside)
        silent = found in (Layer.UNKNOWN, Layer.APPLICATION)
        return self.flow.stopped_by if silent and self.flow.told(self.answer) else found

    @property
    def at(self) -> tuple[str, int] | None:
        requests = self.evidence.requests[self.flow.beside :]
        return (requests[-1].site, requests[-1].port) if requests else None

    @property
    def differences(self) -> list[str]:
        """Everything that differs from what is expected, in words."""
        flow = self.flow
        passes = flow.stopped_by is Layer.NOBODY
        pairs = (
            ("connection outside", False, not passes and not flow.beside and bool(self.evidence.connections)),
            ("requests outside", flow.beside + (0 if flow.at is None else 1), len(self.evidence.requests)),
            ("answer", flow.expected, self.answer.word),
            ("stopped by", flow.stopped_by, self.stopped_by),
            ("arrived at", flow.at, self.at),
        )
        return [
            f"{name}: expected {expected}, seen {seen}" for name, expected, seen in pairs if expected != seen
        ]


def send(mesh: Mesh, flow: Flow) -> Seen:
    """Try it now."""
    watch = Watch(mesh, flow.pod)
    answer = flow.attempt(mesh)
    return Seen(flow, answer, watch.evidence(flow.beside, wait=not flow.told(answer)))


@dataclass(frozen=True)
class Curl:
    """curl in a pod."""

    pod: str
    words: tuple[str, ...]
    uid: int

    def __call__(self, mesh: Mesh) -> Answer:
        return client.curl(mesh, self.pod, *self.words, uid=self.uid)

    @property
    def judged(self) -> judge.Flow | None:
        """The flow as judges write it; None where they cannot: for the gateway's own pod, and for further
        options of curl."""
        url = next(word for word in self.words if "://" in word)
        options = {word for word in self.words if word.startswith("-")} - {"-I", "-k", "--resolve"}
        if options or self.pod == GATEWAY or "//" in url.partition("://")[2]:
            return None
        kind, _, team = self.pod.partition("-")
        way = judge.Vantage.APP if kind == "test" else judge.Vantage.POD_WITHOUT_SIDECAR
        way = judge.Vantage.PROXY if self.uid == PROXY_UID else way
        flow = flow_of(team, url, method="HEAD" if "-I" in self.words else "GET", account="test", vantage=way)
        other = flow.host.removeprefix("test.")
        return flow if other == flow.host else replace(flow, to=judge.Pod(other, None))
