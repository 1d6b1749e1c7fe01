"""Every field that an API takes in a kind, in a short form that can be kept in a file and walked.

A field is its type as text (`string`, `integer`, `A|B` where there are but these values), a mapping of
fields, a list of one entry, or a mapping with the one key `{}` where keys are anybody's. Read from Istio's
pinned CustomResourceDefinitions, and from the types of Pulumi's packages, which are made of each API's
schema.
"""

from __future__ import annotations

import collections.abc
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pulumi
import yaml

ANY = "any"
_TYPES: Any = pulumi._types  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]
Schema = Any


def of_definitions(file: Path) -> dict[str, Schema]:
    """Kind to the fields of its spec, of the newest version of each."""
    found: dict[str, Schema] = {}
    for definition in filter(None, yaml.safe_load_all(file.read_text(encoding="utf-8"))):
        spec = definition["spec"]
        newest = max(
            spec["versions"], key=lambda version: (version["name"] == "v1", "beta" in version["name"])
        )
        found[spec["names"]["kind"]] = _short(newest["schema"]["openAPIV3Schema"]["properties"]["spec"])
    return dict(sorted(found.items()))


def _short(schema: Mapping[str, Any]) -> Schema:
    if "enum" in schema:
        return "|".join(sorted(map(str, filter(None, schema["enum"]))))
    if "properties" in schema:
        return {name: _short(of) for name, of in sorted(schema["properties"].items())}
    if schema.get("type") == "array":
        return [_short(schema["items"])]
    if isinstance(schema.get("additionalProperties"), Mapping):
        return {"{}": _short(schema["additionalProperties"])}
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    return ANY if schema.get("x-kubernetes-preserve-unknown-fields") else str(schema.get("type", ANY))


_LEAVES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def of_arguments(cls: type, above: tuple[type, ...] = ()) -> Schema:
    """Fields of a Pulumi package's type of arguments, as the API names them."""
    if cls in above:
        return ANY
    types: dict[str, Any] = _TYPES.input_type_types(cls)
    return {name: _of_type(hint, (*above, cls)) for name, hint in sorted(types.items())}


def _of_type(hint: Any, above: tuple[type, ...]) -> Schema:
    """The form of the plainest type that an argument may have; what may come later (Output, Awaitable) means
    the same."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _LEAVES:
        return _LEAVES[hint]
    if isinstance(hint, type) and _TYPES.is_input_type(hint):
        return of_arguments(hint, above)
    if origin in (list, collections.abc.Sequence):
        return [_of_type(arguments[0], above)]
    if origin in (dict, collections.abc.Mapping):
        return {"{}": _of_type(arguments[1], above)}
    inner = [_of_type(one, above) for one in arguments if one is not type(None) and not _is_later(one)]
    inner = [one for one in inner if one != ANY]
    return next((one for one in inner if not isinstance(one, str)), inner[0] if inner else ANY)


def _is_later(hint: Any) -> bool:
    return typing.get_origin(hint) in (pulumi.Output, collections.abc.Awaitable)


def computed(resource: type) -> list[str]:
    """What the provider adds to a resource's arguments, as exports have it."""
    names = (
        getattr(of.fget, "_pulumi_name", name)
        for name, of in vars(resource).items()
        if isinstance(of, property)
    )
    return sorted(names)


Path_ = tuple[str, ...]


def leaves(schema: Schema, path: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    """Every field that holds a value itself, with its type; `[]` for an entry of a list, `{}` for anybody's
    key."""
    if isinstance(schema, Mapping):
        for name, of in cast("Mapping[str, Any]", schema).items():
            yield from leaves(of, (*path, name))
    elif isinstance(schema, list):
        yield from leaves(cast("list[Any]", schema)[0], (*path, "[]"))
    else:
        yield path, str(schema)


def said(path: Path_) -> str:
    """A path as people write it: `spec.http[].match[].uri.exact`."""
    return "".join(step if step in ("[]", "{}") else f".{step}" for step in path).removeprefix(".")


def put(written: Any, path: Path_, value: object, key: str = "a") -> Any:
    """A copy of an object with a value at a path, in the first entry of each list on the way."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if step == "[]":
        entries = list(cast("list[Any]", written)) if isinstance(written, list) and written else [None]
        return [put(entries[0], rest, value, key), *entries[1:]]
    of = dict(cast("Mapping[str, Any]", written)) if isinstance(written, Mapping) else {}
    name = next(iter(of), key) if step == "{}" else step
    return {**of, name: put(of.get(name), rest, value, key)}
