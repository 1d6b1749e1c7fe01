"""Google's REST APIs on loopback: what is asked about a project before anything is made in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.google_rest import GoogleRest, discovery, faults
from tests.sandbox.google_client import COMPUTE, PLACE, Client, network
from tests.sandbox.google_engine import FakeApiServer, Folder
from tests.sandbox.google_resources import PROJECT

pytestmark = pytest.mark.skipif(
    discovery.folder() is None, reason=f"needs Google's discovery documents: pip install {discovery.PACKAGE}"
)
MANAGER = f"cloudresourcemanager.googleapis.com/v1/{PLACE}"
REGION = f"{COMPUTE}/regions/europe-west1"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with GoogleRest(Folder(tmp_path), FakeApiServer()) as google:
        yield Client(google)


def test_a_quota_counts_what_is_there_and_stops_what_is_one_too_many(client: Client) -> None:
    network(client)
    client.google.quotas["STATIC_ADDRESSES"] = 1.0
    client.post(f"{REGION}/addresses", {"name": "one"})
    (quota,) = (one for one in client.get(REGION)["quotas"] if one["metric"] == "STATIC_ADDRESSES")
    assert (quota["limit"], quota["usage"]) == (1.0, 1.0)
    answer = client.ask("POST", f"{REGION}/addresses", {"name": "two"})
    assert (answer.status, answer.reason) == (403, "quotaExceeded")
    client.delete(f"{REGION}/addresses/one")
    client.post(f"{REGION}/addresses", {"name": "two"})


def test_a_permission_that_is_taken_away_is_not_among_those_one_has(client: Client) -> None:
    asked = {"permissions": ["compute.networks.create", "iam.serviceAccounts.setIamPolicy"]}
    assert client.post(f"{MANAGER}:testIamPermissions", asked) == asked
    client.google.faults.add(faults.forbidden("iam.*.setIamPolicy", "iam.serviceAccounts.setIamPolicy"))
    assert client.post(f"{MANAGER}:testIamPermissions", asked) == {"permissions": ["compute.networks.create"]}


def test_permissions_on_a_bucket_are_asked_for_behind_the_question_mark(client: Client) -> None:
    buckets = "storage.googleapis.com/storage/v1/b"
    client.post(f"{buckets}?project={PROJECT}", {"name": "team-x-data"})
    question = "permissions=storage.buckets.get&permissions=storage.buckets.setIamPolicy"
    found = client.get(f"{buckets}/team-x-data/iam/testPermissions?{question}")
    assert found["permissions"] == ["storage.buckets.get", "storage.buckets.setIamPolicy"]


def test_policies_of_the_organisation_allow_everything_until_one_does_not(client: Client) -> None:
    path, constraint = f"{MANAGER}:getEffectiveOrgPolicy", "constraints/gcp.resourceLocations"
    assert client.post(path, {"constraint": constraint})["listPolicy"] == {"allValues": "ALLOW"}
    client.google.policies[constraint] = {"listPolicy": {"allowedValues": ["in:us-locations"]}}
    found = client.post(path, {"constraint": constraint})
    assert found["listPolicy"]["allowedValues"] == ["in:us-locations"]


def test_a_project_says_what_it_is_and_a_network_which_subnets_it_has(client: Client) -> None:
    network(client)
    assert client.get(MANAGER)["lifecycleState"] == "ACTIVE"
    billing = client.get(f"cloudbilling.googleapis.com/v1/{PLACE}/billingInfo")
    assert billing["billingEnabled"] is True
    assert client.get(f"{COMPUTE}/zones/europe-west1-b/machineTypes/e2-standard-4")["guestCpus"] == 4
    (subnet,) = client.get(f"{COMPUTE}/global/networks/vpc")["subnetworks"]
    assert subnet.endswith(f"{PLACE}/regions/europe-west1/subnetworks/nodes")
