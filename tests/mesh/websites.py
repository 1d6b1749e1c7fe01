"""Websites outside: plain HTTP on port 80, TLS on port 443, and a record of everything that arrived."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from tests.mesh.authority import Certificate
from tests.mesh.netns import Namespace

TEAPOT = """
    -=[ teapot ]=-

       _...._
     .'  _ _ `.
    | ."` ^ `". _,
    \\_;`\"---"`|//
      |       ;/
      \\_     _/
        `\"\"\"`
"""
GREETING = b"hello over another protocol"
"""What a client that asked for a WebSocket hears."""


@dataclass(frozen=True)
class Arrival:
    """One connection that reached a site or, once a request is read from it, one request."""

    site: str
    port: int
    source: str
    """Address of the client, as the site saw it."""
    tls: bool = False
    """Whether a handshake was completed."""
    sni: str | None = None
    method: str | None = None
    """None: nothing was requested."""
    path: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Site:
    """One website, with the same content at each of its addresses."""

    name: str
    addresses: tuple[str, ...]
    certificate: Certificate
    """What it presents to clients of TLS."""
    ports: tuple[int, ...] = (80, 443)
    tls_ports: tuple[int, ...] = (443,)
    """Those of them that are TLS; every other one is plain HTTP."""
    greeting: bytes = b""
    """What it says to whoever connects, before it is asked anything and before any TLS."""
    answers: Mapping[str, str] | None = None
    """What it says at each of its paths, and it has no other; None: it has every path, and says what it
    saw."""
    arrived: list[Arrival] = field(default_factory=list)
    """Each connection, and each request on it, in order."""
    _servers: list[_Server] = field(default_factory=list)

    def open(self, namespace: Namespace) -> None:
        for address, port in itertools.product(self.addresses, self.ports):
            server = _Server(self, port, namespace.inside(partial(_listen, address, port)))
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
            self._servers.append(server)

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.hang_up()
            server.server_close()
        self._servers.clear()

    @contextlib.contextmanager
    def presenting(self, certificate: Certificate) -> Iterator[None]:
        """Another certificate for a while; connections that saw the earlier one are closed, before and
        after."""
        own, self.certificate = self.certificate, certificate
        self._reopen()
        try:
            yield
        finally:
            self.certificate = own
            self._reopen()

    @contextlib.contextmanager
    def greeting_with(self, words: bytes) -> Iterator[None]:
        """For a while a host that speaks first, as databases do; nothing else that is asked of it gets an
        answer then."""
        self.greeting = words
        try:
            yield
        finally:
            self.greeting = b""

    def _reopen(self) -> None:
        for server in self._servers:
            server.hang_up()
            server.load_certificate()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, site: Site, port: int, listening: socket.socket) -> None:
        super().__init__(("", port), socketserver.BaseRequestHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.site, self.port = site, port
        self._context: ssl.SSLContext | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.load_certificate()

    def load_certificate(self) -> None:
        if self.port in self.site.tls_ports:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.site.certificate.chain, self.site.certificate.key)
            context.set_alpn_protocols(["http/1.1"])
            context.sni_callback = _note_sni
            self._context = context

    def hang_up(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def finish_request(  # type: ignore[override]
        self, request: socket.socket, client_address: tuple[str, int]
    ) -> None:
        arrival = Arrival(self.site.name, self.port, client_address[0])
        self.site.arrived.append(arrival)
        request.settimeout(60)
        with contextlib.suppress(OSError):  # ssl.SSLError among them: the client did not like what it saw
            request.sendall(self.site.greeting)
            if self._context:
                _seen_sni.name = None
                secured = self._context.wrap_socket(request, server_side=True)
                self._handle(secured, client_address, replace(arrival, tls=True, sni=_seen_sni.name))
            else:
                self._handle(request, client_address, arrival)

    def _handle(self, connection: socket.socket, client: tuple[str, int], arrival: Arrival) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            _Handler(connection, client, self, self.site, arrival)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are part of the game."""


_seen_sni = threading.local()


def _note_sni(_connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
    # Called in the thread that shakes hands, which is the connection's own.
    _seen_sni.name = name


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(
        self,
        request: socket.socket,
        client: tuple[str, int],
        server: socketserver.BaseServer,
        site: Site,
        connection: Arrival,
    ) -> None:
        self._site, self._arrival = site, connection
        super().__init__(request, client, server)

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        sent = self.rfile.read(length) if length else b""
        arrival = replace(
            self._arrival, method=self.command, path=self.path, headers=tuple(self.headers.items())
        )
        self._site.arrived.append(arrival)
        if (self.headers.get("upgrade") or "").lower() == "websocket":
            self._greet()
            return
        status = self._status()
        seen = {
            "site": arrival.site,
            "tls": arrival.tls,
            "sni": arrival.sni,
            "headers": dict(arrival.headers),
            "source": arrival.source,
            "bytes": len(sent),
            "time": time.time(),
        }
        body = TEAPOT.encode() if status == 418 else json.dumps(seen).encode() + b"\n"
        if self._site.answers is not None:
            body = self._site.answers.get(self.path, "").encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-type", "text/plain" if status == 418 else "application/json")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _greet(self) -> None:
        """As a WebSocket server, as far as a proxy can tell: another protocol from here on, and the server
        speaks first."""
        self.send_response_only(101)
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "upgrade")
        self.end_headers()
        self.wfile.write(GREETING)
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_CONNECT = do_TRACE = _answer

    def _status(self) -> int:
        """As httpbin.org: /status/NNN answers with NNN."""
        if self._site.answers is not None:
            return 200 if self.path in self._site.answers else 404
        start, _, wanted = self.path.partition("?")[0].rpartition("/")
        return int(wanted) if start == "/status" and wanted.isdigit() and 200 <= int(wanted) <= 599 else 200

    def log_message(self, format: str, *args: object) -> None:
        """What arrived is recorded, not printed."""


def _listen(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # One site listens at every address; with this, a site that listens at its own one goes first.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((address, port))
    made.listen(128)
    return made
