"""What two configs say differently and no object that is compared shows: what Google makes of it, or the Helm charts.

Both configs are compared as they are understood, defaults included, so writing a default out is no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from egress.settings import Settings
from egress.settings.mesh import Flavor

CONFIG = "config"
"""How such a difference is called, before the path of the key."""

SILENT = (
    *("labels.", "protect", "cluster.deletionProtection", "cluster.maintenanceStart", "cluster.releaseChannel"),
    *("network.dns.queryLogging", "network.nat.logging", "network.nat.minPortsPerVm", "network.nat.maxPortsPerVm"),
    *("network.nat.dynamicPortAllocation", "gateways.*.hosts", "fences.contact", "cluster.secretSync"),
)
"""Keys that say nothing about who may reach what: names, logs, how many ports, what Pulumi refuses to delete, what a config is
held to before anything is made."""
UNSEEN = (
    *SILENT,
    *("project", "projectNumber", "region", "network.controlPlane", "network.googleApis", "network.nat.addresses"),
    *("network.perimeter", "cluster.name", "cluster.zone", "cluster.controlPlane", "cluster.securityGroup"),
    *("mesh.flavor", "mesh.istio", "gateways.*.nat.addresses", "credentials.", "fences.groups"),
    *("teams.*.googleApis.serviceAccounts.*.accountId", "teams.*.googleApis.serviceAccounts.*.buckets.*.existing"),
)
"""Keys that decide something which is in no object that is compared. Below a key everything is meant; `*` is any name."""


def _pattern(keys: tuple[str, ...]) -> re.Pattern[str]:
    said = "|".join(r"[^/]+".join(map(re.escape, key.rstrip(".").replace(".", "/").split("*"))) for key in keys)
    return re.compile(rf"^(?:{said})(?:/|$)|/description$")


_SILENT, _UNSEEN = _pattern(SILENT), _pattern(UNSEEN)


def differing(old: Settings, new: Settings) -> Iterator[str]:
    """Paths of the keys, `/` between their parts, since names of hosts have dots."""
    before, after = (dict(_leaves(_dumped(settings))) for settings in (old, new))
    for path in sorted({*before, *after}):
        if _UNSEEN.search(path) and before.get(path) != after.get(path):
            yield path


def _dumped(settings: Settings) -> dict[str, Any]:
    found = settings.model_dump(mode="json", by_alias=True)
    if settings.mesh.flavor is Flavor.ISTIO:
        found["mesh"]["istio"] = settings.mesh.chart.model_dump(mode="json", by_alias=True)
    return found


def is_silent(path: str) -> bool:
    """Whether a key says nothing about who may reach what."""
    return _SILENT.search(path) is not None


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, below in cast("Mapping[str, Any]", value).items():
            yield from _leaves(below, f"{path}/{key}" if path else str(key))
    else:
        yield path, value
