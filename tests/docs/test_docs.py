"""The documents cannot go stale: what they name exists, what they show loads, and what exists is named.

Notation that is checked here:
- `namespace/kind/name`, and `kind/name` without a namespace: a rendered object, as `Object.identity` writes
it.
- `compute.Network::network-vpc`: a Pulumi resource by type and logical name; `helm.Release::istio-base` for
charts.
- `teams.<team>.egress.<host>.http`: a config key below `gke-mesh-egress:`; `<...>` is a name that the reader
chooses.
- a yaml block whose first line is `# examples/modes/Pulumi.<mode>.yaml`: a part of that file's config.
- a yaml block whose first line is `# <mode>: <object>`: a part of that object as the example of that mode
renders it.
- a yaml block followed by a text block that begins with "N problems in the stack's config": refused with
exactly that text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from egress.common.errors import ConfigError
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.settings import load, stack_schema
from tests.support import PROJECT, ROOT, dev_config, plan_of

TUTORIAL, REFERENCE = ROOT / "docs/tutorial.md", ROOT / "docs/config.md"
SEEDS = ROOT / "docs/seeds-map.md"
INVENTORY = ROOT / "tests/program/golden/dev.inventory.txt"
"""Every resource of stack dev; tests/program holds it against the program."""
PAGES = [path for path in (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md") if path.exists()]
MODES = [page for page in PAGES if page.name == "modes.md" or page.parent.name == "modes"]
OWN = "gke-mesh-egress:"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
IN_TICKS = re.compile(r"`([^`\n]+)`")
CLUSTER_SCOPED = (
    "namespace|networklogging|clusterrole|clusterrolebinding|priorityclass|"
    "validatingadmissionpolicy|validatingadmissionpolicybinding"
)
OBJECT = re.compile(rf"^([a-z0-9-]+/[a-z]+|{CLUSTER_SCOPED})/[a-z0-9.-]+$")
RESOURCE = re.compile(r"^[a-z]+\.[A-Za-z]+::\S+$")
FILE = re.compile(r"^(egress|components|schema|docs|tests|sandbox)/[\w/.]*\.(py|json|md)$")


@dataclass(frozen=True)
class Block:
    """A yaml block, and the error text that the page shows right below it (None: it is accepted)."""

    page: Path
    line: int
    text: str
    refused_with: str | None


def _blocks() -> Iterator[Block]:
    # The page of refusals is written by a command, from examples that tests/settings/test_refusals.py runs.
    for page in (page for page in PAGES if page.name != "refusals.md"):
        text = page.read_text(encoding="utf-8")
        fences = list(FENCE.finditer(text))
        for fence, below in itertools.zip_longest(fences, fences[1:]):
            if fence[1] == "yaml" and OWN in fence[2]:
                shown = (
                    below[2] if below and re.match(r"\d+ problems? in the stack's config", below[2]) else None
                )
                yield Block(page, text.count("\n", 0, fence.start()) + 1, fence[2], shown)


def _config(block: Block) -> dict[str, Any]:
    """The block's config; one that does not name a region is a part of a stack file and is laid over the dev
    stack's."""
    document = yaml.safe_load(block.text)
    config: dict[str, Any] = document.get("config", document)
    return config if f"{OWN}region" in config else dev_config() | config


BLOCKS = list(_blocks())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page.name}:{block.line}")
def test_every_stack_shown_does_what_the_page_says(block: Block) -> None:
    config = _config(block)
    if block.refused_with is None:
        make_plan(load(config, default_project=PROJECT))
        jsonschema.validate({"config": config}, stack_schema())
        return
    with pytest.raises(ConfigError) as refused:
        make_plan(load(config, default_project=PROJECT))
    assert str(refused.value) == block.refused_with.rstrip("\n")


def test_the_reference_shows_an_accepted_and_a_refused_stack() -> None:
    shown = [block.refused_with is None for block in BLOCKS if block.page == REFERENCE]
    assert True in shown
    assert False in shown


# Config keys


@dataclass(frozen=True)
class Key:
    """One key of the schema. `default` is meaningful where `leaf` is true."""

    leaf: bool
    required: bool
    default: Any


