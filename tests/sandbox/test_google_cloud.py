"""What the stand-in refuses to create, as the cloud does: it refers to nothing, or exists already."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from tests.sandbox import google_resources as g
from tests.sandbox.google_engine import Engine, build, refused

P = f"projects/{g.PROJECT}"


@pytest.mark.parametrize(
    ("token", "inputs", "api"),
    [
        (g.NETWORK, g.NETWORK_INPUTS, "compute"),
        (g.FIREWALL, g.FIREWALL_INPUTS, "compute"),
        (g.ZONE, g.ZONE_INPUTS, "dns"),
        (g.ACCOUNT, g.ACCOUNT_INPUTS, "iam"),
        (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, "cloudresourcemanager"),
        (g.CLUSTER, g.CLUSTER_INPUTS, "container"),
        (g.FEATURE, g.FEATURE_INPUTS, "gkehub"),
    ],
)
def test_an_api_that_is_not_enabled_is_refused(
    engine: Engine, token: str, inputs: dict[str, Any], api: str
) -> None:
    engine.enable(*(name for name in g.APIS if name != api))
    said = refused(lambda: engine.create(token, inputs), "Error 403", code=grpc.StatusCode.PERMISSION_DENIED)
    assert f"{api}.googleapis.com has not been used in project {g.PROJECT} before or it is disabled" in said


def test_an_api_of_another_project_does_not_count(engine: Engine) -> None:
    engine.enable()
    refused(
        lambda: engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, project="other-project")),
        "in project other-project",
    )


MISSING: list[tuple[str, str, dict[str, Any], dict[str, Any], str]] = [
    # what exists up to, type, inputs, changes, the id that is not there
    ("", g.SUBNETWORK, g.SUBNET_INPUTS, {}, f"{P}/global/networks/vpc-network"),
    (
        g.NETWORK,
        g.SUBNETWORK,
        g.SUBNET_INPUTS,
        {"network": f"{P}/global/networks/vpc"},
        f"{P}/global/networks/vpc",
    ),
    ("", g.ROUTER, g.ROUTER_INPUTS, {}, f"{P}/global/networks/vpc-network"),
    ("", g.FIREWALL, g.FIREWALL_INPUTS, {}, f"{P}/global/networks/vpc-network"),
    (
        g.NETWORK,
        g.FIREWALL,
        g.FIREWALL_INPUTS,
        {"targetServiceAccounts": [g.EMAIL]},
        f"{P}/serviceAccounts/{g.EMAIL}",
    ),
    (g.SUBNETWORK, g.NAT, g.NAT_INPUTS, {}, f"{P}/regions/europe-west1/routers/nat-router"),
    (
        g.ROUTER,
        g.NAT,
        g.NAT_INPUTS,
        {"subnetworks": [g.NAT_INPUTS["subnetworks"][0] | {"name": "other"}]},
        "subnetworks/other",
    ),
    (
        g.ROUTER,
        g.NAT,
        g.NAT_INPUTS,
        {"natIpAllocateOption": "MANUAL_ONLY", "natIps": ["nat-9"]},
        f"{P}/regions/europe-west1/addresses/nat-9",
    ),
    ("", g.ZONE, g.ZONE_INPUTS, {}, f"{P}/global/networks/vpc-network"),
    ("", g.RECORD, g.RECORD_INPUTS, {}, f"{P}/managedZones/private-google-apis"),
    ("", g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {}, f"{P}/serviceAccounts/{g.EMAIL}"),
    ("", g.ACCOUNT_MEMBER, g.ACCOUNT_MEMBER_INPUTS, {}, f"{P}/serviceAccounts/{g.EMAIL}"),
    ("", g.BUCKET_MEMBER, g.BUCKET_MEMBER_INPUTS, {"member": "allUsers"}, "team-x-data-1"),
    ("", g.CLUSTER, g.CLUSTER_INPUTS, {"network": None}, f"{P}/global/networks/default"),
    (g.NETWORK, g.CLUSTER, g.CLUSTER_INPUTS, {}, f"{P}/regions/europe-west1/subnetworks/subnet-gke"),
    (g.SUBNETWORK, g.CLUSTER, g.CLUSTER_INPUTS, {"nodeConfig": {"serviceAccount": g.EMAIL}}, g.EMAIL),
    (g.ACCOUNT, g.NODE_POOL, g.NODE_POOL_INPUTS, {}, f"{P}/locations/europe-west1-b/clusters/cluster1"),
    ("", g.MEMBERSHIP, g.MEMBERSHIP_INPUTS, {}, f"{P}/locations/europe-west1-b/clusters/cluster1"),
    ("", g.FEATURE_MEMBERSHIP, g.FEATURE_MEMBERSHIP_INPUTS, {}, f"{P}/locations/global/features/servicemesh"),
    (
        g.FEATURE,
        g.FEATURE_MEMBERSHIP,
        g.FEATURE_MEMBERSHIP_INPUTS,
        {"membership": "c2"},
        f"{P}/locations/global/memberships/c2",
    ),
]


@pytest.mark.parametrize(("until", "token", "inputs", "changes", "id"), MISSING)
def test_a_reference_to_nothing_is_refused(
    engine: Engine, until: str, token: str, inputs: dict[str, Any], changes: dict[str, Any], id: str
) -> None:
    if until:
        build(engine, until)
    else:
        engine.enable()
    refused(lambda: engine.create(token, g.having(inputs, **changes)), id, "was not found", "Create it first")


@pytest.mark.parametrize(
    "given",
    [
        "vpc-network",
        f"{P}/global/networks/vpc-network",
        f"https://www.googleapis.com/compute/v1/{P}/global/networks/vpc-network",
    ],
)
def test_a_network_is_known_by_name_id_and_link(engine: Engine, given: str) -> None:
    build(engine, g.NETWORK)
    made = engine.create(g.FIREWALL, g.having(g.FIREWALL_INPUTS, network=given))
    assert made.outputs["network"] == f"https://www.googleapis.com/compute/v1/{P}/global/networks/vpc-network"
    for other in ("vpc-network", f"{P}/global/networks/vpc-network"):
        assert engine.diff(made, g.having(g.FIREWALL_INPUTS, network=other)).changes == 1  # none


ONCE = [
    (token, inputs)
    for token, inputs in g.TUTORIAL
    if token
    not in (g.PROJECT_MEMBER, g.ACCOUNT_MEMBER, g.BUCKET_MEMBER, g.FEATURE, g.FEATURE_MEMBERSHIP, g.CLUSTER)
]


@pytest.mark.parametrize(("token", "inputs"), ONCE)
def test_a_second_object_of_the_same_name_is_refused(
    engine: Engine, token: str, inputs: dict[str, Any]
) -> None:
    made = build(engine)[token]
    said = refused(
        lambda: engine.create(token, inputs, "second"),
        "Error 409",
        "already exists",
        code=grpc.StatusCode.ALREADY_EXISTS,
    )
    assert made.id in said


@pytest.mark.parametrize("token", [g.PROJECT_MEMBER, g.FEATURE, g.FEATURE_MEMBERSHIP, g.SERVICE])
def test_what_google_adds_to_may_be_added_twice(engine: Engine, token: str) -> None:
    made = build(engine)
    inputs = dict(g.TUTORIAL).get(token, {"service": "dns.googleapis.com"})
    assert engine.create(token, inputs, "second").id == (
        made[token].id if token in made else f"{g.PROJECT}/dns.googleapis.com"
    )


def test_the_root_may_be_a_private_zone_and_a_zone_that_asks_others_holds_no_records(
    engine: Engine,
) -> None:
    build(engine, g.NETWORK)
    engine.create(g.ZONE, g.having(g.ZONE_INPUTS, name="root", dnsName="."))
    peering = {"targetNetwork": {"networkUrl": "vpc-network"}}
    engine.create(
        g.ZONE, g.having(g.ZONE_INPUTS, name="peered", dnsName="example.com.", peeringConfig=peering)
    )
    record = g.having(g.RECORD_INPUTS, managedZone="peered", name="www.example.com.")
    refused(lambda: engine.create(g.RECORD, record), "asks others and holds no records")
    refused(
        lambda: engine.create(
            g.ZONE,
            g.having(
                g.ZONE_INPUTS,
                name="lost",
                dnsName="a.example.",
                peeringConfig={"targetNetwork": {"networkUrl": "gone"}},
            ),
        ),
        "global/networks/gone",
    )


def test_a_network_has_one_server_policy(engine: Engine) -> None:
    build(engine, g.DNS_POLICY)
    refused(
        lambda: engine.create(g.DNS_POLICY, g.having(g.DNS_POLICY_INPUTS, name="another")),
        "a network has one",
        "409",
    )


def test_a_network_has_one_firewall_policy_which_stays_while_it_is_on_the_network(engine: Engine) -> None:
    made = build(engine, g.FIREWALL_ASSOCIATION)
    second = g.having(g.FIREWALL_ASSOCIATION_INPUTS, name="second")
    refused(lambda: engine.create(g.FIREWALL_ASSOCIATION, second), "a network has one policy", "409")
    refused(lambda: engine.delete(made[g.FIREWALL_POLICY]), "associations/association")


def test_a_project_is_in_one_perimeter(engine: Engine) -> None:
    build(engine)
    second = g.having(
        g.PERIMETER_INPUTS, name="accessPolicies/123456789/servicePerimeters/other", title="other"
    )
    refused(
        lambda: engine.create(g.PERIMETER, second, "other"), "a project is in one regular perimeter", "409"
    )


def test_a_repository_s_name_is_taken_once_in_a_region(engine: Engine) -> None:
    made = build(engine, g.REPOSITORY)
    refused(lambda: engine.create(g.REPOSITORY, g.REPOSITORY_INPUTS, "theirs"), "already exists", "409")
    elsewhere = engine.create(
        g.REPOSITORY, g.having(g.REPOSITORY_INPUTS, location="europe-west4"), "elsewhere"
    )
    assert elsewhere.outputs["registryUri"].startswith("europe-west4-docker.pkg.dev/")
    engine.delete(made[g.REPOSITORY])
    engine.create(g.REPOSITORY, g.REPOSITORY_INPUTS, "theirs")


def test_a_repository_that_fetches_says_from_where(engine: Engine) -> None:
    engine.enable()
    nowhere = g.having(g.REPOSITORY_INPUTS, remoteRepositoryConfig=None)
    refused(lambda: engine.create(g.REPOSITORY, nowhere), "mode", "remoteRepositoryConfig with its upstream")
    ordinary = g.having(g.REPOSITORY_INPUTS, mode=None)
    refused(lambda: engine.create(g.REPOSITORY, ordinary), "mode", "a remote repository, and no other")
    maven = g.having(g.REPOSITORY_INPUTS, format="MAVEN")
    refused(lambda: engine.create(g.REPOSITORY, maven), "format", "dockerRepository has another format")


def test_bucket_names_are_everybodys(engine: Engine) -> None:
    build(engine)
    refused(
        lambda: engine.create(g.BUCKET, g.having(g.BUCKET_INPUTS, project="other-project"), "theirs"), "409"
    )


def test_a_workload_identity_needs_the_pool_of_a_cluster(engine: Engine) -> None:
    build(engine, g.ACCOUNT)
    refused(
        lambda: engine.create(g.ACCOUNT_MEMBER, g.ACCOUNT_MEMBER_INPUTS),
        "Identity Pool does not exist",
        "depend on the cluster",
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "private.example.com."}, ("outside zone",)),
        ({"name": "xgoogleapis.com."}, ("outside zone",)),
        ({"name": "googleapis.com.", "type": "CNAME", "rrdatas": ["a."]}, ("cannot be a CNAME", "SOA")),
        ({"type": "CNAME", "rrdatas": ["a."]}, ("only record of its name",)),
    ],
)
def test_a_record_that_its_zone_cannot_hold_is_refused(
    engine: Engine, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    build(engine, g.RECORD)
    refused(lambda: engine.create(g.RECORD, g.having(g.RECORD_INPUTS, **changes), "other"), *words)


def test_two_private_zones_for_one_name_in_one_network_are_refused(engine: Engine) -> None:
    build(engine, g.ZONE)
    refused(
        lambda: engine.create(g.ZONE, g.having(g.ZONE_INPUTS, name="again")),
        "answers this name in the same network already",
    )


def test_the_mesh_feature_needs_its_api(engine: Engine) -> None:
    engine.enable("gkehub")
    refused(lambda: engine.create(g.FEATURE, g.FEATURE_INPUTS), "mesh.googleapis.com", "403")


def test_a_missing_project_or_region_is_told(engine: Engine) -> None:
    engine.configure(project="", region="", zone="")
    refused(
        lambda: engine.create(g.NETWORK, g.NETWORK_INPUTS),
        "project: required field is not set",
        "gcp:project",
    )
    refused(
        lambda: engine.create(g.ROUTER, g.ROUTER_INPUTS | {"project": g.PROJECT}),
        "configure the provider with gcp:region",
    )
