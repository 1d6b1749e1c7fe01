"""Whether a request's body says only what Google's schema lets it say; and what of it may be written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.google_rest.discovery import Document, Json

_OUTPUT_ONLY = re.compile(r"^\W*output[ -]only", re.IGNORECASE)
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str, int, float),  # 64-bit numbers are texts, and are taken as numbers too
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}

#: fields that the provider sends to every project and Google takes, although no document has them, by schema
_UNPUBLISHED = {
    "NetworkRoutingConfig": frozenset({"deleteBgpAlwaysCompareMed"}),
    "RouterNat": frozenset({"initialNatIps"}),
}


@dataclass(frozen=True)
class Fault:
    """One thing that the schema does not allow: where, and what Google says."""

    at: str
    text: str


def faults(document: Document, schema: str, body: Any) -> list[Fault]:
    """Everything in `body` that the schema of this name does not allow."""
    return list(_faults(document, {"$ref": schema}, body, ""))


def _is(kind: str, value: Any) -> bool:
    right = _TYPES[kind]
    return isinstance(value, right) and (bool in right or not isinstance(value, bool))


def _faults(document: Document, said: Mapping[str, Any], value: Any, at: str) -> Iterator[Fault]:
    unpublished = _UNPUBLISHED.get(said.get("$ref", ""), frozenset())
    if "$ref" in said:
        said = document.schema(said["$ref"])
    kind = said.get("type", "any")
    if value is None or kind == "any":
        return
    if not _is(kind, value):
        yield Fault(at, f"Invalid value at '{at}' ({kind.upper()}), {value!r}")
    elif kind == "string":
        if "enum" in said and value not in said["enum"] and value != "":
            allowed = ", ".join(said["enum"])
            yield Fault(at, f"Invalid value for field '{at}': '{value}'. Must be one of: [{allowed}]")
    elif kind == "array":
        for index, item in enumerate(value):
            yield from _faults(document, said["items"], item, f"{at}[{index}]")
    elif kind == "object":
        fields, others = said.get("properties", {}), said.get("additionalProperties")
        for name, item in value.items():
            below = f"{at}.{name}" if at else str(name)
            if name in fields:
                yield from _faults(document, fields[name], item, below)
            elif others is not None:
                yield from _faults(document, others, item, below)
            elif name != "@type" and name not in unpublished:
                yield Fault(
                    below,
                    f"Invalid JSON payload received. Unknown name \"{name}\" at '{at or 'resource'}': "
                    "Cannot find field.",
                )


def writable(document: Document, schema: str, body: Json) -> Json:
    """The body without nulls and without fields that only Google writes: it ignores them in requests."""
    fields = document.schema(schema).get("properties", {})
    kept = {}
    for name, value in body.items():
        said = fields.get(name, {})
        if value is None or said.get("readOnly") or _OUTPUT_ONLY.match(said.get("description", "")):
            continue
        kept[name] = (
            writable(document, said["$ref"], value) if "$ref" in said and isinstance(value, dict) else value
        )
    return kept
