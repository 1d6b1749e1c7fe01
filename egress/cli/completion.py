"""What a shell may complete: stacks, teams and hosts, as the files here say. It never fails; it knows less,
then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from egress.common import stack_file
from egress.common.errors import ConfigError


def stacks(folder: Path) -> list[str]:
    """The stacks whose files lie in a folder."""
    return sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in folder.glob("Pulumi.*.yaml"))


def teams(stack: Path) -> list[str]:
    """The teams of a stack's file."""
    return sorted(_teams(stack))


def hosts(stack: Path, team: str | None = None) -> list[str]:
    """The hosts that a team of a stack's file declares; without a team, of all."""
    found: set[str] = set()
    for name, said in _teams(stack).items():
        if team in (None, name):
            found |= _mapping(_mapping(said).get("egress")).keys()
    return sorted(found)


def urls(stack: Path, team: str | None) -> Iterator[str]:
    """The same as URLs, which is what `explain` takes."""
    for host in hosts(stack, team):
        yield from (f"https://{host}", f"http://{host}")


def _teams(stack: Path) -> dict[str, Any]:
    try:
        return _mapping(stack_file.read(stack).config.get(f"{stack_file.NAMESPACE}:teams"))
    except ConfigError:
        return {}


def _mapping(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
