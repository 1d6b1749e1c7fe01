"""Evidence for an auditor: who may reach what, through which controls, what was opened and why, and of which
objects all this is.

The same config gives the same bytes, on any day and any machine; time, commit and stack version are in it
only as they are given. Its schema, `schema/evidence.schema.json`, is made from the types here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from egress.answers.declared_access import Access, accesses
from egress.answers.posture import relaxations
from egress.judge.lookup.inbound_flow import NodeFlow
from egress.judge.model.flow import Protocol, Vantage, Verdict
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.targets import TargetKind
from egress.judge.trace import Judges
from egress.plan.model import Plan
from egress.proof.connections import expected
from egress.proof.expectations import Expectation, Question, Questions
from egress.proof.inbound import InboundQuestion, Receiving
from egress.proof.inbound_places import place_of, who_of
from egress.proof.intent import Intent
from egress.proof.verify import verify

VERSION = 1
"""Of the form. A field that is added leaves it as it is; one that goes, or means something else, raises
it."""
SCHEMA = "schema/evidence.schema.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True)


class Source(_Part):
    """What the evidence is of. Nothing of it is looked up where it was not given."""

    project: str = Field(description="Google Cloud project.")
    stack: str
    commit: str | None = Field(description="Commit of the program and the config; null: not known.")
    uncommitted: bool = Field(description="Whether files differed from that commit.")
    stack_version: str | None = Field(
        description="Version of the deployed stack that this was compared with, as its owner says."
    )
    at: str | None = Field(description="When this was made, as its owner says.")


class Control(_Part):
    """One layer's word about one flow, and what decides there."""

    layer: str
    allowed: bool
    object: str = Field(
        description="[namespace/]kind/name, or a Google resource; `nothing`: the absence of an object "
        "decides."
    )
    field: str
    reason: str


class Leaves(_Part):
    """How the platform's connection goes out."""

    port: int
    tls: str = Field(description="SIMPLE or MUTUAL as the platform opens it; empty: none but the app's own.")


class Allowed(_Part):
    """One declared way, and every control that it passes."""

    team: str
    kind: str
    target: str
    protocol: str
    port: int | None = Field(description="null: every port.")
    rule: str = Field(description="Name of the config's rule; empty: it has none.")
    description: str | None = Field(description="Why, in the words of the config.")
    service_accounts: list[str] | None = Field(description="null: every one of the team.")
    methods: list[str] | None = Field(description="null: every method.")
    paths: list[str] | None = Field(description="null: every path.")
    headers: dict[str, list[str]] = Field(description="Header to the values that are allowed.")
    gateway: str | None = Field(description="Namespace of the gateway; null: past every gateway.")
    leaves: Leaves | None
    void: bool = Field(
        description="Whether the rule holds nothing: the same callers may send the same host anything in TLS "
        "of their own."
    )
    unencrypted: bool = Field(
        description="Whether a plain request leaves as it is, for everybody on the way to read."
    )
    passes: bool = Field(description="Whether every control lets it through.")
    controls: list[Control]


class Received(_Part):
    """What partners may connect to: one name and port of the ingress gateway, and the Service behind it."""

    team: str
    name: str
    host: str
    port: int
    protocol: str
    service: str = Field(description="Service of the team, and its port.")
    clients: dict[str, str] = Field(
        description="Name to subject alternative name of the client's certificate."
    )
    exposure: str = Field(
        description="internal: the VPC and networks connected to it; external: the internet."
    )
    source_ranges: dict[str, str] = Field(description="Name to range from which connections are taken.")
    description: str | None
    passes: bool = Field(
        description="Whether every control lets each of the clients through, from each of the ranges, to "
        "this Service."
    )
    controls: list[Control] = Field(description="Of all these clients and ranges together, each word once.")


class Refusal(_Part):
    """A layer that refuses, and what decides there."""

    layer: str
    object: str
    field: str


class Elsewhere(_Part):
    """What a team's workloads, and pods of no team, can try beyond what is declared, and what comes of it.

    A port that no rule names stands for all.
    """

    team: str
    target: str
    way: str
    protocol: str
    ports: list[int]
    wanted: str = Field(description="What has to come of it.")
    refused_by: list[Refusal] = Field(description="Every layer that refuses; empty: it gets through.")


class ReceivedElsewhere(_Part):
    """What somebody outside can try beyond what is declared, and what comes of it.

    An address, name, client or port that nothing names stands for all such.
    """

    by: str = Field(description="The Service that opens the cluster to it; `nodes`: their own addresses.")
    host: str = Field(description="The name that is asked for; empty: whichever.")
    ports: list[int] = Field(
        description="Of nodes' own ports the first of each span that no firewall rule tells apart; 0: the "
        "protocol has none."
    )
    who: str
    wanted: list[str] = Field(description="The layers each of which has to refuse it.")
    refused_by: list[Refusal] = Field(description="Every layer that refuses; empty: it gets through.")


