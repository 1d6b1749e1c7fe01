"""Managed Cloud Service Mesh, as it is registered: what Google may have made first, and what a first update
says."""

from __future__ import annotations

from functools import cache

import pulumi
import pytest

from components.mesh import say_that_it_takes_two_runs
from egress.common import names
from tests.program_runner import ProgramRun, run_program
from tests.support import config_with


@cache
def managed() -> ProgramRun:
    return run_program(config_with("mesh", {"flavor": "cloud-service-mesh"}))


def test_its_maps_are_applied_over_what_google_made_and_all_else_is_only_created() -> None:
    maps = managed().of_type("kubernetes:core/v1:ConfigMap")
    assert sorted(one["inputs"]["metadata"]["name"] for one in maps) == sorted(names.MANAGED_MESH_CONFIGS)
    assert all("::cluster-kubernetes-taking-over::" in one["provider"] for one in maps)
    over = {one["name"] for one in managed().registered if "-taking-over::" in one["provider"]}
    assert over == {
        "networklogging/default",
        *(f"istio-system/configmap/{name}" for name in names.MANAGED_MESH_CONFIGS),
    }


def test_the_update_that_switches_it_on_says_that_it_takes_two_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    say_that_it_takes_two_runs("projects/p/locations/global/features/servicemesh/membershipId/c", "p")
    assert said == []
    say_that_it_takes_two_runs(object(), "p")
    assert "no matches for kind" in said[0]
    assert "gcloud container fleet mesh describe --project p" in said[0]
