"""Clients that offer TLS in plain HTTP: what the mesh renders so that they are answered."""

from __future__ import annotations

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
