"""What people do by hand or by mistake, and what the program leaves alone or refuses; in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from egress.common.google_names import GoogleNames
from sandbox.apiserver import ApiServer
from sandbox.google import console
from sandbox.google.cloud import Cloud, Resource
from tests.engine.stack import Sandbox, kubernetes_object
from tests.support import dev_config

OWN = "gke-mesh-egress:"
CLUSTER = "projects/sandbox-project/locations/europe-west1-b/clusters/cluster1"
ACCOUNT = "gcp:serviceaccount/account:Account"
FREEZE = {
    "exclusionName": "holidays",
    "startTime": "2026-12-20T00:00:00Z",
    "endTime": "2027-01-04T00:00:00Z",
    "exclusionOptions": {"scope": "NO_UPGRADES"},
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("by-hand"))
    try:
        yield sandbox
    finally:
        ApiServer(sandbox.home).wipe()


def config(**changes: Any) -> dict[str, Any]:
    """Two small teams, protected."""
    teams = {
        "shop": {"googleApis": {"serviceAccounts": {"app": {}}}},
        "stock": {},
    }
    own = {"teams": teams, "protect": True} | changes
    return dev_config() | {f"{OWN}{key}": value for key, value in own.items()}


def namespaces(sandbox: Sandbox) -> set[str]:
    found = kubernetes_object(sandbox, "/api/v1/namespaces")["items"]
    return {item["metadata"]["name"] for item in found}


def test_an_account_that_an_interrupted_run_made_stops_nothing(sandbox: Sandbox) -> None:
    """It is there, and in no state: whatever made it was killed."""
    sandbox.configure(config(teams={"shop": {}, "stock": {}}))
    sandbox.run("up")
    id = GoogleNames("sandbox-project", "", "vpc-network", "", "").team_account("shop", "app")
    email = f"{id}@sandbox-project.iam.gserviceaccount.com"
    state = {
        "accountId": id,
        "project": "sandbox-project",
        "email": email,
        "member": f"serviceAccount:{email}",
    }
    name = f"projects/sandbox-project/serviceAccounts/{email}"
    state |= {"name": name, "uniqueId": "1", "disabled": False}
    Cloud(sandbox.home).put(Resource(name, ACCOUNT, "", {}, state, acknowledged=True))
    sandbox.configure(config())
    assert sandbox.changes(sandbox.run("up"))["created"] > 1
    assert sandbox.changes(sandbox.run("up")).keys() == {"unchanged"}


def test_an_exclusion_of_maintenance_set_by_hand_is_left_alone(sandbox: Sandbox) -> None:
    cloud = Cloud(sandbox.home)
    policy = {"dailyMaintenanceWindow": {"startTime": "03:00"}, "maintenanceExclusions": [FREEZE]}
    console.edit(cloud, CLUSTER, {"maintenancePolicy": policy})
    sandbox.run("refresh")
    assert sandbox.changes(sandbox.run("preview")).keys() == {"unchanged"}
    assert sandbox.changes(sandbox.run("up")).keys() == {"unchanged"}
    left = cloud.get(CLUSTER)["maintenancePolicy"]["maintenanceExclusions"]
    assert [one["exclusionName"] for one in left] == ["holidays"]


def test_a_removed_team_is_refused_while_the_stack_is_protected(sandbox: Sandbox) -> None:
    sandbox.configure(config(teams={"shop": {}}))
    output = sandbox.run("up", fails=True)
    assert "namespace/stock" in output
    assert "protect" in output
    assert {"shop", "stock"} <= namespaces(sandbox)
    sandbox.configure(config(teams={"shop": {}, "stock": {}}, protect=False))
    sandbox.run("up")
    sandbox.configure(config(teams={"shop": {}}, protect=False))
    sandbox.run("up")
    assert "stock" not in namespaces(sandbox)
