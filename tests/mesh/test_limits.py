"""Limits on real proxies: a pod's share of its gateway, what a gateway accepts at all, and a gateway that is
down."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from egress.common.ports import GATEWAY_TLS
from tests.mesh.client import curl
from tests.mesh.flow import CHEAT_X, CHEAT_Y, GATEWAY, X, Y
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.support import config_with, plan_of

SHARE, WHOLE = 3, 12
"""Connections of one pod to one host, and of everybody to the gateway."""
_SECONDS = 5.0


@pytest.fixture(scope="module")
def limited(found: Programs) -> Iterator[Mesh]:
    config = config_with("teams/team-x/limits", {"connections": SHARE})
    config["gke-mesh-egress:teams"]["team-y"]["limits"] = {"connections": SHARE}
    config["gke-mesh-egress:gateway"] = {"maxConnections": WHOLE}
    with Mesh(plan_of(config), found) as running:
        yield running


@contextlib.contextmanager
def sessions(mesh: Mesh, pod: str, host: str, wanted: int) -> Iterator[list[ssl.SSLSocket]]:
    """The app's own TLS to a host, so many times at once; gives those that came about."""
    trusting = ssl.create_default_context(cadata=mesh.authority.pem)
    with contextlib.ExitStack() as closing:
        made: list[ssl.SSLSocket] = []
        for _ in range(wanted):
            with contextlib.suppress(OSError):
                plain = mesh.namespaces[pod].inside(
                    lambda: socket.create_connection((mesh.address_of(host), 443), _SECONDS)
                )
                closing.callback(plain.close)
                made.append(closing.enter_context(trusting.wrap_socket(plain, server_hostname=host)))
        yield made


def _until(mesh: Mesh, pod: str, url: str, status: int | None) -> int | None:
    """The status, once it is the wanted one or after a few seconds."""
    deadline = time.monotonic() + _SECONDS
    while (answer := curl(mesh, pod, url).status) != status and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def test_a_pod_gets_its_share_of_connections_to_a_host_and_no_more(limited: Mesh) -> None:
    with sessions(limited, X, "example.com", SHARE + 3) as made:
        assert len(made) == SHARE
        # The share is for one way: the same pod's other host, and the other team's, are not held up.
        assert curl(limited, X, "https://httpbin.org").status == 200
        assert curl(limited, Y, "https://httpbin.org").status == 200
    assert _until(limited, X, "https://example.com", 200) == 200


def test_a_gateway_accepts_so_many_connections_from_everybody_and_stays_ready(limited: Mesh) -> None:
    gateway = limited.gateway
    with contextlib.ExitStack() as closing:
        opened = [
            closing.enter_context(
                limited.namespaces[CHEAT_X].inside(
                    lambda: socket.create_connection((gateway.address, GATEWAY_TLS), _SECONDS)
                )
            )
            for _ in range(WHOLE + 5)
        ]
        assert _closed(opened) >= 5
        # Nobody tells teams apart here: the other team's pods find no room either.
        assert curl(limited, Y, "https://httpbin.org").status is None
        # A full gateway is not restarted for being full.
        assert limited.proxies[gateway.key].process.running()
        limited.proxies[gateway.key].await_ready()
    assert _until(limited, Y, "https://httpbin.org", 200) == 200


def _closed(connections: list[socket.socket]) -> int:
    """How many the other side has closed within a second; the others say nothing, for they wait for us."""
    time.sleep(1.0)
    closed = 0
    for connection in connections:
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            try:
                closed += connection.recv(1) == b""
            except ConnectionResetError:
                closed += 1
    return closed


def test_while_the_gateway_is_down_nothing_leaves(limited: Mesh) -> None:
    """The last test here: the gateway does not come back."""
    limited.proxies[GATEWAY].stop()
    before = {name: len(site.arrived) for name, site in limited.sites.items()}
    assert curl(limited, X, "http://example.com").status == 503, "the sidecar says so"
    assert curl(limited, Y, "http://httpbin.org/status/418").status == 503
    for pod, host in ((X, "example.com"), (X, "httpbin.org"), (Y, "httpbin.org")):
        assert curl(limited, pod, f"https://{host}").status is None, (
            "the app's own TLS is closed, not led another way"
        )
    # Nor does a pod without a proxy find another way.
    for pod in (CHEAT_X, CHEAT_Y):
        address = limited.address_of("example.com")
        assert (
            curl(
                limited,
                pod,
                "--max-time",
                "2",
                "--resolve",
                f"example.com:443:{address}",
                "https://example.com",
            ).status
            is None
        )
    assert {name: len(site.arrived) for name, site in limited.sites.items()} == before
