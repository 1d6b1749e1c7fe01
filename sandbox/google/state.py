"""What the cloud says about an object: its inputs with all that the cloud itself adds.

Paths are those of a row, see kinds.py.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sandbox.google import schema
from sandbox.google.kinds import LINK, Context, Kind, Values, first
from sandbox.provider.wire import UNKNOWN, Secret


def foreseen(kind: Kind, completed: dict[str, Any]) -> dict[str, Any]:
    """The state that an object will have, as far as it is known before there is one."""
    state = dict(completed)
    _fill_defaults(kind, state)
    state = merge(kind.foreseen(state) if kind.foreseen else {}, state)
    for name, always in schema.outputs(kind.schema).items():
        if always and name not in state:
            state[name] = UNKNOWN
    for path in kind.kept:
        _put(state, path.split("."), UNKNOWN)
    return state


def previewed(kind: Kind, new: Values, before: Values) -> dict[str, Any]:
    """The state that an object will have after an update, as far as it is known: what is asked for, the
    defaults, and what the cloud chose before."""
    inputs, always = schema.inputs(kind.schema), schema.outputs(kind.schema)
    state = copy.deepcopy(dict(new))
    _fill_defaults(kind, state)
    for path in kind.kept:
        value = first(before, path)
        if value is not None:
            _put(state, path.split("."), value)
    chosen = {name: value for name, value in before.items() if name not in inputs or always.get(name)}
    return _only_missing(state, chosen)


def recorded(context: Context, before: Values) -> dict[str, Any]:
    """The cloud's record of an object: as `previewed`, and what the cloud adds now."""
    kind = context.kind
    state = previewed(kind, context.new, before)
    state = merge(kind.computed(context) if kind.computed else {}, state)
    if "deletionPolicy" in schema.outputs(kind.schema):
        state.setdefault("deletionPolicy", "DELETE")
    for reference in kind.references:
        if reference.output != "as given":
            _rewrite(
                state,
                reference.path.split("."),
                lambda value, reference=reference: _written(reference, value, context),
            )
    return merge(state, kind.live(context)) if kind.live else state


def outputs(kind: Kind, state: Values) -> dict[str, Any]:
    """What the engine gets: the state, with the secret parts marked."""
    values = copy.deepcopy(dict(state))
    for path in kind.secret:
        _rewrite(values, path.split("."), Secret)
    return values


def _written(reference: Any, value: Any, context: Context) -> Any:
    id = reference.find(value, {**context.new, "project": context.project}) if value else None
    if id is None:
        return value
    return LINK + id if reference.output == "link" else id


def _fill_defaults(kind: Kind, state: dict[str, Any]) -> None:
    for path, value in kind.defaults.items():
        _put(state, path.split("."), value)


def _put(values: Any, parts: list[str], value: Any) -> None:
    """Set a field where it is missing and the object around it exists."""
    if isinstance(values, list) and parts[0] == "*":
        for item in values:
            _put(item, parts[1:], value)
    elif isinstance(values, dict):
        if len(parts) == 1:
            values.setdefault(parts[0], copy.deepcopy(value))
        elif parts[0] in values:
            _put(values[parts[0]], parts[1:], value)


def _rewrite(values: Any, parts: list[str], change: Callable[[Any], Any]) -> None:
    """Replace the known values at a path."""
    holder: Any = values
    keys: Iterable[Any] = ()
    if isinstance(values, list) and parts[0] == "*":
        keys = range(len(values))
    elif isinstance(values, dict) and parts[0] in values:
        keys = (parts[0],)
    for key in keys:
        if len(parts) > 1:
            _rewrite(holder[key], parts[1:], change)
        elif holder[key] is not UNKNOWN and holder[key] is not None:
            holder[key] = change(holder[key])


def merge(base: Values, over: Values) -> dict[str, Any]:
    """`base` with `over` laid on it; objects are merged field by field."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = (
            merge(below, value)
            if isinstance(below, Mapping) and isinstance(value, Mapping) and not _is_map(key)
            else value
        )
    return result


def _is_map(key: str) -> bool:
    return key.lower().endswith("labels")


def _only_missing(state: dict[str, Any], others: Values) -> dict[str, Any]:
    return {**{name: value for name, value in others.items() if value is not None}, **state}
