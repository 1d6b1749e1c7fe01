"""S: bytes that two readers may read differently, and protocols other than the declared one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.mesh import client
from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.flow import REFUSED, X, Y
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.redteam import raw
from tests.mesh.redteam.hosts import AT_EXAMPLE, EXAMPLE, HTTPBIN, OTHER, curl
from tests.mesh.redteam.requests import DECLARED, get_path, to_ruled
from tests.mesh.redteam.stack import RULED
from tests.mesh.redteam.way import Way


def ways() -> Iterator[Way]:
    yield from _framing()
    yield from _second_request()
    yield from _other_protocols()
    yield from _sizes()


def _smuggled(host: str = OTHER) -> bytes:
    return raw.last(host)


def _framing() -> Iterator[Way]:
    """A request that states its length twice, or wrongly, followed by a second one to another host."""

    def framed(
        number: str,
        what: str,
        *headers: str,
        body: bytes = b"0\r\n\r\n",
        expected: str = "400",
        beside: int = 0,
    ) -> Way:
        data = raw.get(EXAMPLE, "/", *headers, method="POST") + body + _smuggled()
        return Way(what, X, _to_example(data), expected, Layer.SIDECAR, number=number, beside=beside)

    yield framed(
        "S1", "Content-Length and Transfer-Encoding", "Content-Length: 5", "Transfer-Encoding: chunked"
    )
    yield framed("S2", "Transfer-Encoding: xchunked", "Transfer-Encoding: xchunked", expected="501")
    yield framed(
        "S3", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: chunked, identity", expected="501"
    )
    yield framed("S4", "two Content-Lengths", "Content-Length: 0", "Content-Length: 5", body=b"")
    yield framed("S5", "a blank before the colon", "Content-Length : 5", body=b"")
    yield framed(
        "S6", "a folded header", "X-Folded: a", " Host: other.example", body=b"", expected="502", beside=1
    )
    yield framed("S7", "a null byte in a header", "X-Null: a\0b", body=b"")
    yield framed(
        "S8",
        "a chunk size that overflows",
        "Transfer-Encoding: chunked",
        body=b"fffffffffffffffff1\r\n",
        beside=1,
    )
    bare = b"GET / HTTP/1.1\nHost: example.com\nHost: other.example\n\n"
    yield Way(
        "line feeds without carriage returns, two Hosts",
        X,
        _to_example(bare),
        "502",
        Layer.SIDECAR,
        number="S9",
    )
    yield Way(
        "Host again among the trailers",
        X,
        _to_example(
            raw.get(
                EXAMPLE,
                "/",
                "Transfer-Encoding: chunked",
                "Trailer: Host",
                "Connection: close",
                method="POST",
            )
            + b"0\r\nHost: other.example\r\n\r\n"
        ),
        "200",
        at=AT_EXAMPLE,
        why="trailers do not say where a request goes",
        number="S10",
    )
    yield Way(
        "a header written into the path",
        X,
        _to_example(raw.last(EXAMPLE, "/%0d%0aHost:%20other.example")),
        "200",
        at=AT_EXAMPLE,
        why="it stays encoded",
        number="S11",
    )


def _to_example(*parts: bytes, pause: float = 0.0) -> Callable[[Mesh], Answer]:
    return lambda mesh: raw.say(mesh, X, WEBSITES[EXAMPLE], 80, *parts, pause=pause)


def _cut_off(attempt: Callable[[Mesh], Answer]) -> Callable[[Mesh], Answer]:
    """The proxy answers 502 and closes while the client still writes, so it is chance whether the client
    reads the answer or the end first."""

    def refused(mesh: Mesh) -> Answer:
        answer = attempt(mesh)
        return Answer(None, "", "the answer was 502") if answer.status == 502 else answer

    return refused


def _second_request() -> Iterator[Way]:
    """A connection that began with something allowed."""
    yield Way(
        "a second request on the same connection, to another host",
        X,
        _to_example(raw.get(EXAMPLE), _smuggled(), pause=0.3),
        "502",
        Layer.SIDECAR,
        beside=1,
        number="S12",
    )
    yield Way(
        "a second request in the same packet, to another host",
        X,
        _to_example(raw.get(EXAMPLE) + _smuggled()),
        "502",
        Layer.SIDECAR,
        beside=1,
        number="S13",
    )
    yield Way(
        "a second request on the same connection, with another path",
        Y,
        lambda mesh: raw.say(
            mesh, Y, WEBSITES[HTTPBIN], 80, raw.get(HTTPBIN, DECLARED), raw.last(HTTPBIN, "/get"), pause=0.3
        ),
        "403",
        Layer.AUTHORIZATION,
        beside=1,
        number="S14",
    )
    own = raw.get(RULED, "/ok/", "Connection: Upgrade", "Upgrade: own-protocol")
    yield Way(
        "an upgrade to a protocol of its own, and another path behind it",
        X,
        to_ruled(own + raw.last(RULED, "/secret")),
        "403",
        Layer.SIDECAR,
        number="S15",
    )


def _other_protocols() -> Iterator[Way]:
    sidecar = Layer.SIDECAR
    yield Way(
        "CONNECT to another host", X, _to_example(_connect(f"{OTHER}:443")), "404", sidecar, number="S16"
    )
    yield Way(
        "CONNECT to the declared host",
        X,
        _to_example(_connect(f"{EXAMPLE}:443")),
        "404",
        sidecar,
        number="S17",
    )
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    yield Way(
        "upgrade to HTTP/2, another host",
        X,
        _to_example(raw.get(OTHER, "/", *upgrade)),
        "502",
        sidecar,
        number="S18",
    )
    websocket = ("Connection: Upgrade", "Upgrade: websocket")
    yield Way(
        "upgrade to WebSocket, another host",
        X,
        _to_example(raw.get(OTHER, "/", *websocket)),
        "502",
        sidecar,
        number="S19",
    )
    yield Way(
        "upgrade to WebSocket, another path",
        Y,
        lambda mesh: raw.say(mesh, Y, WEBSITES[HTTPBIN], 80, raw.get(HTTPBIN, "/get", *websocket)),
        "403",
        Layer.AUTHORIZATION,
        number="S20",
    )
    yield Way(
        "HTTP/2 at once, another host",
        X,
        curl(X, "--http2-prior-knowledge", f"http://{OTHER}"),
        "502",
        sidecar,
        number="S21",
    )
    pseudo = [(":method", "GET"), (":scheme", "http"), (":path", "/")]
    yield Way(
        "HTTP/2 with :authority of the declared host, and another Host",
        X,
        lambda mesh: raw.http2(
            mesh, X, WEBSITES[EXAMPLE], 80, [*pseudo, (":authority", EXAMPLE), ("host", OTHER)]
        ),
        "200",
        at=AT_EXAMPLE,
        why=":authority decides, and the site sees no other",
        number="S22",
    )
    yield Way(
        "HTTP/2 with two :authority",
        X,
        lambda mesh: raw.http2(
            mesh, X, WEBSITES[EXAMPLE], 80, [*pseudo, (":authority", EXAMPLE), (":authority", OTHER)]
        ),
        REFUSED,
        sidecar,
        number="S23",
    )
    yield Way(
        "HTTP/2 with a line break in a header",
        X,
        lambda mesh: raw.http2(
            mesh, X, WEBSITES[EXAMPLE], 80, [*pseudo, (":authority", EXAMPLE), ("x-a", f"1\r\nHost: {OTHER}")]
        ),
        REFUSED,
        sidecar,
        number="S24",
    )
    yield Way("HTTP/0.9", X, _to_example(b"GET /\r\n"), REFUSED, sidecar, number="S25")
    yield Way(
        "HTTP/1.0",
        X,
        _to_example(b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n"),
        REFUSED,
        sidecar,
        number="S26",
    )
    yield Way("TLS into the port of HTTP", X, _to_example(raw.hello(OTHER)), REFUSED, sidecar, number="S27")
    for number, port in (("S28", 80), ("S29", 443)):
        yield Way(
            f"a protocol of its own on port {port}",
            X,
            lambda mesh, port=port: raw.say(mesh, X, WEBSITES[OTHER], port, b"SSH-2.0-own\r\n\r\n"),
            REFUSED,
            sidecar,
            number=number,
        )


def _connect(target: str) -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()


def _sizes() -> Iterator[Way]:
    sidecar = Layer.SIDECAR
    yield Way(
        "a header of 100 kB",
        X,
        _to_example(raw.last(OTHER, "/", "X-Large: " + "a" * 100_000)),
        "431",
        sidecar,
        number="S30",
    )
    many = [f"X-{index}: 1" for index in range(300)]
    yield Way("300 headers", X, _to_example(raw.last(OTHER, "/", *many)), "431", sidecar, number="S31")
    yield Way(
        "a path of 50 kB, not the declared one",
        Y,
        get_path(Y, HTTPBIN, DECLARED + "/" * 25_000 + "../" * 8_000),
        "403",
        Layer.AUTHORIZATION,
        number="S32",
    )
    slow = [bytes([byte]) for byte in raw.last(OTHER)]
    yield Way(
        "byte by byte, to another host", X, _to_example(*slow, pause=0.005), "502", sidecar, number="S33"
    )
    body = (
        raw.get(OTHER, "/", "Content-Length: 10000000", "Connection: close", method="POST")
        + b"a" * 10_000_000
    )
    yield Way("ten megabytes to another host", X, _cut_off(_to_example(body)), REFUSED, sidecar, number="S34")
    yield Way(
        "a body that never ends, before the rules have decided",
        Y,
        lambda mesh: client.curl(
            mesh,
            Y,
            "-X",
            "POST",
            "-H",
            "Expect: 100-continue",
            "--data",
            "a" * 100_000,
            f"http://{HTTPBIN}/post",
        ),
        "403",
        Layer.AUTHORIZATION,
        number="S35",
    )
