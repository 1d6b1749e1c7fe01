"""What no document of Google's describes, and somebody asks before anything is made: whose a login is, and
whether Istio's charts and images are where they are said to be."""

from __future__ import annotations

import re
from typing import Final

from sandbox.google_rest.discovery import Json
from sandbox.google_rest.world import World

ACCOUNT: Final = "sandbox@example.com"
SUPPLY: Final = "supply.example"
"""Below it are the public places, each by its own name: `supply.example/gcr.io/v2/...`."""
_PUBLISHED: Final = tuple(f"1.{minor}.{patch}" for minor in (30, 31) for patch in range(10))
"""Versions of Istio that are published."""
_INDEX: Final = re.compile(r".+/index\.yaml")
_MANIFEST: Final = re.compile(r"[^/]+/v2/.+/([^/]+)/manifests/([^/]+)")


def beside(world: World, host: str, path: str) -> tuple[int, Json] | None:
    """Status and answer; None for whatever Google's documents describe."""
    if host == "openidconnect.googleapis.com" and path == "v1/userinfo":
        return 200, {"sub": "1", "email": ACCOUNT, "email_verified": True}
    if host != SUPPLY:
        return None
    if _INDEX.fullmatch(path):
        charts = (one for one in ("base", "cni", "gateway", "istiod") if one not in world.unpublished)
        return 200, {"entries": {chart: [{"version": one} for one in _PUBLISHED] for chart in charts}}
    asked = _MANIFEST.fullmatch(path)
    there = asked and asked[1] not in world.unpublished and asked[2] in _PUBLISHED
    return (200, {"schemaVersion": 2}) if there else (404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]})
