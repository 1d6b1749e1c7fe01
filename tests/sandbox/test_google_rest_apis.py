"""Google's REST APIs on loopback: what is peculiar to names, policies, routers, buckets and fleets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.google_rest import GoogleRest, discovery
from tests.sandbox.google_client import (
    ACCOUNT,
    APIS,
    CLUSTER,
    COMPUTE,
    DNS,
    NETWORK,
    PLACE,
    SUBNET,
    Client,
    cluster,
    network,
)
from tests.sandbox.google_engine import FakeApiServer, Folder
from tests.sandbox.google_resources import PROJECT

pytestmark = pytest.mark.skipif(
    discovery.folder() is None, reason=f"needs Google's discovery documents: pip install {discovery.PACKAGE}"
)
POLICY = f"cloudresourcemanager.googleapis.com/v1/{PLACE}"
MEMBER = f"serviceAccount:{ACCOUNT}"
ROLE = "roles/logging.logWriter"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with GoogleRest(Folder(tmp_path), FakeApiServer()) as google:
        yield Client(google)


def bindings(*members: str, role: str = ROLE) -> list[dict[str, Any]]:
    return [{"role": role, "members": list(members)}]


class TestPolicies:
    def test_a_member_is_kept_as_the_sandbox_keeps_it(self, client: Client) -> None:
        network(client)
        client.post(f"{POLICY}:setIamPolicy", {"policy": {"bindings": bindings(MEMBER)}})
        assert client.google.cloud.get(f"{PROJECT}/{ROLE}/{MEMBER}")["member"] == MEMBER
        assert client.post(f"{POLICY}:getIamPolicy")["bindings"] == bindings(MEMBER)
        client.post(f"{POLICY}:setIamPolicy", {"policy": {"bindings": []}})
        assert "bindings" not in client.post(f"{POLICY}:getIamPolicy")

    def test_who_does_not_exist_is_no_member(self, client: Client) -> None:
        network(client)
        nobody = f"serviceAccount:nobody@{PROJECT}.iam.gserviceaccount.com"
        answer = client.ask("POST", f"{POLICY}:setIamPolicy", {"policy": {"bindings": bindings(nobody)}})
        assert (answer.status, answer.error) == (400, f"{nobody} does not exist.")

    def test_the_workload_pool_comes_with_the_cluster(self, client: Client) -> None:
        network(client)
        path = f"iam.googleapis.com/v1/{PLACE}/serviceAccounts/{ACCOUNT}:setIamPolicy"
        member = f"serviceAccount:{PROJECT}.svc.id.goog[team-x/test]"
        body = {"policy": {"bindings": bindings(member, role="roles/iam.workloadIdentityUser")}}
        answer = client.ask("POST", path, body)
        assert answer.status == 400
        assert "Identity Pool does not exist" in answer.error
        cluster(client)
        client.post(path, body)

    def test_two_who_write_at_once_do_not_lose_each_others_members(self, client: Client) -> None:
        network(client)
        first = client.post(f"{POLICY}:getIamPolicy")
        wanted = {**first, "bindings": bindings(MEMBER)}
        client.post(f"{POLICY}:setIamPolicy", {"policy": wanted})
        answer = client.ask("POST", f"{POLICY}:setIamPolicy", {"policy": wanted})
        assert (answer.status, answer.body["error"]["status"]) == (409, "ABORTED")

    def test_what_is_not_there_has_no_policy(self, client: Client) -> None:
        network(client)
        topic = f"pubsub.googleapis.com/v1/{PLACE}/topics/orders"
        assert client.ask("GET", f"{topic}:getIamPolicy").status == 404
        client.put(topic, {})
        body = {"policy": {"bindings": bindings(MEMBER, role="roles/pubsub.publisher")}}
        client.post(f"{topic}:setIamPolicy", body)
        assert client.get(f"{topic}:getIamPolicy")["bindings"] == body["policy"]["bindings"]

    def test_a_dataset_knows_its_members_by_an_access_list(self, client: Client) -> None:
        network(client)
        datasets = f"bigquery.googleapis.com/bigquery/v2/{PLACE}/datasets"
        client.post(datasets, {"datasetReference": {"datasetId": "sales"}})
        before = client.get(f"{datasets}/sales")["access"]
        entry = {"role": "roles/bigquery.dataViewer", "userByEmail": ACCOUNT}
        client.patch(f"{datasets}/sales", {"access": [*before, entry]})
        assert client.get(f"{datasets}/sales")["access"][-1] == {"role": "READER", "userByEmail": ACCOUNT}
        nobody = {**entry, "userByEmail": f"nobody@{PROJECT}.iam.gserviceaccount.com"}
        answer = client.ask("PATCH", f"{datasets}/sales", {"access": [*before, nobody]})
        assert answer.status == 400
        assert "does not exist" in answer.error


class TestNames:
    def zone(self, client: Client, name: str = "apis", **more: Any) -> str:
        networks = [{"networkUrl": f"https://www.googleapis.com/compute/v1/{NETWORK}"}]
        body = {"name": name, "dnsName": "googleapis.com.", "description": "d", "visibility": "private"}
        client.post(
            f"{DNS}/managedZones", {**body, "privateVisibilityConfig": {"networks": networks}, **more}
        )
        return f"{DNS}/managedZones/{name}"

    def test_a_zone_has_its_own_records_and_those_that_were_added(self, client: Client) -> None:
        network(client)
        zone = self.zone(client)
        record = {"name": "*.googleapis.com.", "type": "CNAME", "ttl": 300, "rrdatas": ["googleapis.com."]}
        client.post(f"{zone}/changes", {"additions": [record]})
        found = client.get(f"{zone}/rrsets")["rrsets"]
        assert [one["type"] for one in found] == ["NS", "SOA", "CNAME"]
        (one,) = client.get(f"{zone}/rrsets?name=*.googleapis.com.&type=CNAME")["rrsets"]
        assert one["rrdatas"] == record["rrdatas"]
        assert client.ask("DELETE", zone).status == 400
        client.post(f"{zone}/changes", {"deletions": [record]})
        client.delete(zone)

    def test_a_change_happens_whole_or_not_at_all(self, client: Client) -> None:
        network(client)
        zone = self.zone(client)
        record = {"name": "a.googleapis.com.", "type": "A", "ttl": 300, "rrdatas": ["199.36.153.8"]}
        client.post(f"{zone}/changes", {"additions": [record]})
        outside = {**record, "name": "a.example.com."}
        new = {**record, "rrdatas": ["199.36.153.9"]}
        answer = client.ask("POST", f"{zone}/changes", {"deletions": [record], "additions": [new, outside]})
        assert answer.status == 400
        (one,) = client.get(f"{zone}/rrsets?name=a.googleapis.com.&type=A")["rrsets"]
        assert one["rrdatas"] == ["199.36.153.8"]

    def test_a_network_asks_one_zone_for_a_name(self, client: Client) -> None:
        network(client)
        self.zone(client)
        with pytest.raises(AssertionError, match="answers this name in the same network already"):
            self.zone(client, "again")


class TestNetworks:
    def test_a_nat_is_part_of_its_router_and_holds_its_address(self, client: Client) -> None:
        network(client)
        region = f"{COMPUTE}/regions/europe-west1"
        client.post(f"{region}/addresses", {"name": "out"})
        client.post(f"{region}/routers", {"name": "nat-router", "network": NETWORK})
        nat = {
            "name": "nat-config",
            "natIpAllocateOption": "MANUAL_ONLY",
            "natIps": [f"https://www.googleapis.com/compute/beta/{PLACE}/regions/europe-west1/addresses/out"],
            "sourceSubnetworkIpRangesToNat": "LIST_OF_SUBNETWORKS",
            "subnetworks": [{"name": SUBNET, "sourceIpRangesToNat": ["ALL_IP_RANGES"]}],
        }
        client.patch(f"{region}/routers/nat-router", {"nats": [nat]})
        (found,) = client.get(f"{region}/routers/nat-router")["nats"]
        assert found["autoNetworkTier"] == "PREMIUM"
        assert found["natIps"] == [
            f"https://www.googleapis.com/compute/v1/{PLACE}/regions/europe-west1/addresses/out"
        ]
        answer = client.ask("DELETE", f"{region}/addresses/out")
        assert answer.reason == "resourceInUseByAnotherResource"
        wrong = {**nat, "minPortsPerVm": 100, "maxPortsPerVm": 200, "enableDynamicPortAllocation": True}
        answer = client.ask("PATCH", f"{region}/routers/nat-router", {"nats": [wrong]})
        assert "power of two" in answer.error
        client.patch(f"{region}/routers/nat-router", {"nats": []})
        client.delete(f"{region}/addresses/out")

    def test_a_firewall_without_ranges_is_for_everybody(self, client: Client) -> None:
        network(client)
        rule = {"name": "deny", "network": NETWORK, "direction": "EGRESS", "denied": [{"IPProtocol": "all"}]}
        client.post(f"{COMPUTE}/global/firewalls", rule)
        found = client.get(f"{COMPUTE}/global/firewalls/deny")
        assert (found["destinationRanges"], found["priority"]) == (["0.0.0.0/0"], 1000)
        rule = {**rule, "name": "both", "allowed": [{"IPProtocol": "tcp"}]}
        assert "either allows or denies" in client.ask("POST", f"{COMPUTE}/global/firewalls", rule).error

    def test_a_firewall_policy_takes_its_rules_as_the_provider_sends_them(self, client: Client) -> None:
        network(client)
        policies = f"{COMPUTE}/global/firewallPolicies"
        client.post(policies, {"name": "fences"})
        born = client.get(f"{policies}/fences")
        assert [rule["action"] for rule in born["rules"]] == ["goto_next"] * 4
        rule = {
            "priority": 1000,
            "action": "deny",
            "direction": "EGRESS",
            "match": {"destIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "all"}]},
        }
        body = {"fingerprint": born["fingerprint"], "rules": [rule, born["rules"]]}  # a list in the list
        client.patch(f"{policies}/fences", body)
        assert client.get(f"{policies}/fences")["rules"][0]["priority"] == 1000
        client.post(f"{policies}/fences/addAssociation", {"name": "vpc", "attachmentTarget": NETWORK})
        assert NETWORK in client.get(f"{policies}/fences/getAssociation?name=vpc")["attachmentTarget"]
        assert client.ask("DELETE", f"{policies}/fences").reason == "resourceInUseByAnotherResource"
        client.post(f"{policies}/fences/removeAssociation?name=vpc")
        client.delete(f"{policies}/fences")


class TestAsTheProviderAsks:
    """What the real provider was seen to send, and no document has."""

    def test_fields_that_google_takes_without_publishing_them(self, client: Client) -> None:
        network(client)
        routing = {"routingMode": "REGIONAL", "deleteBgpAlwaysCompareMed": False}
        client.post(f"{COMPUTE}/global/networks", {"name": "more", "routingConfig": routing})
        answer = client.ask("POST", f"{COMPUTE}/global/networks", {"name": "x", **routing})
        assert 'Unknown name "deleteBgpAlwaysCompareMed"' in answer.error

    def test_an_address_of_which_only_the_end_is_kept(self, client: Client) -> None:
        network(client)
        client.post(f"{DNS}/managedZones", {"name": "z", "dnsName": "example.com.", "description": "d"})
        found = client.get(f"dns/v1/{PLACE}/managedZones/z/rrsets")
        assert [one["type"] for one in found["rrsets"]] == ["NS", "SOA"]

    def test_a_project_by_its_number(self, client: Client) -> None:
        network(client)
        number = client.get(f"cloudresourcemanager.googleapis.com/v1/{PLACE}")["projectNumber"]
        asked = f"compute.googleapis.com/compute/beta/projects/{number}/global/networks/vpc"
        assert client.get(asked)["name"] == "vpc"


class TestOthers:
    def test_a_buckets_name_is_the_worlds_and_a_full_one_stays(self, client: Client) -> None:
        buckets = "storage.googleapis.com/storage/v1/b"
        client.post(f"{buckets}?project={PROJECT}", {"name": "team-x-data", "location": "europe-west1"})
        assert client.get(f"{buckets}/team-x-data")["location"] == "EUROPE-WEST1"
        answer = client.ask("POST", f"{buckets}?project=another", {"name": "team-x-data"})
        assert (answer.status, answer.reason) == (409, "conflict")
        client.google.put_object("team-x-data", "2026/report.csv")
        answer = client.ask("DELETE", f"{buckets}/team-x-data")
        assert answer.error == "The bucket you tried to delete is not empty."
        assert [item["name"] for item in client.get(f"{buckets}/team-x-data/o")["items"]] == [
            "2026/report.csv"
        ]
        client.delete(f"{buckets}/team-x-data/o/2026%2Freport.csv")
        client.delete(f"{buckets}/team-x-data")

    def test_a_repository_fetches_from_where_it_says_and_its_name_is_taken(self, client: Client) -> None:
        client.google.enable("artifactregistry.googleapis.com", project=PROJECT)
        repositories = f"artifactregistry.googleapis.com/v1/{PLACE}/locations/europe-west1/repositories"
        remote = {
            "format": "DOCKER",
            "mode": "REMOTE_REPOSITORY",
            "remoteRepositoryConfig": {"dockerRepository": {"publicRepository": "DOCKER_HUB"}},
        }
        made = f"{repositories}?repository_id=cluster1-istio"
        client.post(made, remote)
        found = client.get(f"{repositories}/cluster1-istio")
        assert found["registryUri"] == f"europe-west1-docker.pkg.dev/{PROJECT}/cluster1-istio"
        assert found["remoteRepositoryConfig"] == remote["remoteRepositoryConfig"]
        assert "already exists" in client.ask("POST", made, remote).error
        nowhere = client.ask(
            "POST", f"{repositories}?repository_id=other", {"format": "DOCKER", "mode": "REMOTE_REPOSITORY"}
        )
        assert "remoteRepositoryConfig with its upstream" in nowhere.error
        client.delete(f"{repositories}/cluster1-istio")
        assert client.ask("GET", f"{repositories}/cluster1-istio").status == 404

    def test_a_cluster_joins_the_fleet_and_a_feature_speaks_of_it(self, client: Client) -> None:
        network(client)
        client.google.enable("mesh.googleapis.com", project=PROJECT)
        cluster(client)
        path = f"container.googleapis.com/v1beta1/{CLUSTER}"
        feature = f"gkehub.googleapis.com/v1beta/{PLACE}/locations/global/features"
        client.post(f"{feature}?featureId=servicemesh", {})
        member = f"{PLACE}/locations/europe-west1/memberships/cluster1"
        spec = {"membershipSpecs": {member: {"mesh": {"management": "MANAGEMENT_AUTOMATIC"}}}}
        answer = client.ask("PATCH", f"{feature}/servicemesh?updateMask=membershipSpecs", spec)
        assert "there is no such Membership" in answer.error
        client.put(path, {"update": {"desiredFleet": {"project": PROJECT}}})
        client.patch(f"{feature}/servicemesh?updateMask=membershipSpecs", spec)
        assert client.get(f"{feature}/servicemesh")["membershipSpecs"] == spec["membershipSpecs"]
        assert client.get(f"gkehub.googleapis.com/v1beta/{member}")["name"] == member

    def test_every_api_of_the_stack_has_a_place_in_the_environment(self, client: Client) -> None:
        environment = client.google.environment()
        for api in APIS:
            host = f"/{api}/"
            assert any(host in value for value in environment.values()), api
