"""Raw config to Settings: from what Pulumi hands over, or from a stack's YAML file. Every refusal in one
ConfigError."""

from __future__ import annotations

import copy
import difflib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from egress.common import stack_file
from egress.common.errors import ABSENT, ConfigError, Default, Problem
from egress.common.stack_file import NAMESPACE
from egress.common.yaml_scalars import number
from egress.common.yaml_text import DEEPEST, depth
from egress.settings import words
from egress.settings.root import Settings
from egress.settings.words import PROJECT_KEY

JSON_TEXT = r"^(?:\{[\s\S]*)$"
"""A mapping as a text of JSON: what `pulumi config set` writes."""


def load(config: Mapping[str, Any], default_project: str | None = None) -> Settings:
    """Settings from a stack's config.

    Args:
        config: full keys (`gke-mesh-egress:teams`, `gcp:project`) to values; structured values as objects or
            as JSON text, which is how Pulumi hands them over. Keys of other namespaces are ignored.
        default_project: project id to use where the config names none.

    Raises:
        ConfigError: with every problem found, also those that only the parts together show.
    """
    raw = _structured(config)
    if PROJECT_KEY in config:
        raw["project"] = config[PROJECT_KEY]
    elif default_project is not None:
        raw["project"] = default_project
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        problems = [problem for detail in error.errors() for problem in _problems(detail, raw)]
        problems += _problems_of_the_rest(raw, error)
        raise ConfigError(problems) from None


def load_file(path: Path, default_project: str | None = None) -> Settings:
    """Settings from a `Pulumi.<stack>.yaml`, as Pulumi would hand them to the program.

    Raises:
        ConfigError: as `load`; also when the file is not there, or Pulumi would not read what is written.
    """
    return load_stack(stack_file.read(path), path, default_project)


def load_stack(stack: stack_file.Stack, path: Path, default_project: str | None = None) -> Settings:
    """Settings from a stack's file that was read. `path` is for messages."""
    problems: list[Problem] = []
    if stack.project.name != NAMESPACE:
        problems += [
            Problem(
                f"{path}: {key}",
                ABSENT,
                "Pulumi adds the project's name from Pulumi.yaml and reads this key as "
                f"{stack.project.name}:{key}, so this program would not see it.",
                f"Write {NAMESPACE}:{key}.",
            )
            for key in stack.bare
        ]
    problems += [
        Problem(
            at,
            ABSENT,
            (
                "The value is encrypted and only Pulumi can decrypt it, so nothing could be proven about it "
                "here."
            ),
            "Write it in plain text: no setting is a secret (secrets of gateways are kept in Secret "
            "Manager, see credentials).",
        )
        for key, value in stack.config.items()
        if key.startswith(f"{NAMESPACE}:") or key == PROJECT_KEY
        for at in stack_file.encrypted(value, key)
    ]
    if problems:
        raise ConfigError(problems)
    if not stack.content.get("config") and not any(key.startswith(f"{NAMESPACE}:") for key in stack.config):
        raise ConfigError(
            [
                Problem(
                    str(path),
                    ABSENT,
                    "The file has no `config:` mapping, so it sets nothing.",
                    "Add one; docs/config.md begins with a whole stack.",
                )
            ]
        )
    return load(stack.config, default_project)


