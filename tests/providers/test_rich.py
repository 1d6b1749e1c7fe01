"""A stack with nearly everything through the real plugins: two egress gateways, one with a NAT of its own, an
ingress gateway behind a load balancer, credentials and grants. Told in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.google.forwarding import FORWARDING_RULE
from tests.providers.plugins import Missing
from tests.providers.rich import make_what_others_own, rich_config
from tests.providers.stack import Stack, kept_by_google, stack

JSON = dict[str, Any]


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    try:
        with stack(tmp_path_factory.mktemp("rich"), rich_config()) as rich:
            make_what_others_own(rich.google)
            yield rich
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def others(rich: Stack) -> set[str]:
    """What was there before."""
    return kept_by_google(rich)


def test_all_of_it_is_made_at_once(rich: Stack, others: set[str]) -> None:
    run = rich.project.run("up")
    assert run.changes.keys() == {"create"}
    (rule,) = rich.google.cloud.list(FORWARDING_RULE)
    assert rule["state"]["loadBalancingScheme"] == "EXTERNAL"


def test_again_nothing_changes_and_nothing_has_drifted(rich: Stack) -> None:
    assert not rich.project.run("up").changes
    assert not rich.project.run("refresh", "--preview-only", "--expect-no-changes").changes


def test_a_plan_that_was_saved_is_what_is_done(rich: Stack) -> None:
    """As update.yml does it: what was approved, and nothing else."""
    config = rich_config()
    config["gke-mesh-egress:teams"]["added"] = {
        "egress": {"new.example.com": {"https": "passthrough"}},
        "googleApis": {"serviceAccounts": {"worker": {"buckets": {"added": "roles/storage.objectViewer"}}}},
    }
    rich.configure(config)
    approved = str(rich.project.root / "plan.json")
    previewed = rich.project.run("preview", f"--save-plan={approved}")
    assert previewed.changes.keys() <= {"create", "update"}
    done = rich.project.run("up", f"--plan={approved}")
    assert done.ops == previewed.ops


def test_a_team_that_goes_takes_only_what_it_alone_used(rich: Stack) -> None:
    rich.configure(rich_config())
    run = rich.project.run("up")
    assert run.changes.keys() <= {"delete", "update"}
    assert rich.live("v1", "Namespace", None, "added") is None
    assert rich.live("v1", "Namespace", None, "shop")
    assert not any("added" in id for id in kept_by_google(rich))


def test_destroy_takes_it_down_in_one_go_and_leaves_what_is_not_its_own(
    rich: Stack, others: set[str]
) -> None:
    assert rich.project.run("destroy").changes.keys() == {"delete"}
    assert kept_by_google(rich) == others
