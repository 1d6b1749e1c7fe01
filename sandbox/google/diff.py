"""What changed between what the program wants and what the cloud has, and whether that replaces the resource.

The comparison is with the cloud's state (after a refresh), not with the last inputs, so drift is found. A
field that the program leaves open and the cloud fills in is no change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.google import schema
from sandbox.google.kinds import Kind, Values, tail
from sandbox.provider.wire import UNKNOWN, has_unknown

_MISSING: Any = object()


@dataclass(frozen=True)
class Change:
    """One changed field; `how` is add, update or delete."""

    path: str
    how: str
    replaces: bool

    @property
    def field(self) -> str:
        """The resource's own field in which the change is."""
        return top_field(self.path)


def top_field(path: str) -> str:
    """`allows[0].ports` -> `allows`"""
    return path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]


def changes(kind: Kind, news: Values, state: Values, inputs_before: Values) -> list[Change]:
    """The changes from `state` to `news`. `inputs_before` tells a removed field from one never given."""
    changed: list[Change] = []
    always = schema.outputs(kind.schema)
    for name in schema.inputs(kind.schema):
        new, old = news.get(name), state.get(name, inputs_before.get(name))
        if new is None and name in kind.defaults:
            new = kind.defaults[name]
        if new is None and always.get(name, False):
            continue  # the cloud's own choice
        changed += _compare(kind, name, _MISSING if new is None else new, _MISSING if old is None else old)
    return changed


def _compare(kind: Kind, path: str, new: Any, old: Any) -> Iterator[Change]:
    if has_unknown(new) and not isinstance(new, Mapping):
        yield _change(kind, path, "update", old, new)
    elif _empty(new) and _empty(old):
        return
    elif isinstance(new, Mapping) and isinstance(old, Mapping):
        for key in {**new, **old}:
            inner = f"{path}.{key}"
            wanted = new.get(key, kind.defaults.get(_plain(inner), _MISSING))
            if wanted is _MISSING and _plain(inner) in kind.kept:
                continue
            yield from _compare(kind, inner, wanted, old.get(key, kind.defaults.get(_plain(inner), _MISSING)))
    elif (
        isinstance(new, list)
        and isinstance(old, list)
        and _plain(path) not in kind.sets
        and len(new) == len(old)
    ):
        for index, (new_item, old_item) in enumerate(zip(new, old, strict=True)):
            yield from _compare(kind, f"{path}[{index}]", new_item, old_item)
    elif _same(kind, path, new) != _same(kind, path, old):
        how = "delete" if new is _MISSING or new in (None, [], {}) else "add" if _empty(old) else "update"
        yield _change(kind, path, how, old, new)


def _change(kind: Kind, path: str, how: str, old: Any, new: Any) -> Change:
    paths = [_plain(path), *(_plain(f"{path}.{leaf}") for value in (old, new) for leaf in _leaves(value))]
    return Change(path, how, any(_replaces(kind, inner, old, new) for inner in paths))


def _replaces(kind: Kind, path: str, old: Any, new: Any) -> bool:
    parts = path.split(".")
    for length in range(1, len(parts) + 1):
        prefix = ".".join(parts[:length])
        if prefix in kind.replaces:
            decide = kind.replaces[prefix]
            return decide is None or new is UNKNOWN or decide(old, new)
    return False


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not _empty(item):
                yield key
                yield from (f"{key}.{inner}" for inner in _leaves(item))
    elif isinstance(value, list):
        for item in value:
            yield from (f"*.{inner}" for inner in _leaves(item))


def _same(kind: Kind, path: str, value: Any) -> Any:
    """A form in which equal values are equal: links by name, sets sorted, empty parts left out."""
    if value is _MISSING or _empty(value):
        return None
    if isinstance(value, Mapping):
        return {key: _same(kind, f"{path}.{key}", item) for key, item in value.items() if not _empty(item)}
    if isinstance(value, list):
        items = [_same(kind, f"{path}[{index}]", item) for index, item in enumerate(value)]
        return (
            sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
            if _plain(path) in kind.sets
            else items
        )
    if any(reference.path == _plain(path) for reference in kind.references):
        return tail(value)
    return value.lower() if _plain(path) in kind.caseless else value


def _empty(value: Any) -> bool:
    """Google's APIs and the provider's schema do not tell a zero value from one that was not given."""
    if isinstance(value, Mapping):
        return all(_empty(item) for item in value.values())
    return value is _MISSING or value is None or (value is not UNKNOWN and value in ("", 0, False, []))


def _plain(path: str) -> str:
    """`allows[0].ports[1]` -> `allows.*.ports.*`"""
    return re.sub(r"\[\d+\]", ".*", path)
