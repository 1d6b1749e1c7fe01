"""Evidence for an auditor: who may reach what, through which controls, what was opened and why, and of which
objects all this is.

The same config gives the same bytes, on any day and any machine; time, commit and stack version are in it
only as they are given. What the document looks like, `evidence_document.py` says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from egress.answers.declared_access import Access, accesses
from egress.answers.evidence_document import (
    VERSION,
    Allowed,
    Control,
    Digest,
    Elsewhere,
    Evidence,
    Grant,
    Inside,
    Leaves,
    Proof,
    Received,
    ReceivedElsewhere,
    Refusal,
    Relaxed,
    Source,
    Violation,
)
from egress.answers.posture import relaxations
from egress.judge.lookup.inbound_flow import NodeFlow
from egress.judge.model.flow import Protocol, Vantage, Verdict
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.targets import TargetKind
from egress.judge.trace import Judges
from egress.plan.model import Plan
from egress.proof.expectations import Expectation, Question
from egress.proof.inbound import InboundAnswer
from egress.proof.inbound_places import place_of, who_of
from egress.proof.intent import Intent
from egress.proof.proof import ConnectionAnswer, FlowAnswer
from egress.proof.verify import verify


def evidence(plan: Plan, snapshot: Snapshot, source: Source) -> Evidence:
    """What can be shown of a plan and the objects that it renders, violations included."""
    judges = Judges(snapshot)
    found = verify(Intent(plan), judges, every=True)
    violations = [Violation(flow=item.flow, says=item.says) for item in found.violations]
    objects = digests(snapshot)
    return Evidence(
        evidence=VERSION,
        source=source,
        proof=Proof(questions=found.questions, violations=violations),
        allowed=[_allowed(access) for access in accesses(plan, judges, found.flows)],
        received=list(_received(plan, found.received)),
        grants=list(grants(plan)),
        elsewhere=_elsewhere(found.flows),
        received_elsewhere=_received_elsewhere(found.received),
        inside=_inside(found.connections),
        relaxations=[
            Relaxed(setting=item.setting, opens=item.opens, reason=item.reason) for item in relaxations(plan)
        ],
        objects=objects,
        digest=sha256([item.model_dump() for item in objects]),
    )


def sha256(value: Any) -> str:
    """Of canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digests(snapshot: Snapshot) -> list[Digest]:
    """Every object that was judged, by name."""
    found = [Digest(object=identity(manifest), sha256=sha256(manifest)) for manifest in snapshot.kubernetes]
    found += [Digest(object=item.identity, sha256=sha256(item.properties)) for item in snapshot.google]
    return sorted(found, key=lambda item: (item.object, item.sha256))


def _allowed(access: Access) -> Allowed:
    def listed(values: Iterable[str] | None) -> list[str] | None:
        return None if values is None else list(values)

    return Allowed(
        team=access.team,
        kind=access.kind.value,
        target=access.target,
        protocol=access.protocol.value,
        port=access.port,
        rule=access.rule,
        description=access.description,
        service_accounts=listed(access.service_accounts),
        methods=listed(access.methods),
        paths=listed(access.paths),
        headers={name: list(values) for name, values in access.headers.items()},
        gateway=access.gateway,
        leaves=_leaves(access),
        strangers=access.strangers,
        void=access.void,
        unencrypted=access.protocol is Protocol.HTTP and access.leaves is not None and not access.leaves[1],
        passes=access.trace.allowed,
        controls=[_control(step) for step in access.trace.steps],
    )


def _leaves(access: Access) -> Leaves | None:
    if access.leaves is None:
        return None
    port, tls = access.leaves
    sent, accepted = access.certificate if tls else (None, ())
    return Leaves(port=port, tls=tls, sni=sent, subject_alt_names=list(accepted))


def _control(step: Verdict) -> Control:
    return Control(
        layer=step.layer.value,
        allowed=step.allowed,
        object=step.object,
        field=step.field,
        reason=step.reason,
    )


def grants(plan: Plan) -> Iterable[Grant]:
    """What a config lets teams' service accounts do in Google Cloud."""
    for team in plan.teams:
        for item in team.identities:
            given: list[tuple[str, str, str | None]] = [
                (f"bucket {grant.bucket}", grant.role, None) for grant in item.buckets
            ]
            given += [
                (f"{one.resource.value} {one.name} of project {one.project}", one.role, None)
                for one in item.resources
            ]
            given += [(f"project {plan.project}", role, reason) for role, reason in item.project_roles]
            for resource, role, reason in given:
                yield Grant(
                    team=item.team,
                    service_account=item.service_account,
                    google_service_account=item.email,
                    resource=resource,
                    role=role,
                    reason=reason,
                )


