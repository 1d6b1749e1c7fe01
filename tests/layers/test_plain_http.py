"""Clients that offer TLS in plain HTTP, or speak HTTP/1.0: what is rendered so that they are answered."""

from __future__ import annotations

from copy import deepcopy

import pytest

from egress.common.errors import ConfigError
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.support import config_with, dev_config, plan_of

NAME = "istio-system/envoyfilter/plain-http"


def filters(plan: Plan) -> list[str]:
    return [item.identity for item in render(plan) if item.identity == NAME]


def test_one_object_says_it_to_every_proxy() -> None:
    assert filters(plan_of(dev_config())) == [NAME]


def test_the_managed_mesh_takes_none() -> None:
    assert filters(plan_of(config_with("mesh", {"flavor": "cloud-service-mesh"}))) == []


def test_without_it_nothing_is_proven() -> None:
    plan = plan_of(dev_config())
    whole = deployment(plan, render(plan))
    less = Snapshot.of(
        [item for item in whole.kubernetes if item["metadata"]["name"] != "plain-http"], whole.google
    )
    assert not verify(Intent(plan), Judges(whole)).violations
    [violation] = verify(Intent(plan), Judges(less)).violations
    assert "Clients that offer TLS in plain HTTP" in str(violation)


def _speaking(**mesh: str) -> Plan:
    config = config_with("mesh", mesh)
    config["gke-mesh-egress:teams"]["team-y"]["http10"] = True
    return plan_of(config)


def test_http10_is_taken_by_the_sidecars_of_the_team_that_says_so() -> None:
    found = [item.identity for item in render(_speaking()) if item.name == "http10"]
    assert found == ["team-y/envoyfilter/http10"]
    assert not verify(Intent(_speaking()), Judges(deployment(_speaking(), render(_speaking())))).violations


@pytest.mark.parametrize("kept", [[], [0], [1]])
def test_with_less_than_all_of_it_nothing_is_proven(kept: list[int]) -> None:
    plan = _speaking()
    whole = deployment(plan, render(plan))
    items = deepcopy([*whole.kubernetes])
    for item in items:
        if item["metadata"]["name"] == "http10":
            item["spec"]["configPatches"] = [item["spec"]["configPatches"][at] for at in kept]
    [violation] = verify(Intent(plan), Judges(Snapshot.of(items, whole.google))).violations
    assert "Sidecars of team-y have to take HTTP/1.0." in str(violation)


def test_the_managed_mesh_cannot() -> None:
    with pytest.raises(ConfigError, match="sidecars would go on ending such connections"):
        _speaking(flavor="cloud-service-mesh")
