"""The sandbox's copy of a project: its settings and one stack's config. The checkout is never written to.

The engine writes into a stack's config file (the salt of its encryption, for one), and that must not show up
in the user's working tree. So each run copies `Pulumi.yaml` and `Pulumi.<stack>.yaml` anew, and keeps only
the salt.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egress.common import stack_file
from egress.common.errors import ConfigError
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
    try:
        project = stack_file.project_of(source)
        if not project.content:
            raise ProjectError(f"{source} holds no Pulumi.yaml with a project name")
        settings = stack_file.read(source / f"Pulumi.{stack}.yaml")
    except ConfigError as error:
        raise ProjectError(str(error)) from None
    secure = sorted(stack_file.encrypted(settings.config))
    if secure:
        raise ProjectError(
            f"Pulumi.{stack}.yaml holds encrypted values ({', '.join(secure)}), and the sandbox has no key "
            "of yours. Run this stack with the ordinary `pulumi`, or make a stack without secrets for the "
            "sandbox."
        )
    work = home.pulumi / "work" / project.name
    work.mkdir(parents=True, exist_ok=True)
    target = work / f"Pulumi.{stack}.yaml"
    kept = stack_file.mapping(target) or {}
    config: dict[str, Any] = {key: value for key, value in settings.content.items() if key not in _ENCRYPTION}
    if "encryptionsalt" in kept:
        config["encryptionsalt"] = kept["encryptionsalt"]
    config["config"] = {"gcp:project": SANDBOX_PROJECT, **settings.config}
    _write(work / "Pulumi.yaml", dict(project.content))
    _write(target, config)
    return Project(source, project.name, stack, work)


def _write(path: Path, content: dict[str, Any]) -> None:
    """A mapping, each value as JSON, which is YAML: every text in quotes, so that no reader takes `no` for
    false."""
    new = path.with_suffix(".new")
    new.write_text(
        "".join(f"{_json(key)}:{_value(value)}\n" for key, value in content.items()), encoding="utf-8"
    )
    new.replace(path)


def _value(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return f" {_json(value)}"
    return "".join(f"\n  {_json(key)}: {_json(item)}" for key, item in value.items())


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # YAML knows no pairs of escapes for one letter, and takes a few characters only as escapes.
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda match: f"\\u{ord(match[0]):04x}", text)
