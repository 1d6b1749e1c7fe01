"""What the stand-in refuses at preview, and the words that a user reads; networks and clusters have files of
their own."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from sandbox.google import schema
from sandbox.google.table import KINDS
from sandbox.provider import wire
from sandbox.provider.wire import UNKNOWN
from tests.sandbox import google_resources as g
from tests.sandbox.google_engine import Engine

REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    # token, inputs, changes, the field named, the rule told
    (g.SERVICE, {}, {"service": "compute"}, "service", "compute.googleapis.com"),
    (g.SERVICE, {}, {}, "service is missing", "required"),
    (g.PERIMETER, g.PERIMETER_INPUTS, {"name": "egress"}, "name", "servicePerimeters/NAME"),
    (g.PERIMETER, g.PERIMETER_INPUTS, {"parent": "accessPolicies/2"}, "name", "begins with its policy"),
    (
        g.PERIMETER,
        g.PERIMETER_INPUTS,
        {"status": {"resources": ["projects/my-project"]}},
        "status.resources[0]",
        "by its number",
    ),
    (
        g.PERIMETER,
        g.PERIMETER_INPUTS,
        {"spec": {"resources": ["projects/1"]}},
        "spec",
        "useExplicitDryRunSpec",
    ),
    (
        g.PERIMETER,
        g.PERIMETER_INPUTS,
        {"status": {"vpcAccessibleServices": {"allowedServices": ["RESTRICTED-SERVICES"]}}},
        "status.vpcAccessibleServices.allowedServices",
        "empty unless enableRestriction",
    ),
    (g.REPOSITORY, g.REPOSITORY_INPUTS, {"repositoryId": "Istio"}, "repositoryId", "1-63 lower-case"),
    (g.REPOSITORY, g.REPOSITORY_INPUTS, {"location": "europe-west1-b"}, "location", "asia, europe or us"),
    (g.REPOSITORY, g.REPOSITORY_INPUTS, {"format": "OCI"}, "format", "DOCKER"),
    (g.REPOSITORY, g.REPOSITORY_INPUTS, {"mode": "REMOTE"}, "mode", "REMOTE_REPOSITORY"),
    (g.REPOSITORY, g.REPOSITORY_INPUTS, {"remoteRepositoryConfig": {}}, "remoteRepositoryConfig", "exactly"),
    (
        g.REPOSITORY,
        g.REPOSITORY_INPUTS,
        {"remoteRepositoryConfig": {"dockerRepository": {"publicRepository": "GHCR"}}},
        "remoteRepositoryConfig.dockerRepository.publicRepository",
        "DOCKER_HUB",
    ),
    (
        g.REPOSITORY,
        g.REPOSITORY_INPUTS,
        {"remoteRepositoryConfig": {"commonRepository": {"uri": "ghcr.io"}}},
        "remoteRepositoryConfig.commonRepository.uri",
        "https:// address",
    ),
    (
        g.REPOSITORY,
        g.REPOSITORY_INPUTS,
        {
            "remoteRepositoryConfig": {
                "commonRepository": {"uri": "https://ghcr.io"},
                "dockerRepository": {"publicRepository": "DOCKER_HUB"},
            }
        },
        "remoteRepositoryConfig",
        "exactly one of",
    ),
    (g.ZONE, g.ZONE_INPUTS, {"dnsName": "googleapis.com"}, "dnsName", "write googleapis.com."),
    (g.ZONE, g.ZONE_INPUTS, {"dnsName": "*.googleapis.com."}, "dnsName", "never a wildcard"),
    (g.ZONE, g.ZONE_INPUTS, {"visibility": "internal"}, "visibility", "private, public"),
    (g.ZONE, g.ZONE_INPUTS, {"visibility": "public"}, "privateVisibilityConfig", "only a private zone"),
    (g.ZONE, g.ZONE_INPUTS, {"description": ""}, "description", "cannot be empty"),
    (g.RECORD, g.RECORD_INPUTS, {"name": "private.googleapis.com"}, "name", "write private.googleapis.com."),
    (g.RECORD, g.RECORD_INPUTS, {"name": "a..b."}, "name", "labels of 1-63"),
    (g.RECORD, g.RECORD_INPUTS, {"type": "a"}, "type", "one of A, AAAA"),
    (g.RECORD, g.RECORD_INPUTS, {"ttl": -1}, "ttl is -1", "between 0"),
    (g.RECORD, g.RECORD_INPUTS, {"rrdatas": ["private.googleapis.com."]}, "rrdatas[0]", "IPv4 address"),
    (g.RECORD, g.RECORD_INPUTS, {"rrdatas": None}, "rrdatas is missing", "exactly one of"),
    (g.RECORD, g.RECORD_INPUTS, {"rrdatas": ["1.2.3.4", "1.2.3.4"]}, "rrdatas", "twice"),
    (g.RECORD, g.RECORD_INPUTS, {"type": "CNAME", "rrdatas": ["a.", "b."]}, "rrdatas", "exactly one target"),
    (g.RECORD, g.RECORD_INPUTS, {"type": "CNAME", "rrdatas": ["a"]}, "rrdatas[0]", "write a."),
    (g.RECORD, g.RECORD_INPUTS, {"type": "AAAA", "rrdatas": ["1.2.3.4"]}, "rrdatas[0]", "IPv6 address"),
    (g.ACCOUNT, {}, {"accountId": "short"}, "accountId", "6-30"),
    (g.ACCOUNT, {}, {"accountId": "a" * 31}, "accountId", "6-30"),
    (g.ACCOUNT, g.ACCOUNT_INPUTS, {"description": "x" * 257}, "description", "256"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"member": g.EMAIL}, "member", "TYPE:WHO"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"member": "serviceAccount:sa"}, "member", "e-mail"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"member": "user:ada"}, "member", "e-mail"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"role": "logging.logWriter"}, "role", "roles/NAME"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"project": None}, "project is missing", "required"),
    (
        g.ACCOUNT_MEMBER,
        g.ACCOUNT_MEMBER_INPUTS,
        {"serviceAccountId": g.EMAIL},
        "serviceAccountId",
        "full name",
    ),
    (
        g.ACCOUNT_MEMBER,
        g.ACCOUNT_MEMBER_INPUTS,
        {"member": "serviceAccount:p.svc.id.goog[Team/x]"},
        "member",
        "NAMESPACE/NAME",
    ),
    (g.BUCKET, g.BUCKET_INPUTS, {"name": "Data"}, "name", "lower-case"),
    (g.BUCKET, g.BUCKET_INPUTS, {"name": "ab"}, "name", "3-63"),
    (g.BUCKET, g.BUCKET_INPUTS, {"name": "goog-data"}, "name", "start with goog"),
    (g.BUCKET, g.BUCKET_INPUTS, {"name": "10.0.0.1"}, "name", "IP address"),
    (g.BUCKET, g.BUCKET_INPUTS, {"location": None}, "location is missing", "required"),
    (g.BUCKET, g.BUCKET_INPUTS, {"location": "europe"}, "location", "US, EU or ASIA"),
    (g.BUCKET, g.BUCKET_INPUTS, {"storageClass": "HOT"}, "storageClass", "STANDARD"),
    (
        g.ZONE,
        g.ZONE_INPUTS,
        {"peeringConfig": UNKNOWN, "forwardingConfig": UNKNOWN},
        "peeringConfig",
        "not both",
    ),
    (
        g.BUCKET,
        g.BUCKET_INPUTS,
        {"forceDestroy": True, "retentionPolicy": UNKNOWN},
        "forceDestroy",
        "retentionPolicy",
    ),
    (g.BUCKET, g.BUCKET_INPUTS, {"name": "a..b"}, "name", "dot-separated"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"member": "principal:x"}, "member", "//iam.googleapis.com"),
    (
        "gcp:sql/databaseInstance:DatabaseInstance",
        {},
        {},
        "gcp:sql/databaseInstance:DatabaseInstance",
        "Add a row",
    ),
]


@pytest.mark.parametrize(("token", "inputs", "changes", "field", "rule"), REFUSED)
def test_a_broken_field_is_refused_with_its_rule(
    previews: Engine, token: str, inputs: dict[str, Any], changes: dict[str, Any], field: str, rule: str
) -> None:
    refusals = previews.refusals(token, g.having(inputs, **changes))
    assert any(field in text and rule in text for text in refusals), refusals


def with_junk(fields: Any, parts: list[str]) -> tuple[dict[str, Any], str]:
    """Inputs in which only the value at a path is known, and wrong; and what is said about it."""
    name, rest = parts[0], parts[1:]
    values: dict[str, Any] = {field: UNKNOWN for field, form in fields.items() if form.required}
    form, wrap = fields[name], []
    while rest and rest[0] == "*":
        wrap.append(form.type)
        form, rest = form.item, rest[1:]
    if rest:
        value, said = with_junk(form.fields, rest)
        said = f".{said}"
    else:
        value = {"string": "?!", "integer": -1, "number": -1}[form.type]
        said = f" is {value!r}"
    for kind in reversed(wrap):
        value, said = ([value], f"[0]{said}") if kind == "list" else ({"key": value}, f".key{said}")
    return values | {name: value}, f"{name}{said}"


#: checks that junk passes, because their field takes more than the others
LENIENT = {"description", "displayName"}


@pytest.mark.parametrize(
    ("token", "path"),
    [(token, path) for token, kind in KINDS.items() for path in kind.checks if path not in LENIENT],
)
def test_every_check_of_every_row_is_made(previews: Engine, token: str, path: str) -> None:
    inputs, field = with_junk(schema.inputs(KINDS[token].schema), path.split("."))
    assert any(field in text for text in previews.refusals(token, inputs))


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    *g.TUTORIAL,
    (
        g.FIREWALL,
        g.having(g.ALLOW, allows=[{"protocol": "TCP", "ports": ["80", "8000-8100"]}, {"protocol": "50"}]),
    ),
    (g.FIREWALL, g.having(g.ALLOW, destinationRanges=["fd00::/8"])),
    (g.FIREWALL, g.having(g.ALLOW, direction=None, sourceTags=["a"], targetTags=["b"])),
    (
        g.FIREWALL,
        g.having(
            g.ALLOW,
            name=None,
            network=UNKNOWN,
            allows=[{"protocol": "tcp", "ports": UNKNOWN}],
            priority=UNKNOWN,
        ),
    ),
    (
        g.NAT,
        g.having(g.NAT_INPUTS, **g.DYNAMIC, maxPortsPerVm=128, enableEndpointIndependentMapping=False),
    ),
    (g.NAT, g.having(g.NAT_INPUTS, natIpAllocateOption="MANUAL_ONLY", natIps=[UNKNOWN])),
    (
        g.NAT,
        g.having(g.NAT_INPUTS, subnetworks=[{"name": UNKNOWN, "sourceIpRangesToNats": ["ALL_IP_RANGES"]}]),
    ),
    (
        g.RECORD,
        g.having(
            g.RECORD_INPUTS, name="*.googleapis.com.", type="CNAME", rrdatas=["private.googleapis.com."]
        ),
    ),
    (g.RECORD, g.having(g.RECORD_INPUTS, rrdatas=UNKNOWN)),
    (g.PROJECT_MEMBER, g.having(g.PROJECT_MEMBER_INPUTS, member="allUsers", role="projects/p/roles/my_role")),
    (g.PROJECT_MEMBER, g.having(g.PROJECT_MEMBER_INPUTS, member=UNKNOWN)),
    (
        g.PROJECT_MEMBER,
        g.having(g.PROJECT_MEMBER_INPUTS, member="principalSet://iam.googleapis.com/projects/1/x"),
    ),
    (
        g.CLUSTER,
        g.having(g.CLUSTER_INPUTS, location="europe-west1", subnetwork=UNKNOWN, ipAllocationPolicy=UNKNOWN),
    ),
    (g.BUCKET, g.having(g.BUCKET_INPUTS, location="eu", name=None)),
]


@pytest.mark.parametrize(("token", "inputs"), ACCEPTED)
def test_what_google_takes_is_taken(previews: Engine, token: str, inputs: dict[str, Any]) -> None:
    assert previews.refusals(token, inputs) == []


def test_every_broken_field_is_told_at_once(previews: Engine) -> None:
    refusals = previews.refusals(g.FIREWALL, g.having(g.ALLOW, name="Allow", priority=70000, direction="OUT"))
    assert len(refusals) == 3
    assert all("Allow" in text for text in refusals)


def test_a_provider_refuses_a_project_that_cannot_exist(previews: Engine) -> None:
    answer = previews.stub.CheckConfig(provider_pb2.CheckRequest(news=wire.write({"project": "My Project"})))
    assert "6-30 lower-case" in answer.failures[0].reason


def test_a_missing_name_is_made_from_the_resource_and_kept(previews: Engine) -> None:
    first = wire.read(previews.check(g.NETWORK, {}, "net").inputs)
    assert first["name"] == "net-0102030"
    again = wire.read(previews.check(g.NETWORK, {}, "net", first | {"name": "net-fffffff"}).inputs)
    assert again["name"] == "net-fffffff"
    assert previews.refusals(g.ACCOUNT, {}) == []
