"""Programs that run in a pod's network namespace, and requests to their own ports."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.mesh.netns import Namespace

_READY_SECONDS = 60.0


class Process:
    """A program in a network namespace, with its output in a file; it ends when this process does."""

    def __init__(
        self,
        name: str,
        namespace: Namespace,
        words: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        uid: int = 0,
    ) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self.log.touch()
        # The proxy opens /dev/stdout anew to write access logs, which takes a file of its own.
        os.chown(self.log, uid, uid)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [*namespace.prefix(uid), *words],
                cwd=folder,
                env={"PATH": os.environ["PATH"], **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def ask_to_end(self) -> None:
        """With SIGTERM, as a kubelet does first."""
        self._child.terminate()

    def running(self) -> bool:
        return self._child.poll() is None

    def output(self, start: int = 0) -> str:
        """Its output from a position in bytes."""
        with self.log.open("rb") as file:
            file.seek(start)
            return file.read().decode(errors="replace")

    def size(self) -> int:
        return self.log.stat().st_size

    def stop(self, patience: float = 3.0) -> None:
        self._child.terminate()
        try:
            self._child.wait(patience)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(10)

    def failure(self, what: str) -> RuntimeError:
        lines = self.output().splitlines()
        # Envoy prints its whole configuration after the reason why it refuses it.
        wrong = [line for line in lines if "critical" in line or "\terror\t" in line][-8:]
        told = "\n".join(f"    {line[:600]}" for line in wrong or lines[-15:])
        return RuntimeError(f"{self.name} {what}. It said:\n{told}")


def ask(
    namespace: Namespace, port: int, path: str, method: str = "GET", seconds: float = 10.0
) -> tuple[int, bytes]:
    """An HTTP request to 127.0.0.1 in a namespace: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    connection.sock = namespace.inside(lambda: socket.create_connection(("127.0.0.1", port), seconds))
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def await_ready(
    process: Process, namespace: Namespace, port: int, path: str, seconds: float = _READY_SECONDS
) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not process.running():
            raise process.failure("ended")
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask(namespace, port, path, seconds=2.0)[0] == 200:
                return
        time.sleep(0.1)
    raise process.failure(f"was not ready after {seconds:.0f} s")
