"""The examples under examples/modes: each one is whole, says what it shows, and together they show every way
out."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from egress.cli.app import app
from egress.common.objects import Object
from egress.layers.render import render
from egress.settings import stack_schema
from tests.docs.test_docs import OWN, schema_keys
from tests.support import ROOT, plan_of

EXAMPLES = sorted((ROOT / "examples/modes").glob("Pulumi.*.yaml"))
OVERVIEW = ROOT / "docs/modes.md"
SHOWS = re.compile(r"^# shows: (\S.*\S)$", re.MULTILINE)
each = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)


@cache
def rendered(example: Path) -> list[Object]:
    return render(plan_of(config(example)))


def config(example: Path) -> dict[str, Any]:
    return yaml.safe_load(example.read_text(encoding="utf-8"))["config"]


def shows(example: Path) -> str:
    """What the example's leading comment says that it shows."""
    leading = example.read_text(encoding="utf-8").partition("\nconfig:\n")[0]
    (words,) = SHOWS.findall(leading)
    return words


@each
def test_is_planned_and_rendered_without_help(example: Path) -> None:
    assert len(rendered(example)) > 20


@each
def test_each_object_has_an_identity_of_its_own(example: Path) -> None:
    assert [
        identity
        for identity, count in Counter(item.identity for item in rendered(example)).items()
        if count > 1
    ] == []


@each
def test_fits_the_schema_that_editors_use(example: Path) -> None:
    jsonschema.validate(yaml.safe_load(example.read_text(encoding="utf-8")), stack_schema())


@each
def test_an_editor_finds_the_schema(example: Path) -> None:
    first = example.read_text(encoding="utf-8").partition("\n")[0]
    path = first.removeprefix("# yaml-language-server: $schema=")
    assert (example.parent / path).resolve() == ROOT / "schema/stack.schema.json"


def test_each_shows_something_else() -> None:
    assert EXAMPLES
    assert [
        words for words, count in Counter(shows(example) for example in EXAMPLES).items() if count > 1
    ] == []


def _linked() -> dict[str, str]:
    """The overview's table: linked example to the words of its row's first cell."""
    rows = (line for line in OVERVIEW.read_text(encoding="utf-8").splitlines() if line.startswith("|"))
    found: dict[str, str] = {}
    for row in rows:
        for name in re.findall(r"\(\.\./examples/modes/([^)]+)\)", row):
            assert name not in found, f"{name} is linked twice"
            found[name] = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", row.split("|")[1]).strip()
    return found


def test_the_overview_links_each_example_and_says_the_same_about_it() -> None:
    assert _linked() == {example.name: shows(example) for example in EXAMPLES}


def _used(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Every key in a config, `*` where the schema lets the reader choose the name."""
    if not isinstance(value, dict):
        return
    for key, below in cast(dict[str, Any], value).items():
        known = ".".join((*path, key)) in schema_keys()
        here = (*path, key if known else "*")
        if known:
            yield ".".join(here)
        yield from _used(below, here)


def test_together_they_use_every_key_of_egress_and_google_apis() -> None:
    used = {
        key
        for example in EXAMPLES
        for name, value in config(example).items()
        if name.startswith(OWN)
        for key in [name.removeprefix(OWN), *_used(value, (name.removeprefix(OWN),))]
    }
    wanted = {
        key
        for key in schema_keys()
        if key.startswith(("teams.*.egress", "teams.*.googleApis", "teams.*.receives"))
    }
    # What may be granted is said in full of topics; of the others a role alone stands for the object that
    # names it.
    grants = {"subscriptions", "secrets", "datasets"}
    wanted = {
        key for key in wanted if not (grants & set(key.split(".")) and key.endswith((".role", ".project")))
    }
    assert wanted - used == set()
    assert {"network.googleApis", "mesh.flavor"} <= used


@each
def test_renders_by_the_command_that_the_overview_names(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(example, tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["render", "--stack", example.name.split(".")[1]])
    assert done.exit_code == 0, done.output
    assert len(list(yaml.safe_load_all(done.stdout))) == len(rendered(example))
