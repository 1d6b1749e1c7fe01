"""Who owns which field of an object, as the API server records it (`metadata.managedFields`).

What was set by creating an object is owned apart from what is applied to it later, by the same program too. A
manifest that no longer states such a field would then leave it as it was created.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.provider.wire import Json


def by_apply(metadata: Mapping[str, Any], manager: str) -> list[Json] | None:
    """The record in which all that a manager set is held by apply; None where it is so already."""
    record: list[Json] = list(metadata.get("managedFields") or ())
    mine = [entry for entry in record if entry["manager"] == manager and "subresource" not in entry]
    created = next((entry for entry in mine if entry["operation"] == "Update"), None)
    if created is None:
        return None
    applied = next((entry for entry in mine if entry["operation"] == "Apply"), None)
    fields = _either(created["fieldsV1"], applied["fieldsV1"] if applied else {})
    others = [entry for entry in record if entry is not created and entry is not applied]
    return [*others, created | {"operation": "Apply", "fieldsV1": fields}]


def _either(one: Json, other: Json) -> Json:
    return one | {key: _either(one.get(key, {}), fields) for key, fields in other.items()}
