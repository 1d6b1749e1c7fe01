"""One flow that the probe asks, and what the plan's objects say has to come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from egress.judge.model.flow import Flow, Layer, Protocol, Verdict

SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing where they arrive (RFC 9110, 9.2.1): the probe sends no others."""


UNSAID = {"metadata-flavor"}
"""Headers that no rule is about: the metadata server asks for it, and answers nobody without."""


@dataclass(frozen=True)
class Expected:
    """What the objects say: whether it passes, and what refuses it."""

    passes: bool
    layer: Layer | None = None
    """None: none of the judges' layers; `by` says what."""
    by: str = ""
    """Layer, object and field."""

    @classmethod
    def of(cls, verdict: Verdict) -> Expected:
        if verdict.allowed:
            return cls(True)
        where = " ".join(filter(None, (verdict.decided_by, verdict.field)))
        return cls(False, verdict.layer, f"{verdict.layer.value}{f' ({where})' if where else ''}")

    @property
    def word(self) -> str:
        return "passes" if self.passes else "refused"


@dataclass(frozen=True)
class Asked:
    """One flow, as the pod tries it."""

    id: str
    flow: Flow
    expected: Expected
    why: str
    """What it is for, in words."""
    asks: str = ""
    """Over UDP: `quic`, or the name that a DNS server is asked for."""
    lookup: bool = False
    """Only whether the name has an address."""
    says: str | None = None
    """The body that has to come back, where somebody's identity is in it."""
    guessed: bool = False
    """Whether its name is one below a pattern, which may not exist."""
    hidden: bool = False
    """Whether whoever answers has to refuse it himself, by a status other than 200."""

    @property
    def what(self) -> str:
        """In one line, as a person would try it."""
        flow = self.flow
        account = "" if flow.service_account == "default" else f" as {flow.service_account}"
        return f"{flow.namespace}{account}: {self._how(flow)}"

    def _how(self, flow: Flow) -> str:
        if self.lookup:
            return f"look up {flow.host}"
        if self.asks:
            asked = "QUIC" if self.asks == "quic" else f"DNS for {self.asks}"
            return f"{asked} to {flow.host}:{flow.port}/udp"
        known = f" at {flow.address}" if flow.address and flow.address != flow.host else ""
        scheme = {Protocol.HTTP: "http", Protocol.TLS: "https"}.get(flow.protocol, flow.protocol.value)
        usual = {"http": 80, "https": 443}.get(scheme) == flow.port
        port = "" if usual else f":{flow.port}"
        if flow.protocol is not Protocol.HTTP:
            return f"{scheme}://{flow.host}{port}{known}"
        shown = {name: value for name, value in flow.headers.items() if name not in UNSAID}
        sent = {**({"Host": flow.authority} if flow.authority else {}), **shown}
        headers = "".join(f", {name}: {value}" for name, value in sent.items())
        return f"{flow.method} http://{flow.host}{port}{flow.path}{headers}{known}"

    @property
    def for_the_pod(self) -> dict[str, Any]:
        """What in_pod.py reads."""
        flow = self.flow
        headers = {**({"Host": flow.authority} if flow.authority else {}), **flow.headers}
        return {
            "id": self.id,
            "protocol": "dns" if self.lookup else flow.protocol.value,
            "host": flow.host,
            "address": flow.address,
            "port": flow.port,
            "method": flow.method,
            "path": flow.path,
            "headers": headers,
            "ask": self.asks,
        }

    @property
    def resolves(self) -> bool:
        """Whether the pod looks the name up before anything else."""
        return self.lookup or not self.flow.address


@dataclass(frozen=True)
class NotAsked:
    """What would have to be asked, and why it is not."""

    what: str
    why: str
