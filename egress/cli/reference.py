"""The tables of docs/config.md: every key with its type, default, meaning, and what is refused.

All of it is read off the schema that editors use, so that the page cannot say anything else than the
settings. A field's description may end with `Refused:` and what a validator refuses; choices, bounds and
lengths need no words, because the model has them. What stands between the tables is written by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml

from egress.common import grammar
from egress.settings.base import MOST
from egress.settings.duration import PATTERN as DURATION
from egress.settings.load import JSON_TEXT, stack_schema

BEGIN = "<!-- keys: {} -->"
"""Before a table, with the keys that it begins with; the table is written by a command."""
END = "<!-- end of keys -->"
_TABLE = re.compile(r"<!-- keys: (?P<keys>[^>]+?) -->\n.*?<!-- end of keys -->", re.DOTALL)
HEAD = ("| Key | Type | Default | Meaning | Refused |", "|---|---|---|---|---|")
REFUSED = " Refused: "
"""Behind it a description says what a validator refuses."""
CHOSEN = {
    "credentials": "secret",
    "egress": "host",
    "serviceAccounts": "account",
    "allow": "rule",
    "refuse": "rule",
    "receives": "name",
}
"""What the key of a map is called where that is not the map's own name in the singular."""
BAR = r"\|"
SHORT = 60
"""Characters of a meaning and its refusals that are sooner read again than looked up at another key."""
_PAGE = re.compile(r"docs/(?P<page>[\w/-]+\.md)(?:#(?P<anchor>[\w-]+))?")
FORMS = {f"^(?:{grammar.RESOURCE})$": "name", f"^(?:{DURATION})$": "duration"}
"""Patterns of texts that have a name of their own."""

_CLOCK = re.compile("[0-9:]+")
"""A time of day, which some readers of YAML take for a number."""

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Key:
    """One row."""

    path: str
    type: str
    default: str
    meaning: str
    refused: str

    def row(self) -> str:
        cells = (f"`{self.path}`", self.type, self.default, self.meaning, self.refused)
        return "|" + "|".join(f" {cell.replace('|', BAR)} " if cell else " " for cell in cells) + "|"


def with_tables(page: str) -> str:
    """The page with every table written anew."""
    config = stack_schema()["properties"]["config"]
    tables = _Tables(stack_schema()["$defs"])
    needed = {key for both in config["allOf"] for key in both["anyOf"][1]["required"]}

    def written(found: re.Match[str]) -> str:
        names = found["keys"].split()
        keys = [
            key for name in names for key in tables.keys((name,), config["properties"][name], name in needed)
        ]
        return "\n".join((BEGIN.format(" ".join(names)), *HEAD, *(key.row() for key in keys), END))

    return _TABLE.sub(written, page)


class _Tables:
    """The rows below each key, in the order of the settings. What is long and was said of another key is
    referred to."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self._told: dict[tuple[str, str], str] = {}

    def keys(self, path: tuple[str, ...], node: Schema, required: bool) -> Iterator[Key]:
        kinds = [kind for kind in self._kinds(node) if kind.get("type") != "null"]
        meaning, refused = self._words(path, node, kinds)
        yield Key(".".join(path), self._type(kinds), _default(node, kinds, required), meaning, refused)
        yield from self._below(path, kinds)

    def _below(self, path: tuple[str, ...], kinds: list[Schema]) -> Iterator[Key]:
        for kind in kinds:
            for name, child in kind.get("properties", {}).items():
                yield from self.keys((*path, name), child, name in kind.get("required", ()))
            if isinstance(values := kind.get("additionalProperties"), dict):
                chosen = CHOSEN.get(path[-1], path[-1].removesuffix("s"))
                yield from self._below((*path, f"<{chosen}>"), list(self._kinds(cast("Schema", values))))

    def _kinds(self, node: Schema) -> Iterator[Schema]:
        """What may stand at a node, behind its references; without the text of JSON that `pulumi config set`
        writes."""
        if "$ref" in node:
            yield self._definitions[node["$ref"].rpartition("/")[2]]
        elif "anyOf" in node:
            for option in node["anyOf"]:
                if option.get("pattern") != JSON_TEXT:
                    yield from self._kinds(option)
        else:
            yield node

    def _words(self, path: tuple[str, ...], node: Schema, kinds: list[Schema]) -> tuple[str, str]:
        described = [one["description"] for one in (node, *kinds) if "description" in one]
        said = str(described[0]) if described else ""
        meaning, _, more = said.partition(REFUSED)
        refused = " ".join(filter(None, (*self._bounds(kinds), more)))
        if len(meaning) + len(refused) > SHORT:
            first = self._told.setdefault((said, refused), ".".join(path))
            if first != ".".join(path):
                return f"As `{first}`.", ""
        return _PAGE.sub(_link, meaning), _PAGE.sub(_link, refused)

    def _bounds(self, kinds: list[Schema]) -> Iterator[str]:
        """What the model itself refuses of a value, or of each value in a list or a map."""
        for kind in kinds:
            low, high = kind.get("minimum"), kind.get("maximum")
            if "enum" in kind and kind.get("type") == "string":
                yield "Anything else."
            elif low is not None:
                yield f"Below {low}." if high in (None, MOST) else f"Below {low} or above {high}."
            elif "maxLength" in kind:
                yield f"More than {kind['maxLength']} characters."
            for key in ("items", "additionalProperties"):
                if isinstance(kind.get(key), dict):
                    values = list(self._kinds(kind[key]))
                    yield from self._bounds([value for value in values if "properties" not in value])

    def _type(self, kinds: list[Schema]) -> str:
        kind = next((kind for kind in kinds if kind.get("type") in ("object", "array")), kinds[0])
        if kind["type"] == "array":
            item = self._type(list(self._kinds(kind["items"])))
            return (
                item.replace("one of", "any of") if item.startswith("one of") else f"list of {_plural(item)}"
            )
        if kind["type"] == "object" and isinstance(values := kind.get("additionalProperties"), dict):
            return f"map of {_plural(self._type(list(self._kinds(cast('Schema', values)))))}"
        if kind["type"] == "string":
            return _kind_of_text(kind)
        # A boolean at the top may be a text as well: `pulumi config set` writes it so.
        return "boolean" if "boolean" in kind["type"] else str(kind["type"])


def _kind_of_text(kind: Schema) -> str:
    if "enum" in kind:
        choices = ", ".join(f"`{choice}`" for choice in kind["enum"])
        return f"one of {choices}" if len(kind["enum"]) > 1 else choices
    if kind.get("format") == "ipv4-network":
        return "range"
    patterns = [form.get("pattern") for form in kind.get("allOf", ())]
    return next((FORMS[pattern] for pattern in patterns if pattern in FORMS), "text")


def _plural(kind: str) -> str:
    word, _, more = kind.partition(" of ")
    if more:
        return f"{word}s of {more}"
    return kind if kind == "text" else f"{kind}s"


def _default(node: Schema, kinds: list[Schema], required: bool) -> str:
    default = node.get("default")
    if required:
        return "required"
    if default is None:
        return "absent"
    if default and any("properties" in kind for kind in kinds):
        return "see below"
    if isinstance(default, str) and yaml.safe_load(default) == default and not _CLOCK.fullmatch(default):
        return f"`{default}`"
    return f"`{json.dumps(default)}`"


def _link(found: re.Match[str]) -> str:
    page, anchor = found["page"], found["anchor"]
    return f"[{page.rpartition('/')[2].removesuffix('.md')}]({page}{f'#{anchor}' if anchor else ''})"