def _options(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node and what else it may be; what may be absent stands in an `anyOf` within the one that also takes
    a text."""
    yield node
    for option in node.get("anyOf", ()):
        yield from _options(option)


def _keys(
    node: dict[str, Any], definitions: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Key]]:
    """Every key below `node`, by path; `*` stands for a name that the reader chooses."""
    for option in _options(node):
        target = definitions[option["$ref"].rpartition("/")[2]] if "$ref" in option else option
        # A key that may be written with or without the project's name before it is required in one of the
        # two.
        either = [one for both in target.get("allOf", ()) for one in both.get("anyOf", ())]
        required = {key for one in (target, *either) for key in one.get("required", ())}
        for name, child in target.get("properties", {}).items():
            below = list(_keys(child, definitions, (*path, name)))
            yield ".".join((*path, name)), Key(not below, name in required, child.get("default"))
            yield from below
        if isinstance(target.get("additionalProperties"), dict):
            yield from _keys(target["additionalProperties"], definitions, (*path, "*"))


@cache
def schema_keys() -> dict[str, Key]:
    schema = stack_schema()
    keys = dict(_keys(schema["properties"]["config"], schema["$defs"]))
    return {key.removeprefix(OWN): value for key, value in keys.items()}


def _rows(page: Path, first_heading: str) -> Iterator[list[str]]:
    """Rows of the tables whose first heading is `first_heading`, as cells."""
    wanted = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            wanted = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[0] == first_heading:
            wanted = True
        elif wanted and not set(cells[0]) <= set("-: "):
            yield cells


def _key(shown: str) -> str:
    return re.sub(r"<[^>]+>", "*", shown.strip("`"))


def test_the_reference_has_exactly_the_keys_of_the_schema() -> None:
    rows = [_key(cells[0]) for cells in _rows(REFERENCE, "Key")]
    assert len(rows) == len(set(rows))
    assert set(rows) == set(schema_keys())


def test_the_reference_gives_the_defaults_of_the_schema() -> None:
    wrong = []
    for cells in _rows(REFERENCE, "Key"):
        key = schema_keys()[_key(cells[0])]
        if key.required:
            expected = "required"
        elif not key.leaf:
            continue
        else:
            expected = "absent" if key.default is None else key.default
        said = cells[2] if "`" not in cells[2] else yaml.safe_load(cells[2].strip("`"))
        if said != expected:
            wrong.append((cells[0], said, expected))
    assert wrong == []


def test_the_tutorial_names_keys_that_exist() -> None:
    named = [token for cells in _rows(TUTORIAL, "Tutorial") for token in IN_TICKS.findall(cells[1])]
    assert named
    assert [token for token in named if _key(token) not in schema_keys()] == []


def test_the_map_of_documents_says_something_in_every_row() -> None:
    """Each row has a test that exists, or says in words that something is missing or left out; config keys
    exist."""
    rows = list(_rows(SEEDS, "Section"))
    assert len(rows) > 90
    silent = [
        section
        for section, _, resource, test in rows
        if not test and "**" not in resource and "](" not in resource
    ]
    assert [section for section in silent if not section.startswith("5, ")] == []
    named = [token for _, config, _, _ in rows for token in IN_TICKS.findall(config)]
    assert [
        token for token in named if _key(token) not in schema_keys() and not (ROOT / token).exists()
    ] == []


# Objects, resources and files


def _tokens(pattern: re.Pattern[str], page: Path) -> set[str]:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {token for token in IN_TICKS.findall(prose) if pattern.match(token)}


def test_the_tutorial_names_exactly_the_rendered_objects() -> None:
    rendered = {item.identity for item in render(plan_of(dev_config()))}
    named = {token for token in _tokens(OBJECT, TUTORIAL) if not FILE.match(token)}
    assert named - rendered == set(), "named, and not rendered"
    assert rendered - named == set(), "rendered, and not named"


def _resource(urn: str) -> str | None:
    """The notation for one line of the inventory, `...$type::name`; None for what the tutorial names
    otherwise."""
    token, _, name = urn.rpartition("$")[2].partition("::")
    if token.startswith("gcp:"):
        return f"{token.split(':')[1].split('/')[0]}.{token.rpartition(':')[2]}::{name}"
    return f"helm.Release::{name}" if token == "kubernetes:helm.sh/v3:Release" else None


def test_the_tutorial_names_exactly_the_resources_of_the_program() -> None:
    """Both ways: nothing named that is not there, and nothing there that the reader is not told of."""
    there = {
        resource
        for line in INVENTORY.read_text(encoding="utf-8").splitlines()
        if (resource := _resource(line))
    }
    # A bucket carries the project's id in its name.
    named = {token.replace("PROJECT", PROJECT) for token in _tokens(RESOURCE, TUTORIAL)}
    assert named - there == set(), "named, and not there"
    assert there - named == set(), "there, and not named"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    assert [name for name in sorted(_tokens(FILE, page)) if not (ROOT / name).exists()] == []


def test_the_pages_that_map_things_to_files_name_some() -> None:
    assert all(_tokens(FILE, page) for page in (TUTORIAL, REFERENCE, SEEDS))


# Excerpts

OF_FILE = re.compile(r"^# (examples/modes/Pulumi\.[a-z0-9-]+\.yaml)\n")
OF_OBJECT = re.compile(r"^# ([a-z0-9-]+): (\S+)\n")


def _yaml_of_modes() -> Iterator[tuple[str, str]]:
    """Every yaml block of the pages on modes, with where it stands."""
    for page in MODES:
        text = page.read_text(encoding="utf-8")
        for fence in FENCE.finditer(text):
            if fence[1] == "yaml":
                yield f"{page.name}:{text.count(chr(10), 0, fence.start()) + 1}", fence[2]


@cache
def _example(path: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))["config"]


@cache
def _objects(mode: str) -> dict[str, Any]:
    return {
        item.identity: item.manifest
        for item in render(plan_of(_example(f"examples/modes/Pulumi.{mode}.yaml")))
    }


def is_part(part: Any, whole: Any) -> bool:
    """Whether `part` says nothing that `whole` does not: keys may be missing, and elements of lists, but not
    their order."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and is_part(value, whole[key]) for key, value in part.items()
        )
    if isinstance(part, list):
        if not isinstance(whole, list):
            return False
        if not any(isinstance(element, dict | list) for element in whole):
            return part == whole  # of plain values, half of them would be another statement
        rest = iter(whole)
        return all(any(is_part(element, candidate) for candidate in rest) for element in part)
    return type(part) is type(whole) and part == whole


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 2}, {"a": 1}, False),
        ({"c": 1}, {"a": 1}, False),
        ([{"a": 1}, {"a": 3}], [{"a": 1}, {"a": 2}, {"a": 3}], True),
        ([{"a": 3}, {"a": 1}], [{"a": 1}, {"a": 3}], False),
        (["GET"], ["GET", "POST"], False),
        ("8443", 8443, False),
        (True, 1, False),
    ],
)
def test_what_counts_as_a_part(part: Any, whole: Any, expected: bool) -> None:
    assert is_part(part, whole) is expected


@pytest.mark.parametrize(
    ("place", "text"), list(_yaml_of_modes()), ids=[place for place, _ in _yaml_of_modes()]
)
def test_excerpts_are_parts_of_what_they_are_taken_from(place: str, text: str) -> None:
    shown = yaml.safe_load(text)
    if of_file := OF_FILE.match(text):
        assert is_part(shown, _example(of_file[1]))
    elif of_object := OF_OBJECT.match(text):
        mode, identity = of_object.groups()
        assert identity in _objects(mode)
        assert is_part(shown, _objects(mode)[identity])
    else:
        assert OWN in text, "neither an excerpt of an example nor a config that another test plans"


def test_every_mode_page_shows_objects() -> None:
    shown = {place.partition(":")[0] for place, text in _yaml_of_modes() if OF_OBJECT.match(text)}
    assert shown == {page.name for page in MODES}