def stack_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a `Pulumi.<stack>.yaml`, for editors."""
    settings = Settings.model_json_schema(by_alias=True, mode="validation")
    definitions = settings.pop("$defs")
    properties: dict[str, Any] = settings["properties"]
    own = {key: _or_json(value) for key, value in properties.items() if key != "project"}
    either = [f"{NAMESPACE}:{key}" for key in settings["required"] if key != "project"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack of gke-mesh-egress",
        "description": "Generated from egress/settings by `make schema`.",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                # A key without a namespace is the project's, as Pulumi has it.
                "properties": {
                    PROJECT_KEY: properties["project"],
                    **{f"{NAMESPACE}:{key}": of for key, of in own.items()},
                    **own,
                },
                "patternProperties": {f"^(?!{NAMESPACE}:).*:.*$": True},
                "allOf": [
                    {"anyOf": [{"required": [key]}, {"required": [key.partition(":")[2]]}]} for key in either
                ],
                "additionalProperties": False,
            }
        },
        "$defs": definitions,
    }


def _or_json(value: dict[str, Any]) -> dict[str, Any]:
    """A mapping may be written as text of JSON, and true or false in quotes: `pulumi config set` writes them
    so."""
    if "$ref" in value or "anyOf" in value or value.get("type") == "object":
        said = {key: value[key] for key in ("description", "default") if key in value}
        return {"anyOf": [value, {"type": "string", "pattern": JSON_TEXT}]} | said
    return (
        value | {"type": ["boolean", "string"], "enum": [True, False, "true", "false"]}
        if value["type"] == "boolean"
        else value
    )


def _structured(config: Mapping[str, Any]) -> dict[str, Any]:
    """The values below this program's namespace, by name.

    Raises:
        ConfigError: a key or a text of JSON cannot be what was meant.
    """
    raw: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in config.items():
        namespace, _, name = key.partition(":")
        if namespace != NAMESPACE:
            problems += _near_misses(key, namespace, name)
            continue
        try:
            raw[name] = _parsed(value) if isinstance(value, str) else value
        except ValueError as error:
            problems.append(
                Problem(
                    key,
                    value,
                    f"The value begins like JSON but is not valid JSON: {error}.",
                    "Write it as YAML.",
                )
            )
            continue
        if depth(raw[name]) > DEEPEST:
            problems.append(
                Problem(
                    key,
                    ABSENT,
                    f"Lists and mappings are nested more than {DEEPEST} levels deep.",
                    "Use fewer levels; settings need at most ten.",
                )
            )
    if problems:
        raise ConfigError(problems)
    return raw


def _near_misses(key: str, namespace: str, name: str) -> Iterator[Problem]:
    """A key of another namespace that is meant for this program."""
    close = difflib.SequenceMatcher(None, namespace.lower(), NAMESPACE).ratio() >= 0.6
    if close or (name == "teams" and namespace != "gcp"):
        yield Problem(
            key,
            ABSENT,
            f"No program reads the namespace {namespace!r}: its settings would be ignored, and the stack "
            "created without them.",
            f"Did you mean {NAMESPACE}:{name}?",
        )


def _parsed(text: str) -> Any:
    """Structured values and booleans reach a program as JSON text; what is not JSON is meant as text.

    Raises:
        ValueError: the text begins as a list or a mapping and is none; the message says why.
    """
    if text[:1] not in ("{", "[") and text not in ("true", "false"):
        return text
    try:
        found = json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_number, parse_int=_number
        )
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos + 1}") from None
    except UnicodeEncodeError:
        raise ValueError("an escape sequence in it stands for half of a character (a surrogate)") from None
    except RecursionError:
        raise ValueError(f"lists and mappings are nested more than {DEEPEST} levels deep") from None
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key} is in it twice, and only one of the two could apply")
        found[key] = value
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def _number(text: str) -> Any:
    if len(text) <= 19 and not set(text) & set(".eE"):
        return int(text)
    value = number(text)
    if value == math.inf:
        raise ValueError("it holds a number that is too large")
    return value


def _problems_of_the_rest(raw: dict[str, Any], error: ValidationError) -> list[Problem]:
    """What the parts together would still be refused for, once the values already refused are out of the
    way."""
    rest = copy.deepcopy(raw)
    removed = [path for detail in error.errors() for path in _paths(detail, raw)]
    for path in removed:
        _remove(rest, path)
    try:
        Settings.model_validate(rest)
    except ValidationError as second:
        # What is refused only because something below it was taken away is no news to the reader.
        made_by_removal = {path[:length] for path in removed for length in range(len(path) + 1)}
        return [
            problem
            for detail in second.errors()
            if detail["type"] == "refused" and not made_by_removal.issuperset(_paths(detail, rest))
            for problem in _problems(detail, rest)
        ]
    return []


def _remove(raw: dict[str, Any], path: tuple[str | int, ...]) -> None:
    parent: Any = raw
    for part in path[:-1]:
        if not isinstance(parent, dict) or part not in parent:
            return
        parent = cast(dict[Any, Any], parent)[part]
    if isinstance(parent, dict) and path:
        cast(dict[Any, Any], parent).pop(path[-1], None)


def _location(detail: ErrorDetails, raw: Any) -> tuple[str | int, ...]:
    """Where in the config: pydantic's location without its own marks for keys and union members, and no
    further than the file goes (a text that stands for a whole mapping is refused where it stands)."""
    location = tuple(
        part for part in detail["loc"] if part != "[key]" and not str(part).startswith("function-")
    )
    return _as_written(location, raw)


def _as_written(location: tuple[str | int, ...], raw: Any) -> tuple[str | int, ...]:
    found: list[str | int] = []
    for part in location:
        if raw is not ABSENT and not isinstance(raw, dict | list):
            break
        if isinstance(part, int) and isinstance(raw, dict) and part not in raw:
            continue  # one entry that stands for a list of one
        found.append(part)
        raw = _value(raw, (part,))
    return tuple(found)


def _paths(detail: ErrorDetails, raw: Any) -> list[tuple[str | int, ...]]:
    found = detail.get("ctx", {}).get("found", [((), "", "")])
    return [_as_written(_location(detail, raw) + tuple(at), raw) for at, *_ in found]


def _problems(detail: ErrorDetails, raw: dict[str, Any]) -> list[Problem]:
    location = _location(detail, raw)
    if detail["type"] == "refused":
        return [
            Problem(_shown(at), _or_default(raw, at), consequence, fix)
            for at, (_, consequence, fix) in zip(
                _paths(detail, raw), detail.get("ctx", {})["found"], strict=True
            )
        ]
    value = ABSENT if detail["type"] == "missing" else _value(raw, location)
    return [Problem(_shown(location), value, *words.say(detail, location, value))]


def _or_default(raw: Any, location: tuple[str | int, ...]) -> Any:
    """The value, or the one that holds because the file says nothing."""
    value = _value(raw, location)
    default = words.default(location) if value is ABSENT else None
    return value if default is None or default in ({}, []) else Default(default)


def _value(raw: Any, location: tuple[str | int, ...]) -> Any:
    for part in location:
        if isinstance(raw, dict) and part in raw:
            raw = cast(dict[Any, Any], raw)[part]
        elif isinstance(raw, list) and isinstance(part, int) and part < len(cast(list[Any], raw)):
            raw = cast(list[Any], raw)[part]
        else:
            return ABSENT
    return raw


def _shown(location: tuple[str | int, ...]) -> str:
    """The path as the reader finds it in the stack's file."""
    if location[:1] == ("project",):
        return PROJECT_KEY
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif "." in part or " " in part or "*" in part:
            text += f'["{part}"]'
        else:
            text += f".{part}" if text else part
    return f"{NAMESPACE}:{text}"
