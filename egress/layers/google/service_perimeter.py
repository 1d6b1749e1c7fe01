"""VPC Service Controls: Google APIs as a way out, closed for whoever holds a credential of somebody else.

A pod that may reach `storage.googleapis.com` may take any bucket's name and any token with it: the address is
the same, and neither gateway nor firewall can tell. A perimeter can: from the project's network it answers
for the project's own data only.

Source: VPC Service Controls, "Service perimeter details and configuration", "VPC accessible services".
"""

from __future__ import annotations

from dataclasses import dataclass

from egress.common.google_cloud import SECRET_SERVICES, SERVICES, WITHIN_PERIMETER
from egress.common.google_hosts import service
from egress.plan.model import Plan

OWN_SERVICES = "RESTRICTED-SERVICES"
"""Google's word for: from the network, the perimeter's own services and no others."""


@dataclass(frozen=True)
class Perimeter:
    name: str
    """Absolute."""
    parent: str
    title: str
    project: str
    services: tuple[str, ...]
    """Sorted. All that the stack needs are in it, because from the network no others can be called."""
    access_levels: tuple[str, ...]
    """Absolute, sorted."""
    dry_run: bool


def render(plan: Plan) -> Perimeter | None:
    """The perimeter, where the stack asks for one."""
    wanted = plan.settings.network.perimeter
    if wanted is None:
        return None
    policy = f"accessPolicies/{wanted.access_policy}"
    name = wanted.name or plan.settings.google_names.perimeter
    secrets = SECRET_SERVICES if plan.settings.cluster.secret_sync else ()
    of_teams = {*plan.granted_apis, *filter(None, map(service, plan.google_hosts))}
    return Perimeter(
        name=f"{policy}/servicePerimeters/{name}",
        parent=policy,
        title=name,
        project=f"projects/{wanted.project_number}",
        services=tuple(sorted({*SERVICES, *WITHIN_PERIMETER, *secrets, *of_teams, *wanted.also_restricted})),
        access_levels=tuple(sorted(f"{policy}/accessLevels/{level}" for level in set(wanted.access_levels))),
        dry_run=wanted.dry_run,
    )
