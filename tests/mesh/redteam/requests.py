"""P: another path or method than the declared one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.flow import X, Y
from tests.mesh.mesh import Mesh
from tests.mesh.redteam import raw
from tests.mesh.redteam.hosts import HTTPBIN
from tests.mesh.redteam.stack import KEPT, RULED
from tests.mesh.redteam.way import Way

DECLARED = "/status/418"


def ways() -> Iterator[Way]:
    yield from _paths()
    yield from _methods()


def _paths() -> Iterator[Way]:
    """team-y may ask httpbin.org only for /status/418, and team-x rules.example.net and kept.example.net only
    for what is below /ok/ and for orders of a customer."""
    for number, path in (
        ("P1", f"{DECLARED}/../200"),
        ("P2", f"{DECLARED}/%2e%2e/200"),
        ("P3", f"{DECLARED}%2f..%2f200"),
        ("P4", f"{DECLARED}\\..\\200"),
        ("P5", f"{DECLARED}/%252e%252e/200"),
        ("P6", f"{DECLARED};/../200"),
        ("P7", f"{DECLARED}%00"),
        ("P8", f"{DECLARED}%20"),
        ("P9", "/STATUS/418"),
        ("P10", "/status/%c0%ae%c0%ae/200"),
    ):
        expected, layer = ("400", Layer.SIDECAR) if number == "P7" else ("403", Layer.AUTHORIZATION)
        yield Way(f"path {path}", Y, get_path(Y, HTTPBIN, path), expected, layer, number=number)
    for number, path, why in (
        ("P11", f"//status/./{DECLARED[8:]}", "normalised, and then it is the declared one"),
        ("P12", f"{DECLARED}?/../200", "a query is no part of the path"),
    ):
        yield Way(
            f"path {path}", Y, get_path(Y, HTTPBIN, path), "418", at=(HTTPBIN, 80), why=why, number=number
        )
    yield Way(
        f"path {DECLARED}#/../200",
        Y,
        get_path(Y, HTTPBIN, f"{DECLARED}#/../200"),
        "418",
        at=(HTTPBIN, 80),
        why="nor is a fragment",
        number="P13",
    )
    others = ("/ok/../secret", "/ok/%2e%2e/secret", "/okay", "/customers/1/2/orders", "/ok/..;/secret")
    for index, path in enumerate(others):
        number = f"P{index + 14}"
        yield Way(
            f"rules: path {path}", X, get_path(X, RULED, path), "403", Layer.AUTHORIZATION, number=number
        )
    yield Way(
        "rules: path /ok/%252e%252e/secret",
        X,
        get_path(X, RULED, "/ok/%252e%252e/secret"),
        "403",
        Layer.PATHS,
        number="P19",
    )
    tricks = (
        "/ok/..%2fsecret",
        "/ok/x%2F..%2F..%2Fsecret",
        "/ok/%2e%2e%2fsecret",
        "/ok/..%5csecret",
        "/ok/..%252f..%252fsecret",
        "/ok/x;%2f..;a%2f..%2fsecret",
        "/customers/..%2f..%2fsecret/orders",
    )
    for index, path in enumerate(tricks):
        number = f"P{index + 25}"
        yield Way(f"kept slashes: path {path}", X, get_path(X, KEPT, path), "403", Layer.PATHS, number=number)
    others = ("/ok%2fsecret", "/customers/1/2/orders", "/%2e%2e%2fok/x")
    for index, path in enumerate(others):
        number = f"P{index + 25 + len(tricks)}"
        yield Way(
            f"kept slashes: path {path}",
            X,
            get_path(X, KEPT, path),
            "403",
            Layer.AUTHORIZATION,
            number=number,
        )
    yield Way(
        "kept slashes: path /customers/1%2f2/orders",
        X,
        get_path(X, KEPT, "/customers/1%2f2/orders"),
        "200",
        at=(KEPT, 80),
        why="one segment, which is what the host was declared to read",
        number=f"P{25 + len(tricks) + len(others)}",
    )


def get_path(pod: str, host: str, path: str) -> Callable[[Mesh], Answer]:
    return lambda mesh: raw.say(mesh, pod, mesh.address_of(host), 80, raw.last(host, path))


def _methods() -> Iterator[Way]:
    def method(number: str, name: str, expected: str, layer: Layer, *more: str) -> Way:
        data = raw.get(RULED, "/ok/", "Connection: close", *more, method=name)
        return Way(f"rules: method {name}", X, to_ruled(data), expected, layer, number=number)

    yield method("P20", "POST", "403", Layer.AUTHORIZATION, "Content-Length: 0")
    yield method("P21", "get", "400", Layer.SIDECAR)
    yield method("P22", "TRACE", "403", Layer.AUTHORIZATION)
    yield method("P23", "INVENTED", "400", Layer.SIDECAR)
    yield Way(
        "rules: GET with X-HTTP-Method-Override: DELETE",
        X,
        to_ruled(raw.last(RULED, "/ok/", "X-HTTP-Method-Override: DELETE")),
        "200",
        at=(RULED, 80),
        left="A GET to every reader of HTTP. A site that takes the method from a header does so for anybody; "
        "where it "
        "matters, declare the exact paths that it takes a GET for.",
        number="P24",
    )


def to_ruled(*parts: bytes) -> Callable[[Mesh], Answer]:
    return lambda mesh: raw.say(mesh, X, mesh.address_of(RULED), 80, *parts)
