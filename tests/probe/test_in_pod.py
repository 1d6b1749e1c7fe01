"""What runs in the Job's container: against servers on this machine that answer, hang up, or say nothing."""

from __future__ import annotations

import ast
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from egress.probe.jobs import SCRIPT
from egress.probe.layer import Logs, came
from tests.probe.flows import an_asked


def run(*flows: dict[str, Any]) -> dict[str, dict[str, Any]]:
    told = {"ready": 0, "lingers": 0, "flows": list(flows)}
    command = [sys.executable, "-I", "-c", SCRIPT.read_text(encoding="utf-8"), json.dumps(told)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, encoding="utf-8")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (lines[0], lines[-1]) == ({"sidecar": False}, {"done": True})
    return {line["id"]: line for line in lines[1:-1]}


def flow(protocol: str, port: int, **more: Any) -> dict[str, Any]:
    said = {"id": "1", "host": "example.com", "address": "127.0.0.1", "method": "GET", "path": "/a?b"}
    return {**said, "protocol": protocol, "port": port, "headers": {}, "ask": "", **more}


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as kept:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection = kept.enter_context(server.accept()[0])
                    with suppress(OSError):
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@contextmanager
def datagrams(answer: bytes | None) -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            with suppress(OSError):
                while True:
                    data, client = server.recvfrom(4096)
                    if answer is not None:
                        server.sendto(data[:2] + answer, client)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def test_it_reads_on_the_oldest_python_that_images_may_have() -> None:
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_an_http_answer_and_the_port_that_it_was_asked_from() -> None:
    heard: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        heard.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 19\r\n\r\nRBAC: access denied")

    with listening(answer) as port:
        said = run(flow("http", port, headers={"Host": "other.example"}))["1"]
    assert (said["status"], said["body"]) == (403, "RBAC: access denied")
    assert said["local"].startswith("127.0.0.1:")
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "GET /a?b HTTP/1.1"
    assert "Host: other.example" in lines
    assert "Host: example.com" not in lines


@pytest.mark.parametrize("protocol", ["http", "tls", "tcp"])
def test_a_connection_that_is_ended_is_no_answer(protocol: str) -> None:
    with listening(lambda connection: connection.shutdown(socket.SHUT_RDWR)) as port:
        said = run(flow(protocol, port))["1"]
    assert not {"status", "tls"} & said.keys()
    assert not said.get("open")


def test_a_connection_that_is_kept_or_greets_is_open() -> None:
    with listening(lambda _: None) as port:
        assert run(flow("tcp", port))["1"]["open"]
    with listening(lambda connection: connection.sendall(b"5.7.0")) as port:
        said = run(flow("tcp", port))["1"]
    assert (said["open"], said["heard"]) == (True, 5)


def test_nobody_there_is_a_failure_and_no_end_of_the_run() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = run(flow("http", port), flow("tls", port, id="2"), flow("udp", port, id="3", ask="quic"))
    assert [one["id"] for one in found.values()] == ["1", "2", "3"]
    assert all("refused" in one["failure"] for one in found.values())


def test_quic_is_heard_and_so_is_silence() -> None:
    with datagrams(b"versions") as port:
        assert run(flow("udp", port, ask="quic"))["1"]["heard"]
    with datagrams(None) as port:
        assert "timed out" in run(flow("udp", port, ask="quic"))["1"]["failure"]


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (b"\x81\x80\0\1\0\1\0\0\0\0", True),
        (b"\x81\x83\0\1\0\0\0\0\0\0", False),
        (b"\x81\x80\0\1\0\0\0\0\0\0", False),
    ],
    ids=["an address", "no such name", "no address"],
)
def test_a_dns_server_that_tells_nothing_is_no_way_out(answer: bytes, heard: bool) -> None:
    with datagrams(answer) as port:
        assert bool(run(flow("udp", port, ask="example.org"))["1"]["heard"]) is heard


def test_a_name_that_does_not_exist_has_no_addresses() -> None:
    said = run(flow("http", 80, host="no-such-name.invalid", address=None))["1"]
    # Without any name server there is no answer, which is another thing.
    assert said["addresses"] in ([], None)
    found = came(an_asked(address=None), {**said, "addresses": []}, Logs("", ()))
    assert (found.arrived, found.by) == (False, "DNS: no such name")
    unknown = came(an_asked(address=None), {**said, "addresses": None}, Logs("", ()))
    assert (unknown.layer, unknown.by) == (None, "layer unknown")
