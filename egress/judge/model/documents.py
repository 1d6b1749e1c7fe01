"""YAML and JSON from outside as values: of files, and of texts inside of objects. None is deeper or larger
than an object may be.

Source: YAML 1.2, "Anchors and Aliases": a text of a few lines may stand for more values than any machine
holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import yaml

DEEPEST = 100
"""Lists and mappings in one another; no API's objects lie deeper, and the reader below is not safe against
more."""
LARGEST = 10_000_000
"""Values of one document, each as often as it is referred to: more than the states of a thousand teams
have."""
_TOO_DEEP = f"lists and mappings lie more than {DEEPEST} deep in one another."
_TOO_LARGE = f"its anchors stand for more than {LARGEST} values."
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def documents(text: str, *, as_json: bool = False) -> list[Any]:
    """Every document of a text.

    Raises:
        ValueError: it is no YAML, or no JSON, or one of them is too deep or too large.
    """
    try:
        found = [json.loads(text)] if as_json else list(_loaded(text))
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    for document in found:
        if _deep(document):
            raise ValueError(_TOO_DEEP)
        if _size(document, {}) > LARGEST:
            raise ValueError(_TOO_LARGE)
    return found


def mesh_config(text: str) -> Any:
    """What istiod is told: JSON if it begins as that does, else YAML; None where it is empty.

    Raises:
        ValueError: as above.
    """
    return single(text, as_json=text.startswith("{"))


def single(text: str, *, as_json: bool = False) -> Any:
    """The one value of a text inside of an object; None where it is empty.

    Raises:
        ValueError: as above, or there are several.
    """
    found = documents(text, as_json=as_json)
    if len(found) > 1:
        raise ValueError("it holds several documents.")
    return found[0] if found else None


_PARSE = cast("Callable[..., Iterator[object]]", yaml.parse)  # pyright: ignore[reportUnknownMemberType]


def _loaded(text: str) -> Iterator[Any]:
    """The documents of a YAML text, of which nothing is built before it is known to be no deeper than it
    may."""
    deep = 0
    for event in _PARSE(text, Loader=_LOADER):
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            deep += 1
            if deep > DEEPEST:
                raise ValueError(_TOO_DEEP)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            deep -= 1
    yield from yaml.load_all(text, Loader=_LOADER)


def _deep(value: Any) -> bool:
    """Whether a value lies deeper in itself than it may, an anchor that holds itself included."""
    layer = {id(value): value}
    for _ in range(DEEPEST):
        # What anchors repeat is looked at once.
        layer = {id(below): below for one in layer.values() for below in _held(one)}
        if not layer:
            return False
    return True


def _size(value: Any, known: dict[int, int]) -> int:
    """How many values one stands for, which is no deeper than it may be; each that anchors repeat is counted
    out once."""
    found = known.get(id(value))
    if found is None:
        found = known[id(value)] = 1 + sum(_size(below, known) for below in _held(value))
    return found


def _held(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()
