"""What judges read of Google is what the program registers: property by property, for the tutorial and for
other modes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from egress.layers.google.resources import google_objects
from tests.program_runner import run_program
from tests.support import PROJECT, ROOT, dev_config, plan_of

PARTLY = {"gcp:container/cluster:Cluster"}
"""Types of which judges read some properties; of the others every property is compared."""


def mode(name: str) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / f"examples/modes/Pulumi.{name}.yaml").read_text(encoding="utf-8"))[
        "config"
    ]
    return config | {"gcp:project": PROJECT}


@pytest.mark.parametrize(
    "config",
    [dev_config(), mode("tcp"), mode("receive"), mode("perimeter")],
    ids=["dev", "tcp", "receive", "perimeter"],
)
def test_the_program_registers_what_judges_read(config: dict[str, Any]) -> None:
    read = {
        (resource.type, resource.name): resource.properties for resource in google_objects(plan_of(config))
    }
    run = run_program(config)
    assert run.error is None
    types = {type_token for type_token, _ in read}
    registered = {
        (resource["type"], resource["inputs"]["name"]): resource["inputs"]
        for resource in run.registered
        if resource["type"] in types
    }
    assert set(read) == set(registered)
    for key, properties in read.items():
        expected = registered[key]
        if key[0] in PARTLY:
            expected = {name: value for name, value in expected.items() if name in properties}
        assert properties == expected, key
