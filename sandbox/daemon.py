"""A program that runs on after the command that started it, and is found again by its pid file."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_POLL_SECONDS = 0.05
_NAMELESS_SECONDS = (
    0.5  # how long a process may show no command line while it becomes another program, or ends
)

_HAS_PROC = Path("/proc/self/cmdline").exists()

# The program's own shell writes the pid, then becomes the program: whoever starts it may be killed at any
# moment and there is still no running program without a pid file.
_RECORD_AND_BECOME = 'echo $$ >"$0.new" && mv "$0.new" "$0" && exec "$@"'


@dataclass
class Daemon:
    """One detached program with its pid file and log in `folder`.

    `mark` is an argument that only this program in only this folder is started with. A pid is believed only
    while its command line holds the mark: after a reboot the number in the file may belong to a stranger.
    """

    name: str
    folder: Path
    mark: str
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Start it in `folder`, in a session of its own, so that Ctrl-C in this terminal does not reach
        it."""
        if self.mark not in map(str, command):
            raise ValueError(
                f"{self.name}: the command lacks its mark {self.mark}, so it could not be found again"
            )
        self.pid_file.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                ["/bin/sh", "-c", _RECORD_AND_BECOME, self.pid_file, *command],
                cwd=self.folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def pid(self) -> int | None:
        """The pid of the running program; None if it does not run."""
        if self._child is not None:
            if self._child.poll() is None:
                return self._child.pid
            self._child = None  # it ended, and was waited for: no zombie stays behind
        try:
            pid = int(self.pid_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return pid if pid > 0 and self.mark in _command_line(pid) else None

    def stop(self, patience: float) -> None:
        """End it: politely first, by force after `patience` seconds. Does nothing if it does not run."""
        for how, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
            pid = self.pid()
            if pid is None or not _send(pid, how):
                break
            deadline = time.monotonic() + seconds
            while not self._ended(pid) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
        self.pid_file.unlink(missing_ok=True)

    def _ended(self, pid: int) -> bool:
        """Whether it is over to the last thread, so that its files, sockets and locks are free again."""
        if self._child is not None and self._child.pid == pid:
            return self._child.poll() is not None
        return _is_over(pid)

    def log_tail(self, lines: int = 12) -> str:
        """The end of its log, indented for an error message."""
        try:
            text = self.log.read_text(errors="replace", encoding="utf-8")
        except FileNotFoundError:
            return "    (no log)"
        return "\n".join("    " + line[:300] for line in text.splitlines()[-lines:]) or "    (empty log)"


def _send(pid: int, how: signal.Signals) -> bool:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return False
    return True


def _command_line(pid: int) -> str:
    """What a process was started with; empty if there is none, or only the remains of one."""
    if not _HAS_PROC:
        return _ps(pid, "command=")
    deadline = time.monotonic() + _NAMELESS_SECONDS
    while True:
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        if arguments or _is_over(pid) or time.monotonic() > deadline:
            return arguments.replace(b"\0", b" ").decode(errors="replace")
        time.sleep(_POLL_SECONDS)


def _is_over(pid: int) -> bool:
    """Whether a process is gone, or is only waiting for its parent to notice that it ended."""
    if not _HAS_PROC:
        state = _ps(pid, "stat=").strip()
        return not state or state.startswith("Z")
    process = Path(f"/proc/{pid}")
    try:
        state = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        return state in "ZX" and len(list((process / "task").iterdir())) <= 1
    except OSError:
        return True


def _ps(pid: int, column: str) -> str:
    return subprocess.run(
        ["ps", "-ww", "-o", column, "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    ).stdout
