"""Objects from outside, of any shape, given to the commands."""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml
from hypothesis import event
from hypothesis import strategies as st

from egress.layers.render import render
from tests.fuzz.commands import command, folder
from tests.support import dev_config, plan_of

_OBJECTS = [item.manifest for item in render(plan_of(dev_config()))]
_VALUES = st.sampled_from(
    [
        None,
        5,
        "x",
        "",
        [],
        {},
        [5],
        ["x"],
        {"x": "y"},
        True,
        -1,
        1.5,
        "zzz",
        [None],
        {"port": "x"},
        "0.0.0.0/0",
    ]
)


@st.composite
def objects(draw: st.DrawFn) -> Any:
    """All or some of the dev stack's objects, with values of a wrong form, as a list or as an export of a
    stack."""
    found = copy.deepcopy(draw(st.sampled_from([_OBJECTS, _OBJECTS[::3], _OBJECTS[:1]])))
    for _ in range(draw(st.integers(1, 3))):
        node: Any = draw(st.sampled_from(found))
        for _ in range(draw(st.integers(0, 6))):
            keys = [
                key
                for key in (node if isinstance(node, dict) else range(len(node)))
                if isinstance(node[key], dict | list)
            ]
            keys = [key for key in keys if node[key]]
            if not keys:
                break
            node = node[draw(st.sampled_from(keys))]
        if isinstance(node, dict):
            node[draw(st.sampled_from(sorted(map(str, node))) | st.just("unknown"))] = draw(_VALUES)
        elif node:
            node[draw(st.integers(0, len(node) - 1))] = draw(_VALUES)
    return draw(
        st.sampled_from(
            [
                {"kind": "List", "apiVersion": "v1", "items": found},
                {"version": 3, "deployment": {"resources": [_exported(item) for item in found]}},
                {"version": 3, "deployment": draw(_VALUES)},
                {"kind": "List", "items": draw(_VALUES)},
            ]
        )
    )


def _exported(manifest: Any) -> Any:
    kind = f"kubernetes:{manifest.get('apiVersion')}:{manifest.get('kind')}"
    return {"urn": f"urn:pulumi:dev::p::{kind}::x", "type": kind, "outputs": manifest}


def check_objects(given: Any) -> None:
    with folder(
        **{"objects.json": json.dumps(given), "Pulumi.fuzz.yaml": yaml.safe_dump({"config": dev_config()})}
    ):
        for words in (
            ("explain", "team-y", "http://httpbin.org/status/418", "--from", "objects.json"),
            ("reach", "--from", "objects.json"),
            ("diff", "objects.json", "--stack", "fuzz"),
        ):
            code, _ = command(*words)
        event(["compared", "compared", "refused"][code])
