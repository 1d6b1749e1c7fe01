"""What is wrong with what came of a flow, and a flow in words."""

from __future__ import annotations

from egress.judge.model.flow import Flow, Layer, Outside, Protocol
from egress.judge.targets import TargetKind
from egress.judge.trace import Trace
from egress.proof.expectations import Expectation, Question
from egress.proof.intent import Intent


def wrong(intent: Intent, question: Question, trace: Trace) -> str | None:
    """What is wrong with the answer to a question, in words; None: nothing."""
    return _goes_wrongly(question, trace) or _leaves_wrongly(intent, question, trace)


def _goes_wrongly(question: Question, trace: Trace) -> str | None:
    """What is wrong with what passes and what refuses."""
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


def _leaves_wrongly(intent: Intent, question: Question, trace: Trace) -> str | None:
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
        wanted = intent.leaves(flow.namespace, name, flow.protocol, flow.port)
        if wanted != (connection.port, connection.opens):
            return (
                f"It leaves to {name} on port {connection.port} with TLS {connection.opens or 'none'}; "
                f"declared is {wanted}."
            )
        sent, accepted = intent.certificate(flow.namespace, name, flow.protocol, flow.port)
        if connection.opens and not connection.verified:
            return f"The gateway does not check whose certificate {name} shows."
        if connection.opens and (connection.sni, connection.verified) != (sent, accepted):
            return (
                f"The gateway asks {name} for {connection.sni}, and takes a certificate of "
                f"{' or '.join(connection.verified)}; declared is {sent}, and {' or '.join(accepted)}."
            )
        trusted = intent.trusts(flow.namespace, name, flow.protocol, flow.port)
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
