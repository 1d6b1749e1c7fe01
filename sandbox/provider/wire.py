"""Property values as they cross the gRPC border, and the Python values that they stand for.

The engine sends a value that is not known yet as a text that means it; here that is `UNKNOWN`. Secrets only
leave: no provider of the sandbox accepts them, so the engine unwraps secret inputs before a call and marks
the outputs of the same name itself. An output that the engine cannot know to be secret leaves as a `Secret`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import struct_pb2

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
_UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWN_TEXTS: Final = frozenset(
    {
        _UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)

Json = dict[str, Any]


class Unknown:
    """A value that only the deployment will know. There is one, `UNKNOWN`; compare with `is`."""

    def __copy__(self) -> Unknown:
        return self

    def __deepcopy__(self, _memo: object) -> Unknown:
        return self

    def __repr__(self) -> str:
        return "<known after deployment>"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """An output that the engine must encrypt in its state and hide in its display."""

    value: Any


def read(struct: struct_pb2.Struct) -> Json:
    """A protobuf struct as a dict. Null is None; a whole number is an `int`, though protobuf knows only
    doubles."""
    return {key: _read(value) for key, value in struct.fields.items()}


def _read(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWN_TEXTS else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_read(item) for item in value.list_value.values]
        case "struct_value":
            fields = read(value.struct_value)
            return fields.get("value") if fields.get(_SIGNATURE) == _SECRET else fields
        case _:
            return None


def write(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """A dict as a protobuf struct."""
    struct = struct_pb2.Struct()
    struct.update({key: _written(value) for key, value in values.items()})
    return struct


def _written(value: Any) -> Any:
    if value is UNKNOWN:
        return _UNKNOWN_TEXT
    if isinstance(value, Secret):
        return {_SIGNATURE: _SECRET, "value": _written(value.value)}
    if isinstance(value, Mapping):
        return {key: _written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_written(item) for item in value]
    return value


def without_nulls(values: Mapping[str, Any]) -> Json:
    """The same without the fields that are None, at any depth."""
    return {key: _without_nulls(value) for key, value in values.items() if value is not None}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Secret):
        return Secret(_without_nulls(value.value))
    if isinstance(value, Mapping):
        return without_nulls(value)
    if isinstance(value, list | tuple):
        return [_without_nulls(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether any part of `value` is only known after the deployment."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN
