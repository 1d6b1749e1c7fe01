"""What lives, made of what is rendered, with one thing changed as people change it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

from egress.answers.diff.drift import Drift, drift
from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot, identity
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.support import dev_config, plan_of

Manifest = dict[str, Any]
GROUPS = {"platform": ["gke-platform@example.com"], "teams": {"team-x": ["gke-team-x@example.com"]}}


@cache
def planned() -> Snapshot:
    config = dev_config()
    config["gke-mesh-egress:fences"] = {"groups": GROUPS}
    config["gke-mesh-egress:cluster"]["securityGroup"] = "gke-security-groups@example.com"
    plan = plan_of(config)
    return deployment(plan, render(plan))


def live(change: Callable[[dict[str, Manifest]], None] = lambda _: None) -> list[Manifest]:
    """The rendered objects as an API server holds them, with one change."""
    objects = {identity(item): copy.deepcopy(dict(item)) for item in planned().kubernetes}
    for item in objects.values():
        item["metadata"] |= {"uid": "1", "resourceVersion": "7"}
    change(objects)
    return list(objects.values())


def found(objects: list[Manifest], google: tuple[Resource, ...] = ()) -> Drift:
    return drift(plan_of(dev_config()), planned(), Snapshot.of(objects, google))


def edited(name: str, path: str, change: Callable[[Any], Any], by: str = "kubectl-edit") -> Drift:
    """Drift after a field was changed, as the API server records it."""

    def edit(objects: dict[str, Manifest]) -> None:
        keys = path.split(".")
        below: Any = objects[name]
        for key in keys[:-1]:
            below = below[int(key) if key.isdigit() else key]
        below[keys[-1]] = change(below.get(keys[-1]))
        fields: dict[str, Any] = {}
        for key in reversed([key for key in keys if not key.isdigit()]):
            fields = {f"f:{key}": fields}
        entry = {"manager": by, "operation": "Update", "time": "2026-11-27T10:00:00Z", "fieldsV1": fields}
        objects[name]["metadata"]["managedFields"] = [entry]

    return found(live(edit))


def with_one_more(item: Any) -> Callable[[Any], Any]:
    return lambda items: [*(items or ()), item]
