"""What Google refuses on the first day, as the real gcp plugin tells it: told in order.

The provider repeats none of these requests, so each stops what it is about, once; the next update goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sandbox.google_rest import GoogleRest, discovery, faults
from tests.providers.engine import Project
from tests.providers.plugins import GOOGLE, PYTHON, Missing, find
from tests.sandbox.google_client import COMPUTE, IAM, NETWORK, PLACE, Client
from tests.sandbox.google_engine import FakeApiServer, Folder
from tests.sandbox.google_resources import PROJECT

PROGRAM = """
import pulumi
import pulumi_gcp as gcp

apis = pulumi.ResourceOptions(depends_on=[
    gcp.projects.Service(api, service=f"{api}.googleapis.com", disable_on_destroy=False)
    for api in ("cloudresourcemanager", "compute", "iam")
])
gcp.compute.Network("network", name="vpc", auto_create_subnetworks=False, opts=apis)
gcp.compute.Address("address", name="out", region="europe-west1", opts=apis)
gcp.serviceaccount.Account("taken", account_id="sa-taken", opts=apis)
nodes = gcp.serviceaccount.Account("nodes", account_id="sa-nodes", opts=apis)
gcp.serviceaccount.IAMMember(
    "user", service_account_id=nodes.name, role="roles/iam.serviceAccountUser", member=nodes.member
)
"""
QUOTA = "STATIC_ADDRESSES"


@dataclass(frozen=True)
class World:
    project: Project
    google: GoogleRest
    client: Client


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if discovery.folder() is None:
        pytest.skip(f"needs Google's discovery documents: pip install {discovery.PACKAGE}")
    root: Path = tmp_path_factory.mktemp("refused")
    try:
        plugins = find(GOOGLE, PYTHON)
    except Missing as missing:
        pytest.skip(str(missing))
    with GoogleRest(Folder(root), FakeApiServer()) as google:
        project = Project(root, "first-day", plugins, google.environment())
        (project.source / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        project.configure({"gcp:project": PROJECT})
        project.make_stack()
        yield World(project, google, Client(google))


def test_without_billing_nothing_is_made(world: World) -> None:
    with world.google.faults.during(faults.no_billing(PROJECT)):
        run = world.project.run("up", fails=True)
    assert any(f"Billing account for project '{PROJECT}' is not found" in error for error in run.errors)
    assert world.google.cloud.list() == []


def test_each_refusal_stops_its_own_resource_and_says_why(world: World) -> None:
    """An API that was enabled a moment ago, a quota, a name that is somebody's, a role that is missing."""
    world.google.enable("iam.googleapis.com", project=PROJECT)
    world.client.post(f"{IAM}/serviceAccounts", {"accountId": "sa-taken", "serviceAccount": {}})
    just_enabled = replace(
        faults.api_off("compute.googleapis.com", PROJECT, times=1), methods="compute.networks.insert"
    )
    permission = "iam.serviceAccounts.setIamPolicy"
    world.google.faults.add(just_enabled)
    world.google.faults.add(faults.forbidden("iam.projects.serviceAccounts.setIamPolicy", permission))
    world.google.quotas[QUOTA] = 0.0
    run = world.project.run("up", "--continue-on-error", fails=True)
    for words in (
        f"compute.googleapis.com has not been used in project {PROJECT} before or it is disabled",
        f"Quota '{QUOTA}' exceeded.  Limit: 0.0 in region europe-west1.",
        f"Service account sa-taken already exists within project {PLACE}.",
        f"Permission '{permission}' denied",
    ):
        error = next(error for error in run.errors if words in error)
        assert "Error 403" in error or "Error 409" in error
    asked = [call.method_id for call in world.google.calls if call.method_id == "compute.networks.insert"]
    assert len(asked) == 1


def test_when_the_reasons_are_gone_the_next_update_goes_on(world: World) -> None:
    world.google.faults.clear()
    world.google.quotas.clear()
    world.client.delete(f"{IAM}/serviceAccounts/sa-taken@{PROJECT}.iam.gserviceaccount.com")
    run = world.project.run("up")
    assert set(run.ops.values()) == {"create"}
    assert not world.project.run("up").changes


def test_what_somebody_else_put_into_the_network_keeps_it(world: World) -> None:
    subnets = f"{COMPUTE}/regions/europe-west1/subnetworks"
    world.client.post(subnets, {"name": "theirs", "network": NETWORK, "ipCidrRange": "10.9.0.0/24"})
    run = world.project.run("destroy", fails=True)
    error = next(error for error in run.errors if "already being used by" in error)
    assert "subnetworks/theirs" in error
    world.client.delete(f"{subnets}/theirs")
    world.project.run("destroy")
    assert world.google.cloud.leftovers() == []
