"""A stack's file as Pulumi hands it to the program: one reader for the commands, the sandbox and the tests.

Bare keys belong to the project, `Pulumi.yaml` beside the file may give values of its own, and a value
directly below a key is a text. What Pulumi alone could tell - encrypted values, environments of Pulumi ESC -
is named, not guessed.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from egress.common.errors import ABSENT, ConfigError, Problem
from egress.common.yaml_text import NotYaml, parse

NAMESPACE = "gke-mesh-egress"
PROJECT_FILE = "Pulumi.yaml"
_KEYWORD = re.compile(r"[-+.]?[0-9][0-9._]*|true|false|null", re.IGNORECASE)
_STATES = {
    errno.EISDIR: (
        "This is a folder, not a file.",
        "Rename the folder, or name another stack.",
    ),
    errno.EACCES: ("You have no permission to read the file.", "Ask its owner, or change its permissions."),
    errno.ENAMETOOLONG: ("No file can have a name of this length.", "Name a stack whose file is there."),
    errno.ELOOP: ("The link leads back to itself.", "Remove the link, or name another stack."),
}


@dataclass(frozen=True)
class Project:
    """What `Pulumi.yaml` says."""

    name: str = NAMESPACE
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Full keys to the values that hold where a stack says nothing."""
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Stack:
    """What `Pulumi.<stack>.yaml` says."""

    project: Project
    config: dict[str, Any]
    """Full keys to values, as Pulumi hands them over, with the project's own values for the keys that are not
    there."""
    environments: tuple[str, ...]
    """Environments of Pulumi ESC whose values Pulumi adds, and that nobody else can open."""
    content: Mapping[str, Any]
    """The whole file."""

    @property
    def bare(self) -> list[str]:
        """Keys that are written without a namespace, and so have the project's name."""
        config = self.content.get("config")
        return (
            [key for key in cast("dict[str, Any]", config) if ":" not in key]
            if isinstance(config, dict)
            else []
        )


def read(path: Path) -> Stack:
    """A stack's file, with what the project file beside it says.

    Raises:
        ConfigError: it is not there, cannot be read, or would not be read by Pulumi as it is written.
    """
    own = mapping(path)
    if own is None:
        raise ConfigError(
            [
                Problem(
                    str(path), ABSENT, f"There is no such stack file in {_folder(path)}.", _known_stacks(path)
                )
            ]
        )
    odd = next((key for key in own if _KEYWORD.fullmatch(key)), None)
    if odd is not None:
        raise _refused(
            path,
            f"The key {odd} is not a name; Pulumi refuses such a file.",
            "Write `config:`, and the settings below it.",
        )
    project = project_of(path.parent)
    config = own.get("config")
    if config is None:
        config = {}
    if not isinstance(config, dict):
        raise _refused(
            path,
            "The value of `config:` is not a mapping of keys to values.",
            "Write one key per line below it.",
        )
    full: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in cast("dict[str, Any]", config).items():
        name = key if ":" in key else f"{project.name}:{key}"
        problems += _key_problems(path, key, name, full)
        full[name] = _handed_over(value)
    if problems:
        raise ConfigError(problems)
    return Stack(project, {**project.defaults, **full}, tuple(_environments(own.get("environment"))), own)


def project_of(folder: Path) -> Project:
    """The project whose file lies in the folder; this program's own name where there is none.

    Raises:
        ConfigError: as `read`.
    """
    path = folder / PROJECT_FILE
    content = mapping(path)
    if content is None:
        return Project()
    name, config = content.get("name"), content.get("config")
    if not isinstance(name, str) or not name:
        raise _refused(path, "The file names no project.", f"Write name: {NAMESPACE}.")
    defaults: dict[str, Any] = {}
    for key, said in cast("dict[str, Any]", config if isinstance(config, dict) else {}).items():
        value = said
        if isinstance(said, dict):
            kept = cast("dict[str, Any]", said)
            value = kept.get("default", kept.get("value"))
        if value is not None:
            defaults[key if ":" in key else f"{name}:{key}"] = _handed_over(value)
    return Project(name, defaults, content)


