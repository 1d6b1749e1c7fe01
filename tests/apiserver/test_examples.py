"""Every object of every example is accepted by the real API server, and analysed by Istio without a
warning."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from egress.layers.render import render, to_yaml
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver import test_rendered_objects as real
from tests.support import ROOT, plan_of

EXAMPLES = sorted((ROOT / "examples/modes").glob("Pulumi.*.yaml"))
each = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
cluster = real.cluster


def config(example: Path) -> dict[str, Any]:
    return yaml.safe_load(example.read_text(encoding="utf-8"))["config"]


def test_there_are_examples() -> None:
    assert EXAMPLES


@each
def test_every_object_is_accepted_with_strict_fields(cluster: Cluster, example: Path) -> None:
    for item in render(plan_of(config(example))):
        answer = real.apply(cluster, item.manifest)
        assert answer["metadata"]["uid"], item.identity


@each
def test_istio_analyses_it_without_a_warning(tmp_path: Path, example: Path) -> None:
    command = real.istioctl()
    if command is None:
        pytest.skip(
            "no istioctl on PATH, in EGRESS_ISTIO_BIN or in the tools cache: docs/testing.md says where to "
            "get it"
        )
    stream = tmp_path / "rendered.yaml"
    stream.write_text(to_yaml(item.manifest for item in render(plan_of(config(example)))), encoding="utf-8")
    for arguments in (
        ["analyze", "--use-kube=false", "--all-namespaces", str(stream)],
        ["validate", "-f", str(stream)],
    ):
        done = subprocess.run(
            [command, *arguments], capture_output=True, text=True, timeout=120, check=False, encoding="utf-8"
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert real.warnings(said) == []
