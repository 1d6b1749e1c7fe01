"""Pulumi's official release archive, for users without Go and as the quicker way where it can be reached.

Verification: the release publishes `pulumi-<version>-checksums.txt`; the archive must match it, and both are
fetched over TLS from the same release. That proves the archive is whole and is the one the release lists. It
does not prove more than TLS and the release page do: who could replace the archive there could replace the
list too. A sum pinned in this repository would; none is, because a checksum that was not computed from the
file is worth nothing.

Whatever goes wrong here (unreachable, too slow, no such entry, mismatch) refuses the archive and says so; the
caller then builds from source, which go.sum pins.
"""

from __future__ import annotations

import hashlib
import http.client
import platform
import re
import shutil
import tarfile
import threading
import time
import urllib.request
from pathlib import Path

from sandbox.tools.catalog import Tool
from sandbox.tools.report import say

RELEASES = "https://github.com/pulumi/pulumi/releases/download"

_REACH_SECONDS = 5  # the checksum file must arrive within this, or the site counts as unreachable
_STALL_SECONDS = 10
_DOWNLOAD_SECONDS = 180  # slower than this, building is as quick
_MAX_LIST_BYTES = 1_000_000
_MAX_ARCHIVE_BYTES = 500_000_000
_CHUNK = 1 << 20

_SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class _Refused(Exception):
    """The archive is not used; the message says why."""


def offered(tool: Tool) -> bool:
    """Whether the release has an archive of this tool for this machine."""
    return tool.name == "pulumi" and platform.system() in _SYSTEMS and platform.machine() in _MACHINES


def key(tool: Tool) -> str:
    """The cache key of the archive's executable."""
    return f"{tool.name}-{tool.version}-release-{_platform()}"


def download(tool: Tool, work: Path) -> Path | None:
    """Fetch, verify and unpack the executable into the work folder; None, with a line on stderr, if that
    fails."""
    archive = f"pulumi-v{tool.version}-{_platform()}.tar.gz"
    try:
        wanted = _listed(
            _checksums(f"{RELEASES}/v{tool.version}/pulumi-{tool.version}-checksums.txt"), archive
        )
        say(f"{tool.name} {tool.version}: fetching {archive}")
        started = time.monotonic()
        packed = work / archive
        actual = _fetch(f"{RELEASES}/v{tool.version}/{archive}", packed)
        if actual != wanted:
            raise _Refused(f"{archive} has SHA-256 {actual}, but the release lists {wanted}")
        executable = _unpack(packed, work / tool.name)
    except (_Refused, OSError, http.client.HTTPException, tarfile.TarError, EOFError) as error:
        say(f"{tool.name} {tool.version}: no official release archive ({error})")
        return None
    say(f"{tool.name} {tool.version}: release archive verified, {time.monotonic() - started:.0f} s")
    return executable


def _platform() -> str:
    return f"{_SYSTEMS[platform.system()]}-{_MACHINES[platform.machine()]}"


def _checksums(url: str) -> str:
    """The release's checksum file. In a thread, because a resolver that gets no answer heeds no timeout of
    ours."""
    answers: list[str | Exception] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=_REACH_SECONDS) as response:
                answers.append(response.read(_MAX_LIST_BYTES).decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            answers.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_REACH_SECONDS + 1)
    if not answers:
        raise _Refused(f"no answer within {_REACH_SECONDS} s")
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


def _listed(checksums: str, archive: str) -> str:
    for line in checksums.splitlines():
        match = re.fullmatch(r"([0-9a-fA-F]{64})\s+\*?(?:\./)?(\S+)", line.strip())
        if match and match[2] == archive:
            return match[1].lower()
    raise _Refused(f"the release's checksum file does not list {archive}")


def _fetch(url: str, target: Path) -> str:
    """Download to a file and return its SHA-256. Bounded in time and size."""
    deadline, size, hashed = time.monotonic() + _DOWNLOAD_SECONDS, 0, hashlib.sha256()
    with urllib.request.urlopen(url, timeout=_STALL_SECONDS) as response, target.open("wb") as file:
        while chunk := response.read1(_CHUNK):
            size += len(chunk)
            if time.monotonic() > deadline or size > _MAX_ARCHIVE_BYTES:
                raise _Refused(f"not finished after {_DOWNLOAD_SECONDS} s and {size >> 20} MiB")
            hashed.update(chunk)
            file.write(chunk)
    return hashed.hexdigest()


def _unpack(archive: Path, target: Path) -> Path:
    """The one executable the sandbox needs; the language hosts beside it stay in the archive."""
    with tarfile.open(archive, "r:gz", encoding="utf-8") as packed:
        for member in packed:
            if member.isfile() and member.name.removeprefix("./") == "pulumi/pulumi":
                source = packed.extractfile(member)
                assert source is not None  # a regular file always has content
                with source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
                target.chmod(0o755)
                return target
    raise _Refused(f"there is no pulumi/pulumi in {archive.name}")
