"""The JSON Schema that editors use says what the program says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from egress.settings import load_file, stack_schema
from tests.support import ROOT, dev_config

STACKS = sorted(ROOT.glob("Pulumi.*.yaml")) + sorted((ROOT / "examples").glob("**/Pulumi.*.yaml"))


def test_the_schema_in_the_repository_is_the_generated_one() -> None:
    assert json.loads((ROOT / "schema/stack.schema.json").read_text(encoding="utf-8")) == stack_schema(), (
        "run `make schema`"
    )


@pytest.mark.parametrize(
    "stack",
    [path for path in STACKS if "gke-mesh-egress:region" in path.read_text(encoding="utf-8")],
    ids=lambda path: path.name,
)
def test_every_stack_in_the_repository_satisfies_it(stack) -> None:
    jsonschema.validate(yaml.safe_load(stack.read_text(encoding="utf-8")), stack_schema())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("region:", "regoin:"),
        ("paths:", "pathes:"),
        ("https: passthrough", "https: terminate"),
        ("tls}", "ssl}"),
    ],
)
def test_an_editor_sees_what_the_program_would_refuse(old: str, new: str) -> None:
    text = (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text.replace(old, new)), stack_schema())


@pytest.mark.parametrize(
    "change",
    [
        lambda config: {key.removeprefix("gke-mesh-egress:"): value for key, value in config.items()},
        lambda config: {
            key: json.dumps(value) if isinstance(value, dict) else value for key, value in config.items()
        },
        lambda config: config | {"gke-mesh-egress:protect": "false"},
        lambda config: config | {"gcp:region": "x", "kubernetes:context": {"a": [1]}},
    ],
    ids=["bare keys", "text of JSON", "true or false as text", "other namespaces"],
)
def test_what_the_program_accepts_an_editor_accepts(
    change: Callable[[dict[str, Any]], dict[str, Any]], tmp_path: Path
) -> None:
    """`pulumi config set` writes such files, and Pulumi reads them."""
    config = change(dev_config())
    path = tmp_path / "Pulumi.x.yaml"
    path.write_text(json.dumps({"config": config}), encoding="utf-8")
    assert sorted(load_file(path).teams) == ["team-x", "team-y"]
    jsonschema.validate({"config": config}, stack_schema())


def test_an_editor_misses_what_is_required_in_neither_spelling() -> None:
    config = dev_config()
    del config["gke-mesh-egress:region"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"config": config}, stack_schema())
