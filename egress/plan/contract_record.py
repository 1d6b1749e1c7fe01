"""The contract as a JSON Schema, and what a change of it does to programs that read it.

The source is the types in contract/gke_mesh_egress_contract.py, which consumers use. The schema lies in
`schema/contract.N.json`, one file per version: the record against which changes are judged. Adding is fine;
what a consumer reads stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from contract import gke_mesh_egress_contract as consumers

RECORD = f"schema/contract.{consumers.VERSION}.json"
"""The record of the current version, from the repository's root."""


def schema() -> dict[str, Any]:
    """The JSON Schema of the output `egress`. It is open: a platform may say more."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Output `{consumers.OUTPUT}` of gke-mesh-egress, contract {consumers.VERSION}",
        **_node(consumers.Contract),
    }


def breaks(old: Mapping[str, Any], new: Mapping[str, Any], path: str = consumers.OUTPUT) -> Iterator[str]:
    """What `new` takes from programs that were written for `old`, in words. Nothing: they go on as they
    are."""
    before, after = _kind(old), _kind(new)
    if before != after:
        yield f"{path} was {before} and is {after}"
        return
    if "const" in old and old["const"] != new.get("const"):
        yield f"{path} was {old['const']} and is {new.get('const')}"
    for name, node in old.get("properties", {}).items():
        at = f"{path}.{name}"
        if name not in new.get("properties", {}):
            yield f"{at} is gone"
            continue
        if name in old.get("required", []) and name not in new.get("required", []):
            yield f"{at} was always there and now may be missing"
        yield from breaks(node, new["properties"][name], at)
    for below, at in (("items", f"{path}[]"), ("additionalProperties", f"{path}.<name>")):
        if below in old and below in new:
            yield from breaks(old[below], new[below], at)


def refusal(changes: list[str]) -> str:
    """What to tell the author of a change that breaks consumers."""
    return "\n".join(
        [
            f"The contract with other stacks would break, and its version is still {consumers.VERSION}:",
            *(f"  {change}" for change in changes),
            "Keep what was there (adding beside it is fine). Or raise VERSION in "
            "contract/gke_mesh_egress_contract.py and "
            "egress/plan/outputs.py, run `make schema`, and say in CHANGELOG.md what consumers must do.",
        ]
    )


def _kind(node: Mapping[str, Any]) -> str:
    """The kind of value, so that a map of names and an object of fixed keys are told apart."""
    return "map" if "additionalProperties" in node else str(node["type"])


def _node(wanted: Any, description: str = "") -> dict[str, Any]:
    said = {"description": description} if description else {}
    origin, of = get_origin(wanted), get_args(wanted)
    if wanted in (str, int):
        return {"type": "string" if wanted is str else "integer", **said}
    if origin is tuple:
        return {"type": "array", **said, "items": _node(of[0])}
    if origin is Mapping:
        return {"type": "object", **said, "additionalProperties": _node(of[1])}
    return {"type": "object", **said, **_members(wanted)}


def _members(wanted: type) -> dict[str, Any]:
    """Fixed keys, from a dataclass."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, annotation in get_type_hints(wanted, include_extras=True).items():
        kind, optional, description = consumers.unpacked(annotation)
        properties[consumers.key(name)] = _node(kind, description)
        if not optional:
            required.append(consumers.key(name))
    if wanted is consumers.Contract:
        properties["contract"]["const"] = consumers.VERSION
    return {"required": required, "properties": properties}
