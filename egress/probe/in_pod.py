"""What runs inside of the Job's container: tries flows, and prints one JSON line for each.

Handed to `python3 -c` as it stands, with the flows as its argument, so it needs nothing but the standard
library of Python 3.9 or newer. It concludes nothing: which layer stopped what is told from its lines and the
proxies' (layer.py).

A flow is an object: `id`, `protocol` (http, tls, tcp, udp, dns), `host`, `address` (where to connect, if that
is not left to the name), `port`, `method`, `path`, `headers`, and for udp `ask` (quic, or a name to ask a DNS
server for).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import struct
import sys
import time
from typing import Any

CONNECTS, ANSWERS, LISTENS = 15.0, 15.0, 3.0
"""Seconds: a proxy itself gives up a connection after ten."""
READY = ("127.0.0.1", 15021)
BODY = 400
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where images keep the public authorities, if not where Python looks for them."""


def resolved(host: str) -> tuple[list[str] | None, str]:
    """The addresses of a name as this pod is told them; none, and why, if there are none."""
    try:
        found = socket.getaddrinfo(host + ".", None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        gone = getattr(socket, "EAI_NODATA", socket.EAI_NONAME), socket.EAI_NONAME
        return ([] if error.errno in gone else None), str(error)
    return sorted({str(item[4][0]) for item in found}), ""


def request(connection: Any, flow: dict[str, Any], said: dict[str, Any]) -> None:
    """One HTTP request, and the first of what comes back."""
    headers = {"Host": flow["host"], "User-Agent": "egress-probe", "Connection": "close", **flow["headers"]}
    lines = [f"{flow['method']} {flow['path']} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    received = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while len(received) < 1 << 16:
            data = connection.recv(1 << 14)
            if not data:
                break
            received += data
            head, end, body = received.lower().partition(b"\r\n\r\n")
            length = head.partition(b"content-length:")[2].split(b"\r\n")[0].strip()
            if end and (flow["method"] == "HEAD" or (length.isdigit() and len(body) >= int(length))):
                break
    head, _, body = received.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit():
        said["status"], said["body"] = int(words[1]), body[:BODY].decode("utf-8", "replace")
    else:
        said["failure"] = "the connection ended without an answer"


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    for bundle in BUNDLES:
        with contextlib.suppress(OSError, ssl.SSLError):
            context.load_verify_locations(bundle)
    return context


def unverified() -> ssl.SSLContext:
    """Whoever answers is of interest: also one who cannot show who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connected(flow: dict[str, Any], address: str, said: dict[str, Any]) -> socket.socket:
    connection = socket.create_connection((address, flow["port"]), CONNECTS)
    said["local"] = "{}:{}".format(*connection.getsockname()[:2])
    connection.settimeout(ANSWERS)
    return connection


def in_tls(flow: dict[str, Any], address: str, said: dict[str, Any]) -> None:
    name = flow["host"]
    try:
        with connected(flow, address, said) as plain:
            with trusting().wrap_socket(plain, server_hostname=name) as secured:
                said["tls"] = "verified"
                request(secured, flow, said)
            return
    except ssl.SSLCertVerificationError as error:
        said["certificate"] = error.verify_message
    with (
        connected(flow, address, said) as plain,
        unverified().wrap_socket(plain, server_hostname=name) as secured,
    ):
        said["tls"] = "unverified"
        request(secured, flow, said)


def raw(flow: dict[str, Any], address: str, said: dict[str, Any]) -> None:
    """A connection on which nothing is said: whether the other side keeps it, or speaks."""
    with connected(flow, address, said) as plain:
        plain.settimeout(LISTENS)
        try:
            heard = plain.recv(1 << 12)
        except socket.timeout:  # noqa: UP041 - TimeoutError itself only since Python 3.10
            said["open"] = True
            return
        said["open"], said["heard"] = bool(heard), len(heard)


def datagram(flow: dict[str, Any], address: str, said: dict[str, Any]) -> None:
    if flow["ask"] == "quic":
        # A version that no server speaks: whoever knows QUIC answers with those that it does (RFC 9000, 6).
        text = b"\xc0\x1a\x2a\x3a\x4a\x08" + os.urandom(8) + b"\x08" + os.urandom(8)
        text = text.ljust(1200, b"\0")
    else:
        labels = b"".join(bytes((len(label),)) + label.encode() for label in flow["ask"].split("."))
        text = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(LISTENS)
        asking.connect((address, flow["port"]))
        said["local"] = "{}:{}".format(*asking.getsockname()[:2])
        asking.send(text)
        answer = asking.recv(4096)
        said["heard"] = len(answer)
        if flow["ask"] != "quic":
            # What a resolver refuses to tell is no way out.
            said["heard"] *= len(answer) > 8 and not answer[3] & 0xF and answer[6:8] != b"\0\0"


def tried(flow: dict[str, Any]) -> dict[str, Any]:
    """What came of a flow."""
    said: dict[str, Any] = {"id": flow["id"]}
    address = flow["address"]
    if not address:
        addresses, why = resolved(flow["host"])
        said["addresses"] = addresses
        if not addresses:
            said["failure"] = why
        if not addresses or flow["protocol"] == "dns":
            return said
        address = addresses[0]
    began = time.monotonic()
    try:
        how = {"http": plainly, "tls": in_tls, "tcp": raw, "udp": datagram}
        how[flow["protocol"]](flow, address, said)
    except OSError as error:
        said["failure"] = str(error) or type(error).__name__
    said["seconds"] = round(time.monotonic() - began, 2)
    return said


def plainly(flow: dict[str, Any], address: str, said: dict[str, Any]) -> None:
    with connected(flow, address, said) as plain:
        request(plain, flow, said)


def sidecar(seconds: float) -> bool:
    """Whether a proxy of Istio's is in this pod, once it is ready."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with contextlib.suppress(OSError), socket.create_connection(READY, 1) as asking:
            asking.settimeout(2)
            asking.sendall(b"GET /healthz/ready HTTP/1.1\r\nHost: ready\r\nConnection: close\r\n\r\n")
            if b" 200 " in asking.recv(64):
                return True
        time.sleep(0.2)
    return False


def main() -> None:
    told = json.loads(sys.argv[1])
    print(json.dumps({"sidecar": sidecar(told["ready"])}), flush=True)
    for flow in told["flows"]:
        print(json.dumps(tried(flow)), flush=True)
    # Proxies write their lines in batches; the sidecar's are gone once the pod is.
    time.sleep(told["lingers"])
    print(json.dumps({"done": True}), flush=True)


main()
