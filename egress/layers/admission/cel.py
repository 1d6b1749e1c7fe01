"""Values as CEL, the language of admission's expressions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def literal(value: Any) -> str:
    """A value written in CEL. What stands in a map or in a list of maps may be of any type, so each of it
    says so."""
    if isinstance(value, Mapping):
        fields: Mapping[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return "{" + ", ".join(f"{literal(key)}: dyn({literal(of)})" for key, of in fields.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        items: Sequence[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return "[" + ", ".join(map(literal, items)) + "]"
    if isinstance(value, str) and "'" not in value and "\\" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value)


def whole(pattern: str) -> str:
    """A pattern for `matches` that a value must fit as a whole. RE2 knows no `$` before a last newline: it is
    the end."""
    return literal(f"^(?:{pattern})$")
