"""Objects that the config's `repair` names: applied whole once more, which takes away what somebody added."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from egress.common.errors import ConfigError, Problem
from egress.common.names import REPAIRED
from egress.common.objects import Object


def repaired(objects: Sequence[Object], repair: Mapping[str, str]) -> list[Object]:
    """The objects, those that `repair` names marked with its text.

    Raises:
        ConfigError: it names an object that is not among them.
    """
    if problems := list(_unrendered(objects, repair)):
        raise ConfigError(problems)
    return [_marked(item, repair[item.identity]) if item.identity in repair else item for item in objects]


def _unrendered(objects: Sequence[Object], repair: Mapping[str, str]) -> Iterator[Problem]:
    there = {item.identity for item in objects} if repair else set[str]()
    for name in repair:
        if name not in there:
            close = difflib.get_close_matches(name, sorted(there), n=1)
            yield Problem(
                f"gke-mesh-egress:repair.{name}",
                repair[name],
                "The stack renders no object of this name, so nothing would be applied anew, and what was "
                "added by hand would stay.",
                (f"Did you mean {close[0]}? " if close else "")
                + "`egress drift` prints what to write. Take out what was applied before and is gone now.",
            )


def _marked(item: Object, text: str) -> Object:
    """The object with what makes it another one than it was, so that it is applied whole."""
    metadata = item.manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), REPAIRED: text}
    return replace(item, manifest={**item.manifest, "metadata": {**metadata, "annotations": annotations}})
