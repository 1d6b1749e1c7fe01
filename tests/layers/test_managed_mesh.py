"""Managed Cloud Service Mesh: which of three maps its control plane reads, nobody can choose."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from egress.common import names
from egress.common.objects import Object
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.support import config_with, dev_config, plan_of

MAPS = ("istio-asm-managed", "istio-asm-managed-rapid", "istio-asm-managed-stable")


def managed() -> Plan:
    return plan_of(config_with("mesh", {"flavor": "cloud-service-mesh"}))


def maps(objects: list[Object]) -> dict[str, Object]:
    return {item.name: item for item in objects if item.kind == "ConfigMap"}


def violations(plan: Plan, objects: list[Object]) -> list[str]:
    proof = verify(Intent(plan), Judges(deployment(plan, objects)))
    return [f"{step.decided_by} {step.field}: {one.says}" for one in proof.violations for step in one.steps]


def changed(name: str, change: Callable[[dict[str, Any]], Any]) -> list[Object]:
    """The rendered objects, one map of which says something else."""
    objects = copy.deepcopy(render(managed()))
    item = maps(objects)[name]
    config = json.loads(item.manifest["data"]["mesh"])
    change(config)
    item.manifest["data"]["mesh"] = json.dumps(config)
    return objects


def test_every_map_that_a_channel_or_traffic_director_may_read_says_the_same() -> None:
    found = maps(render(managed()))
    assert tuple(sorted(found)) == MAPS == tuple(sorted(names.MANAGED_MESH_CONFIGS))
    assert len({item.manifest["data"]["mesh"] for item in found.values()}) == 1
    assert {item.namespace for item in found.values()} == {"istio-system"}


def test_they_are_taken_over_where_google_made_them_first() -> None:
    assert all(item.made_by_gke for item in maps(render(managed())).values())


def test_a_mesh_in_the_cluster_has_none() -> None:
    assert maps(render(plan_of(dev_config()))) == {}


def test_what_is_rendered_is_proven() -> None:
    plan = managed()
    assert violations(plan, render(plan)) == []


@pytest.mark.parametrize("name", MAPS)
def test_a_map_that_is_missing_is_found(name: str) -> None:
    plan = managed()
    left = [item for item in render(plan) if item.name != name]
    (found,) = violations(plan, left)
    assert found.startswith(f"istio-system/configmap/{name} data.mesh: The managed control plane may read")


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "outboundTrafficPolicy.mode": lambda config: config["outboundTrafficPolicy"].update(mode="ALLOW_ANY"),
    "pathNormalization.normalization": lambda config: config.pop("pathNormalization"),
    "accessLogFile": lambda config: config.pop("accessLogFile"),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("setting", CHANGES)
def test_a_map_that_says_less_is_found_by_its_name_and_setting(name: str, setting: str) -> None:
    found = violations(managed(), changed(name, CHANGES[setting]))
    assert any(text.startswith(f"istio-system/configmap/{name} {setting}: ") for text in found), found
