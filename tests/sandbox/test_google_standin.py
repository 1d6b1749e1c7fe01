"""The life of a resource in the stand-in: outputs, changes, drift, interruption, and what it costs."""

from __future__ import annotations

import base64
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from sandbox.google import schema
from sandbox.google.table import KINDS
from sandbox.provider import wire
from tests.sandbox import google_resources as g
from tests.sandbox.google_engine import Engine, Folder, Made, build, sandbox, urn

P = f"projects/{g.PROJECT}"
LINK = "https://www.googleapis.com/compute/v1"
NONE = provider_pb2.DiffResponse.DIFF_NONE


# The table


@pytest.mark.parametrize("token", sorted(KINDS))
def test_every_path_of_a_row_is_a_field_of_the_provider(token: str) -> None:
    kind = KINDS[token]
    paths = {
        *kind.checks, *kind.defaults, *kind.replaces, *kind.sets, *kind.caseless, *kind.kept,
        *(reference.path for reference in kind.references), *filter(None, [kind.autoname]),
    }  # fmt: skip
    for path in paths:
        fields, field = schema.inputs(kind.schema), None
        for part in path.split("."):
            field = field.item if part == "*" and field else fields.get(part)
            assert field, f"{token} has no {path}"
            fields = field.fields
    assert all(reference.to in KINDS for reference in kind.references)


@pytest.mark.parametrize("token", sorted(KINDS))
def test_the_token_is_the_one_that_the_package_registers(token: str) -> None:
    import inspect

    import pulumi_gcp

    module, name = KINDS[token].schema.split(".")
    assert f"'{token}'" in inspect.getsource(getattr(getattr(pulumi_gcp, module), name))


IN_PARALLEL = """
from concurrent.futures import ThreadPoolExecutor
from sandbox.google import schema
from sandbox.google.table import KINDS
with ThreadPoolExecutor(16) as pool:
    every = [kind.schema for kind in KINDS.values()] * 4
    print(sum(len(fields) > 2 for fields in pool.map(schema.outputs, every)))
"""


def test_fields_are_read_by_many_threads_of_a_fresh_process_at_once() -> None:
    """A refresh asks for many types at once, with no program that has loaded the package before."""
    command = [sys.executable, "-W", "ignore", "-c", IN_PARALLEL]
    checkout = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        command, cwd=checkout, check=False, capture_output=True, text=True, timeout=120, encoding="utf-8"
    )
    assert done.stdout.strip() == str(len(KINDS) * 4), done.stderr


# Outputs


