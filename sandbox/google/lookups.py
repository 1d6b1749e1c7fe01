"""The data sources that programs call. Anything else is refused in words, never answered with a guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.google.kinds import Values, number
from sandbox.google.settings import Settings

Lookup = Callable[[Values, Settings], dict[str, Any]]


class Unanswered(Exception):
    """The stand-in does not know this data source, or lacks what it needs to answer."""


def _project(args: Values, settings: Settings) -> dict[str, Any]:
    project = str(args.get("projectId") or settings.project)
    if not project:
        raise Unanswered("getProject: no project; give projectId or configure the provider with gcp:project")
    return {
        "id": f"projects/{project}",
        "projectId": project,
        "name": project,
        "number": str(number(project, 12)),
        "autoCreateNetwork": False,
        "billingAccount": "",
        "deletionPolicy": "PREVENT",
        "effectiveLabels": {},
        "folderId": "",
        "labels": {},
        "orgId": "",
        "pulumiLabels": {},
        "tags": {},
    }


def _client_config(_args: Values, settings: Settings) -> dict[str, Any]:
    return {
        "id": f'projects/"{settings.project}"/regions/"{settings.region}"/zones/"{settings.zone}"',
        "project": settings.project,
        "region": settings.region,
        "zone": settings.zone,
        "accessToken": "",  # nobody is logged in anywhere
        "defaultLabels": {},
    }


def _zones(args: Values, settings: Settings) -> dict[str, Any]:
    region = str(args.get("region") or settings.region)
    if not region:
        raise Unanswered("getZones: no region; give region or configure the provider with gcp:region")
    project = str(args.get("project") or settings.project)
    return {
        "id": f"projects/{project}/regions/{region}",
        "names": [f"{region}-{letter}" for letter in "bcd"],
        "project": project,
        "region": region,
        "status": args.get("status"),
    }


_LOOKUPS: dict[str, Lookup] = {
    "gcp:organizations/getProject:getProject": _project,
    "gcp:organizations/getClientConfig:getClientConfig": _client_config,
    "gcp:compute/getZones:getZones": _zones,
}


def answer(token: str, args: Values, settings: Settings) -> dict[str, Any]:
    """The answer of a data source."""
    if token not in _LOOKUPS:
        raise Unanswered(
            f"this stand-in for Google Cloud does not know the function {token}; it knows "
            f"{', '.join(sorted(_LOOKUPS))}. "
            "Do without it, or add it to sandbox/google/lookups.py"
        )
    return _LOOKUPS[token](args, settings)
