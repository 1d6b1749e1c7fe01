"""What tests ask of admission: the rendered policies, whole or with one thing changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from egress.judge.layers.admission import Admission
from egress.judge.model.snapshot import Manifest, Snapshot
from egress.layers.google.resources import google_objects
from egress.layers.render import render
from egress.plan.model import Plan
from tests.support import PROJECT, dev_config, plan_of

APPLICATION, GATEWAY = (
    f"sa-{kind}-nodes@{PROJECT}.iam.gserviceaccount.com" for kind in ("application", "gateway")
)


def rendered(plan: Plan) -> list[Manifest]:
    return [item.manifest for item in render(plan)]


def admission(
    config: dict[str, Any] | None = None, change: Callable[[Manifest], None] | None = None
) -> Admission:
    """The judge of a stack; `change` gets every rendered object before it is judged."""
    plan = plan_of(config or dev_config())
    objects = copy.deepcopy(rendered(plan))
    for manifest in objects if change else ():
        assert change is not None
        change(manifest)
    return Admission(Snapshot.of(objects, google_objects(plan)))
