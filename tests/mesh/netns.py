"""Network namespaces: made, entered and removed. Nothing here has a way out of the machine.

A mesh is one run. Its namespaces are called `egressmesh-<pid>.<number>-<name>`, its files lie in
`egressmesh-<pid>.<number>` in the folder for temporary files, and whoever finds leftovers of a process that
is gone removes them.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sandbox.apiserver import ApiServer
from sandbox.home import Home

T = TypeVar("T")

PREFIX = "egressmesh-"
_NAMESPACES = Path("/run/netns")
_FILES = Path("/etc/netns")
_CLONE_NEWNET = 0x40000000
_count = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


class Run:
    """One mesh's folder and namespaces."""

    def __init__(self) -> None:
        remove_leftovers()
        self.id = f"{PREFIX}{os.getpid()}.{next(_count)}"
        self.folder = Path(tempfile.gettempdir()) / self.id
        # Under its own name it is whole from the first moment: whoever clears leftovers away may look at any
        # time.
        new = Path(tempfile.mkdtemp(prefix="new-egressmesh-"))
        new.chmod(0o755)
        (new / "started").write_text(_started(os.getpid()), encoding="utf-8")
        new.rename(self.folder)

    def namespace(self, name: str) -> Namespace:
        return Namespace(f"{self.id}-{name}")

    def remove(self) -> None:
        """End everything that runs in the namespaces, then remove them and the folder."""
        _remove(self.id, self.folder)


class Namespace:
    """One network namespace with its own files below /etc."""

    def __init__(self, name: str) -> None:
        self.name = name
        command("ip", "netns", "add", name)
        # IPv4 only, as the cluster's subnet is; a second protocol would be a second way out to guard.
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        command("ip", "-n", name, "link", "set", "lo", "up")

    def etc(self, path: str, content: str) -> None:
        """A file that every program in this namespace sees as /etc/<path>."""
        file = _FILES / self.name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")

    def prefix(self, uid: int = 0) -> list[str]:
        """What to put before a command so that it runs in here; as another user if asked, and never longer
        than we do."""
        user = ["--reuid", str(uid), "--regid", str(uid), "--clear-groups"] if uid else []
        return ["ip", "netns", "exec", self.name, "setpriv", *user, "--pdeathsig", "KILL"]

    def run(self, *words: str, uid: int = 0, seconds: float = 20.0, text: str | None = None) -> str:
        """A command in here, to its end; raises with what it said if it failed."""
        return command(
            *(self.prefix(uid) if uid else ["ip", "netns", "exec", self.name]),
            *words,
            seconds=seconds,
            text=text,
        )

    def inside(self, action: Callable[[], T]) -> T:
        """Call `action` in here: the sockets that it makes belong to this namespace, wherever they are used
        later."""
        result: list[T] = []
        failure: list[BaseException] = []

        def call() -> None:
            try:
                handle = os.open(_NAMESPACES / self.name, os.O_RDONLY)
                try:
                    if _libc.setns(handle, _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {self.name}")
                finally:
                    os.close(handle)
                result.append(action())
            except BaseException as error:
                failure.append(error)

        # Entering counts for one thread, and this one is not used again.
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return result[0]


def command(*words: str, seconds: float = 20.0, text: str | None = None) -> str:
    """A command to its end; its output, or RuntimeError with what it said."""
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=seconds, input=text, check=False, encoding="utf-8"
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip() or done.returncode}"
        )
    return done.stdout


def remove_leftovers() -> None:
    """Remove what runs left that did not come to their end. Runs whose process is alive are not touched."""
    folder = Path(tempfile.gettempdir())
    ids = {path.name for path in folder.glob(f"{PREFIX}*")} | {
        _id_of(path.name) for path in _NAMESPACES.glob(f"{PREFIX}*")
    }
    for run in sorted(ids):
        pid = run.removeprefix(PREFIX).partition(".")[0]
        if pid.isdigit() and not _alive(int(pid), folder / run):
            _remove(run, folder / run)


def _id_of(namespace: str) -> str:
    return "-".join(namespace.split("-")[:2])


def _alive(pid: int, folder: Path) -> bool:
    """Whether the run's process lives: the number alone may be somebody else's by now."""
    with contextlib.suppress(OSError):
        return (folder / "started").read_text(encoding="utf-8") == _started(pid)
    return False


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; no two processes share pid and this."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]


def _remove(run: str, folder: Path) -> None:
    names = [path.name for path in _NAMESPACES.glob(f"{run}-*")] if _NAMESPACES.exists() else []
    # Only this run puts processes into its namespaces, so whatever is in there is its own.
    for how in (signal.SIGTERM, signal.SIGKILL):
        _end([pid for name in names for pid in _pids(name)], how)
    if (folder / "home").exists():
        ApiServer(Home(folder / "home")).wipe()
    for name in names:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        shutil.rmtree(_FILES / name, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _pids(namespace: str) -> list[int]:
    listed = subprocess.run(
        ["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False, encoding="utf-8"
    ).stdout
    return [int(line) for line in listed.split() if int(line) != os.getpid()]


def _end(pids: Sequence[int], how: signal.Signals, seconds: float = 2.0) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
    deadline = time.monotonic() + seconds
    while any(_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)


def _running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
