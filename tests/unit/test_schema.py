"""The JSON Schema that editors use says what the program says."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from egress.settings import stack_schema
from tests.support import ROOT

STACKS = sorted(ROOT.glob("Pulumi.*.yaml")) + sorted((ROOT / "examples").glob("**/Pulumi.*.yaml"))


def test_the_schema_in_the_repository_is_the_generated_one() -> None:
    assert json.loads((ROOT / "schema/stack.schema.json").read_text(encoding="utf-8")) == stack_schema(), "run `make schema`"


@pytest.mark.parametrize(
    "stack", [path for path in STACKS if "gke-mesh-egress:region" in path.read_text(encoding="utf-8")], ids=lambda path: path.name
)
def test_every_stack_in_the_repository_satisfies_it(stack) -> None:
    jsonschema.validate(yaml.safe_load(stack.read_text(encoding="utf-8")), stack_schema())


@pytest.mark.parametrize(
    ("old", "new"), [("region:", "regoin:"), ("paths:", "pathes:"), ("https: passthrough", "https: terminate"), ("tls}", "ssl}")]
)
def test_an_editor_sees_what_the_program_would_refuse(old: str, new: str) -> None:
    text = (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text.replace(old, new)), stack_schema())
