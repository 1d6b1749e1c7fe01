"""What the stand-in refuses when it creates, changes and deletes, as the cloud does and a schema cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.sandbox import test_google_client as g

P = f"projects/{g.PROJECT}"
OWN_SUBNET: dict[str, Any] = {
    "name": "subnet-own",
    "network": "vpc-network",
    "ipCidrRange": "10.3.0.0/28",
    "secondaryIpRanges": [{"rangeName": "pods-own", "ipCidrRange": "10.4.0.0/20"}],
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[g.Engine]:
    with g.sandbox(tmp_path) as engine:
        yield engine


def refused(action: Any, *words: str, code: grpc.StatusCode | None = None) -> str:
    """Run what must be refused, and find the words in what is said."""
    with pytest.raises(grpc.RpcError) as caught:
        action()
    said: str = caught.value.details()  # type: ignore[attr-defined]
    for word in words:
        assert word in said
    if code:
        assert caught.value.code() == code  # type: ignore[attr-defined]
    return said


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
    engine: g.Engine, token: str, inputs: dict[str, Any], api: str
) -> None:
    engine.enable(*(name for name in g.APIS if name != api))
    said = refused(lambda: engine.create(token, inputs), "Error 403", code=grpc.StatusCode.PERMISSION_DENIED)
    assert f"{api}.googleapis.com has not been used in project {g.PROJECT} before or it is disabled" in said


def test_an_api_of_another_project_does_not_count(engine: g.Engine) -> None:
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
    engine: g.Engine, until: str, token: str, inputs: dict[str, Any], changes: dict[str, Any], id: str
) -> None:
    if until:
        g.build(engine, until)
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
def test_a_network_is_known_by_name_id_and_link(engine: g.Engine, given: str) -> None:
    g.build(engine, g.NETWORK)
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
    engine: g.Engine, token: str, inputs: dict[str, Any]
) -> None:
    made = g.build(engine)[token]
    said = refused(
        lambda: engine.create(token, inputs, "second"),
        "Error 409",
        "already exists",
        code=grpc.StatusCode.ALREADY_EXISTS,
    )
    assert made.id in said


@pytest.mark.parametrize("token", [g.PROJECT_MEMBER, g.FEATURE, g.FEATURE_MEMBERSHIP, g.SERVICE])
def test_what_google_adds_to_may_be_added_twice(engine: g.Engine, token: str) -> None:
    made = g.build(engine)
    inputs = dict(g.TUTORIAL).get(token, {"service": "dns.googleapis.com"})
    assert engine.create(token, inputs, "second").id == (
        made[token].id if token in made else f"{g.PROJECT}/dns.googleapis.com"
    )


def test_the_root_may_be_a_private_zone_and_a_zone_that_asks_others_holds_no_records(
    engine: g.Engine,
) -> None:
    g.build(engine, g.NETWORK)
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


def test_a_network_has_one_server_policy(engine: g.Engine) -> None:
    g.build(engine, g.DNS_POLICY)
    refused(
        lambda: engine.create(g.DNS_POLICY, g.having(g.DNS_POLICY_INPUTS, name="another")),
        "a network has one",
        "409",
    )


def test_a_network_has_one_firewall_policy_which_stays_while_it_is_on_the_network(engine: g.Engine) -> None:
    made = g.build(engine, g.FIREWALL_ASSOCIATION)
    second = g.having(g.FIREWALL_ASSOCIATION_INPUTS, name="second")
    refused(lambda: engine.create(g.FIREWALL_ASSOCIATION, second), "a network has one policy", "409")
    refused(lambda: engine.delete(made[g.FIREWALL_POLICY]), "associations/association")


def test_a_project_is_in_one_perimeter(engine: g.Engine) -> None:
    g.build(engine)
    second = g.having(
        g.PERIMETER_INPUTS, name="accessPolicies/123456789/servicePerimeters/other", title="other"
    )
    refused(
        lambda: engine.create(g.PERIMETER, second, "other"), "a project is in one regular perimeter", "409"
    )


def test_bucket_names_are_everybodys(engine: g.Engine) -> None:
    g.build(engine)
    refused(
        lambda: engine.create(g.BUCKET, g.having(g.BUCKET_INPUTS, project="other-project"), "theirs"), "409"
    )


def subnet(name: str, primary: str, *secondary: str) -> dict[str, Any]:
    ranges = [{"rangeName": f"r{n}", "ipCidrRange": value} for n, value in enumerate(secondary)]
    return {"name": name, "network": "vpc-network", "ipCidrRange": primary, "secondaryIpRanges": ranges}


@pytest.mark.parametrize(
    ("wanted", "field", "taken"),
    [
        (subnet("b", "10.0.0.128/25"), "ipCidrRange", "10.0.0.0/24"),
        (subnet("b", "10.1.7.0/24"), "ipCidrRange", "10.1.0.0/16"),
        (subnet("b", "10.9.0.0/24", "10.2.8.0/24"), "secondaryIpRanges[0].ipCidrRange", "10.2.0.0/20"),
        (subnet("b", "10.5.0.0/24"), "ipCidrRange", "10.5.0.0/28"),
    ],
)
def test_overlapping_ranges_in_a_network_are_refused(
    engine: g.Engine, wanted: dict[str, Any], field: str, taken: str
) -> None:
    g.build(engine, g.CLUSTER)
    refused(lambda: engine.create(g.SUBNETWORK, wanted), f"{field} is", f"overlaps {taken}")
    other = engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, name="other"))
    assert engine.create(g.SUBNETWORK, wanted | {"network": other.id}).id


def test_a_control_plane_overlapping_a_subnet_is_refused(engine: g.Engine) -> None:
    g.build(engine, g.SUBNETWORK)
    inputs = g.having(g.CLUSTER_INPUTS, privateClusterConfig={"masterIpv4CidrBlock": "10.0.0.16/28"})
    refused(lambda: engine.create(g.CLUSTER, inputs), "masterIpv4CidrBlock", "overlaps 10.0.0.0/24")
    assert engine.apiserver.calls == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pod"}},
            ("clusterSecondaryRangeName is 'pod'", "pods, services"),
        ),
        ({"workloadIdentityConfig": {"workloadPool": "other.svc.id.goog"}}, (f"{g.PROJECT}.svc.id.goog",)),
        ({"network": "other"}, ("belongs to vpc-network",)),
        (
            {"location": "us-east1-b", "subnetwork": f"{P}/regions/europe-west1/subnetworks/subnet-gke"},
            ("outside the cluster's region",),
        ),
    ],
)
def test_a_cluster_that_does_not_fit_its_network_is_refused(
    engine: g.Engine, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    g.build(engine, g.SUBNETWORK)
    engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, name="other"))
    refused(lambda: engine.create(g.CLUSTER, g.having(g.CLUSTER_INPUTS, **changes)), *words)


def test_a_second_cluster_is_refused_in_words(engine: g.Engine) -> None:
    g.build(engine, g.CLUSTER)
    second = g.having(
        g.CLUSTER_INPUTS, name="cluster2", privateClusterConfig={"masterIpv4CidrBlock": "10.6.0.0/28"}
    )
    refused(lambda: engine.create(g.CLUSTER, second), "one API server", "another sandbox home")


def test_a_node_pool_needs_what_its_cluster_has(engine: g.Engine) -> None:
    g.build(engine, g.ACCOUNT)
    engine.create(g.CLUSTER, g.having(g.CLUSTER_INPUTS, workloadIdentityConfig=None))
    refused(lambda: engine.create(g.NODE_POOL, g.NODE_POOL_INPUTS), "GKE_METADATA", "no workload pool")
    other = g.having(g.NODE_POOL_INPUTS, nodeConfig=None, networkConfig={"podRange": "more"})
    refused(lambda: engine.create(g.NODE_POOL, other), "podRange is 'more'", "pods, services")


def test_a_node_pool_lies_in_a_subnet_of_its_cluster(engine: g.Engine) -> None:
    g.build(engine, g.ACCOUNT)
    engine.create(g.SUBNETWORK, OWN_SUBNET)
    engine.create(g.CLUSTER, g.CLUSTER_INPUTS)
    placed = g.having(g.NODE_POOL_INPUTS, networkConfig={"subnetwork": "subnet-own", "podRange": "pods-own"})
    refused(lambda: engine.create(g.NODE_POOL, placed), "'subnet-own'", "does not have this subnet")


def test_a_cluster_takes_subnets_beside_its_own(engine: g.Engine) -> None:
    g.build(engine, g.ACCOUNT)
    engine.create(g.SUBNETWORK, OWN_SUBNET)
    own = [{"subnetwork": "subnet-own", "podIpv4RangeNames": ["pods-own"]}]
    refused(
        lambda: engine.create(g.CLUSTER, _with_subnets(own[0] | {"podIpv4RangeNames": ["pods"]})),
        "it has pods-own",
    )
    refused(
        lambda: engine.create(g.CLUSTER, _with_subnets({"subnetwork": "subnet-gke"})),
        "has this subnet already",
    )
    refused(lambda: engine.create(g.CLUSTER, _with_subnets({"subnetwork": "nowhere"})), "nowhere")
    cluster = engine.create(g.CLUSTER, _with_subnets(*own))
    wrong = g.having(g.NODE_POOL_INPUTS, networkConfig={"subnetwork": "subnet-own", "podRange": "pods"})
    refused(lambda: engine.create(g.NODE_POOL, wrong), "it has pods-own")
    placed = g.having(g.NODE_POOL_INPUTS, networkConfig={"subnetwork": "subnet-own", "podRange": "pods-own"})
    pool = engine.create(g.NODE_POOL, placed)
    refused(lambda: engine.update(cluster, g.CLUSTER_INPUTS), "node pool 'gateway' is in this subnet")
    engine.delete(pool)
    engine.update(cluster, g.CLUSTER_INPUTS)


def _with_subnets(*further: dict[str, Any]) -> dict[str, Any]:
    policy = g.CLUSTER_INPUTS["ipAllocationPolicy"] | {"additionalIpRangesConfigs": list(further)}
    return g.having(g.CLUSTER_INPUTS, ipAllocationPolicy=policy)


def test_a_workload_identity_needs_the_pool_of_a_cluster(engine: g.Engine) -> None:
    g.build(engine, g.ACCOUNT)
    refused(
        lambda: engine.create(g.ACCOUNT_MEMBER, g.ACCOUNT_MEMBER_INPUTS),
        "Identity Pool does not exist",
        "depend on the cluster",
    )


def test_nat_ranges_and_networks_fit(engine: g.Engine) -> None:
    g.build(engine, g.ROUTER)
    listed = [
        {
            "name": "subnet-gke",
            "sourceIpRangesToNats": ["LIST_OF_SECONDARY_IP_RANGES"],
            "secondaryIpRangeNames": ["pod"],
        }
    ]
    refused(
        lambda: engine.create(g.NAT, g.having(g.NAT_INPUTS, subnetworks=listed)),
        "secondaryIpRangeNames[0] is 'pod'",
    )
    engine.create(g.NAT, g.NAT_INPUTS)
    refused(
        lambda: engine.create(g.NAT, g.having(g.NAT_INPUTS, name="nat-2")), "translates this subnet already"
    )
    engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, name="other"))
    engine.create(g.ROUTER, {"name": "other-router", "network": "other"})
    elsewhere = g.having(g.NAT_INPUTS, name="nat-3", router="other-router")
    refused(
        lambda: engine.create(g.NAT, elsewhere),
        "another network than router",
        "translates this subnet already",
    )


def test_an_autopilot_cluster_takes_no_node_pools(engine: g.Engine) -> None:
    g.build(engine, g.ACCOUNT)
    autopilot = {"enableAutopilot": True, "initialNodeCount": None, "removeDefaultNodePool": None}
    engine.create(g.CLUSTER, g.having(g.CLUSTER_INPUTS, **autopilot))
    refused(lambda: engine.create(g.NODE_POOL, g.NODE_POOL_INPUTS), "Autopilot")


def test_addresses_run_out(engine: g.Engine) -> None:
    g.build(engine, g.NETWORK)
    engine.create(g.SUBNETWORK, {"name": "small", "network": "vpc-network", "ipCidrRange": "10.0.0.0/29"})
    internal = {"addressType": "INTERNAL", "subnetwork": "small"}
    for n in range(4):
        engine.create(g.ADDRESS, {"name": f"a{n}"} | internal)
    refused(lambda: engine.create(g.ADDRESS, {"name": "a4"} | internal), "no address is left")


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
    engine: g.Engine, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    g.build(engine, g.RECORD)
    refused(lambda: engine.create(g.RECORD, g.having(g.RECORD_INPUTS, **changes), "other"), *words)


def test_two_private_zones_for_one_name_in_one_network_are_refused(engine: g.Engine) -> None:
    g.build(engine, g.ZONE)
    refused(
        lambda: engine.create(g.ZONE, g.having(g.ZONE_INPUTS, name="again")),
        "answers this name in the same network already",
    )


def test_the_mesh_feature_needs_its_api(engine: g.Engine) -> None:
    engine.enable("gkehub")
    refused(lambda: engine.create(g.FEATURE, g.FEATURE_INPUTS), "mesh.googleapis.com", "403")


def test_a_missing_project_or_region_is_told(engine: g.Engine) -> None:
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


@pytest.mark.parametrize(
    ("token", "user"),
    [
        (g.NETWORK, "regions/europe-west1/subnetworks/subnet-gke"),
        (g.NETWORK, "global/firewalls/deny"),
        (g.NETWORK, "routers/nat-router"),
        (g.SUBNETWORK, "clusters/cluster1"),
        (g.SUBNETWORK, f"{g.PROJECT}/europe-west1/nat-router/nat-config"),
    ],
)
def test_what_is_in_use_is_not_deleted(engine: g.Engine, token: str, user: str) -> None:
    made = g.build(engine)
    said = refused(lambda: engine.delete(made[token]), "already being used by")
    assert user in said
    assert engine.cloud.get(made[token].id)


def test_a_zone_with_records_is_only_deleted_by_force(engine: g.Engine) -> None:
    made = g.build(engine, g.RECORD)
    refused(lambda: engine.delete(made[g.ZONE]), "not empty", made[g.RECORD].id, "forceDestroy")
    engine.update(made[g.ZONE], g.having(g.ZONE_INPUTS, forceDestroy=True))
    engine.delete(made[g.ZONE])
    assert engine.read(made[g.RECORD]) is None


def test_a_protected_cluster_is_not_deleted(engine: g.Engine) -> None:
    g.build(engine, g.SUBNETWORK)
    cluster = engine.create(g.CLUSTER, g.having(g.CLUSTER_INPUTS, deletionProtection=None))
    refused(lambda: engine.delete(cluster), "deletionProtection", "deploy deletionProtection = false first")
    engine.update(cluster, g.CLUSTER_INPUTS)
    engine.delete(cluster)
    assert engine.apiserver.calls == ["start", "wipe"]


def test_deletion_policies_are_kept(engine: g.Engine) -> None:
    engine.enable()
    kept = engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, deletionPolicy="PREVENT"))
    refused(lambda: engine.delete(kept), "deletionPolicy", "refuses to be destroyed")
    left = engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, name="left", deletionPolicy="ABANDON"))
    engine.delete(left)
    assert engine.cloud.get(left.id)["name"] == "left"


def test_an_api_stays_on_unless_it_is_to_be_disabled(engine: g.Engine) -> None:
    stays = engine.create(g.SERVICE, {"service": "dns.googleapis.com"})
    goes = engine.create(g.SERVICE, {"service": "iam.googleapis.com", "disableOnDestroy": True})
    engine.delete(stays)
    engine.delete(goes)
    assert [thing["id"] for thing in engine.cloud.list()] == [stays.id]
    assert engine.cloud.leftovers() == []


def test_updating_what_was_deleted_elsewhere_is_refused(engine: g.Engine) -> None:
    made = g.build(engine, g.FIREWALL)[g.FIREWALL]
    engine.cloud.remove(made.id)
    refused(lambda: engine.update(made, g.FIREWALL_INPUTS), "Error 404", "refresh")


def test_an_update_is_judged_as_a_creation_is(engine: g.Engine) -> None:
    made = g.build(engine, g.FIREWALL)[g.FIREWALL]
    refused(
        lambda: engine.update(made, g.having(g.FIREWALL_INPUTS, network="gone")),
        "networks/gone' was not found",
    )
    assert engine.cloud.get(made.id)["network"].endswith("/vpc-network")
