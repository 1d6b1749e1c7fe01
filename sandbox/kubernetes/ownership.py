"""Who owns which field of an object, as the API server records it (`metadata.managedFields`).

What was set by creating an object is owned apart from what is applied to it later, by the same program too. A
manifest that no longer states such a field would then leave it as it was created. So the real provider takes
over, before each update of an object, what was set in its own name and by kubectl: what the manifest does not
state of it then goes. What other programs own stays, except in lists that are one value to the API server.

Source: pulumi-kubernetes, `fixCSAFieldManagers`, with fluxcd/pkg/ssa, `PatchReplaceFieldsManagers`, which
takes names by how they begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.provider.wire import Json

TAKEN_OVER = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    ("pulumi-kubernetes", "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)
"""How the managers' names begin whose fields the provider takes over, and by which operation they hold
them."""


def created(metadata: Mapping[str, Any], manager: str) -> bool:
    """Whether a manager set anything of an object otherwise than by applying it, as who creates it does."""
    record: list[Json] = list(metadata.get("managedFields") or ())
    return any(
        entry["manager"] == manager and entry["operation"] == "Update" and "subresource" not in entry
        for entry in record
    )


def by_apply(metadata: Mapping[str, Any], manager: str) -> list[Json] | None:
    """The record in which a manager holds by apply all that it takes over; None where it is so already."""
    record: list[Json] = list(metadata.get("managedFields") or ())
    mine = [entry for entry in record if entry["manager"] == manager and entry["operation"] == "Apply"]
    taken = [entry for entry in record if entry not in mine and _is_taken(entry)]
    if not taken:
        return None
    held = (mine or taken)[0]
    fields: Json = {}
    for entry in (*mine, *taken):
        fields = _either(fields, entry["fieldsV1"])
    others = [entry for entry in record if entry not in mine and entry not in taken]
    return [*others, held | {"manager": manager, "operation": "Apply", "fieldsV1": fields}]


def _is_taken(entry: Json) -> bool:
    return not entry.get("subresource") and any(
        entry["manager"].startswith(beginning) and entry["operation"] == operation
        for beginning, operation in TAKEN_OVER
    )


def _either(one: Json, other: Json) -> Json:
    return one | {key: _either(one.get(key, {}), fields) for key, fields in other.items()}
