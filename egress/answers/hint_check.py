"""Proposals tried before they are printed: the config is changed, the plan is made, and every question is
asked again.

A proposal is a hint if the answer turns, the plan is proven, and whatever opens besides is what the hint says
in words: asked are all questions about every team, those of the plan before the change and those of the plan
after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from egress.answers.hint_change import Proposal, changed
from egress.common.normal_form import Normalization, normal
from egress.judge.lookup.host_names import SERVICES
from egress.judge.model.flow import Flow, Pod, Protocol, Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.expectations import Questions
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify

ACCOUNTS = "accounts"
"""The same for other ServiceAccounts of the team."""
REQUESTS = "requests"
"""Other requests to the same host, on the same port."""
PODS = "pods"
"""Every port of the other team's pods."""
OTHER = "other"
"""Anything else: no hint may open it."""


@dataclass(frozen=True)
class State:
    """A plan and what its objects do."""

    plan: Plan

    @cached_property
    def judges(self) -> Judges:
        return Judges(deployment(self.plan, render(self.plan)), explains=False)

    @cached_property
    def intent(self) -> Intent:
        return Intent(self.plan)

    def asked(self) -> Iterator[Flow]:
        return (question.flow for question in Questions(self.intent, self.judges).all())


class Checker:
    """Tries proposals for one flow of one plan."""

    def __init__(self, plan: Plan, flow: Flow, *, allowed: bool) -> None:
        """`allowed`: what the verdict is now; a hint turns it."""
        self._before = State(plan)
        self._flow = flow
        self._allowed = allowed

    def first(self, proposals: Iterable[Proposal]) -> Proposal | None:
        """The first proposal that is a hint."""
        return next((proposal for proposal in proposals if self.holds(proposal)), None)

    def holds(self, proposal: Proposal) -> bool:
        """Whether a proposal does what it says, and nothing else."""
        if not proposal.edits:
            other = proposal.instead
            return other is not None and self._before.judges.trace(other, must_pass=True).allowed
        plan = changed(self._before.plan, proposal.edits)
        if plan is None:
            return False
        after = State(plan)
        trace = after.judges.trace(self._flow, must_pass=not self._allowed)
        if not trace.understood or trace.allowed == self._allowed:
            return False
        names = {name for name, _ in after.intent.requests(self._flow.namespace, self._flow.host).headers}
        to = led_to(self._flow)
        wanted = replace(
            self._flow,
            host=proposal.called or self._flow.host,
            to=self._flow.to or (Pod(to, None) if to else None),
        )
        opens = {kind for flow in opened(self._before, after) for kind in beyond(wanted, flow, names)}
        return opens <= proposal.admits and verify(after.intent, after.judges).holds


def opened(before: State, after: State) -> Iterator[Flow]:
    """Every flow that the one lets out and the other does not, one for each class of flows."""
    seen: set[str] = set()
    for flow in (*after.asked(), *before.asked()):
        if repr(flow) in seen:
            continue
        seen.add(repr(flow))
        if not after.judges.trace(flow).held and before.judges.trace(flow).held:
            yield flow


def beyond(wanted: Flow, flow: Flow, headers: Collection[str]) -> set[str]:
    """In what a flow is another one than was wanted; nothing where it is the same, whoever shows the
    certificate for it.

    Args:
        wanted: the flow that was asked for.
        flow: another one.
        headers: names of those that some rule asks for.
    """
    if flow.namespace != wanted.namespace:
        return {OTHER}
    if flow.to or wanted.to:
        same = flow.to is not None and wanted.to is not None and flow.to.namespace == wanted.to.namespace
        return {PODS} if same else {OTHER}
    # Of raw TCP it is all one what the bytes say.
    raw = wanted.protocol is Protocol.TCP and flow.protocol.transport == "TCP"
    app = (
        flow.vantage is Vantage.APP
        and flow.port == wanted.port
        and (raw or flow.protocol in (wanted.protocol, Protocol.TCP))
    )
    if flow.host != wanted.host or not (app or flow.vantage is Vantage.GATEWAY_WITH_CERTIFICATE):
        return {OTHER}
    found = {ACCOUNTS} if flow.service_account != wanted.service_account else set[str]()
    if flow.protocol is Protocol.HTTP and not raw and not _same_request(wanted, flow, headers):
        found.add(REQUESTS)
    return found


def _same_request(wanted: Flow, flow: Flow, headers: Collection[str]) -> bool:
    """A header that is not sent may be whatever it is: no rule can ask for one to be absent."""
    sent = wanted.request
    told = all(flow.headers.get(name) in sent.values(name) for name in headers if name in wanted.headers)
    return flow.method == wanted.method and seen_path(flow.path) == seen_path(wanted.path) and told


def led_to(flow: Flow) -> str | None:
    """The namespace of the pods that a flow leads to, if it stays in the cluster."""
    if flow.to:
        return flow.to.namespace
    service, _, namespace = flow.host.removesuffix(SERVICES).rpartition(".")
    return namespace if service and flow.host.endswith(SERVICES) else None


def seen_path(path: str, *, keeps: bool = False) -> str | None:
    """The path that rules see behind two proxies; None: it gets past neither. `keeps`: whether the host keeps
    encoded slashes."""
    found: str | None = path
    for _ in range(2):
        how = Normalization.MERGE_SLASHES if keeps else Normalization.DECODE_AND_MERGE_SLASHES
        found = found and normal(found, how)
    return found and found.partition("?")[0]
