"""Verify: what the rendered objects do is what the config declares, over the whole space of flows - or the
preview stops.

Two invariants (docs/adr/0008-judges-read-objects.md): what is declared passes every layer; what is not
declared is refused, past the sidecar as well.

Teams that no layer can tell apart are asked for once, which is known as symmetry reduction. The proof: to
exchange two such teams in a question is to exchange two names that every object treats alike, so each layer
gives the same answer to both. `_straight` says which layers a question meets and what they read of a team,
and `AlikeNamespaces` compares what is written of two namespaces. Texts are compared, and not meanings:
a difference that means nothing costs one more question, and never a wrong answer (docs/model.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from egress.common.objects import Object
from egress.judge.cluster_connections import ClusterConnection, ClusterConnections
from egress.judge.model.flow import Layer, Vantage
from egress.judge.trace import Judges, Trace
from egress.plan.model import Plan
from egress.proof import answers, connections, flows, inbound, resolving
from egress.proof.expectations import Expectation, Question, Questions
from egress.proof.inbound import InboundAnswer, Receiving
from egress.proof.intent import Intent
from egress.proof.invariants import Invariant, of_mesh, of_team
from egress.proof.proof import ConnectionAnswer, FlowAnswer, Proof
from egress.proof.snapshot import deployment
from egress.proof.violation import NotProven, Violation


def verify(intent: Intent, judges: Judges, *, every: bool = False) -> Proof:
    """Ask everything, over the whole space of flows.

    Args:
        intent: what the config declares.
        judges: what the objects do.
        every: ask for each of several teams that no layer tells apart, and keep every answer.
    """
    unread = "An object lacks a field that it must have, so nothing is proven."
    broken = tuple(Violation("Every flow", (verdict,), unread) for verdict in judges.broken)
    if broken and not every:
        return Proof(broken, 0)
    proof = _Examination(intent, judges, every).proof()
    return replace(proof, violations=broken) if broken else proof


def prove(plan: Plan, objects: Iterable[Object]) -> None:
    """Let the program go on only if the rendered objects of a plan do what it says, and nothing else.

    Raises:
        NotProven: some flow does something else.
    """
    proof = verify(Intent(plan), Judges(deployment(plan, objects)))
    if not proof.holds:
        raise NotProven(proof.violations)


class _Examination:
    """One way through all questions."""

    def __init__(self, intent: Intent, judges: Judges, every: bool) -> None:
        self._intent = intent
        self._judges = judges
        self._every = every
        self._questions = Questions(intent, judges)
        self._inside = ClusterConnections(self._questions.distinctions)
        self._doors = connections.served(judges)
        self._proven: dict[object, int] = {}
        """What held and stands for other teams as well, with the number of its questions."""
        unread = "An object says something that the judges cannot read, so nothing is proven."
        self._violations = [
            Violation("Every flow of its namespace", (verdict,), unread) for verdict in judges.unread
        ]
        self._asked = 0
        self._flows: list[FlowAnswer] = []
        self._connections: list[ConnectionAnswer] = []
        self._received: list[InboundAnswer] = []

    def proof(self) -> Proof:
        for team in self._intent.teams:
            self._ask_about(team)
        self._ask_about_nobody()
        self._ask_about_what_comes_in()
        return Proof(
            tuple(self._violations),
            self._asked,
            tuple(self._flows),
            tuple(self._connections),
            tuple(self._received),
        )

    def _ask_about(self, team: str) -> None:
        intent, judges = self._intent, self._judges
        alike = judges.network_policies.alike.outward(team)
        for question in self._questions.with_names(team):
            self._ask_once(question, alike)
        by_address = self._questions.by_address(team)
        self._once((alike, self._questions.same_by_address(team)), partial(self._ask_all, by_address))
        gateways = tuple(intent.uses_gateway(team, pod.namespace) for pod in judges.gateways.pods)
        self._once((alike, gateways), partial(self._connect_all, self._inside.out_of(team)))
        inward = judges.network_policies.alike.inward(team), tuple(intent.received_ports(team))
        self._once((alike, inward), partial(self._connect_all, self._inside.into(team)))
        self._check(of_team(intent, judges, team))
        self._check(answers.past_gateways(intent, judges, team))

    def _ask_about_nobody(self) -> None:
        """Of pods in no team, and what no team has for itself."""
        intent, judges = self._intent, self._judges
        self._ask_all(self._questions.of_nobody())
        self._connect_all(self._inside.of_platform())
        self._check(answers.of_gateways(intent, judges))
        self._check(answers.of_other_gateways(intent, judges))
        self._check(resolving.of_names(intent, judges))
        self._check(of_mesh(intent, judges))

    def _ask_about_what_comes_in(self) -> None:
        receiving = Receiving(self._intent.plan)
        for question in receiving.questions(self._judges):
            self._asked += 1
            answer = inbound.answer(self._judges, question)
            if says := inbound.wrong(receiving, answer):
                self._violations.append(Violation(str(question.flow), answer.steps, says))
            if self._every:
                self._received.append(answer)
        self._violations += inbound.of_gateway(receiving.plan, self._judges)

    def _once(self, same: object, ask: Callable[[], None]) -> None:
        """Ask, unless the answers for another team stand for this one's."""
        if not self._every and same in self._proven:
            self._asked += self._proven[same]
            return
        violations, asked = len(self._violations), self._asked
        ask()
        if len(self._violations) == violations:
            self._proven[same] = self._asked - asked

    def _ask_once(self, question: Question, alike: object) -> None:
        same = _straight(question, alike)
        if not self._every and same in self._proven:
            self._asked += 1
            return
        trace = self._ask(question)
        if (
            same
            and trace
            and (
                question.flow.vantage is not Vantage.GATEWAY_WITHOUT_CERTIFICATE
                or trace.decision.layer is Layer.GATEWAY
            )
        ):
            self._proven[same] = 1

    def _ask(self, question: Question) -> Trace | None:
        """What came of it; None: nothing that says something of another question."""
        self._asked += 1
        if question.expected is Expectation.AS_ITS_APP:
            if self._every:
                self._flows.append(FlowAnswer(question, None))
            return None
        trace = self._judges.trace(question.flow, must_pass=question.expected is Expectation.PASSES)
        if self._every:
            self._flows.append(FlowAnswer(question, trace))
        if says := flows.wrong(self._intent, question, trace):
            self._violations.append(Violation(flows.described(question.flow), trace.steps, says))
            return None
        return trace

    def _ask_all(self, questions: Iterable[Question]) -> None:
        for question in questions:
            self._ask(question)

    def _connect_all(self, inside: Iterable[ClusterConnection]) -> None:
        for one in inside:
            must = connections.wanted(self._intent, one, self._doors)
            if must is None:
                continue
            (verdict,) = one.judged([self._judges], must_pass=must)
            if self._every:
                self._connections.append(ConnectionAnswer(one, must, verdict))
            if says := connections.wrong(one, must, verdict):
                what = f"{one.source.words}, to {one.target.words}: {one.transport} {one.port}"
                self._violations.append(Violation(what, (verdict,), says))

    def _check(self, invariants: Iterable[Invariant]) -> None:
        self._violations += [
            Violation(one.whose, (one.verdict,), one.says) for one in invariants if one.violated
        ]


def _straight(question: Question, alike: object) -> object:
    """Equal for questions of two teams that have one answer, so that it is asked for once; None: it is the
    team's own.

    What leaves a pod past its sidecar meets DNS, NetworkPolicies and the firewall. DNS reads the name, the
    firewall the node pool, which teams share, and NetworkPolicies say the same for namespaces that are
    `alike`, of every end that lies in neither. So it is for who shows a gateway no certificate, where the
    gateway itself refuses: it cannot tell the one from the other.
    """
    flow = question.flow
    if (
        flow.vantage not in (Vantage.POD_WITHOUT_SIDECAR, Vantage.GATEWAY_WITHOUT_CERTIFICATE)
        or question.expected is Expectation.PASSES
    ):
        return None
    return (
        alike,
        flow.vantage,
        flow.to and flow.to.namespace,
        flow.host,
        flow.port,
        flow.protocol,
        flow.address,
        question.expected,
    )
