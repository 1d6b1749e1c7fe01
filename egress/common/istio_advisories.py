"""Holes of Istio that are known, by version: which release of each minor version mends which.

Sources: istio.io, "Security bulletins" (ISTIO-SECURITY-2026-004 to -006) and the announcements of 1.30.4,
1.30.5, 1.31.0 and 1.31.1. Of ISTIO-SECURITY-2026-007 the announcement of 1.29.9 was read, which lists what it
is about; that 1.30.7 mends it too was read off a distribution that took 1.30.7 for one of its CVEs, and
1.31.3 off the day on which its API was tagged (2026-10-21). Versions that came later are taken to have none:
nobody here hears of new ones, so look at https://istio.io/latest/news/security/ before an update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Version = tuple[int, int]
"""Minor version and patch, of Istio 1."""
OLDEST: Version = (30, 3)
"""Before it istiod refuses further namespaces in `defaultServiceExportTo`, of which the mesh's exports are
made (istio/istio#60560), and 1.29 has had no support since 2026-10-15."""


@dataclass(frozen=True)
class Advisory:
    """One bulletin."""

    name: str
    about: str
    """What of it is this program's concern, as a clause."""
    mended: Mapping[int, int]
    """By minor version: the first release without it. A later minor version never had it."""

    def concerns(self, version: Version) -> bool:
        minor, patch = version
        return patch < self.mended.get(minor, 0)


ADVISORIES = (
    Advisory(
        "ISTIO-SECURITY-2026-006",
        "rules for paths and headers can be passed by segments with parameters and by bytes that are no "
        "UTF-8 (CVE-2026-73511, -73551, -73552, -73553), and requests end proxies or istiod",
        {30: 4},
    ),
    Advisory(
        "ISTIO-SECURITY-2026-007",
        "rules for methods can be passed over HTTP/2 by a method in other letters, upper or lower case "
        "(GHSA-w44g-8m76-8gc5), and requests end proxies",
        {30: 7, 31: 3},
    ),
)
"""Those that concern OLDEST or something newer."""


def parsed(version: str) -> Version:
    """`1.30.7` in numbers."""
    _, minor, patch = version.split(".")
    return int(minor), int(patch)


def of(version: str) -> list[Advisory]:
    """Holes that are known in a version."""
    return [advisory for advisory in ADVISORIES if advisory.concerns(parsed(version))]
