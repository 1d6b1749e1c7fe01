"""The sandbox's copy of a project: its settings and one stack's config. The checkout is only ever read.

The engine writes into a stack's config file (the salt of its encryption, for one), which must not show up in the
user's working tree. So each run copies `Pulumi.yaml` and `Pulumi.<stack>.yaml` anew, keeping only the salt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.home import Home

SANDBOX_PROJECT = "sandbox-project"
"""The Google project of a stack that names none. Nothing outside the sandbox is called by it."""

_ENCRYPTION = ("secretsprovider", "encryptedkey", "encryptionsalt")


class ProjectError(RuntimeError):
    """There is no such project or stack, or its config is not for a sandbox."""


@dataclass(frozen=True)
class Project:
    """One stack of one project, ready to run."""

    source: Path
    """Where the program lies."""
    name: str
    stack: str
    work: Path
    """The copy, which the engine may write into."""


def copy(source: Path, stack: str, home: Home) -> Project:
    """Copies the project's settings and the stack's config into the sandbox."""
    settings = _load(source / "Pulumi.yaml")
    if not settings or not isinstance(settings.get("name"), str):
        raise ProjectError(f"{source} holds no Pulumi.yaml with a project name")
    config = _load(source / f"Pulumi.{stack}.yaml")
    if config is None:
        known = sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in source.glob("Pulumi.*.yaml"))
        raise ProjectError(f"there is no Pulumi.{stack}.yaml in {source}; stacks there: {', '.join(known) or 'none'}")
    secure = sorted(_secure(config.get("config") or {}))
    if secure:
        raise ProjectError(
            f"Pulumi.{stack}.yaml holds encrypted values ({', '.join(secure)}), and the sandbox has no key of yours. "
            "Run this stack with the ordinary `pulumi`, or make a stack without secrets for the sandbox."
        )
    work = home.pulumi / "work" / settings["name"]
    work.mkdir(parents=True, exist_ok=True)
    target = work / f"Pulumi.{stack}.yaml"
    kept = _load(target) or {}
    config = {key: value for key, value in config.items() if key not in _ENCRYPTION}
    if "encryptionsalt" in kept:
        config["encryptionsalt"] = kept["encryptionsalt"]
    values = dict(config.get("config") or {})
    values.setdefault("gcp:project", SANDBOX_PROJECT)
    config["config"] = values
    _write(work / "Pulumi.yaml", settings)
    _write(target, config)
    return Project(source, settings["name"], stack, work)


def _load(path: Path) -> dict[str, Any] | None:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except yaml.YAMLError as error:
        raise ProjectError(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict | None):
        raise ProjectError(f"{path} is not a mapping of names to values")
    return content or {}


def _secure(value: Any, path: str = "") -> list[str]:
    """Where encrypted values are: mappings with the single key `secure`."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return [path]
        return [found for key, item in value.items() for found in _secure(item, f"{path}.{key}".lstrip("."))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in _secure(item, f"{path}[{index}]")]
    return []


def _write(path: Path, content: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    new.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    new.replace(path)
