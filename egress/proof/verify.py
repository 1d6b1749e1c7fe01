"""Verify: what the rendered objects do is what the config declares, over the whole space of flows - or the
preview stops.

Two invariants (docs/adr/0008-judges-read-objects.md): what is declared passes every layer; what is not
declared is refused, past the sidecar as well.

Teams that no layer can tell apart are asked for once, which is known as symmetry reduction. The proof: to
exchange two such teams in a question is to exchange two names that every object treats alike, so each layer
gives the same answer to both. `_straight` says which layers a question meets and what they read of a team,
and `NetworkPolicies.alike` compares what is written of two namespaces. Texts are compared, and not meanings:
a difference that means nothing costs one more question, and never a wrong answer (docs/model.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from egress.common.objects import Object
from egress.judge.cluster_connections import ClusterConnection, ClusterConnections
from egress.judge.model.flow import Flow, Layer, Outside, Protocol, Vantage, Verdict
from egress.judge.targets import TargetKind
from egress.judge.trace import Judges, Trace
from egress.plan.model import Plan
from egress.proof import answers, connections, inbound, resolving
from egress.proof.expectations import Expectation, Question, Questions
from egress.proof.inbound import Receiving
from egress.proof.intent import Intent
from egress.proof.invariants import Invariant, of_mesh, of_team
from egress.proof.snapshot import deployment

SHOWN = 20
"""Violations that a message spells out; it says how many more there are."""


@dataclass(frozen=True)
class Violation:
    """A flow that does something else than the config says."""

    flow: str
    """In words."""
    steps: tuple[Verdict, ...]
    says: str

    def __str__(self) -> str:
        steps = "\n".join(
            f"    {step.layer.value}: {step.symbol}, {step.object} {step.field} - {step.reason}"
            for step in self.steps
        )
        return f"{self.flow}\n    {self.says}\n{steps}"


class NotProven(Exception):
    """The rendered objects do not do what the config says. Raised before the first resource; nothing has been
    changed."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        shown = [str(violation) for violation in self.violations[:SHOWN]]
        more = len(self.violations) - len(shown)
        heading = f"{len(self.violations)} flows do something else than the config says. Nothing was changed."
        super().__init__("\n\n".join([heading, *shown, *([f"... and {more} more."] if more else [])]))


def verify(intent: Intent, judges: Judges) -> list[Violation]:
    """Every violation of the invariants; none is a proof for the whole space of flows."""
    return list(_violations(intent, judges))


def prove(plan: Plan, objects: Iterable[Object]) -> None:
    """Let the program go on only if the rendered objects of a plan do what it says, and nothing else.

    Raises:
        NotProven: some flow does something else.
    """
    violations = verify(Intent(plan), Judges(deployment(plan, objects)))
    if violations:
        raise NotProven(violations)


def _violations(intent: Intent, judges: Judges) -> Iterator[Violation]:
    if judges.broken:
        unread = "An object lacks a field that it must have, so nothing is proven."
        yield from (Violation("Every flow", (verdict,), unread) for verdict in judges.broken)
        return
    unread = "An object says something that the judges cannot read, so nothing is proven."
    yield from (Violation("Every flow of its namespace", (verdict,), unread) for verdict in judges.unread)
    questions = Questions(intent, judges)
    inside = ClusterConnections(questions.distinctions)
    proven: set[object] = set()
    for team in intent.teams:
        alike = judges.network_policies.alike(team)
        for question in questions.with_names(team):
            same = _straight(question, alike)
            if question.expected is Expectation.AS_ITS_APP or same in proven:
                continue
            trace = judges.trace(question.flow, must_pass=question.expected is Expectation.PASSES)
            if says := wrong(question, trace) or _left_wrongly(question, trace, intent):
                yield Violation(described(question.flow), trace.steps, says)
            elif same and (
                question.flow.vantage is not Vantage.GATEWAY_WITHOUT_CERTIFICATE
                or trace.decision.layer is Layer.GATEWAY
            ):
                proven.add(same)
        same = (alike, questions.same_by_address(team))
        if same not in proven:
            found = list(_of_flows(intent, judges, questions.by_address(team)))
            yield from found
            if not found:
                proven.add(same)
        same = (
            alike,
            tuple(intent.uses_gateway(team, gateway.namespace) for gateway in judges.gateways.pods),
        )
        if same not in proven:
            found = list(_of_connections(intent, judges, inside.out_of(team)))
            yield from found
            if not found:
                proven.add(same)
        yield from _of_connections(intent, judges, inside.into(team))
        yield from _violated(of_team(intent, judges, team))
        yield from _violated(answers.past_gateways(intent, judges, team))
    yield from _of_flows(intent, judges, questions.of_nobody())
    yield from _of_connections(intent, judges, inside.of_platform())
    yield from _violated(answers.of_gateways(intent, judges))
    yield from _violated(answers.of_other_gateways(intent, judges))
    yield from _violated(resolving.of_names(intent, judges))
    yield from _violated(of_mesh(intent, judges))
    yield from (
        Violation(found.flow, found.steps, found.says)
        for found in inbound.violations(Receiving(intent.plan), judges)
    )


