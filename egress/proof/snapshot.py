"""A plan as the judges see it: everything that it renders, for the cluster and for Google."""

from __future__ import annotations

import json
from collections.abc import Iterable

from egress.common import names
from egress.common.objects import Object, manifest
from egress.judge.model.snapshot import Manifest, Snapshot
from egress.layers.google.resources import google_objects
from egress.layers.mesh.mesh_config import mesh_config
from egress.plan.model import Plan


def deployment(plan: Plan, objects: Iterable[Object]) -> Snapshot:
    """The rendered objects, with the mesh configuration as the ConfigMap that the chart makes of it, and
    Google's resources."""
    manifests: list[Manifest] = [item.manifest for item in objects]
    if plan.in_cluster_mesh:
        data = {"mesh": json.dumps(mesh_config(plan))}
        manifests.append(manifest("v1", "ConfigMap", "istio", names.MESH_NAMESPACE, data=data))
    elsewhere = frozenset(plan.settings.network.dns.answered_elsewhere)
    return Snapshot(tuple(manifests), tuple(google_objects(plan)), True, elsewhere)
