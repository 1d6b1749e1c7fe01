"""What the sandbox downloads: the release archive and Istio's CRDs, each taken only if its hash is the
expected one."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sandbox import tools
from sandbox.tools import build, istio, release
from sandbox.tools.catalog import CATALOG, Tool
from sandbox.tools.report import ToolError

PULUMI = CATALOG["pulumi"]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tool of this machine is found, and no cache of its user is touched."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("EGRESS_TOOLS_CACHE", str(tmp_path / "cache"))


def pretend_build(tool: Tool, work: Path) -> Path:
    (work / tool.name).write_text("built", encoding="utf-8")
    return work / tool.name


# ---- the release archive


@pytest.fixture
def release_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder served like the release's; empty at first."""
    folder = tmp_path / "releases"
    (folder / f"v{PULUMI.version}").mkdir(parents=True)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(release, "RELEASES", f"http://127.0.0.1:{server.server_port}")
    yield folder / f"v{PULUMI.version}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def publish(page: Path, member: str = "pulumi/pulumi") -> Path:
    """A release archive with its checksum list."""
    archive = page / f"{release.key(PULUMI).replace('-release', '').replace('pulumi-', 'pulumi-v')}.tar.gz"
    content = b"#!/bin/sh\necho v3.259.0\n"
    with tarfile.open(archive, "w:gz", encoding="utf-8") as packed:
        info = tarfile.TarInfo(member)
        info.size, info.mode = len(content), 0o755
        packed.addfile(info, io.BytesIO(content))
    listed = (
        f"{'0' * 64}  another.tar.gz\n{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive.name}\n"
    )
    (page / f"pulumi-{PULUMI.version}-checksums.txt").write_text(listed, encoding="utf-8")
    return archive


needs_archive = pytest.mark.skipif(
    not release.offered(PULUMI), reason="the release has no archive for this machine"
)


@needs_archive
def test_a_release_archive_that_matches_is_used_without_go(release_page: Path) -> None:
    publish(release_page)
    path = tools.ensure("pulumi")["pulumi"]
    assert path.read_text(encoding="utf-8").endswith("v3.259.0\n")
    assert os.access(path, os.X_OK)
    for file in release_page.iterdir():  # the second time it comes from the cache
        file.unlink()
    assert tools.ensure("pulumi")["pulumi"] == path


@needs_archive
@pytest.mark.parametrize(
    "damage", ["content", "unlisted", "no list", "no archive", "no executable", "not an archive"]
)
def test_a_release_archive_that_does_not_match_is_built_instead(
    release_page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    archive = publish(release_page, "pulumi/other" if damage == "no executable" else "pulumi/pulumi")
    checksums = release_page / f"pulumi-{PULUMI.version}-checksums.txt"
    if damage == "content":
        archive.write_bytes(archive.read_bytes() + b"\0")
    elif damage == "unlisted":
        checksums.write_text(f"{'0' * 64}  another.tar.gz\n", encoding="utf-8")
    elif damage == "no list":
        checksums.unlink()
    elif damage == "no archive":
        archive.unlink()
    elif damage == "not an archive":
        archive.write_text("hello", encoding="utf-8")
        checksums.write_text(f"{hashlib.sha256(b'hello').hexdigest()}  {archive.name}\n", encoding="utf-8")
    monkeypatch.setattr(build, "build", pretend_build)
    assert tools.ensure("pulumi")["pulumi"].read_text(encoding="utf-8") == "built"
    assert "no official release archive (" in capsys.readouterr().err


# ---- Istio's CRDs


def module_zip(**files: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return written.getvalue()


CRDS = "istio.io/api@v1.0.0/kubernetes/customresourcedefinitions.gen.yaml"


def test_h1_is_gos_hash() -> None:
    """The definition written out: sha256 of the sorted `sum  name` lines, in base64."""
    first, second = hashlib.sha256(b"1").hexdigest(), hashlib.sha256(b"2").hexdigest()
    lines = f"{first}  m@v1/a\n{second}  m@v1/b\n".encode()
    content = module_zip(**{"m@v1/b": "2", "m@v1/a": "1"})
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert istio.h1(packed) == "h1:" + base64.b64encode(hashlib.sha256(lines).digest()).decode()


def test_a_module_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    good, bad = module_zip(**{CRDS: "kind: CRD"}), module_zip(**{CRDS: "kind: Evil"})
    with zipfile.ZipFile(io.BytesIO(good)) as packed:
        pinned = istio.h1(packed)
    assert istio.unpack(good, "v1.0.0", pinned, tmp_path).read_text(encoding="utf-8") == "kind: CRD"
    with pytest.raises(ToolError, match=r"refused: the proxy served h1:.* go\.sum pins h1:"):
        istio.unpack(bad, "v1.0.0", pinned, tmp_path)


def test_an_unreachable_proxy_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "http://user:secret@127.0.0.1:9,direct")
    with pytest.raises(ToolError, match="Set GOPROXY") as raised:
        tools.istio_crds()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "proxy"),
    [
        ("", "https://go.example"),
        ("direct", "https://go.example"),
        ("https://a.example/go/,direct", "https://a.example/go"),
        ("file:///x|http://b.example", "http://b.example"),
    ],
)
def test_which_proxy(setting: str, proxy: str) -> None:
    assert istio._proxy(setting, lambda: "https://go.example,direct") == proxy


def test_without_go_and_without_a_proxy_it_says_what_to_set() -> None:
    with pytest.raises(ToolError, match="set GOPROXY"):
        istio._proxy("direct", lambda: "")


def test_no_proxy_allowed() -> None:
    with pytest.raises(ToolError, match="GOPROXY=off"):
        istio._proxy("off", lambda: "https://go.example")
