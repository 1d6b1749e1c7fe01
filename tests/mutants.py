"""Objects with one thing changed: what a judge must notice."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from egress.common.ip_space import ANYWHERE

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutant:
    """A copy of an object; `path` is what was removed from it or widened."""

    path: Path
    widened: bool
    what: Any

    def __str__(self) -> str:
        where = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path
        ).removeprefix(".")
        return f"{'widened' if self.widened else 'without'} {where}"


def mutants(written: Any) -> Iterator[Mutant]:
    """Every copy that lacks one field or entry, however deep, and every copy with one range widened to all
    addresses."""
    for path, value in _everything(written, ()):
        yield Mutant(path, False, _changed(written, path, None))
        if isinstance(value, str) and "/" in value and value[0].isdigit() and value != ANYWHERE:
            yield Mutant(path, True, _changed(written, path, ANYWHERE))


def _everything(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, of in items:  # pyright: ignore[reportUnknownVariableType]
        yield (*path, key), of
        yield from _everything(of, (*path, key))


def _changed(written: Any, path: Path, value: Any) -> Any:
    changed = copy.deepcopy(written)
    parent = changed
    for part in path[:-1]:
        parent = parent[part]
    if value is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return changed