def test_ids_and_outputs_are_google_s(engine: Engine) -> None:
    made = build(engine)
    assert {token: resource.id for token, resource in made.items()} == {
        g.NETWORK: f"{P}/global/networks/vpc-network",
        g.SUBNETWORK: f"{P}/regions/europe-west1/subnetworks/subnet-gke",
        g.ROUTER: f"{P}/regions/europe-west1/routers/nat-router",
        g.ADDRESS: f"{P}/regions/europe-west1/addresses/nat-1",
        g.NAT: f"{g.PROJECT}/europe-west1/nat-router/nat-config",
        g.ACCOUNT: f"{P}/serviceAccounts/{g.EMAIL}",
        g.FIREWALL: f"{P}/global/firewalls/deny",
        g.PERIMETER: "accessPolicies/123456789/servicePerimeters/egress",
        g.FIREWALL_POLICY: f"{P}/global/firewallPolicies/policy",
        g.FIREWALL_ASSOCIATION: f"{P}/global/firewallPolicies/policy/associations/association",
        g.PROJECT_MEMBER: f"{g.PROJECT}/roles/logging.logWriter/serviceAccount:{g.EMAIL}",
        g.ZONE: f"{P}/managedZones/private-google-apis",
        g.RECORD: f"{P}/managedZones/private-google-apis/rrsets/private.googleapis.com./A",
        g.DNS_POLICY: f"{P}/policies/query-logging",
        g.CLUSTER: f"{P}/locations/europe-west1-b/clusters/cluster1",
        g.NODE_POOL: f"{P}/locations/europe-west1-b/clusters/cluster1/nodePools/gateway",
        g.ACCOUNT_MEMBER: f"{P}/serviceAccounts/{g.EMAIL}/roles/iam.workloadIdentityUser/"
        f"serviceAccount:{g.PROJECT}.svc.id.goog[team-x/test]",
        g.BUCKET: "team-x-data-1",
        g.BUCKET_MEMBER: f"b/team-x-data-1/roles/storage.objectViewer/serviceAccount:{g.EMAIL}",
        g.REPOSITORY: f"{P}/locations/europe-west1/repositories/cluster1-istio",
        g.MEMBERSHIP: f"{P}/locations/global/memberships/cluster1",
        g.FEATURE: f"{P}/locations/global/features/servicemesh",
        g.FEATURE_MEMBERSHIP: f"{P}/locations/global/features/servicemesh/membershipId/cluster1",
    }
    network, account, cluster = (made[token].outputs for token in (g.NETWORK, g.ACCOUNT, g.CLUSTER))
    assert network["selfLink"] == f"{LINK}/{P}/global/networks/vpc-network"
    assert network["networkId"].isdigit()
    assert account["email"] == g.EMAIL
    assert account["member"] == f"serviceAccount:{g.EMAIL}"
    assert account["name"] == made[g.ACCOUNT].id
    assert made[g.ADDRESS].outputs["address"].startswith("203.0.113.")
    assert made[g.SUBNETWORK].outputs["gatewayAddress"] == "10.0.0.1"
    assert made[g.FIREWALL].outputs["direction"] == "EGRESS"
    assert made[g.ZONE].outputs["nameServers"] == ["ns-gcp-private.googledomains.com."]
    assert made[g.BUCKET].outputs["url"] == "gs://team-x-data-1"
    assert made[g.REPOSITORY].outputs["registryUri"] == (
        f"europe-west1-docker.pkg.dev/{g.PROJECT}/cluster1-istio"
    )
    assert made[g.REPOSITORY].outputs["name"] == "cluster1-istio"
    assert (
        made[g.NODE_POOL]
        .outputs["instanceGroupUrls"][0]
        .startswith(f"{LINK}/{P}/zones/europe-west1-b/instanceGroupManagers/")
    )
    assert cluster["endpoint"] == "127.0.0.1:6443"
    assert base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"]) == b"-----BEGIN CERTIFICATE-----"
    assert cluster["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]["endpoint"] == "127.0.0.1:6443"
    assert cluster["privateClusterConfig"]["privateEndpoint"] == "10.5.0.2"
    assert cluster["servicesIpv4Cidr"] == "10.2.0.0/20"
    assert cluster["masterVersion"].startswith("1.")
    assert engine.apiserver.calls == ["start"]


def test_a_client_key_is_secret_on_the_wire(engine: Engine) -> None:
    build(engine, g.SUBNETWORK)
    checked = engine.check(g.CLUSTER, g.CLUSTER_INPUTS)
    answer = engine.stub.Create(
        provider_pb2.CreateRequest(urn=urn(g.CLUSTER, "c"), properties=checked.inputs)
    )
    key = answer.properties.fields["masterAuth"].struct_value.fields["clientKey"].struct_value.fields
    assert key["4dabf18193072939515e22adb298388d"].string_value == "1b47061264138c4ac30d75fd1eb44270"


def test_addresses_differ_and_stay(engine: Engine) -> None:
    engine.enable()
    first = [engine.create(g.ADDRESS, {"name": f"nat-{n}"}).outputs["address"] for n in range(40)]
    assert len(set(first)) == 40
    again = engine.update(
        Made(g.ADDRESS, "nat-7", f"{P}/regions/europe-west1/addresses/nat-7", {}, {}), {"name": "nat-7"}
    )
    assert again.outputs["address"] == first[7]


def test_an_internal_address_is_of_its_subnet(engine: Engine) -> None:
    build(engine, g.SUBNETWORK)
    inputs = {"addressType": "INTERNAL", "subnetwork": "subnet-gke"}
    addresses = [engine.create(g.ADDRESS, {"name": f"a{n}"} | inputs).outputs["address"] for n in range(2)]
    assert addresses == ["10.0.0.2", "10.0.0.3"]


def test_a_cluster_with_a_fleet_registers_itself(engine: Engine) -> None:
    build(engine, g.SUBNETWORK)
    cluster = engine.create(g.CLUSTER, g.having(g.CLUSTER_INPUTS, fleet={"project": g.PROJECT}))
    membership = f"{P}/locations/europe-west1/memberships/cluster1"
    assert cluster.outputs["fleet"]["membership"] == f"//gkehub.googleapis.com/{membership}"
    assert engine.cloud.get(membership)["membershipId"] == "cluster1"
    assert engine.diff(cluster, g.having(g.CLUSTER_INPUTS, fleet={"project": g.PROJECT})).changes == NONE
    engine.delete(cluster)
    assert membership not in [resource["id"] for resource in engine.cloud.list()]


@pytest.mark.parametrize(
    ("token", "args", "name", "value"),
    [
        (
            "gcp:organizations/getProject:getProject",
            {"projectId": "other-project"},
            "projectId",
            "other-project",
        ),
        ("gcp:organizations/getClientConfig:getClientConfig", {}, "region", "europe-west1"),
        ("gcp:compute/getZones:getZones", {}, "names", [f"europe-west1-{letter}" for letter in "bcd"]),
    ],
)
def test_lookups_are_answered(
    engine: Engine, token: str, args: dict[str, Any], name: str, value: Any
) -> None:
    answer = engine.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=wire.write(args)))
    assert wire.read(getattr(answer, "return"))[name] == value


