"""The APIs that a stack needs: switched on before anything else is made."""

from __future__ import annotations

from egress.common.google_cloud import (
    MANAGED_MESH_SERVICES,
    PERIMETER_SERVICES,
    SECRET_SERVICES,
    SERVICES,
)
from egress.plan.model import Plan


def needed(plan: Plan) -> tuple[str, ...]:
    """Names like compute.googleapis.com, each once."""
    managed_mesh = () if plan.in_cluster_mesh else MANAGED_MESH_SERVICES
    secrets = SECRET_SERVICES if plan.settings.cluster.secret_sync else ()
    perimeter = PERIMETER_SERVICES if plan.settings.network.perimeter else ()
    return tuple(dict.fromkeys((*SERVICES, *managed_mesh, *secrets, *perimeter, *plan.granted_apis)))
