"""What an application, honest or not, can do from inside a pod: curl, and TLS of its own making to the
gateway's own port."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from egress.common.ports import GATEWAY_HTTP, GATEWAY_TLS
from egress.judge.model.flow import Request
from tests.mesh.mesh import Mesh
from tests.mesh.proxies import Identity

APP_UID = 1000
_SECONDS = 8
_MARK = "\n---answered---\n"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int | None
    """The HTTP status; None: the connection ended before one came."""
    body: str
    failure: str = ""
    """Why there is no status."""
    head: str = ""
    """Status line and headers."""

    @property
    def word(self) -> str:
        """In one word: the status, or `refused`, or `timeout`, which is not the same."""
        if self.status is not None:
            return str(self.status)
        return "timeout" if "timed out" in self.failure else "refused"


def curl(mesh: Mesh, pod: str, *words: str, uid: int = APP_UID) -> Answer:
    """`curl` in a pod. The authorities that it trusts are those of the pod's image."""
    command = ["curl", "-sS", "-i", "--max-time", str(_SECONDS), "-w", f"{_MARK}%{{json}}", *words]
    # Not our environment: it may name proxies or other authorities.
    clean = ["env", "-i", "PATH=/usr/bin:/bin:/usr/local/bin", "HOME=/"]
    where = mesh.namespaces[pod].prefix(uid)
    done = subprocess.run([*where, *clean, *command], capture_output=True, timeout=_SECONDS + 10, check=False)
    text, _, report = done.stdout.decode(errors="replace").rpartition(_MARK)
    told = json.loads(report) if report else {}
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    status = int(told.get("http_code") or 0) or None
    failure = told.get("errormsg") or done.stderr.decode(errors="replace").strip() if done.returncode else ""
    return Answer(status if not done.returncode or status else None, body, failure, head)


def curl_line(mesh: Mesh, pod: str, *words: str, uid: int = APP_UID) -> str:
    """The command that a person types to do the same."""
    user = f"setpriv --reuid {uid} --regid {uid} --clear-groups"
    return f"ip netns exec {mesh.namespaces[pod].name} {user} curl -i {' '.join(words)}"


def request_to_gateway(
    mesh: Mesh,
    pod: str,
    identity: Identity | None,
    host: str,
    path: str = "/",
    port: int = GATEWAY_HTTP,
    gateway: str = "",
    server_name: str = "",
) -> Answer:
    """HTTP in mutual TLS with somebody's certificate, or none, straight to the gateway pod's port; by the
    host's name, or by another server name."""
    try:
        with (
            _connect(mesh, pod, port, gateway) as plain,
            _context(identity).wrap_socket(plain, server_hostname=server_name or host) as secured,
        ):
            return _request(_Socket(secured), host, path)
    except OSError as error:
        return Answer(None, "", str(error))


def tunnel_through_gateway(
    mesh: Mesh,
    pod: str,
    identity: Identity | None,
    outer: str,
    inner: str,
    path: str = "/",
    port: int = GATEWAY_TLS,
    gateway: str = "",
) -> Answer:
    """TLS to a site inside mutual TLS to the gateway's port, each with its own server name."""
    try:
        with (
            _connect(mesh, pod, port, gateway) as plain,
            _context(identity).wrap_socket(plain, server_hostname=outer) as secured,
        ):
            trusting = ssl.create_default_context(cadata=mesh.authority.pem)
            # Whoever answers is of interest here, not whether it is the one that was asked for.
            trusting.check_hostname = False
            return _request(_Inner(secured, trusting, inner), inner, path)
    except OSError as error:
        return Answer(None, "", str(error))