def test_an_unknown_lookup_is_refused_in_words(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        engine.stub.Invoke(provider_pb2.InvokeRequest(tok="gcp:compute/getImage:getImage"))
    details = caught.value.details()  # type: ignore[attr-defined]
    assert "does not know the function gcp:compute/getImage:getImage" in details


# Preview


def test_preview_knows_the_inputs_and_nothing_that_google_would_choose(engine: Engine) -> None:
    network = engine.preview(g.NETWORK, g.NETWORK_INPUTS)
    assert network["name"] == "vpc-network"
    assert network["project"] == g.PROJECT
    assert network["selfLink"] is wire.UNKNOWN
    assert "description" not in network
    cluster = engine.preview(g.CLUSTER, g.CLUSTER_INPUTS)
    assert cluster["endpoint"] is wire.UNKNOWN
    assert cluster["masterAuth"] is wire.UNKNOWN
    assert cluster["privateClusterConfig"]["publicEndpoint"] is wire.UNKNOWN
    account = engine.preview(g.ACCOUNT, g.ACCOUNT_INPUTS)
    assert account["email"] == g.EMAIL
    assert engine.cloud.list() == []
    assert engine.apiserver.calls == []


def test_preview_keeps_unknown_inputs_unknown(engine: Engine) -> None:
    firewall = engine.preview(g.FIREWALL, g.having(g.FIREWALL_INPUTS, network=wire.UNKNOWN))
    assert firewall["network"] is wire.UNKNOWN
    account = engine.preview(g.ACCOUNT, {"accountId": wire.UNKNOWN})
    assert account["email"] is wire.UNKNOWN


def test_preview_of_an_update_keeps_what_google_chose_and_changes_nothing(engine: Engine) -> None:
    made = build(engine, g.CLUSTER)[g.CLUSTER]
    inputs = g.having(g.CLUSTER_INPUTS, releaseChannel={"channel": "STABLE"})
    request = provider_pb2.UpdateRequest(
        id=made.id,
        urn=urn(made.token, made.name),
        olds=wire.write(made.outputs),
        news=wire.write(inputs),
        preview=True,
    )
    state = wire.read(engine.stub.Update(request).properties)
    assert state["releaseChannel"] == {"channel": "STABLE"}
    assert state["endpoint"] == made.outputs["endpoint"]
    assert state["privateClusterConfig"] == made.outputs["privateClusterConfig"]
    assert engine.cloud.get(made.id)["releaseChannel"] == {"channel": "REGULAR"}


# Between runs


def test_the_cloud_outlives_the_process(tmp_path: Path) -> None:
    with sandbox(tmp_path) as engine:
        made = build(engine)
    with sandbox(tmp_path) as engine:
        for token, inputs in g.TUTORIAL:
            assert engine.diff(made[token], inputs).changes == NONE
            assert engine.read(made[token]) == made[token]


def test_everything_can_be_destroyed(engine: Engine) -> None:
    made = build(engine)
    for token, _ in reversed(g.TUTORIAL):
        engine.delete(made[token])
    assert engine.cloud.leftovers() == []
    assert engine.apiserver.calls == ["start", "wipe"]


def test_what_an_interrupted_run_made_is_adopted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with sandbox(tmp_path) as engine:
        lost = build(engine, g.CLUSTER)[g.CLUSTER]
    with sandbox(tmp_path) as engine:
        assert engine.create(g.CLUSTER, g.CLUSTER_INPUTS) == lost
    assert f"adopted '{lost.id}'" in capfd.readouterr().err


def test_only_what_the_engine_never_knew_is_adopted(engine: Engine) -> None:
    made = build(engine, g.FIREWALL)[g.FIREWALL]

    def refused(inputs: dict[str, Any], name: str) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            engine.create(g.FIREWALL, inputs, name)
        assert caught.value.code() == grpc.StatusCode.ALREADY_EXISTS  # type: ignore[attr-defined]

    refused(g.FIREWALL_INPUTS, "another-resource")
    refused(g.having(g.FIREWALL_INPUTS, priority=1), made.name)
    assert engine.create(g.FIREWALL, g.FIREWALL_INPUTS, made.name).id == made.id
    engine.diff(made, g.FIREWALL_INPUTS)
    refused(g.FIREWALL_INPUTS, made.name)


def test_a_broken_file_is_told_by_its_path(engine: Engine) -> None:
    made = build(engine, g.NETWORK)[g.NETWORK]
    (path,) = (engine.cloud.folder / "compute.Network").glob("*.json")
    assert json.loads(path.read_text(encoding="utf-8"))["id"] == made.id
    path.write_text("{", encoding="utf-8")
    with pytest.raises(RuntimeError, match="is not an object of the stand-in cloud"):
        engine.cloud.get(made.id)


def test_two_at_once_cannot_both_take_a_name(engine: Engine) -> None:
    build(engine, g.NETWORK)

    def take(n: int) -> bool:
        try:
            return bool(engine.create(g.FIREWALL, g.FIREWALL_INPUTS, f"rule-{n}").id)
        except grpc.RpcError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(16))) == 1


def test_a_thousand_rules_cost_the_same_as_ten(engine: Engine) -> None:
    build(engine, g.NETWORK)

    def seconds(numbers: range) -> float:
        """The median time of one rule; a busy machine disturbs a few of them."""
        times = []
        for n in numbers:
            start = time.perf_counter()
            engine.create(g.FIREWALL, g.having(g.FIREWALL_INPUTS, name=f"rule-{n}"))
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    seconds(range(50))
    first = seconds(range(50, 250))
    seconds(range(250, 1000))
    last = seconds(range(1000, 1200))
    assert last < 3 * first + 0.005, f"{first * 1000:.1f} ms a rule at first, {last * 1000:.1f} ms in the end"


def test_each_provider_keeps_its_own_project(engine: Engine, tmp_path: Path) -> None:
    other = Engine(engine.port, Folder(tmp_path), engine.apiserver)
    other.configure(project="other-project")
    engine.enable("compute")
    other.enable("compute")
    assert engine.create(g.ADDRESS, {"name": "mine"}).id.startswith(f"{P}/")
    assert other.create(g.ADDRESS, {"name": "mine"}).id.startswith("projects/other-project/")
    assert engine.create(g.ADDRESS, {"name": "more"}).id.startswith(f"{P}/")
    other.close()
