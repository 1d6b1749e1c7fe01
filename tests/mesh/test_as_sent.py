"""HTTP as applications send it, through two real proxies: what arrives, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mesh.client import curl
from tests.mesh.evidence import Layer, Watch
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.support import plan_of, teams

SEALED, PLAIN = "sealed.example.net", "plain.example.net"
PLAN = plan_of(
    teams(
        shop={
            SEALED: {"http": {"upgrade": "tls", "methods": ["GET"], "paths": ["/ok/*"]}},
            PLAIN: {"http": {}},
        },
        stock={PLAIN: {"http": {"paths": ["/only"]}}},
    )
)


@pytest.fixture(scope="module")
def running(found: Programs) -> Iterator[Mesh]:
    with Mesh(PLAN, found) as mesh:
        yield mesh


def _offering(version: str) -> list[str]:
    """What Apache HttpClient 5.4 writes into each request without TLS."""
    return ["-H", f"Upgrade: {version}", "-H", "Connection: Upgrade"]


@pytest.mark.parametrize("host", [SEALED, PLAIN])
@pytest.mark.parametrize("version", ["TLS/1.2", "TLS/1.3", "tls/1.0"])
def test_a_client_that_offers_tls_is_answered_and_the_offer_stays_behind(
    running: Mesh, host: str, version: str
) -> None:
    watch = Watch(running, "test-shop")
    answer = curl(running, "test-shop", *_offering(version), f"http://{host}/ok/x")
    [request] = watch.evidence().requests
    assert (answer.status, request.site, request.header("upgrade")) == (200, host, None), answer


@pytest.mark.parametrize(
    ("team", "words", "status", "layer"),
    [
        ("shop", [f"http://{SEALED}/other"], 403, Layer.AUTHORIZATION),
        ("shop", ["-X", "POST", f"http://{SEALED}/ok/x"], 403, Layer.AUTHORIZATION),
        ("shop", ["-H", "Host: evil.example", f"http://{PLAIN}/"], 502, Layer.SIDECAR),
        ("stock", [f"http://{PLAIN}/ok/x"], 403, Layer.AUTHORIZATION),
        ("stock", ["-H", f"Host: {SEALED}", f"http://{PLAIN}/ok/x"], 502, Layer.SIDECAR),
    ],
)
def test_an_offer_of_tls_opens_nothing(
    running: Mesh, team: str, words: list[str], status: int, layer: Layer
) -> None:
    watch = Watch(running, f"test-{team}")
    answer = curl(running, f"test-{team}", *_offering("TLS/1.2"), *words)
    evidence = watch.evidence()
    assert (answer.status, evidence.stopped_by(), evidence.requests) == (status, layer, []), evidence


@pytest.mark.parametrize("upgrade", ["invented", "TLS"])
def test_another_upgrade_is_refused_as_before(running: Mesh, upgrade: str) -> None:
    watch = Watch(running, "test-shop")
    answer = curl(running, "test-shop", *_offering(upgrade), f"http://{PLAIN}/")
    assert (answer.status, watch.evidence().stopped_by()) == (403, Layer.SIDECAR)
