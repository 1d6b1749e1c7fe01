"""Google APIs as a way out: who holds which role, what a role may not be, and the perimeter that closes what
IAM cannot."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.common.google_cloud import NODE_ROLES, SERVICES, WITHIN_PERIMETER
from egress.layers.google import service_perimeter
from egress.plan.make import make_plan
from egress.settings import load
from tests.program_runner import ProgramRun, run_program
from tests.support import config_with, dev_config, plan_of

PERIMETER = "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter"
BOUNDARY: dict[str, Any] = {
    "accessPolicy": "123456789",
    "projectNumber": "987654321012",
    "accessLevels": ["deployers"],
}


def fenced(restricted: bool = True, **changes: Any) -> dict[str, Any]:
    config = config_with("network/perimeter", BOUNDARY | changes)
    if restricted:
        config["gke-mesh-egress:network"]["googleApis"] = "restricted"
    return config


@cache
def dev() -> ProgramRun:
    return run_program(dev_config())


def test_pods_tokens_are_exchanged_within_the_perimeter() -> None:
    """Nodes call the Security Token Service for every pod that signs in to Google as itself."""
    boundary = service_perimeter.render(plan_of(fenced()))
    assert boundary is not None
    assert "sts.googleapis.com" in boundary.services


class TestRoles:
    def test_on_the_project_only_nodes_hold_roles_and_none_that_reads_data(self) -> None:
        """Both roles are for a node's own work: logs, metrics and registration, and images of the project."""
        held = {
            (r["inputs"]["role"], r["name"].split("-")[0])
            for r in dev().of_type("gcp:projects/iAMMember:IAMMember")
        }
        assert held == {(role, "nodes") for role in NODE_ROLES}
        assert NODE_ROLES == ("roles/container.defaultNodeServiceAccount", "roles/artifactregistry.reader")

    def test_a_teams_account_holds_roles_on_its_own_buckets_and_on_nothing_else(self) -> None:
        (grant,) = dev().of_type("gcp:storage/bucketIAMMember:BucketIAMMember")
        assert (grant["inputs"]["role"], grant["inputs"]["bucket"]) == (
            "roles/storage.objectViewer",
            "sandbox-project-bucket",
        )
        granting = {
            r["type"] for r in dev().registered if "iam" in r["type"].lower() and r["type"].startswith("gcp:")
        }
        assert granting == {
            "gcp:projects/iAMMember:IAMMember",
            "gcp:serviceaccount/iAMMember:IAMMember",
            "gcp:storage/bucketIAMMember:BucketIAMMember",
        }

    def test_no_key_of_an_account_is_made(self) -> None:
        assert [r["type"] for r in dev().registered if "serviceaccount/key" in r["type"].lower()] == []

    @pytest.mark.parametrize("role", ["roles/storage.admin", "roles/storage.legacyBucketOwner"])
    def test_a_team_cannot_hold_a_role_by_which_it_could_share_the_bucket(self, role: str) -> None:
        with pytest.raises(ConfigError, match="may grant others, even people outside"):
            load(config_with("teams/team-x/googleApis/serviceAccounts/test/buckets/bucket", role))

    def test_pods_get_the_nodes_account_from_nobody(self) -> None:
        for pool in dev().of_type("gcp:container/nodePool:NodePool"):
            assert pool["inputs"]["nodeConfig"]["workloadMetadataConfig"] == {"mode": "GKE_METADATA"}


class TestPerimeter:
    def test_there_is_none_unless_the_stack_asks(self) -> None:
        assert service_perimeter.render(plan_of(dev_config())) is None
        assert dev().of_type(PERIMETER) == []

    def test_it_holds_every_api_that_the_stack_and_its_teams_use(self) -> None:
        config = fenced(alsoRestricted=["bigquery.googleapis.com"])
        config["gke-mesh-egress:teams"]["team-x"]["googleApis"]["apis"] = ["pubsub"]
        boundary = service_perimeter.render(plan_of(config))
        assert boundary is not None
        assert set(boundary.services) == {
            *SERVICES,
            *WITHIN_PERIMETER,
            "pubsub.googleapis.com",
            "bigquery.googleapis.com",
        }

    def test_from_the_network_no_other_api_answers_and_from_outside_only_named_levels_may_call(self) -> None:
        run = run_program(fenced())
        (boundary,) = run.of_type(PERIMETER)
        inputs = boundary["inputs"]
        assert inputs["name"] == "accessPolicies/123456789/servicePerimeters/egress_sandbox_project"
        assert "spec" not in inputs
        assert inputs["status"]["vpcAccessibleServices"] == {
            "enableRestriction": True,
            "allowedServices": ["RESTRICTED-SERVICES"],
        }
        assert inputs["status"]["resources"] == ["projects/987654321012"]
        assert inputs["status"]["accessLevels"] == ["accessPolicies/123456789/accessLevels/deployers"]
        assert "apis-accesscontextmanager" in [r["name"] for r in run.of_type("gcp:projects/service:Service")]

    def test_a_dry_run_refuses_nothing(self) -> None:
        (boundary,) = run_program(fenced(restricted=False, dryRun=True, accessLevels=[])).of_type(PERIMETER)
        assert "status" not in boundary["inputs"]
        assert boundary["inputs"]["useExplicitDryRunSpec"] is True
        assert boundary["inputs"]["spec"]["restrictedServices"]

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            (fenced(accessLevels=[]), "the next `pulumi up` would be refused"),
            (fenced(restricted=False), "data could leave past the perimeter"),
            (fenced(accessPolicy="my-policy"), "identifies it by a number"),
            (fenced(projectNumber="my-project"), "identifies it by a number"),
            (fenced(name="9lives"), "Access Context Manager refuses this name"),
            (fenced(alsoRestricted=["bigquery"]), "Write e.g. bigquery.googleapis.com."),
        ],
    )
    def test_what_would_lock_out_or_leave_open_is_refused_in_words(
        self, config: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(ConfigError, match=words):
            load(config)

    def test_with_the_managed_mesh_it_is_refused_because_proxies_could_be_cut_off(self) -> None:
        config = fenced()
        config["gke-mesh-egress:mesh"] = {"flavor": "cloud-service-mesh"}
        with pytest.raises(ConfigError, match="proxies could be cut off"):
            make_plan(load(config))
