"""The table of every resource type that the stand-in knows. A new type is a new row in one of these files."""

from __future__ import annotations

from typing import Final

from sandbox.google import (
    address,
    artifact_registry,
    cluster,
    dns,
    firewall,
    fleet,
    forwarding,
    grants,
    identity,
    monitoring,
    nat,
    network,
    nodes,
    service_perimeter,
    storage,
)
from sandbox.google.kinds import Kind

KINDS: Final[dict[str, Kind]] = {
    kind.token: kind
    for room in (
        identity,
        network,
        firewall,
        address,
        forwarding,
        nat,
        dns,
        storage,
        artifact_registry,
        cluster,
        nodes,
        fleet,
        monitoring,
        grants,
        service_perimeter,
    )
    for kind in room.KINDS
}
