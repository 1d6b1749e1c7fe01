"""Istio's CRDs, from the Go module istio.io/api that `sandbox/gomod/istio-api` pins. Needs no Go.

A Go module is a zip at a proxy, and go.sum holds its `h1:` hash: the SHA-256 of the sorted list of its files
with the SHA-256 of each. So any HTTPS client can fetch it and know that it is the pinned one, whoever served
it.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import re
import shutil
import subprocess
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sandbox.tools import cache
from sandbox.tools.catalog import GOMOD
from sandbox.tools.report import ToolError, say

_MODULE = "istio.io/api"
_FILE = "kubernetes/customresourcedefinitions.gen.yaml"
_STALL_SECONDS = 30
_MAX_BYTES = 50_000_000


def istio_crds() -> Path:
    """The YAML file with every CRD of the pinned Istio API, fetched once and verified at each call."""
    version, wanted = _pinned((GOMOD / "istio-api" / "go.sum").read_text(encoding="utf-8"))
    entry = cache.Entry(f"istio-api-{version}-{cache.digest(wanted)}", Path(_FILE).name)
    cached = entry.verified()
    if cached:
        return cached
    with entry.locked():
        made = entry.verified() or entry.install(lambda work: _fetch(version, wanted, work))
    assert made is not None  # _fetch returns a path or raises
    return made


def _pinned(go_sum: str) -> tuple[str, str]:
    match = re.search(rf"^{re.escape(_MODULE)} (v[^/\s]+) (h1:\S+)$", go_sum, re.MULTILINE)
    if not match:
        raise ToolError(f"sandbox/gomod/istio-api/go.sum does not pin {_MODULE}; run `go mod tidy` there")
    return match[1], match[2]


def _fetch(version: str, wanted: str, work: Path) -> Path:
    proxy = _proxy(os.environ.get("GOPROXY", ""), _of_go)
    say(f"Istio CRDs: fetching {_MODULE} {version}")
    request = _request(f"{proxy}/{_MODULE}/@v/{version}.zip")
    try:
        with urllib.request.urlopen(request, timeout=_STALL_SECONDS) as response:
            content = response.read(_MAX_BYTES)
        return unpack(content, version, wanted, work)
    except (OSError, http.client.HTTPException, zipfile.BadZipFile) as error:
        raise ToolError(
            f"Istio CRDs: {_MODULE} {version} could not be fetched from {urlsplit(proxy).hostname} "
            f"({error}); the API server would refuse every Istio object. Set GOPROXY to a "
            "Go module proxy this machine can reach, and run this again"
        ) from error


def unpack(content: bytes, version: str, wanted: str, work: Path) -> Path:
    """The CRD file out of the module's zip, if the zip is the pinned one; ToolError if it is not."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        actual = h1(packed)
        if actual != wanted:
            raise ToolError(
                f"Istio CRDs: {_MODULE} {version} refused: the proxy served {actual}, go.sum pins {wanted}. "
                "Try another GOPROXY; do not change go.sum unless you changed the version"
            )
        target = work / Path(_FILE).name
        target.write_bytes(packed.read(f"{_MODULE}@{version}/{_FILE}"))
    return target


def h1(packed: zipfile.ZipFile) -> str:
    """Go's module hash, version 1 (golang.org/x/mod/sumdb/dirhash)."""
    lines = "".join(
        f"{hashlib.sha256(packed.read(name)).hexdigest()}  {name}\n" for name in sorted(packed.namelist())
    )
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


def _proxy(setting: str, of_go: Callable[[], str]) -> str:
    """The first HTTP proxy of a GOPROXY setting; the one that Go itself would use if it names none."""
    if setting.strip() == "off":
        raise ToolError(
            "Istio CRDs: GOPROXY=off forbids fetching them; unset it, or name a proxy, and run this again"
        )
    for entry in [*re.split(r"[,|]", setting), *re.split(r"[,|]", of_go())]:
        if entry.strip().startswith(("https://", "http://")):
            return entry.strip().rstrip("/")
    raise ToolError(
        "Istio CRDs: no Go module proxy is known; install Go, which knows one, or set GOPROXY, and run this "
        "again"
    )


def _of_go() -> str:
    """The GOPROXY that Go uses when the environment names none; empty where there is no Go."""
    go = shutil.which("go")
    if go is None:
        return ""
    environment = {key: value for key, value in os.environ.items() if key != "GOPROXY"}
    asked = subprocess.run(
        [go, "env", "GOPROXY"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        encoding="utf-8",
    )
    return asked.stdout.strip()


def _request(url: str) -> urllib.request.Request:
    """A request that sends a user and password in the URL the way a server understands them."""
    parts = urlsplit(url)
    if not parts.username:
        return urllib.request.Request(url)
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
    request = urllib.request.Request(parts._replace(netloc=host).geturl())
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    return request
