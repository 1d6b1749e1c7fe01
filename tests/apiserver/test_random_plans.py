"""Whatever teams ask for: an accepted config's objects are accepted by the real API server and - where at
hand - by Istio."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from egress.common.errors import ConfigError
from egress.common.names import GATEWAY_NAMESPACE, INGRESS_NAMESPACE, MESH_NAMESPACE
from egress.common.objects import Object
from egress.layers.render import render, to_yaml
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver import test_rendered_objects as real
from tests.hostile_configs import hostile, wide
from tests.random_configs import TEAMS, configs
from tests.support import plan_of

few = settings(
    max_examples=25,
    deadline=None,
    # To shrink a plan takes longer than to read one.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
        HealthCheck.filter_too_much,
        HealthCheck.large_base_example,
    ],
)
ANY = configs() | wide() | hostile()
"""Also such as somebody would refuse; what the program refuses itself is no case here."""
cluster = real.cluster
ELSEWHERE = "elsewhere"
"""Namespace in which objects of other gateways and teams are tried."""


def accepted(config: dict[str, Any]) -> list[Object]:
    """The objects of a config that the program accepts."""
    try:
        plan = plan_of(config)
    except ConfigError:
        assume(False)
        raise
    return render(plan)


@pytest.fixture(scope="module")
def namespaces(cluster: Cluster) -> Cluster:
    """What every plan's objects lie in: a dry run makes no namespace for those that come after it."""
    for name in (GATEWAY_NAMESPACE, INGRESS_NAMESPACE, MESH_NAMESPACE, ELSEWHERE, *TEAMS):
        real.apply(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return cluster


@few
@given(config=ANY)
def test_every_object_is_accepted_with_strict_fields(namespaces: Cluster, config: dict[str, Any]) -> None:
    def tried(item: Object) -> dict[str, Any]:
        kind = namespaces.kind(item.manifest["apiVersion"], item.kind, seconds=20)
        if item.namespace in (None, *known):
            return namespaces.apply(kind, item.namespace, item.manifest, dry_run=True)
        moved = {**item.manifest, "metadata": {**item.manifest["metadata"], "namespace": ELSEWHERE}}
        return namespaces.apply(kind, ELSEWHERE, moved, dry_run=True)

    known = {GATEWAY_NAMESPACE, INGRESS_NAMESPACE, MESH_NAMESPACE, *TEAMS}
    rendered = accepted(config)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(tried, rendered))
    assert [answer["metadata"]["name"] for answer in answers] == [item.name for item in rendered]


@few
@given(config=ANY)
def test_istio_finds_every_object_valid(tmp_path: Path, config: dict[str, Any]) -> None:
    command = real.istioctl()
    if command is None:
        pytest.skip(
            "no istioctl on PATH, in EGRESS_ISTIO_BIN or in the tools cache: docs/testing.md says where to "
            "get it"
        )
    stream = tmp_path / "rendered.yaml"
    stream.write_text(to_yaml(item.manifest for item in accepted(config)), encoding="utf-8")
    arguments = [command, "validate", "-f", str(stream)]
    done = subprocess.run(
        arguments, capture_output=True, text=True, timeout=120, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
