"""The engine's property values, as they cross the gRPC border, to plain Python values and back.

Secrets: this provider tells the engine that it does not take secrets, so the engine unwraps them before a
call and marks the same properties of the answer itself. Only what the engine cannot know is marked here
(`secret`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import struct_pb2

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands for a value that only the update will know. The engine has one such text for each type of
value."""

_UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"

Json = dict[str, Any]


def plain(struct: struct_pb2.Struct) -> Json:
    """A protobuf struct as a dict. Protobuf knows only doubles: whole numbers become int, as Kubernetes wants
    them."""
    return {key: _plain_value(value) for key, value in struct.fields.items()}


def _plain_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _SIGNATURE in fields and fields[_SIGNATURE].string_value == _SECRET:
            return _plain_value(fields["value"])
        return plain(value.struct_value)
    if kind == "list_value":
        return [_plain_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "bool_value":
        return value.bool_value
    return None


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """A dict as a protobuf struct."""
    result = struct_pb2.Struct()
    result.update(dict(values))
    return result


def secret(value: Any) -> Json:
    """The value, marked as a secret for the engine."""
    return {_SIGNATURE: _SECRET, "value": value}


def has_unknown(value: Any) -> bool:
    """Whether any part of the value is still unknown, so that nothing real can be asked about it."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value == UNKNOWN


def at(value: Any, path: Iterable[str]) -> Any:
    """The value at the path of keys; None where there is none."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
