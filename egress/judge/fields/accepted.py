"""Which fields of an object say something that nobody knows: neither read by a judge, nor harmless for a
written reason.

One walk over an object, beside the shape of what judges read (shapes.py) and the lists of what is harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, cast


class Accepted:
    """Fields of one kind that judges need not read. Paths are without numbers of entries; below a field
    everything is meant."""

    def __init__(
        self, harmless: Mapping[str, str], only: Mapping[str, tuple[object, ...]] | None = None
    ) -> None:
        """
        Args:
            harmless: each with its reason.
            only: those that are understood with some values alone.
        """
        self.harmless, self.only = harmless, only or {}
        self._above = frozenset(
            above
            for path in (*self.harmless, *self.only)
            for above in accumulate(path.split(".")[:-1], "{}.{}".format)
        )

    def has(self, path: str, value: object) -> bool:
        """Whether a field says nothing that matters. What is empty or false is as good as absent."""
        if not value or path.rpartition(".")[2].startswith("__"):
            return True  # the second is what Pulumi notes in exports
        return path in self.harmless or (path in self.only and value in self.only[path])

    def below(self, path: str) -> bool:
        """Whether something below a field is listed, though the field itself is not."""
        return path in self._above


def beyond(value: Any, shape: Any, accepted: Accepted, path: str = "", field: str = "") -> Iterator[str]:
    """Fields of a value of which neither the shape nor the lists know anything.

    Args:
        value: an object, or a part of it.
        shape: what is read of it, in the form of shapes.py.
        accepted: what need not be read of the whole object.
        path: where the value lies, without the numbers of entries.
        field: the same with them.
    """
    if isinstance(value, (list, tuple)):
        entry = cast("list[Any]", shape)[0] if isinstance(shape, list) else shape
        for index, one in enumerate(cast("list[Any]", value)):
            yield from beyond(one, entry, accepted, path, f"{field}[{index}]")
    elif isinstance(shape, Mapping) and isinstance(value, Mapping):
        known = cast("Mapping[str, Any]", shape)
        for key, below in cast("Mapping[str, Any]", value).items():
            at, name = f"{path}.{key}" if path else key, f"{field}.{key}" if field else key
            if key in known:
                if not isinstance(below, _PLAIN):
                    yield from beyond(below, known[key], accepted, at, name)
            elif not accepted.has(at, below):
                if accepted.below(at) and isinstance(below, (Mapping, list)):
                    yield from beyond(below, _NOTHING, accepted, at, name)
                else:
                    yield name


_PLAIN = (str, int, float, type(None))
"""What has no fields; most of an object is such."""
_NOTHING: Mapping[str, Any] = {}
