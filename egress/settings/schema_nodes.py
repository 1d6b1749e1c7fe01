"""The JSON Schema of a stack's config, walked: what it says of the value at one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

from egress.settings.root import Settings

Location = tuple[str | int, ...]


@cache
def schema() -> dict[str, Any]:
    return Settings.model_json_schema(by_alias=True)


def known_keys(location: Location) -> list[str]:
    """The keys that the part at `location` knows."""
    return list(resolved(node_at(location)).get("properties", {}))


def is_required(location: Location) -> bool:
    return not location or str(location[-1]) in resolved(node_at(location[:-1])).get("required", [])


def node_at(location: Location) -> dict[str, Any]:
    """The schema at `location`, as it is referred to."""
    node: dict[str, Any] = schema()
    for part in location:
        lists = (option for option in options_of(node) if isinstance(part, int) and "items" in option)
        of = next(lists, resolved(node))
        more = of.get("items" if isinstance(part, int) else "additionalProperties")
        node = of.get("properties", {}).get(str(part)) or (
            cast("dict[str, Any]", more) if isinstance(more, dict) else {}
        )
    return node


def name_at(location: Location) -> str:
    node = node_at(location)
    options = [node, *cast("list[dict[str, Any]]", node.get("anyOf", []))]
    return next((str(option["$ref"]).rpartition("/")[2] for option in options if "$ref" in option), "")


def options_of(node: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for option in [cast("dict[str, Any]", node), *cast("list[dict[str, Any]]", node.get("anyOf", []))]:
        yield schema()["$defs"][option["$ref"].rpartition("/")[2]] if "$ref" in option else option


def resolved(node: Mapping[str, Any]) -> dict[str, Any]:
    """The definition behind a reference; of several, the one that says most."""
    options = list(options_of(node))
    for kind in ("object", "array"):
        for option in options:
            if option.get("type") == kind:
                return option
    return next(
        (option for option in options if option.get("type") not in (None, "null")),
        cast("dict[str, Any]", node),
    )


def kind_of(node: Mapping[str, Any]) -> str:
    return str(resolved(node).get("type", ""))


def is_map(node: Mapping[str, Any]) -> bool:
    return isinstance(resolved(node).get("additionalProperties"), dict)


def choices_of(node: Mapping[str, Any]) -> list[str]:
    return [str(choice) for option in options_of(node) for choice in option.get("enum", [])]
