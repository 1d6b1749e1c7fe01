"""Who set a field of a live object, and when, as the API server itself records it.

The record (`metadata.managedFields`) names programs, not people: `kubectl-edit` is whoever ran
`kubectl edit`; the audit log says who that was.
Source: Kubernetes, "Server-Side Apply".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from egress.judge.model.snapshot import Manifest, part

OURS = "pulumi-kubernetes"
"""How the names begin under which the program's own provider writes."""
Path = Sequence[str | int]


def setter(manifest: Manifest, path: Path) -> str:
    """Who set the field last, as `kubectl-edit at 2026-11-27T10:00:00Z`; empty where nobody else is known to
    have."""
    found = sorted(
        (depth, str(entry.get("time") or ""), str(entry.get("manager") or ""))
        for entry in part(manifest, "metadata").get("managedFields") or ()
        if not entry.get("subresource")
        for depth in (_depth(entry.get("fieldsV1") or {}, manifest, path),)
        if depth
    )
    others = [item for item in found if not item[2].startswith(OURS)]
    if not others or others[-1][0] < found[-1][0]:
        return ""
    _, time, manager = others[-1]
    return f"{manager} at {time}" if time else manager


def maker(manifest: Manifest) -> str:
    """Who made an object, as far as it is recorded."""
    metadata = part(manifest, "metadata")
    entries = [entry for entry in metadata.get("managedFields") or () if not entry.get("subresource")]
    first = min(entries, key=lambda entry: str(entry.get("time") or ""), default=None)
    time = str(metadata.get("creationTimestamp") or "")
    who = str(first.get("manager") or "") if first else ""
    return " at ".join(filter(None, (who, time)))


def _depth(fields: Mapping[str, Any], manifest: Any, path: Path) -> int:
    """How many steps of a path a record of fields holds; 0 where it does not hold the field or what it lies
    in. What is one value to the API server is held whole."""
    below: Any = manifest
    for step, key in enumerate(path):
        names = set(_names(below, key))
        found = next((name for name in fields if name in names), None)
        if found is None:
            # An empty record below a name: the value there is held as a whole.
            return step if step and not fields else 0
        fields = fields[found] or {}
        below = _at(below, key)
    return len(path)


def _names(below: Any, key: str | int) -> Iterator[str]:
    """What the record may call a key or an item."""
    if isinstance(key, str):
        yield f"f:{key}"
        return
    found: Any = _at(below, key)
    yield f"v:{json.dumps(found)}"
    if isinstance(found, Mapping):
        item = cast("Mapping[str, Any]", found)
        for names in (("name",), ("port", "protocol"), ("key",), ("containerPort", "protocol"), ("type",)):
            said = {name: item[name] for name in names if name in item}
            yield f"k:{json.dumps(said, separators=(',', ':'), sort_keys=True)}"


def _at(below: Any, key: str | int) -> Any:
    if isinstance(key, str):
        return cast("Mapping[str, Any]", below).get(key) if isinstance(below, Mapping) else None
    items = cast("list[Any]", below) if isinstance(below, list) else []
    return items[key] if key < len(items) else None
