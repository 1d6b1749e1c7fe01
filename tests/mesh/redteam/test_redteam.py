"""Every way of the catalogue, tried on real proxies: what is answered, which layer stops it, and that nothing
leaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.mesh.flow import send
from tests.mesh.mesh import Mesh
from tests.mesh.redteam.catalogue import ways
from tests.mesh.redteam.judge import leaks, leaks_of
from tests.mesh.redteam.stack import RULED
from tests.mesh.redteam.way import Way
from tests.mesh.websites import Arrival


@pytest.mark.parametrize("way", ways(), ids=lambda way: way.number)
def test_way(attacked: Mesh, way: Way) -> None:
    seen = send(attacked, way)
    assert not seen.differences, (
        f"{way.number}, {way.what}: {seen.differences}\n{seen.answer}\n{seen.evidence}"
    )
    leaked = leaks_of(attacked, way, seen)
    assert not leaked, f"{way.number}, {way.what}: {leaked}"


HONEST = Arrival(RULED, 80, "", method="GET", path="/ok/1?a=b", headers=(("Host", RULED),))


@pytest.mark.parametrize(
    ("change", "leak"),
    [
        ({}, None),
        ({"site": "other.example"}, "other.example:80: a connection to a host that team-x did not declare"),
        ({"site": "httpbin.org", "headers": ()}, "httpbin.org:80 GET /ok/1?a=b: team-x did not declare it"),
        ({"path": "/secret"}, f"{RULED}:80 GET /secret: team-x did not declare it"),
        ({"method": "POST"}, f"{RULED}:80 POST /ok/1?a=b: team-x did not declare it"),
        ({"headers": (("Host", "other.example"),)}, f"{RULED}: was asked as other.example"),
        ({"headers": (*HONEST.headers, ("X-Request-Id", "1"))}, f"{RULED}: told of the mesh by X-Request-Id"),
        ({"source": "10.1.0.10"}, f"{RULED}:80: from 10.1.0.10, which is not the gateway"),
        ({"site": "metadata"}, "metadata: asked by the gateway, as the gateway"),
    ],
)
def test_the_judge_knows_a_leak(attacked: Mesh, change: dict[str, Any], leak: str | None) -> None:
    arrivals = [replace(HONEST, **{"source": attacked.gateway.address, **change})]
    if change.get("site") == "other.example":
        arrivals = [replace(arrivals[0], method=None)]
    assert leaks(attacked, "team-x", arrivals) == ([leak] if leak else [])
