"""What runs in a pod: requests on open connections, as fast as answers come. Prints JSON: latencies in
seconds, and a count.

Of the standard library alone, because it is run by itself: python ask.py ADDRESS PORT HOST PATH CONNECTIONS
SECONDS [AUTHORITY]
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import time

_LENGTH = b"content-length: "


def connect(address: str, port: int, host: str, authority: str | None) -> socket.socket:
    made = socket.create_connection((address, port), 10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if authority:
        return ssl.create_default_context(cafile=authority).wrap_socket(made, server_hostname=host)
    return made


def ask(connection: socket.socket, request: bytes) -> bytes:
    """One request; the head of its answer."""
    connection.sendall(request)
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        more = connection.recv(1 << 16)
        if not more:
            raise ConnectionError("the connection ended")
        data += more
    head = data[:end].lower()
    missing = int(head.partition(_LENGTH)[2].partition(b"\r")[0]) - (len(data) - end - 4)
    while missing > 0:
        missing -= len(connection.recv(1 << 16))
    return head


def run(address: str, port: int, host: str, path: str, seconds: float, authority: str | None) -> list[float]:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n".encode()
    connection = connect(address, port, host, authority)
    head = ask(connection, request)  # opens what has to be opened on the way
    if b" 200 " not in head.partition(b"\r\n")[0] + b" ":
        raise SystemExit(f"{host}{path}: {head[:80]!r}")
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        ask(connection, request)
        latencies.append(time.perf_counter() - start)
    return latencies


def main() -> None:
    address, port, host, path, connections, seconds, *rest = sys.argv[1:]
    children: list[tuple[int, int]] = []
    for _ in range(int(connections)):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                told = json.dumps(
                    run(address, int(port), host, path, float(seconds), rest[0] if rest else None)
                )
                with os.fdopen(writing, "w", encoding="utf-8") as pipe:
                    pipe.write(told)
                os._exit(0)
            except BaseException as error:
                print(error, file=sys.stderr, flush=True)
                os._exit(1)
        os.close(writing)
        children.append((child, reading))
    found: list[float] = []
    failed = 0
    for child, reading in children:
        with os.fdopen(reading, encoding="utf-8") as pipe:
            found += json.loads(pipe.read() or "[]")
        failed += os.waitpid(child, 0)[1] != 0
    found.sort()
    if failed or not found:
        sys.exit(1)
    print(
        json.dumps({"p50": found[len(found) // 2], "p99": found[len(found) * 99 // 100], "count": len(found)})
    )


if __name__ == "__main__":
    main()
