"""The form of the evidence for an auditor: the models of its document, which say nothing of what fills them.

Its schema, `schema/evidence.schema.json`, is made from the types here.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

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
    sni: str | None = Field(description="Server name that the platform sends; null: it opens no TLS.")
    subject_alt_names: list[str] = Field(
        description="Names of which the host's certificate has to have one; empty: the platform opens no TLS."
    )


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
    strangers: str = Field(
        description="What anybody may keep under the same name of Google's, such as a bucket, so that data "
        "may go to a stranger's with a token of the stranger's, and no layer sees it; empty: nothing, or an "
        "enforced `network.perimeter` closes this."
    )
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
