"""What gateways look for in requests: the hosts of every extension that refuses bodies, and how each is
read."""

from __future__ import annotations

from dataclasses import dataclass

from egress.judge.fields.filters import unread_of_extension
from egress.judge.fields.inspection_table import Entry, read, split
from egress.judge.model.snapshot import Snapshot, identity, part


@dataclass(frozen=True)
class Inspected:
    """How requests to one host are read by one extension."""

    entry: Entry
    by: str


def inspections(snapshot: Snapshot) -> dict[tuple[str, str, str], Inspected]:
    """By the gateway's namespace, the extension and the host; of extensions that are understood as a
    whole."""
    found: dict[tuple[str, str, str], Inspected] = {}
    for manifest in snapshot.kind("TrafficExtension"):
        if not any(unread_of_extension(manifest)):
            metadata = manifest["metadata"]
            table, _ = split(part(manifest, "spec", "lua")["inlineCode"])
            for host, entry in (read(table) or {}).items():
                found[metadata["namespace"], metadata["name"], host] = Inspected(entry, identity(manifest))
    return found
