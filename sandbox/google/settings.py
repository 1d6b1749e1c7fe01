"""The project, region and zone that a provider is configured with, and resources' inputs completed by
them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sandbox.google.kinds import Kind, Values
from sandbox.google.refusal import Refused


@dataclass(frozen=True)
class Settings:
    """What the provider was configured with."""

    project: str = ""
    region: str = ""
    zone: str = ""


def complete(kind: Kind, inputs: Values, settings: Settings) -> dict[str, Any]:
    """The inputs with the project and place that the provider was configured with. Refused when one is
    missing."""
    values = {**{name: value for name, value in kind.defaults.items() if "." not in name}, **inputs}
    of_cluster = re.search(r"/locations/([^/]+)/", str(values.get("cluster", "")))
    known = {
        "project": settings.project,
        "region": settings.region,
        "zone": settings.zone,
        "location": of_cluster[1] if of_cluster else settings.zone or settings.region,
    }
    for field in kind.place:
        if values.get(field) is None:
            if not known[field]:
                raise Refused(
                    400,
                    f"{kind.token}: {field}: required field is not set. Give it to the resource, or "
                    f"configure the provider with gcp:{'zone' if field == 'location' else field}.",
                )
            values[field] = known[field]
    return values


def project(values: Values, settings: Settings) -> str:
    """The project whose APIs are used."""
    named = re.search(r"^projects/([^/]+)/", str(values.get("serviceAccountId", "")))
    return str(values.get("project") or (named[1] if named else settings.project))