def heard_at_gateway(
    mesh: Mesh,
    pod: str,
    identity: Identity | None,
    outer: str,
    *,
    seconds: float = 1.0,
    port: int = GATEWAY_TLS,
    gateway: str = "",
) -> bytes:
    """What a client hears that opens mutual TLS to the gateway's port and then says nothing."""
    heard = b""
    with (
        contextlib.suppress(OSError),
        _connect(mesh, pod, port, gateway) as plain,
        _context(identity).wrap_socket(plain, server_hostname=outer) as secured,
    ):
        secured.settimeout(seconds)
        while data := secured.recv(1 << 16):
            heard += data
    return heard


def plain_to_gateway(mesh: Mesh, pod: str, host: str, port: int = GATEWAY_HTTP) -> Answer:
    """Plain HTTP to the gateway pod's port."""
    try:
        with _connect(mesh, pod, port) as plain:
            return _request(_Socket(plain), host, "/")
    except OSError as error:
        return Answer(None, "", str(error))


@dataclass(frozen=True)
class Outer:
    """Mutual TLS as a proxy speaks it: whose certificate, and which server name is asked for."""

    identity: Identity | None
    name: str | None


def exchange(
    connect: Callable[[], socket.socket],
    request: Request,
    outer: Outer | None = None,
    inner: str | None = None,
) -> Answer:
    """One request over a connection of one's own, without a program of its own for it: many a second.

    Args:
        outer: put it into mutual TLS.
        inner: put it into TLS for this server name, inside the mutual one if there is that.
    """
    try:
        with contextlib.ExitStack() as opened:
            link = opened.enter_context(connect())
            if outer:
                link = opened.enter_context(
                    _context(outer.identity).wrap_socket(link, server_hostname=outer.name)
                )
            if inner is None:
                return _request(_Socket(link), request.host, request.path, request.method, request.headers)
            # Whoever answers is of interest here, whatever it shows.
            return _request(
                _Inner(link, _context(None), inner),
                request.host,
                request.path,
                request.method,
                request.headers,
            )
    except OSError as error:
        return Answer(None, "", str(error))


def _connect(mesh: Mesh, pod: str, port: int, gateway: str = "") -> socket.socket:
    address = (mesh.gateways[gateway].address, port)
    return mesh.namespaces[pod].inside(lambda: socket.create_connection(address, _SECONDS))


def _context(identity: Identity | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if identity:
        context.load_cert_chain(identity.chain, identity.key)
    return context


class _Socket:
    """Bytes over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def receive(self) -> bytes:
        return self._connection.recv(1 << 16)


class _Inner:
    """Bytes over TLS over a socket that is TLS itself."""

    def __init__(self, outer: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._outer = outer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._exchange()
        self._flush()

    def send(self, data: bytes) -> None:
        self._tls.write(data)
        self._flush()

    def receive(self) -> bytes:
        while True:
            try:
                return self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                self._exchange()

    def _exchange(self) -> None:
        self._flush()
        data = self._outer.recv(1 << 16)
        if not data:
            raise ConnectionResetError("the connection ended inside the inner handshake")
        self._incoming.write(data)

    def _flush(self) -> None:
        if waiting := self._outgoing.read():
            self._outer.sendall(waiting)


def _whole(received: bytes) -> bool:
    """Whether an answer that says how long it is has come to its end: proxies leave the connection open for a
    second more."""
    head, end, body = received.lower().partition(b"\r\n\r\n")
    length = head.partition(b"content-length:")[2].split(b"\r\n")[0].strip()
    return bool(end) and length.isdigit() and len(body) >= int(length)


def _request(
    connection: _Socket | _Inner,
    host: str,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    sent = {"Host": host, "User-Agent": "own", "Connection": "close", **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    connection.send(("\r\n".join(lines) + "\r\n\r\n").encode())
    received = b""
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        while data := connection.receive():
            received += data
            if len(received) > 1 << 20 or _whole(received):
                break
    head, _, body = received.decode(errors="replace").replace("\r\n", "\n").partition("\n\n")
    words = head.split()
    if len(words) < 2 or not words[1].isdigit():
        return Answer(None, "", "the connection ended without an answer")
    return Answer(int(words[1]), body, "", head)