def _of_flows(intent: Intent, judges: Judges, asked: Iterable[Question]) -> Iterator[Violation]:
    for question in asked:
        if question.expected is Expectation.AS_ITS_APP:
            continue
        trace = judges.trace(question.flow, must_pass=question.expected is Expectation.PASSES)
        if says := wrong(question, trace) or _left_wrongly(question, trace, intent):
            yield Violation(described(question.flow), trace.steps, says)


def _violated(fences: Iterable[Invariant]) -> Iterator[Violation]:
    return (Violation(fence.whose, (fence.verdict,), fence.says) for fence in fences if fence.violated)


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


def _of_connections(
    intent: Intent, judges: Judges, asked: Iterable[ClusterConnection]
) -> Iterator[Violation]:
    doors = connections.served(judges)
    for one in asked:
        must = connections.wanted(intent, one, doors)
        if must is None:
            continue
        (verdict,) = one.judged([judges], must_pass=must)
        if says := connections.wrong(one, must, verdict):
            what = f"{one.source.words}, to {one.target.words}: {one.transport} {one.port}"
            yield Violation(what, (verdict,), says)


def wrong(question: Question, trace: Trace) -> str | None:
    """What is wrong with the answer to a question, in words; None: nothing."""
    if not trace.understood:
        return "An object on the way says something that the judges cannot read, so nothing is proven."
    if question.expected in (Expectation.OPENED, Expectation.AS_ITS_APP):
        return None
    if question.expected is Expectation.PASSES:
        return None if trace.allowed else "It is declared, and a layer refuses it."
    if question.expected is Expectation.IAM:
        return None if not trace.held else "IAM was to guard this, and a layer refuses it before."
    if not trace.held:
        return "It is not declared, and no layer refuses it."
    if question.expected is Expectation.REFUSED_FIRST and trace.decision.layer is not Layer.SIDECAR:
        return "It is not declared, and the sidecar lets it through, so only one layer is left to refuse it."
    if (
        question.expected is Expectation.REFUSED_TWICE
        and len({step.layer for step in trace.refused_by if step.layer is not Layer.DNS}) < 2
    ):
        return "It is not declared, and one layer alone refuses it."
    return None


def _left_wrongly(question: Question, trace: Trace, intent: Intent) -> str | None:
    """What is wrong with how a declared flow leaves its gateway: port, TLS, certificate, headers."""
    flow = question.flow
    if (
        question.expected is not Expectation.PASSES
        or flow.to
        or intent.is_api(flow.namespace, flow.host)
        or question.kind is TargetKind.METADATA
    ):
        return None
    for connection in trace.left:
        name = connection.to.name if isinstance(connection.to, Outside) else None
        if name is None:
            return "It leaves to an address that no host stands for."
        wanted = intent.leaves(flow.namespace, name, flow.protocol)
        if wanted != (connection.port, connection.opens):
            return (
                f"It leaves to {name} on port {connection.port} with TLS {connection.opens or 'none'}; "
                f"declared is {wanted}."
            )
        if connection.opens and not connection.verified:
            return f"The gateway does not check that the certificate is {name}'s own."
        trusted = intent.trusts(flow.namespace, name, flow.protocol)
        if connection.opens and connection.trusts != trusted:
            return f"Of {name} it takes certificates that {connection.trusts} knows; declared is {trusted}."
        if connection.reveals:
            return f"It tells the outside of the mesh: {', '.join(connection.reveals)}."
    return None if trace.left else "It passes every layer and leaves nowhere."


def described(flow: Flow) -> str:
    """A flow in one line, as a person would say it."""
    account = f", as {flow.service_account}" if flow.service_account else ""
    what = (
        f"{flow.method} http://{flow.host}:{flow.port}{flow.path}" if flow.protocol is Protocol.HTTP else ""
    )
    what = what or f"{flow.protocol.value}://{flow.host}:{flow.port}"
    headers = "".join(f", {name}: {value}" for name, value in flow.headers.items())
    return f"{flow.namespace}{account}: {what}{headers}, by {flow.vantage.value}"
