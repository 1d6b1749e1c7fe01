"""What is refused before anything is created: unknown fields, wrong types, bad values, impossible
combinations."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.google import judgement, schema
from sandbox.google.kinds import Kind, Problem, Values
from sandbox.provider.wire import UNKNOWN

_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object with named fields",
    "list": "a list",
    "map": "a map",
}


def problems(kind: Kind, values: Values) -> Iterator[Problem]:
    """Everything that is wrong with these inputs. Values only known after the deployment are not judged."""
    wrong = list(_object(schema.inputs(kind.schema), values, "", kind.token))
    yield from wrong
    if wrong:
        return  # a rule may trip over a value of the wrong type
    yield from judgement.values(kind, values)


def _object(
    fields: Mapping[str, schema.Field], values: Mapping[str, Any], at: str, owner: str
) -> Iterator[Problem]:
    for name, field in fields.items():
        if field.required and values.get(name) is None:
            yield Problem(
                f"{at}{name}", None, "this field is required; without it the resource cannot be made"
            )
    for name, value in values.items():
        if name in fields:
            yield from _value(fields[name], value, f"{at}{name}", owner)
        else:
            near = difflib.get_close_matches(name, fields, 1)
            hint = f"; did you mean {near[0]}" if near else ""
            yield Problem(
                f"{at}{name}", value, f"{owner} has no such field here, so it would be ignored{hint}"
            )


def _value(field: schema.Field, value: Any, at: str, owner: str) -> Iterator[Problem]:
    if value is None or value is UNKNOWN or field.type == "any":
        return
    right = {
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "object": isinstance(value, Mapping),
        "map": isinstance(value, Mapping),
        "list": isinstance(value, list),
    }[field.type]
    if not right:
        yield Problem(at, value, f"it must be {_WORDS[field.type]}")
    elif isinstance(value, Mapping) and field.type == "object":
        yield from _object(field.fields, value, f"{at}.", owner)
    elif isinstance(value, list) and field.item:
        for index, item in enumerate(value):
            yield from _value(field.item, item, f"{at}[{index}]", owner)
    elif isinstance(value, Mapping) and field.item:
        for key, item in value.items():
            yield from _value(field.item, item, f"{at}.{key}", owner)
