"""Whose objects count: what somebody writes in another namespace, or in a team's own, changes neither gateway
nor other teams.

On a real control plane, and once more with the fences taken down, so that it is the fences that keep it out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from egress.common.objects import Manifest
from tests.mesh.client import curl
from tests.mesh.flow import X, Y
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.support import config_with, plan_of

FENCES = ("mesh-exports", "mesh-discovery")


def _object(kind: str, name: str, namespace: str, **spec: Any) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _entry(name: str, namespace: str, **more: Any) -> Manifest:
    ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
    return _object(
        "ServiceEntry", name, namespace, hosts=[f"{name}.example"], ports=ports, resolution="DNS", **more
    )


ADDED: list[Manifest] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "stranger"}},
    _entry("exported-by-a-stranger", "stranger", exportTo=["*"]),
    _entry("unsaid-by-a-team", "team-x"),
    _object(
        "Gateway",
        "on-the-platforms-pods",
        "team-y",
        selector={"istio": "egressgateway"},
        servers=[{"port": {"number": 9999, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    ),
]


def _with(found: Programs, config: dict[str, Any]) -> Mesh:
    return Mesh(plan_of(config), found, change=lambda rendered: [*rendered, *ADDED])


@pytest.fixture(scope="module")
def fenced(found: Programs) -> Iterator[Mesh]:
    with _with(found, config_with("fences", {})) as mesh:
        yield mesh


@pytest.fixture(scope="module")
def open_mesh(found: Programs) -> Iterator[Mesh]:
    with _with(
        found, config_with("fences", {"relaxed": dict.fromkeys(FENCES, "to see what they hold")})
    ) as mesh:
        yield mesh


def _known(mesh: Mesh, pod: str) -> str:
    return json.dumps(mesh.proxies[pod].config())


ADDITIONS = ["exported-by-a-stranger.example", "unsaid-by-a-team.example", '"port_value": 9999']


@pytest.mark.parametrize("addition", ADDITIONS)
def test_neither_gateway_nor_another_team_knows_what_others_wrote(fenced: Mesh, addition: str) -> None:
    assert addition not in _known(fenced, fenced.gateway.key)
    assert addition not in _known(fenced, Y)


@pytest.mark.parametrize("addition", ADDITIONS)
def test_without_the_fences_the_gateway_takes_it(open_mesh: Mesh, addition: str) -> None:
    deadline = time.monotonic() + 20
    while addition not in _known(open_mesh, open_mesh.gateway.key):
        assert time.monotonic() < deadline, "what the fences keep out would not have come in anyway"
        time.sleep(0.2)


def test_a_team_that_reaches_another_calls_its_service_although_nobody_exported_it(fenced: Mesh) -> None:
    assert curl(fenced, X, "http://test.team-y").status == 200


def test_declared_hosts_are_reached(fenced: Mesh) -> None:
    assert curl(fenced, X, "http://example.com").status == 200
    assert curl(fenced, X, "https://httpbin.org").status == 200