def _received(plan: Plan, answers: Iterable[InboundAnswer]) -> Iterable[Received]:
    ingress = plan.settings.ingress
    found: dict[tuple[str, str], list[InboundAnswer]] = {}
    for answer in answers:
        if declared := answer.question.declared:
            found.setdefault((declared.reception.team, declared.reception.name), []).append(answer)
    for reception in plan.receptions:
        wanted = reception.wanted
        asked = found[reception.team, reception.name]
        yield Received(
            team=reception.team,
            name=reception.name,
            host=wanted.host,
            port=wanted.port,
            protocol=wanted.protocol.value,
            service=f"{wanted.to.service}:{wanted.to.port}",
            clients=dict(sorted(wanted.clients.items())),
            exposure=ingress.exposure.value if ingress else "",
            source_ranges={name: str(network) for name, network in sorted(ingress.source_ranges.items())}
            if ingress
            else {},
            description=wanted.description,
            passes=all(answer.arrives for answer in asked),
            controls=[
                _control(step) for step in dict.fromkeys(step for answer in asked for step in answer.steps)
            ],
        )


def _elsewhere(answers: Iterable[FlowAnswer]) -> list[Elsewhere]:
    """Questions about what is not declared; those that differ in their port alone are one."""
    found: dict[tuple[str, str, str, str, str, tuple[Refusal, ...]], set[int]] = {}
    for answer in answers:
        question, flow = answer.question, answer.question.flow
        if not answer.trace or question.expected is Expectation.PASSES:
            continue
        by = tuple(
            Refusal(layer=step.layer.value, object=step.object, field=step.field)
            for step in answer.trace.refused_by
        )
        key = (
            flow.namespace,
            _target(question),
            flow.vantage.value,
            flow.protocol.value,
            question.expected.value,
            by,
        )
        found.setdefault(key, set()).add(flow.port)
    return [
        Elsewhere(
            team=team,
            target=target,
            way=way,
            protocol=protocol,
            ports=sorted(ports),
            wanted=wanted,
            refused_by=list(by),
        )
        for (team, target, way, protocol, wanted, by), ports in found.items()
    ]


def _received_elsewhere(answers: Iterable[InboundAnswer]) -> list[ReceivedElsewhere]:
    """Questions about what is not declared to come in; those that differ in their port alone are one."""
    found: dict[tuple[str, str, str, tuple[str, ...], tuple[Refusal, ...]], set[int]] = {}
    for answer in answers:
        question, flow, target = answer.question, answer.question.flow, answer.question.target
        if target is None:
            continue
        place = place_of(target)
        by = tuple(
            dict.fromkeys(
                Refusal(layer=step.layer.value, object=step.object, field=step.field)
                for step in answer.steps
                if not step.allowed
            )
        )
        by_what = f", by {flow.transport}" if isinstance(flow, NodeFlow) and flow.transport != "TCP" else ""
        who = f"{who_of(target)}, from {flow.origin}{by_what}" if place.port is None else who_of(target)
        key = (place.by, place.host, who, tuple(sorted(layer.value for layer in question.by)), by)
        found.setdefault(key, set()).add(flow.port)
    return [
        ReceivedElsewhere(
            by=of, host=host, ports=sorted(ports), who=who, wanted=list(wanted), refused_by=list(by)
        )
        for (of, host, who, wanted, by), ports in found.items()
    ]


def _inside(answers: Iterable[ConnectionAnswer]) -> list[Inside]:
    """Connections that no flow shows; those that differ in their port alone are one."""
    found: dict[tuple[str, str, str, bool, bool, str, str], set[int]] = {}
    for answer in answers:
        one, must, verdict = answer.connection, answer.must, answer.verdict
        key = (
            one.source.words,
            one.target.words,
            one.transport,
            must,
            verdict.allowed,
            verdict.object,
            verdict.field,
        )
        found.setdefault(key, set()).add(one.port)
    return [
        Inside(
            source=source,
            target=target,
            transport=by,
            ports=sorted(ports),
            possible=must,
            allowed=allowed,
            object=of,
            field=field,
        )
        for (source, target, by, must, allowed, of, field), ports in found.items()
    ]


def _target(question: Question) -> str:
    """Classes by their own name, whichever member was asked for."""
    if question.kind in (TargetKind.OTHER_TEAMS_HOST, TargetKind.NEIGHBOUR):
        return question.kind.value
    if question.kind is TargetKind.INSIDE and question.expected in (
        Expectation.REFUSED,
        Expectation.REFUSED_TWICE,
    ):
        return question.kind.value
    if question.kind is TargetKind.HOST and question.flow.vantage in (
        Vantage.APP,
        Vantage.GATEWAY_WITH_CERTIFICATE,
    ):
        return f"{question.target}, what no rule allows"
    return question.target
