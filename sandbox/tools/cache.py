"""Files the sandbox fetched or built once and keeps outside the checkout.

Each lies in a folder of its own, beside the SHA-256 it had when it was made. The key in the folder's name
covers everything the content depends on, so a changed pin is a new folder and never an old file. Content is
checked against the recorded sum before every use: that catches a full disk, a killed copy or a meddling
cleaner; it is no defence against someone who may write to the cache, who could write the sum as well.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.tools.report import say


def root() -> Path:
    """The cache folder: `EGRESS_TOOLS_CACHE`, else `$XDG_CACHE_HOME/gke-mesh-egress` (~/.cache by
    default)."""
    named = os.environ.get("EGRESS_TOOLS_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gke-mesh-egress"


def where_else(error: OSError) -> str:
    """The words for a folder that cannot be used, and for how to name another one."""
    return (
        f"{error.filename}: {error.strerror}. Tools lie in {root()}, and EGRESS_TOOLS_CACHE names another "
        "folder; the sandbox "
        "lies in .sandbox of the checkout, and EGRESS_SANDBOX_HOME names another one."
    )


def digest(*parts: str | bytes) -> str:
    """A short key over everything a cached file depends on; each part's length counts, so parts cannot run
    together."""
    joined = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        joined.update(f"{len(data)}:".encode() + data)
    return joined.hexdigest()[:16]


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal; 0.1 s for 100 MB."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def alone(lock: Path, what: str) -> Iterator[None]:
    """Only one process at a time is inside. The system drops the lock when its holder dies. `what` is how
    waiting people are told what they wait for."""
    with lock.open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{what}: another run is making it; waiting for that one")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Entry:
    """One cached file: `<cache>/<key>/<name>`; `name` may hold a folder, as in bin/pulumi."""

    key: str
    name: str

    @property
    def path(self) -> Path:
        return root() / self.key / self.name

    @property
    def _sum(self) -> Path:
        return root() / self.key / "sha256"

    def verified(self) -> Path | None:
        """The file if it is there and unchanged. One that changed is refused, with a line on stderr."""
        try:
            recorded, actual = self._sum.read_text(encoding="utf-8").strip(), sha256(self.path)
        except FileNotFoundError:
            return None
        if actual == recorded:
            return self.path
        say(
            f"{self.path}: refused, its content is not what was installed (SHA-256 {actual}, recorded "
            f"{recorded})"
        )
        return None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process at a time makes this entry."""
        root().mkdir(parents=True, exist_ok=True)
        with alone(root() / f"{self.key}.lock", self.key):
            yield

    def install(self, make: Callable[[Path], Path | None]) -> Path | None:
        """Let `make` produce the file in a work folder, then put it in place whole. Call it under `locked`.

        `make` returns the file's path, or None when this way of getting it is not open (it has said why).
        Killed at any moment, this leaves a work folder that the next run removes, and never half a file under
        the final name.
        """
        work, staged, final = root() / f"{self.key}.work", root() / f"{self.key}.new", root() / self.key
        for leftover in (work, staged):
            shutil.rmtree(leftover, ignore_errors=True)
        work.mkdir(parents=True, exist_ok=True)  # a killed run's compiler may still be writing there
        try:
            made = make(work)
            if made is None:
                return None
            (staged / self.name).parent.mkdir(parents=True)
            made.rename(staged / self.name)
            (staged / "sha256").write_text(sha256(staged / self.name) + "\n", encoding="utf-8")
            shutil.rmtree(final, ignore_errors=True)  # only ever a refused one
            staged.rename(final)
            return self.path
        finally:
            for leftover in (work, staged):
                shutil.rmtree(leftover, ignore_errors=True)
