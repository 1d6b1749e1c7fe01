"""A team's resources: what outlives a mistake, and what an interrupted run may have left."""

from __future__ import annotations

from typing import Any

from tests.program_runner import run_program
from tests.support import config_with, dev_config

ACCOUNT = "teams/team-x/googleApis/serviceAccounts/test"


def test_namespaces_of_teams_are_protected_and_those_of_the_platform_need_not_be() -> None:
    """With a team's namespace goes what the team has put there; in the platform's is nothing else."""
    run = run_program(dev_config() | {"gke-mesh-egress:protect": True})
    namespaces = run.of_type("kubernetes:core/v1:Namespace")
    protected = {one["name"] for one in namespaces if one["protect"]}
    assert protected == {"namespace/team-x", "namespace/team-y"}
    assert len(namespaces) > 2


def account_of(team: dict[str, Any]) -> dict[str, Any]:
    run = run_program(config_with(ACCOUNT, team))
    (account,) = [one["inputs"] for one in run.registered if one["name"] == "team-x/test/account"]
    return account


def test_an_account_that_an_interrupted_run_made_is_taken_over() -> None:
    assert account_of({})["createIgnoreAlreadyExists"] is True


def test_an_account_whose_id_the_config_gives_is_never_taken_over() -> None:
    """It may be somebody's, whose rights the team would get, and who would get the team's."""
    assert "createIgnoreAlreadyExists" not in account_of({"accountId": "deployer"})


def test_accounts_of_nodes_are_never_taken_over() -> None:
    run = run_program(dev_config())
    nodes = [one for one in run.of_type("gcp:serviceaccount/account:Account") if "nodes" in one["name"]]
    assert len(nodes) == 2
    assert all("createIgnoreAlreadyExists" not in one["inputs"] for one in nodes)


def test_an_exclusion_of_maintenance_that_somebody_set_by_hand_is_left_alone() -> None:
    run = run_program(dev_config())
    (cluster,) = run.of_type("gcp:container/cluster:Cluster")
    assert "maintenanceExclusions" not in cluster["inputs"]["maintenancePolicy"]