def mapping(path: Path) -> dict[str, Any] | None:
    """The mapping in a YAML file; None where there is no such file.

    Raises:
        ConfigError: as `read`.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        unknown = (
            f"The system cannot read the file ({error.strerror}).",
            "Check its disk and its folder.",
        )
        consequence, fix = _STATES.get(error.errno or 0, unknown)
        raise ConfigError([Problem(_short(path), ABSENT, consequence, fix)]) from None
    except ValueError:  # a name with a character that no file can have
        raise ConfigError(
            [Problem(_short(path), ABSENT, "No file can have such a name.", "Name another stack.")]
        ) from None
    try:
        found = parse(content)
    except NotYaml as error:
        raise ConfigError(
            Problem(f"{path}:{fault.line}", ABSENT, fault.consequence, fault.fix) for fault in error.faults
        ) from None
    if found is not None and not isinstance(found, dict):
        raise _refused(
            path,
            "The file is not a mapping of names to values.",
            "Write `config:`, and the settings below it.",
        )
    return cast("dict[str, Any]", found or {})


def encrypted(value: Any, path: str = "") -> Iterator[str]:
    """Where encrypted values are: mappings with the single key `secure`."""
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        if set(inside) == {"secure"} and isinstance(inside["secure"], str):
            yield path
            return
        for key, item in inside.items():
            yield from encrypted(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from encrypted(item, f"{path}[{index}]")


def _handed_over(value: Any) -> Any:
    """A value as it reaches the program: a text, unless it holds others. (Those arrive as JSON text; here as
    they are.)"""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return re.sub(r"(e[-+])0+(?=[0-9])", r"\1", json.dumps(value))  # Go writes 1e-7
    return value


def _key_problems(path: Path, key: str, name: str, before: Mapping[str, Any]) -> Iterator[Problem]:
    if name.count(":") > 1:
        yield Problem(
            f"{path}: {key}",
            ABSENT,
            "A key has the form NAMESPACE:NAME; Pulumi reads any other form differently or not at all.",
            f"Write {name.replace(':config:', ':', 1) if name.count(':') == 2 else f'{NAMESPACE}:NAME'}.",
        )
    elif _KEYWORD.fullmatch(key):
        yield Problem(
            f"{path}: {key}",
            ABSENT,
            "The key is a number, true or false instead of the name of a setting; Pulumi refuses such a "
            "file.",
            f"Write {NAMESPACE}:NAME.",
        )
    elif name in before:
        yield Problem(
            f"{path}: {key}",
            ABSENT,
            f"{name} is the same key and is in the file as well: only one of the two could apply.",
            "Merge the two.",
        )


def _environments(value: Any) -> Iterator[str]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    if isinstance(value, dict):
        listed = cast("dict[str, Any]", value).get("imports")
        items = cast("list[Any]", listed) if isinstance(listed, list) else ["(in the file)"]
    for item in items:
        yield (
            item
            if isinstance(item, str)
            else next(iter(cast("dict[str, Any]", item)), "?")
            if isinstance(item, dict)
            else "?"
        )


def _folder(path: Path) -> str:
    return str(path.parent.absolute())


def _known_stacks(path: Path) -> str:
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        names = []
    known = [
        name[len("Pulumi.") : -len(".yaml")]
        for name in names
        if name.startswith("Pulumi.") and name.count(".") > 1
    ]
    known = [name for name in known if name and f"Pulumi.{name}.yaml" in names]
    return (
        f"Name a stack that is there: {', '.join(known)}."
        if known
        else "Go to the folder in which Pulumi.yaml lies."
    )


def _refused(path: Path, consequence: str, fix: str) -> ConfigError:
    return ConfigError([Problem(str(path), ABSENT, consequence, fix)])


def _short(path: Path) -> str:
    return str(path) if len(str(path)) <= 120 else f"{str(path)[:119]}…"
