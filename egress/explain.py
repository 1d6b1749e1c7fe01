"""One flow, layer by layer, and what in the config would turn its verdict around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from egress.google_cloud import METADATA_ADDRESS
from egress.intent import Intent
from egress.judge.flow import Flow, Layer, Protocol, Way
from egress.judge.sidecar import is_address
from egress.judge.trace import Judges, Trace


@dataclass(frozen=True)
class Explanation:
    """The answer to "what happens to this flow?"."""

    trace: Trace
    advice: str
    """What to change in the config to turn the verdict around, or why nothing there does."""

    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        flow = self.trace.flow
        decision = self.trace.decision
        return {
            "flow": {
                "team": flow.namespace,
                "serviceAccount": flow.service_account,
                "protocol": flow.protocol.value,
                "host": flow.host,
                "port": flow.port,
                "method": flow.method,
                "path": flow.path,
                "headers": dict(flow.headers),
                "as": flow.way.value,
            },
            "allowed": self.trace.allowed,
            "decidedBy": step_json(decision),
            "steps": [step_json(step) for step in self.trace.steps],
            "advice": self.advice,
        }


def step_json(step: Any) -> dict[str, Any]:
    """One layer's verdict for machines."""
    return {
        "layer": step.layer.value,
        "allowed": step.allowed,
        "object": step.by,
        "field": step.field,
        "reason": step.reason,
        **({} if step.understood else {"understood": False}),
    }


def explain(judges: Judges, flow: Flow, intent: Intent | None) -> Explanation:
    """What every layer says to a flow. Without an intent (objects from outside) the advice is about objects alone."""
    flow = judges.resolved(flow)
    trace = judges.trace(flow, declared=intent is not None and intent.allows(flow))
    return Explanation(trace, _advice(trace, intent))


def _advice(trace: Trace, intent: Intent | None) -> str:
    flow, decision = trace.flow, trace.decision
    if not trace.understood:
        return f"{decision.by} is not among what this program renders; take it away, or judge it yourself."
    if intent is None:
        verb = "allows" if trace.allowed else "refuses"
        return f"{decision.by} {verb} it; no config is at hand to say what to change."
    entry = f'teams.{flow.namespace}.egress."{flow.host}"'
    if flow.host == METADATA_ADDRESS:
        section = f"teams.{flow.namespace}.googleApis"
        return f"It hands out the Google identities of {section}, and is open to teams with that section alone."
    if trace.allowed:
        if not intent.allows(flow) and flow.port in intent.opened(flow.namespace):
            return f"To take it away, remove teams.{flow.namespace}.model, which opens this port, or declare less."
        if intent.is_api(flow.namespace, flow.host):
            return f"To take it away, remove it from teams.{flow.namespace}.googleApis; IAM decides about the API besides."
        return f"To take it away, remove or narrow {entry}."
    if flow.way is not Way.APP:
        return "Ways past the sidecar are closed, and no entry opens one. Declare the host, and let the app ask for it."
    if flow.host.endswith(".googleapis.com"):
        return f"Google APIs are not reached through the gateway: name the API under teams.{flow.namespace}.googleApis.apis."
    if flow.namespace not in intent.teams:
        return f"There is no team {flow.namespace}; add it under teams."
    if is_address(flow.host):
        return "An address carries no name to check. Declare the host, or tcp with its addresses, under teams.TEAM.egress."
    wanted = {Protocol.HTTP: "http: {upgrade: tls}", Protocol.TLS: "https: passthrough"}.get(
        flow.protocol, f"tcp: {{port: {flow.port}, addresses: [...], serviceAccounts: [{flow.service_account}]}}"
    )
    if not intent.declares(flow.namespace, flow.host):
        return f"To allow it, add {entry}: {{{wanted}}}."
    if decision.layer is Layer.AUTHORIZATION and flow.protocol is Protocol.HTTP:
        return f"The host is declared, this request is not: widen {entry}.http ({_part(decision.field)})."
    return f"The host is declared in another way: add {wanted} to {entry}."


def _part(field: str) -> str:
    """Which part of a rule a field of AuthorizationPolicy is."""
    for ending, words in (
        ("paths", "paths"),
        ("methods", "methods"),
        ("from", "serviceAccounts"),
    ):
        if field.endswith(ending):
            return words
    return "headers" if "headers" in field else "its rules"
