"""The real plugins of the Pulumi engine: where they are looked for, and what to say when one is missing."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from sandbox.tools import cache

FOLDER_VARIABLE = "EGRESS_PULUMI_PLUGINS"
KUBERNETES, GOOGLE, PYTHON = "pulumi-resource-kubernetes", "pulumi-resource-gcp", "pulumi-language-python"
_EXEC = f"{PYTHON}-exec"
"""What the language host starts the program with; it lies beside the host."""


class Missing(RuntimeError):
    """A plugin is not here; the message is one line with where to get it."""


@dataclass(frozen=True)
class Plugins:
    """Each plugin as it was found, by name."""

    found: dict[str, Path]

    def link(self, folder: Path) -> None:
        """Put them into one folder for PATH: the engine prefers what is on PATH, of whatever version."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in self.found.items():
            (folder / name).symlink_to(path)


def find(*names: str) -> Plugins:
    """The plugins of these names; raises Missing."""
    wanted = [*names, *([_EXEC] if PYTHON in names else [])]
    found = {name: path for name in wanted if (path := _executable(name))}
    if missing := [name for name in wanted if name not in found]:
        raise Missing(
            f"no real plugins on this machine, missing: {', '.join(missing)}. They are looked for in the "
            f"folder that {FOLDER_VARIABLE} names, in {_cached()}, on PATH and in ~/.pulumi/plugins: "
            "docs/testing.md says how to get them"
        )
    return Plugins(found)


def _cached() -> Path:
    return cache.root() / "pulumi-plugins"


def _executable(name: str) -> Path | None:
    named = os.environ.get(FOLDER_VARIABLE)
    for folder in (*([Path(named).expanduser()] if named else []), _cached()):
        path = folder / name
        if path.is_file() and os.access(path, os.X_OK):
            return path.resolve()
    on_path = shutil.which(name)
    return Path(on_path).resolve() if on_path else _installed(name)


def _installed(name: str) -> Path | None:
    """The newest one that `pulumi plugin install`, or an update, has put into the user's own Pulumi home."""
    home = Path(os.environ.get("PULUMI_HOME") or "~/.pulumi").expanduser()
    folders = (home / "plugins").glob(f"{name.removeprefix('pulumi-')}-v*")
    paths = [folder / name for folder in sorted(folders, key=_version) if (folder / name).is_file()]
    beside_the_cli = home / "bin" / name
    return paths[-1] if paths else beside_the_cli if beside_the_cli.is_file() else None


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", folder.name.rpartition("-v")[2]))
