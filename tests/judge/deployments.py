"""What the program renders for each example, with an object changed or added, and what is violated by it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import yaml

from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from egress.proof.violation import Violation
from tests.support import PROJECT, ROOT, dev_config, plan_of

MODES = sorted(path.name.split(".")[1] for path in (ROOT / "examples/modes").glob("Pulumi.*.yaml"))


@cache
def plan(mode: str) -> Plan:
    """The plan of an example, or of the tutorial (`dev`)."""
    if mode == "dev":
        return plan_of(dev_config())
    config = yaml.safe_load((ROOT / f"examples/modes/Pulumi.{mode}.yaml").read_text(encoding="utf-8"))[
        "config"
    ]
    return plan_of(config | {"gcp:project": PROJECT})


@cache
def rendered(mode: str) -> Snapshot:
    return deployment(plan(mode), render(plan(mode)))


def with_change(mode: str, name: str, change: Callable[[Any], object]) -> Snapshot:
    deployed = rendered(mode)
    objects = [deepcopy(dict(item)) for item in deployed.kubernetes]
    (found,) = [item for item in objects if identity(item) == name]
    change(found)
    assert found != next(item for item in deployed.kubernetes if identity(item) == name), (
        "nothing was changed"
    )
    return Snapshot.of(objects, deployed.google)


def with_object(mode: str, written: dict[str, Any]) -> Snapshot:
    deployed = rendered(mode)
    return Snapshot.of([*deployed.kubernetes, written], deployed.google)


def violations(mode: str, deployed: Snapshot) -> list[Violation]:
    return list(verify(Intent(plan(mode)), Judges(deployed)).violations)


def istio(kind: str, namespace: str, api: str = "networking.istio.io/v1", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": "somebodys", "namespace": namespace},
        "spec": spec,
    }
