"""Which connections NetworkPolicy decided about are logged: Dataplane V2 writes them to Cloud Logging, pod by
pod.

Source: GKE, "Use network policy logging". GKE makes the object itself with a cluster of Dataplane V2, and
reads this one alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.objects import Object, Owner, manifest
from egress.plan.model import Plan
from egress.settings.fences import Logged


def render(plan: Plan) -> Iterator[Object]:
    """Rendered even when logging is off; otherwise an earlier setting would stay in force."""
    logged = plan.settings.fences.observe.network_policies
    # `delegate` would leave the choice to annotations in teams' namespaces.
    cluster = {
        "allow": {"log": logged is Logged.ALL, "delegate": False},
        "deny": {"log": logged is not Logged.NONE, "delegate": False},
    }
    yield Object(
        Owner.mesh(),
        manifest("networking.gke.io/v1alpha1", "NetworkLogging", "default", spec={"cluster": cluster}),
        made_by_gke=True,
    )
