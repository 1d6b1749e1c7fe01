"""Bytes that no honest client sends: raw TCP, TLS with anybody's certificate, HTTP/2 frame by frame, UDP and
bare IP packets."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator, Sequence

from tests.mesh.authority import Certificate
from tests.mesh.client import Answer
from tests.mesh.mesh import Mesh
from tests.mesh.proxies import Identity

SECONDS = 4.0
_SILENCE, _PAUSE = 1.5, 0.25
"""How long (seconds) an answer is waited for, and after it another one."""
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_HEADERS_FRAME, _DATA_FRAME, _RESET_FRAME, _SETTINGS_FRAME, _GOAWAY_FRAME = 1, 0, 3, 4, 7
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def say(mesh: Mesh, pod: str, address: str, port: int, *parts: bytes, pause: float = 0.0) -> Answer:
    """Bytes over TCP; the last status that came back. `pause`: seconds between the parts."""
    return _tried(lambda: _converse(_tcp(mesh, pod, address, port), parts, pause))


def say_inside_tls(
    mesh: Mesh,
    pod: str,
    address: str,
    port: int,
    *parts: bytes,
    sni: str | None,
    identity: Identity | Certificate | None = None,
) -> Answer:
    """Bytes inside TLS, which is opened with somebody's certificate, or none."""

    def attempt() -> Answer:
        return _converse(
            _context(identity).wrap_socket(_tcp(mesh, pod, address, port), server_hostname=sni), parts, 0
        )

    return _tried(attempt)


def hello(sni: str) -> bytes:
    """The first bytes of a TLS client: its ClientHello."""
    outgoing = ssl.MemoryBIO()
    client = _context(None).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=sni)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def in_records(client_hello: bytes, size: int) -> list[bytes]:
    """A ClientHello cut into TLS records of `size` bytes, each to be sent by itself."""
    body = client_hello[5:]
    return [b"\x16\x03\x01" + struct.pack("!H", len(part)) + part for part in _cut(body, size)]


def http2(
    mesh: Mesh,
    pod: str,
    address: str,
    port: int,
    *streams: Sequence[tuple[str, str]],
    identity: Identity | None = None,
) -> Answer:
    """Requests in HTTP/2, one after the other, with exactly these headers in this order; in mutual TLS if
    there is an identity. The answer to the last one."""

    def attempt() -> Answer:
        connection: socket.socket = _tcp(mesh, pod, address, port)
        if identity:
            context = _context(identity)
            context.set_alpn_protocols(["h2"])
            connection = context.wrap_socket(connection, server_hostname="gateway")
        with connection:
            connection.sendall(_PREFACE + _frame(_SETTINGS_FRAME, 0, 0, b""))
            answers = [Answer(None, "")]
            for index, headers in enumerate(streams):
                connection.sendall(_frame(_HEADERS_FRAME, 5, 2 * index + 1, _block(headers)))
                answers.append(_read_http2(connection, 2 * index + 1))
            return answers[-1]

    return _tried(attempt)


def udp(mesh: Mesh, pod: str, address: str, port: int, data: bytes = b"let me out") -> Answer:
    """A datagram, and whatever answers it."""

    def attempt() -> Answer:
        with mesh.namespaces[pod].inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as made:
            made.settimeout(1.0)
            made.connect((address, port))
            made.send(data)
            return Answer(None, "", f"{len(made.recv(4096))} bytes came back")

    return _tried(attempt)


def packet(mesh: Mesh, pod: str, address: str, protocol: int, data: bytes) -> Answer:
    """A bare IP packet of any protocol, from a process that may make them; an answer of the same protocol is
    looked for."""

    def attempt() -> Answer:
        with mesh.namespaces[pod].inside(
            lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
        ) as made:
            made.settimeout(0.5)
            made.sendto(data, (address, 0))
            answer, source = made.recvfrom(4096)
            return Answer(None, answer.hex(), f"{source[0]} answered")

    return _tried(attempt)


