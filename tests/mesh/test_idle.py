"""Connections on which nothing is sent, on real proxies: each leg is asked whether the other side is still
there, so that no network on the way forgets it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from egress.common.ip_space import virtual
from tests.mesh.client import APP_UID, curl
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.support import plan_of, teams

POD = "test-team-a"
DATABASE, TLS, UPGRADED, OWN = "db.one.example", "tls.example.net", "api.example.net", "own.example.net"
EVERY, OF_OWN = 2, 1
"""Seconds of silence: the mesh's, and one host's own."""
ENDS = 6
"""Seconds without a byte."""


def config() -> dict[str, object]:
    tcp = {"port": 5432, "outsidePort": 80, "byName": True, "serviceAccounts": ["default"]}
    own = {"upgrade": "tls", "traffic": {"keepalive": f"{OF_OWN}s"}}
    hosts = {
        DATABASE: {"tcp": tcp},
        TLS: {"https": "passthrough"},
        UPGRADED: {"http": {"upgrade": "tls"}},
        OWN: {"http": own},
    }
    return teams(team_a=hosts) | {"gke-mesh-egress:mesh": {"keepalive": f"{EVERY}s"}}


@pytest.fixture(scope="module")
def idle(found: Programs) -> Iterator[Mesh]:
    with Mesh(plan_of(config()), found) as running, ExitStack() as held:
        held.enter_context(database(running))
        held.enter_context(tls(running))
        for host in (UPGRADED, OWN):
            assert curl(running, POD, f"http://{host}/").status == 200
        time.sleep(EVERY * 2 + 1)
        yield running


@contextmanager
def database(mesh: Mesh) -> Iterator[socket.socket]:
    """A connection on which the site waits for the second half of a request."""
    where = (virtual(DATABASE), 5432)
    with mesh.namespaces[POD].inside(lambda: socket.create_connection(where, 10)) as opened:
        opened.sendall(f"GET / HTTP/1.1\r\nHost: {DATABASE}\r\n".encode())
        yield opened


@contextmanager
def tls(mesh: Mesh) -> Iterator[subprocess.Popen[bytes]]:
    """A client of the app's own TLS that says nothing; it ends when its connection does."""
    words = ["openssl", "s_client", "-quiet", "-connect", f"{TLS}:443", "-servername", TLS]
    where = mesh.namespaces[POD].prefix(APP_UID)
    client = subprocess.Popen([*where, *words], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield client
    finally:
        client.kill()
        client.wait()


def silent(mesh: Mesh, namespace: str, address: str) -> list[dict[str, int]]:
    """Each open connection from a namespace to an address: how many milliseconds ago it sent something, and
    heard of the other side; and whether it asks when nothing is sent (1) or never (0)."""
    said = mesh.namespaces[namespace].run("ss", "-tnoiH", "state", "established", "dst", address)
    found = []
    for line in re.split(r"\n(?=\S)", said.strip()):
        ages = {name: int(age) for name, age in re.findall(r"(lastsnd|lastrcv|lastack):(\d+)", line)}
        found.append(ages | {"asks": int("timer:(keepalive," in line)})
    return [one for one in found if "lastack" in one]


@pytest.mark.parametrize("host", [DATABASE, TLS, UPGRADED, OWN])
def test_the_gateway_asks_an_idle_host_before_the_network_forgets_it(idle: Mesh, host: str) -> None:
    connections = silent(idle, idle.gateway.key, idle.address_of(host))
    assert connections, "the connection is still open"
    for one in connections:
        assert one["asks"]
        assert one["lastsnd"] > EVERY * 1000, "nothing was sent on it"
        asked = OF_OWN if host == OWN else EVERY
        assert one["lastack"] <= asked * 1000 + 700, f"{host} answered last {one['lastack']} ms ago"


def test_the_sidecar_asks_an_idle_gateway(idle: Mesh) -> None:
    connections = silent(idle, POD, idle.gateway.address)
    assert connections
    assert all(one["asks"] for one in connections)


@pytest.fixture(scope="module")
def ending(found: Programs) -> Iterator[Mesh]:
    with Mesh(plan_of(config() | {"gke-mesh-egress:gateway": {"idleTimeout": f"{ENDS}s"}}), found) as running:
        yield running


def test_a_connection_on_which_nothing_is_sent_ends_when_the_gateway_was_told_to_and_not_before(
    ending: Mesh,
) -> None:
    with database(ending) as opened, tls(ending) as client:
        opened.settimeout(ENDS - 2)
        with pytest.raises(TimeoutError):
            opened.recv(1)
        assert client.poll() is None
        opened.settimeout(ENDS)
        assert opened.recv(1) == b""
        client.wait(ENDS)


def test_keepalive_is_no_byte_but_a_byte_is(ending: Mesh) -> None:
    with database(ending) as opened:
        opened.settimeout(0.1)
        for _ in range(2):
            time.sleep(ENDS - 2)
            opened.sendall(b"x-more: of the same request\r\n")
        opened.sendall(b"\r\n")
        opened.settimeout(5)
        assert opened.recv(64).startswith(b"HTTP/1.1 200")


def test_sidecar_and_gateway_are_told_the_same_time(ending: Mesh) -> None:
    for pod in (POD, ending.gateway.key):
        said = json.dumps(ending.proxies[pod].config())
        assert f'"idle_timeout": "{ENDS}s"' in said, pod
