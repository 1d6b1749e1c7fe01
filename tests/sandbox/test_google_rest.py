"""Google's REST APIs on loopback: what they take, what they refuse in Google's words."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.google.network import NETWORK as NETWORK_TYPE
from sandbox.google_rest import GoogleRest, discovery, faults, generic, special
from tests.sandbox.google_client import (
    ACCOUNT,
    CLUSTER,
    COMPUTE,
    CONTAINER,
    DNS,
    IAM,
    NETWORK,
    PLACE,
    SUBNET,
    Client,
    cluster,
    network,
)
from tests.sandbox.google_engine import Engine, FakeApiServer, Folder, build
from tests.sandbox.google_resources import PROJECT

pytestmark = pytest.mark.skipif(
    discovery.folder() is None, reason=f"needs Google's discovery documents: pip install {discovery.PACKAGE}"
)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with GoogleRest(Folder(tmp_path), FakeApiServer()) as google:
        yield Client(google)


class TestRefusals:
    def test_nothing_is_made_before_its_api_is_on(self, client: Client) -> None:
        answer = client.ask("POST", f"{COMPUTE}/global/networks", {"name": "vpc"})
        assert (answer.status, answer.reason) == (403, "accessNotConfigured")
        assert answer.body["error"]["details"][0]["reason"] == "SERVICE_DISABLED"
        client.post(
            f"serviceusage.googleapis.com/v1/{PLACE}/services:batchEnable",
            {"serviceIds": ["compute.googleapis.com"]},
        )
        assert client.post(f"{COMPUTE}/global/networks", {"name": "vpc"})["status"] == "DONE"

    def test_a_field_that_google_does_not_publish_is_refused(self, client: Client) -> None:
        network(client)
        answer = client.ask("POST", f"{COMPUTE}/global/networks", {"name": "x", "autoCreate": False})
        assert answer.status == 400
        assert 'Unknown name "autoCreate"' in answer.error

    def test_a_word_that_is_not_among_those_published_is_refused(self, client: Client) -> None:
        network(client)
        body = {"name": "x", "routingConfig": {"routingMode": "WORLDWIDE"}}
        answer = client.ask("POST", f"{COMPUTE}/global/networks", body)
        assert answer.status == 400
        assert "'WORLDWIDE'" in answer.error

    def test_a_parameter_that_google_does_not_publish_is_refused(self, client: Client) -> None:
        network(client)
        answer = client.ask("GET", f"{COMPUTE}/global/networks?filtre=x")
        assert answer.status == 400
        assert 'Unknown name "filtre"' in answer.error

    def test_a_request_that_google_does_not_publish_is_not_found(self, client: Client) -> None:
        assert client.ask("GET", f"{COMPUTE}/global/nets").status == 404

    def test_a_request_that_nobody_plays_is_never_answered_with_a_guess(self, client: Client) -> None:
        network(client)
        answer = client.ask("GET", f"{COMPUTE}/zones/europe-west1-b/instances")
        assert answer.status == 501
        assert "compute.instances.list" in answer.error

    def test_a_name_is_given_once_in_a_project(self, client: Client) -> None:
        network(client)
        answer = client.ask("POST", f"{COMPUTE}/global/networks", {"name": "vpc"})
        assert (answer.status, answer.reason) == (409, "alreadyExists")
        answer = client.ask("POST", f"{IAM}/serviceAccounts", {"accountId": "sa-nodes"})
        assert answer.status == 409
        assert answer.error == f"Service account sa-nodes already exists within project projects/{PROJECT}."

    def test_what_something_else_is_in_cannot_be_deleted(self, client: Client) -> None:
        network(client)
        answer = client.ask("DELETE", f"{COMPUTE}/global/networks/vpc")
        assert (answer.status, answer.reason) == (400, "resourceInUseByAnotherResource")
        assert SUBNET in answer.error

    def test_the_rules_are_those_of_the_sandbox(self, client: Client) -> None:
        network(client)
        body = {"name": "more", "network": NETWORK, "ipCidrRange": "10.1.128.0/24"}
        answer = client.ask("POST", f"{COMPUTE}/regions/europe-west1/subnetworks", body)
        assert answer.status == 400
        assert "overlaps 10.1.0.0/16" in answer.error

    def test_what_cannot_be_changed_is_refused(self, client: Client) -> None:
        network(client)
        client.post(f"{DNS}/managedZones", {"name": "z", "dnsName": "example.com.", "description": "d"})
        answer = client.ask("PATCH", f"{DNS}/managedZones/z", {"dnsName": "example.org."})
        assert answer.status == 400
        assert "cannot be changed" in answer.error

    def test_a_change_of_something_that_was_changed_meanwhile_is_refused(self, client: Client) -> None:
        network(client)
        subnet = client.get(f"{COMPUTE}/regions/europe-west1/subnetworks/nodes")
        change = {"fingerprint": subnet["fingerprint"], "privateIpGoogleAccess": True}
        client.patch(f"{COMPUTE}/regions/europe-west1/subnetworks/nodes", change)
        answer = client.ask("PATCH", f"{COMPUTE}/regions/europe-west1/subnetworks/nodes", change)
        assert (answer.status, answer.reason) == (412, "conditionNotMet")


class TestAsked:
    """What a test makes it refuse."""

    def test_an_api_that_was_just_enabled_may_still_say_that_it_is_off(self, client: Client) -> None:
        network(client)
        client.google.faults.add(faults.api_off("compute.googleapis.com", PROJECT, times=1))
        assert client.ask("GET", f"{COMPUTE}/global/networks/vpc").reason == "accessNotConfigured"
        assert client.get(f"{COMPUTE}/global/networks/vpc")

    def test_a_quota_a_role_and_a_bad_moment(self, client: Client) -> None:
        network(client)
        address = f"{COMPUTE}/regions/europe-west1/addresses"
        with client.google.faults.during(faults.quota("compute.addresses.insert", "STATIC_ADDRESSES", 8)):
            answer = client.ask("POST", address, {"name": "a"})
            assert (answer.status, answer.reason) == (403, "quotaExceeded")
        with client.google.faults.during(faults.down("compute.addresses.*", times=1)):
            assert client.ask("POST", address, {"name": "a"}).status == 503
            assert client.post(address, {"name": "a"})
        denied = faults.forbidden("iam.*.setIamPolicy", "iam.serviceAccounts.setIamPolicy")
        with client.google.faults.during(denied):
            answer = client.ask("POST", f"{IAM}/serviceAccounts/{ACCOUNT}:setIamPolicy", {"policy": {}})
            assert answer.body["error"]["status"] == "PERMISSION_DENIED"
            assert "'iam.serviceAccounts.setIamPolicy' denied" in answer.error
        assert client.post(f"{IAM}/serviceAccounts/{ACCOUNT}:setIamPolicy", {"policy": {}})

    def test_a_project_without_billing(self, client: Client) -> None:
        client.google.faults.add(faults.no_billing(PROJECT))
        answer = client.ask(
            "POST",
            f"serviceusage.googleapis.com/v1/{PLACE}/services:batchEnable",
            {"serviceIds": ["compute.googleapis.com"]},
        )
        assert answer.status == 400
        assert "Billing account" in answer.error

    def test_an_operation_that_takes_a_while_is_asked_for_until_it_is_done(self, client: Client) -> None:
        network(client)
        with client.google.faults.during(faults.slow("compute.addresses.insert", 0.2)):
            begun = client.post(f"{COMPUTE}/regions/europe-west1/addresses", {"name": "a"})
        assert begun["status"] == "RUNNING"
        asked = f"{COMPUTE}/regions/europe-west1/operations/{begun['name']}"
        while client.get(asked)["status"] != "DONE":
            pass
        assert client.get(f"{COMPUTE}/regions/europe-west1/addresses/a")["status"] == "RESERVED"


def test_every_row_and_answer_is_for_something_that_google_publishes() -> None:
    published: set[str] = set()
    for name in {key.partition(".")[0] for key in (*generic.ROWS, *special.ANSWERS)}:
        for version in ("v1", "v1beta1", "v1beta2", "v2", "v3", "beta", "v1beta"):
            try:
                document = discovery.load(name, version)
            except discovery.Unpublished:
                continue
            for method in document.methods:
                published |= {method.id, method.collection}
    assert set(generic.ROWS) <= published
    assert set(special.ANSWERS) <= published


class TestBothDoors:
    """One cloud, behind gRPC and behind REST."""

    def test_what_one_door_made_holds_the_name_for_the_other(self, engine: Engine, tmp_path: Path) -> None:
        build(engine)
        made = engine.cloud.list(NETWORK_TYPE)[0]["id"]
        with GoogleRest(Folder(engine.cloud.folder.parent), FakeApiServer()) as google:
            client = Client(google)
            name = made.rpartition("/")[2]
            answer = client.ask("POST", f"{COMPUTE}/global/networks", {"name": name})
            assert (answer.status, answer.reason) == (409, "alreadyExists")
            assert client.ask("DELETE", f"{COMPUTE}/global/networks/{name}").status == 400

    def test_what_was_asked_is_remembered(self, client: Client) -> None:
        network(client)
        asked = [call.method_id for call in client.google.calls if call.http != "GET"]
        assert asked == [
            "compute.networks.insert",
            "compute.subnetworks.insert",
            "iam.projects.serviceAccounts.create",
        ]

    def test_an_edit_behind_the_programs_back_is_what_the_next_read_says(self, client: Client) -> None:
        network(client)
        client.google.change(SUBNET, lambda rest: rest.update(privateIpGoogleAccess=True))
        found = client.get(f"{COMPUTE}/regions/europe-west1/subnetworks/nodes")
        assert found["privateIpGoogleAccess"] is True


class TestClusters:
    def test_its_endpoint_leads_to_the_api_server_behind_it(self, client: Client) -> None:
        network(client)
        cluster(client)
        found = client.get(f"{CONTAINER}/locations/europe-west1-b/clusters/cluster1")
        assert found["endpoint"] == "127.0.0.1:6443"
        assert found["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]["endpoint"] == "127.0.0.1:6443"
        assert found["clusterIpv4Cidr"] == "10.1.0.0/16"
        assert found["privateClusterConfig"]["enablePrivateEndpoint"] is True
        assert [pool["name"] for pool in found["nodePools"]] == ["default-pool"]

    def test_another_endpoint_is_a_change_in_place(self, client: Client) -> None:
        network(client)
        cluster(client)
        networks = {
            "enabled": True,
            "cidrBlocks": [{"displayName": "office", "cidrBlock": "198.51.100.0/24"}],
        }
        for wanted in (networks, {"enabled": True}):
            update = {
                "desiredControlPlaneEndpointsConfig": {
                    "ipEndpointsConfig": {"enablePublicEndpoint": True, "authorizedNetworksConfig": wanted}
                }
            }
            path = f"{CONTAINER}/locations/europe-west1-b/clusters/cluster1"
            client.put(path, {"update": update})
            found = client.get(path)
            assert found["masterAuthorizedNetworksConfig"] == wanted
            assert found["privateClusterConfig"]["enablePrivateEndpoint"] is False

    def test_it_holds_its_network_and_takes_its_pools_along(self, client: Client) -> None:
        network(client)
        cluster(client)
        answer = client.ask("DELETE", f"{COMPUTE}/regions/europe-west1/subnetworks/nodes")
        assert CLUSTER in answer.error
        client.delete(f"{CONTAINER}/locations/europe-west1-b/clusters/cluster1")
        client.delete(f"{COMPUTE}/regions/europe-west1/subnetworks/nodes")
        client.delete(f"{COMPUTE}/global/networks/vpc")
        client.delete(f"{IAM}/serviceAccounts/{ACCOUNT}")
        assert client.google.cloud.leftovers() == []

    def test_a_pools_instance_groups_are_where_its_nodes_are(self, client: Client) -> None:
        network(client)
        cluster(client)
        found = client.get(f"{COMPUTE}/zones/europe-west1-b/instanceGroupManagers")["items"]
        assert [group["targetSize"] for group in found] == [1]
        assert "items" not in client.get(f"{COMPUTE}/zones/europe-west1-c/instanceGroupManagers")


def test_googles_own_client_finds_everything_in_its_place(client: Client) -> None:
    if importlib.util.find_spec("google.auth") is None:
        pytest.skip("needs google-auth, which google-api-python-client brings")
    from google.auth.credentials import AnonymousCredentials  # pyright: ignore[reportMissingImports]
    from googleapiclient.discovery import build as service  # pyright: ignore[reportMissingImports]

    network(client)
    for api, version, host in (("compute", "v1", "compute"), ("container", "v1", "container")):
        made = service(
            api,
            version,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": client.google.endpoint(f"{host}.googleapis.com")},
            static_discovery=True,
        )
        if api == "compute":
            made._baseUrl = client.google.endpoint("compute.googleapis.com") + "compute/v1/"
            found = made.networks().list(project=PROJECT).execute()["items"]
            assert [item["name"] for item in found] == ["vpc"]
        else:
            cluster(client)
            clusters = made.projects().locations().clusters()
            found = clusters.list(parent=f"{PLACE}/locations/-").execute()["clusters"]
            assert [item["name"] for item in found] == ["cluster1"]

    def test_a_pool_heeds_budgets_and_takes_no_lengths_of_time_for_that(self, client: Client) -> None:
        network(client)
        cluster(client)
        path = f"{CONTAINER}/locations/europe-west1-b/clusters/cluster1/nodePools"
        heeds = {"respectPdbDuringNodePoolDeletion": True}
        pool = {"name": "gateway", "initialNodeCount": 1, "nodeDrainConfig": heeds}
        client.post(path, {"nodePool": pool})
        assert client.get(f"{path}/gateway")["nodeDrainConfig"] == heeds
        waits = {**pool, "name": "other", "nodeDrainConfig": {**heeds, "pdbTimeoutDuration": "300s"}}
        answer = client.ask("POST", path, {"nodePool": waits})
        assert answer.status == 400
        assert "customized node drain timeout is not enabled for this project" in answer.error
