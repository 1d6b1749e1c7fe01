"""One flow, layer by layer, and what in the config would turn its verdict around."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from egress.answers.hint_change import Proposal
from egress.answers.hint_check import Checker
from egress.answers.hint_images import of_images
from egress.answers.hint_slashes import of_slashes
from egress.answers.hints_absent import NoOpening
from egress.answers.hints_closing import Closing
from egress.answers.hints_opening import Opening
from egress.common.ports import HTTP_PORT
from egress.judge.model.flow import Flow, Layer, Protocol, Vantage
from egress.judge.trace import Judges, Trace
from egress.plan.model import Plan
from egress.proof.intent import Intent


@dataclass(frozen=True)
class Explanation:
    """The answer to "what happens to this flow?"."""

    trace: Trace
    advice: str
    """What to change in the config to turn the verdict around, or why nothing there does."""
    hint: Proposal | None = None
    """The change that the advice tells of, as it was tried."""

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
                "as": flow.vantage.value,
            },
            "allowed": self.trace.allowed,
            "decidedBy": decision.as_json,
            "steps": [step.as_json for step in self.trace.steps],
            "advice": self.advice,
        }


def traced(judges: Judges, flow: Flow, intent: Intent | None) -> Trace:
    """What every layer says to a flow."""
    flow = judges.resolved(flow)
    trace = judges.trace(flow, must_pass=intent is not None and intent.allows(flow))
    if (
        trace.allowed
        and flow.to
        and flow.vantage in (Vantage.PROXY, Vantage.POD_WITHOUT_SIDECAR)
        and flow.protocol.transport == "TCP"
    ):
        # Nobody shows a certificate on these ways, and other pods may ask for one.
        asks = judges.namespaces.mutual(flow.to.namespace)
        trace = trace._replace(steps=(*trace.steps, asks._replace(layer=Layer.SIDECAR)))
    return trace


def explain(judges: Judges, flow: Flow, plan: Plan | None) -> Explanation:
    """What every layer says to a flow, and what would turn it around; without a plan there is no config to
    change."""
    trace = traced(judges, flow, Intent(plan) if plan else None)
    if not trace.understood:
        unread = next(step for step in trace.steps if not step.understood)
        return Explanation(
            trace,
            f"{unread.decided_by} says something that is not read here, so this answer is none to count on.",
        )
    if plan is None:
        return Explanation(trace, _without_config(trace))
    advised = _advised(trace, plan, judges)
    more = " ".join(filter(None, (of_slashes(plan, trace), of_images(plan, trace.flow.host))))
    return replace(advised, advice=f"{advised.advice} {more}") if more else advised


def _without_config(trace: Trace) -> str:
    verb = "allows" if trace.allowed else "refuses"
    who = (
        f"{trace.decision.decided_by} {verb} it"
        if trace.decision.decided_by is not None
        else f"No object is named that {verb} it"
    )
    return f"{who}. Judged are objects alone, without a config: what to change in one is not known."


def _advised(trace: Trace, plan: Plan, judges: Judges) -> Explanation:
    """The first proposal that was tried and found true, else words."""
    flow = _as_routed(trace.flow)
    if trace.allowed:
        closing = Closing(plan, flow)
        hint = Checker(plan, flow, allowed=True).first(closing.proposals())
        return Explanation(
            trace, " ".join(filter(None, (hint.says if hint else closing.in_words(), closing.also()))), hint
        )
    if flow.vantage is not Vantage.APP:
        app = judges.trace(replace(trace.flow, vantage=Vantage.APP)).allowed
        more = " What the app itself asks through its sidecar is allowed." if app else ""
        return Explanation(trace, f"Ways past the sidecar are closed, and no entry opens one.{more}")
    opening = Opening(plan, flow)
    hint = Checker(plan, flow, allowed=False).first(opening.proposals())
    return Explanation(trace, hint.says if hint else NoOpening(plan, flow).in_words(), hint)


def _as_routed(flow: Flow) -> Flow:
    """A request whose Host header names another host is that host's, as far as rules go."""
    plain = flow.authority.lower() in (flow.addressed, f"{flow.addressed}:{HTTP_PORT}")
    if flow.protocol is not Protocol.HTTP or flow.port != HTTP_PORT or not flow.authority:
        return flow
    return replace(flow, host=flow.addressed, authority="" if plain else flow.authority)