class Inside(_Part):
    """A connection that no flow shows: inside the cluster, of the platform's own pods, and of nodes. Ports
    stand for all up to the next one."""

    source: str
    target: str
    transport: str
    ports: list[int] = Field(description="0: of a protocol without ports.")
    possible: bool = Field(description="Whether it has to be possible; otherwise it must not be.")
    allowed: bool = Field(description="What the objects make of it.")
    object: str = Field(description="What decides; `nothing`: the absence of an object.")
    field: str


class Grant(_Part):
    """What a service account may do in Google Cloud, behind Google's front door, where IAM decides."""

    team: str
    service_account: str
    google_service_account: str
    resource: str
    role: str
    reason: str | None


class Relaxed(_Part):
    """A setting that opens something beyond the defaults."""

    setting: str
    opens: str
    reason: str | None = Field(description="null: the setting asks for none.")


class Violation(_Part):
    """A flow that does something else than the config says."""

    flow: str
    says: str


class Proof(_Part):
    """What `egress verify` found."""

    questions: int
    violations: list[Violation]


class Digest(_Part):
    """One rendered object; the digest is of its canonical JSON: keys sorted, no spaces, UTF-8."""

    object: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Evidence(_Part):
    """Who may reach what from one stack, through which controls, and of which objects that was found."""

    evidence: Literal[1]
    source: Source
    proof: Proof
    allowed: list[Allowed]
    received: list[Received]
    grants: list[Grant]
    elsewhere: list[Elsewhere]
    received_elsewhere: list[ReceivedElsewhere]
    inside: list[Inside]
    relaxations: list[Relaxed]
    objects: list[Digest]
    digest: str = Field(pattern="^[0-9a-f]{64}$", description="Of `objects`, as canonical JSON.")

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True)


def schema() -> dict[str, Any]:
    """The JSON Schema of the evidence."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Evidence.model_json_schema()}


def evidence(plan: Plan, snapshot: Snapshot, source: Source) -> Evidence:
    """What can be shown of a plan and the objects that it renders, violations included."""
    intent, judges = Intent(plan), Judges(snapshot)
    questions = list(Questions(intent, judges).all())
    violations = [Violation(flow=item.flow, says=item.says) for item in verify(intent, judges)]
    objects = digests(snapshot)
    receiving = Receiving(plan)
    outside = list(receiving.questions(judges))
    return Evidence(
        evidence=VERSION,
        source=source,
        proof=Proof(questions=len(questions) + len(outside), violations=violations),
        allowed=[_allowed(access) for access in accesses(plan, judges)],
        received=list(_received(receiving, judges)),
        grants=list(grants(plan)),
        elsewhere=_elsewhere(judges, questions),
        received_elsewhere=_received_elsewhere(judges, outside),
        inside=_inside(intent, judges),
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
        leaves=Leaves(port=access.leaves[0], tls=access.leaves[1]) if access.leaves else None,
        void=access.void,
        unencrypted=access.protocol is Protocol.HTTP and access.leaves is not None and not access.leaves[1],
        passes=access.trace.allowed,
        controls=[_control(step) for step in access.trace.steps],
    )


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


def _received(receiving: Receiving, judges: Judges) -> Iterable[Received]:
    ingress = receiving.plan.settings.ingress
    for reception in receiving.plan.receptions:
        wanted = reception.wanted
        asked = [
            (one.reached, judges.inbound.trace(one.flow, must_pass=True)) for one in receiving.of(reception)
        ]
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
            passes=all(trace.allowed and trace.reached == (reached,) for reached, trace in asked),
            controls=[
                _control(step) for step in dict.fromkeys(step for _, trace in asked for step in trace.steps)
            ],
        )


def _elsewhere(judges: Judges, questions: Iterable[Question]) -> list[Elsewhere]:
    """Questions about what is not declared; those that differ in their port alone are one."""
    found: dict[tuple[str, str, str, str, str, tuple[Refusal, ...]], set[int]] = {}
    for question in questions:
        flow = question.flow
        if question.expected in (Expectation.PASSES, Expectation.AS_ITS_APP):
            continue
        by = tuple(
            Refusal(layer=step.layer.value, object=step.object, field=step.field)
            for step in judges.trace(flow).refused_by
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


def _received_elsewhere(judges: Judges, questions: Iterable[InboundQuestion]) -> list[ReceivedElsewhere]:
    """Questions about what is not declared to come in; those that differ in their port alone are one."""
    found: dict[tuple[str, str, str, tuple[str, ...], tuple[Refusal, ...]], set[int]] = {}
    for question in questions:
        flow, target = question.flow, question.target
        if target is None:
            continue
        place = place_of(target)
        steps = (
            [judges.inbound.at_node(flow)] if isinstance(flow, NodeFlow) else judges.inbound.trace(flow).steps
        )
        by = tuple(
            dict.fromkeys(
                Refusal(layer=step.layer.value, object=step.object, field=step.field)
                for step in steps
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


def _inside(intent: Intent, judges: Judges) -> list[Inside]:
    """Connections that no flow shows; those that differ in their port alone are one."""
    found: dict[tuple[str, str, str, bool, bool, str, str], set[int]] = {}
    for one, must in expected(intent, judges):
        (verdict,) = one.judged([judges], must_pass=must)
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
