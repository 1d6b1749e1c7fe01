"""Tools the user already has: in KUBEBUILDER_ASSETS or on PATH, if their version will do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sandbox.tools.catalog import Tool, refusal
from sandbox.tools.report import say

_ASK_SECONDS = 30


def find(tool: Tool) -> Path | None:
    """The user's own executable for this tool, or None; says on stderr why one was passed over."""
    for where, path in _candidates(tool):
        why = _refused(tool, path)
        if why is None:
            say(f"{tool.name}: using {path} ({where})")
            return path
        say(f"{tool.name}: not using {path} ({where}): {why}")
    return None


def _candidates(tool: Tool) -> list[tuple[str, Path]]:
    candidates: list[tuple[str, Path]] = []
    assets = os.environ.get("KUBEBUILDER_ASSETS") if tool.assets else None
    if assets:
        path = Path(assets).expanduser().resolve() / tool.name
        if path.is_file():
            candidates.append(("KUBEBUILDER_ASSETS", path))
        else:
            say(f"{tool.name}: not in KUBEBUILDER_ASSETS ({assets}); looking on PATH")
    on_path = shutil.which(tool.name)
    if on_path:
        candidates.append(("PATH", Path(on_path).absolute()))
    return candidates


def _refused(tool: Tool, path: Path) -> str | None:
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}  # no call home just to say a version
    try:
        asked = subprocess.run(
            [path, *tool.show_version],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
            check=False,
            encoding="utf-8",
        )
    except subprocess.TimeoutExpired:
        return f"it did not say its version within {_ASK_SECONDS} s"
    except OSError as error:
        return f"it does not run ({error.strerror})"
    if asked.returncode != 0:
        return f"`{tool.name} {' '.join(tool.show_version)}` failed with status {asked.returncode}"
    return refusal(tool, asked.stdout)