def ping() -> bytes:
    """An ICMP echo request that carries data."""
    data = b"\x08\x00\x00\x00\x00\x01\x00\x01" + b"stolen data "
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return data[:2] + struct.pack("!H", ~((total >> 16) + (total & 0xFFFF)) & 0xFFFF) + data[4:]


def question(name: str, kind: int = 1) -> bytes:
    """A DNS question; kind 1 is an address, 16 a text, 28 an IPv6 address."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def get(host: str, path: str = "/", *more: str, method: str = "GET") -> bytes:
    """An HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "User-Agent: own", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def last(host: str, path: str = "/", *more: str) -> bytes:
    """The same, after which the server hangs up."""
    return get(host, path, *more, "Connection: close")


def _tcp(mesh: Mesh, pod: str, address: str, port: int) -> socket.socket:
    return mesh.namespaces[pod].inside(lambda: socket.create_connection((address, port), SECONDS))


def _context(identity: Identity | Certificate | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if identity:
        context.load_cert_chain(identity.chain, identity.key)
    return context


def _tried(attempt: Callable[[], Answer]) -> Answer:
    try:
        return attempt()
    except TimeoutError:
        return Answer(None, "", "nothing came back")
    except OSError as error:  # ssl.SSLError among them
        return Answer(None, "", str(error))


def _converse(connection: socket.socket, parts: Sequence[bytes], pause: float) -> Answer:
    with connection:
        received = b""
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        # Whoever answers nothing and does not hang up either is not waited for much longer than the slowest
        # answer here.
        connection.settimeout(_SILENCE)
        with contextlib.suppress(OSError):
            while (data := connection.recv(1 << 16)) and len(received) < 1 << 20:
                received += data
                connection.settimeout(_PAUSE)
    found = _STATUS.findall(received)
    text = received.decode(errors="replace").replace("\r\n", "\n")
    if not found:
        return Answer(None, text, "the connection ended without an answer" if received == b"" else "no HTTP")
    head, _, body = text.rpartition("HTTP/1.")[2].partition("\n\n")
    return Answer(int(found[-1]), body, "", head)


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


# HTTP/2, RFC 9113 and 7541: literals without indexing, and no Huffman coding


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def _block(headers: Sequence[tuple[str, str]]) -> bytes:
    return b"".join(b"\x00" + _string(name) + _string(value) for name, value in headers)


def _string(text: str) -> bytes:
    data = text.encode("latin-1")
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, length = len(data) - 127, b"\x7f"
    while rest >= 128:
        length += bytes([rest % 128 + 128])
        rest //= 128
    return length + bytes([rest]) + data


def _read_http2(connection: socket.socket, wanted: int) -> Answer:
    buffer = b""
    connection.settimeout(SECONDS)
    while True:
        while len(buffer) >= 9:
            length, kind, stream = int.from_bytes(buffer[:3]), buffer[3], int.from_bytes(buffer[5:9])
            if len(buffer) < 9 + length:
                break
            payload, buffer = buffer[9 : 9 + length], buffer[9 + length :]
            if kind == _HEADERS_FRAME and stream == wanted:
                return Answer(_status(payload), "", "")
            if kind in (_RESET_FRAME, _GOAWAY_FRAME):
                return Answer(None, payload.decode(errors="replace"), "the stream was reset")
        data = connection.recv(1 << 16)
        if not data:
            return Answer(None, "", "the connection ended without an answer")
        buffer += data


def _status(block: bytes) -> int:
    """`:status` of an answer's first header, as Envoy's encoder writes it on a new connection."""
    static = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
    if block[0] in static:
        return static[block[0]]
    # A literal whose name is :status (index 8 to 14), the value three digits, plain or in Huffman's code.
    length, text = block[1] & 0x7F, block[2 : 2 + (block[1] & 0x7F)]
    return int(_digits(text) if block[1] & 0x80 else text[:length])


def _digits(coded: bytes) -> str:
    bits, found = "".join(f"{byte:08b}" for byte in coded), ""
    while len(found) < 3:
        short = int(bits[:5], 2)
        found, bits = (
            (found + str(short), bits[5:])
            if short < 3
            else (found + str(int(bits[:6], 2) - 0b011001 + 3), bits[6:])
        )
    return found
