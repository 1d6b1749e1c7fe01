"""The sandbox's tools: which executable is taken, and that nothing unverified is."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import tools
from sandbox.tools import build, cache, catalog, installed, release
from sandbox.tools.catalog import CATALOG, GOMOD, Tool, parse_version, refusal
from sandbox.tools.report import ToolError

PULUMI, ETCD, SERVER = CATALOG["pulumi"], CATALOG["etcd"], CATALOG["kube-apiserver"]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tool of this machine is found, and no cache of its user is touched."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("EGRESS_TOOLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "RELEASES", "http://127.0.0.1:9/nobody-listens-here")


def fake(path: Path, says: str, status: int = 0) -> Path:
    """An executable that prints a version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


# ---- versions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v3.259.0", ((3, 259, 0), False)),
        ("v3.260.0-alpha.x1f2e", ((3, 260, 0), True)),
        ("Kubernetes v1.35.8", ((1, 35, 8), False)),
        ("Kubernetes v1.33.5-gke.1080000", ((1, 33, 5), False)),
        ("etcd Version: 3.6.14\nGit SHA: abc\nGo Version: go1.26.8", ((3, 6, 14), False)),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", ((1, 32, 4), False)),
        ("no version here", None),
        ("", None),
    ],
)
def test_version_in_a_tools_output(text: str, expected: object) -> None:
    assert parse_version(text) == expected


@pytest.mark.parametrize(
    ("tool", "text", "why"),
    [
        (PULUMI, "v3.259.0", None),
        (PULUMI, "v3.301.2", None),
        (PULUMI, "v3.258.9", "3.258.9; needed is 3.259.0 or newer"),
        (PULUMI, "v3.259.0-alpha.1", "3.259.0 pre-release"),
        (PULUMI, "v4.0.0", "of major version 3"),
        (PULUMI, "hello", "does not say its version"),
        (SERVER, "Kubernetes v1.31.12", "needed is 1.32.0"),
        (SERVER, "Kubernetes v1.32.0", None),
        (ETCD, "etcd Version: 3.4.30", "needed is 3.5.0"),
    ],
)
def test_refusal_of_a_version(tool: Tool, text: str, why: str | None) -> None:
    said = refusal(tool, text)
    assert (said is None) if why is None else (said is not None and why in said)


@pytest.mark.parametrize("tool", CATALOG.values(), ids=list(CATALOG))
def test_what_is_built_would_be_accepted_and_is_what_go_mod_pins(tool: Tool) -> None:
    assert refusal(tool, f"v{tool.version}") is None
    assert f" v{tool.version}" in (tool.folder / "go.mod").read_text(encoding="utf-8")
    assert tool.package in (tool.folder / "tools.go").read_text(encoding="utf-8")


# ---- what the user has


def test_assets_come_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = fake(tmp_path / "bin" / "etcd", "etcd Version: 3.6.1")
    assert installed.find(ETCD) == on_path
    asset = fake(tmp_path / "assets" / "etcd", "etcd Version: 3.5.9")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(asset.parent))
    assert installed.find(ETCD) == asset


def test_an_old_asset_gives_way_to_path_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_path = fake(tmp_path / "bin" / "kube-apiserver", "Kubernetes v1.34.1")
    asset = fake(tmp_path / "assets" / "kube-apiserver", "Kubernetes v1.28.0")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(asset.parent))
    assert installed.find(SERVER) == on_path
    out, err = capsys.readouterr()
    assert f"not using {asset} (KUBEBUILDER_ASSETS): it is 1.28.0" in err
    assert out == ""


def test_assets_without_the_tool_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "nowhere"))
    assert installed.find(ETCD) is None
    assert "not in KUBEBUILDER_ASSETS" in capsys.readouterr().err


def test_assets_are_no_place_for_pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = fake(tmp_path / "assets" / "pulumi", "v3.300.0")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(asset.parent))
    assert installed.find(PULUMI) is None


def test_a_tool_that_fails_or_does_not_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(tmp_path / "bin" / "pulumi", "v3.300.0", status=3)
    assert installed.find(PULUMI) is None
    assert "failed with status 3" in capsys.readouterr().err
    (tmp_path / "bin" / "pulumi").write_bytes(b"\x7fELF nonsense")
    assert installed.find(PULUMI) is None
    assert "does not run" in capsys.readouterr().err


def test_ensure_takes_what_is_on_path_and_knows_its_tools(tmp_path: Path) -> None:
    pulumi = fake(tmp_path / "bin" / "pulumi", "v3.260.1")
    assert tools.ensure("pulumi") == {"pulumi": pulumi}
    with pytest.raises(ValueError, match="no such tool: helm"):
        tools.ensure("pulumi", "helm")


# ---- the cache


def put(work: Path, name: str = "tool", content: str = "good") -> Path:
    (work / name).write_text(content, encoding="utf-8")
    return work / name


def test_an_installed_file_is_found_until_it_changes(capsys: pytest.CaptureFixture[str]) -> None:
    entry = cache.Entry("tool-1", "bin/tool")
    assert entry.verified() is None
    path = entry.install(put)
    assert path is not None
    assert entry.verified() == path
    path.write_text("evil", encoding="utf-8")
    assert entry.verified() is None
    assert "refused" in capsys.readouterr().err
    assert entry.install(put) == path
    assert entry.verified() == path


def test_a_file_without_its_sum_is_not_used() -> None:
    entry = cache.Entry("tool-1", "bin/tool")
    path = entry.install(put)
    assert path is not None
    (path.parent.parent / "sha256").unlink()
    assert entry.verified() is None


def test_an_install_that_fails_leaves_nothing(tmp_path: Path) -> None:
    entry = cache.Entry("tool-1", "bin/tool")

    def half(work: Path) -> Path:
        put(work)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        entry.install(half)
    assert entry.verified() is None
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_killed_install_left_is_not_mistaken_for_a_tool(tmp_path: Path) -> None:
    entry = cache.Entry("tool-1", "bin/tool")
    for leftover in ("tool-1.work", "tool-1.new/bin"):
        (tmp_path / "cache" / leftover).mkdir(parents=True)
        (tmp_path / "cache" / leftover / "tool").write_text("half", encoding="utf-8")
    assert entry.verified() is None
    path = entry.install(put)
    assert path is not None
    assert path.read_text(encoding="utf-8") == "good"


def test_a_corrupted_build_is_made_again_and_never_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None
) -> None:
    built: list[str] = []

    def pretend(tool: Tool, work: Path) -> Path:
        built.append(tool.name)
        return put(work, tool.name)

    monkeypatch.setattr(build, "build", pretend)
    for name in ("pulumi", "etcd"):
        path = tools.ensure(name)[name]
        assert tools.ensure(name) == {name: path}
        path.write_text("evil", encoding="utf-8")
        assert tools.ensure(name)[name].read_text(encoding="utf-8") == "good"
    assert built == ["pulumi", "pulumi", "etcd", "etcd"]


def test_a_tool_on_path_that_is_too_old_is_not_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None
) -> None:
    old = fake(tmp_path / "bin" / "pulumi", "v3.100.0")
    monkeypatch.setattr(build, "build", lambda tool, work: put(work, tool.name))
    assert tools.ensure("pulumi")["pulumi"] != old


def test_pulumi_is_made_first(monkeypatch: pytest.MonkeyPatch, no_network: None) -> None:
    order: list[str] = []
    monkeypatch.setattr(build, "build", lambda tool, work: (order.append(tool.name), put(work, tool.name))[1])
    tools.ensure("etcd", "kube-apiserver", "pulumi")
    assert order[0] == "pulumi"
    assert sorted(order) == ["etcd", "kube-apiserver", "pulumi"]


def test_two_runs_make_an_entry_once() -> None:
    entry, made = cache.Entry("tool-1", "bin/tool"), []

    def slow(work: Path) -> Path:
        made.append(work)
        time.sleep(0.3)  # long enough for the other run to come along
        return put(work)

    def run() -> None:
        with entry.locked():
            if not entry.verified():
                entry.install(slow)

    runs = [threading.Thread(target=run) for _ in range(2)]
    for one in runs:
        one.start()
    for one in runs:
        one.join(10)
    assert len(made) == 1
    assert entry.verified()


# ---- building


@pytest.fixture
def copied_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(GOMOD, tmp_path / "gomod")
    monkeypatch.setattr(catalog, "GOMOD", tmp_path / "gomod")
    return tmp_path / "gomod"


def test_key_changes_with_pins_and_flags(copied_pins: Path) -> None:
    keys = {build.key(ETCD), build.key(SERVER)}
    assert build.key(ETCD) in keys  # and is the same when nothing changed
    for name in ("go.mod", "go.sum"):
        with (copied_pins / "etcd" / name).open("a", encoding="utf-8") as file:
            file.write("\n// a change\n")
        keys.add(build.key(ETCD))
    keys.add(build.key(replace(ETCD, ldflags="-X main.x=1")))
    keys.add(build.key(replace(ETCD, version="3.6.15")))
    assert len(keys) == 6


def test_without_go_the_error_says_what_to_install(no_network: None) -> None:
    with pytest.raises(ToolError, match=r"no `go` on PATH.*Install Go 1\.\d+.*get\.pulumi\.com"):
        tools.ensure("pulumi")
    with pytest.raises(ToolError, match="KUBEBUILDER_ASSETS"):
        tools.ensure("etcd")


def test_a_go_that_is_too_old_is_refused(tmp_path: Path) -> None:
    fake(tmp_path / "bin" / "go", "go version go1.20.4 linux/amd64")
    with pytest.raises(ToolError, match=r"1\.20\.4\. Install Go 1\.\d+"):
        tools.ensure("etcd")


def test_a_failing_build_shows_gos_last_words_and_leaves_nothing(tmp_path: Path) -> None:
    go = fake(tmp_path / "bin" / "go", "go version go1.30.0 linux/amd64")
    go.write_text(
        "#!/bin/sh\nif [ $1 = version ]; then echo go version go1.30.0 x/y; exit; fi\n"
        "echo verifying module: checksum mismatch; exit 1\n",
        encoding="utf-8",
    )
    with pytest.raises(ToolError, match="checksum mismatch"):
        tools.ensure("etcd")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_build_is_pinned_and_changes_nothing_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=mod -tags=evil")
    go = fake(tmp_path / "bin" / "go", "")
    go.write_text(
        "#!/bin/sh\nif [ $1 = version ]; then echo go version go1.30.0 x/y; exit; fi\n"
        'while [ $# -gt 0 ]; do case "$1" in -mod=readonly) mod=$1;; -o) shift; out=$1;; esac; shift; done\n'
        '/bin/echo "flags=$GOFLAGS cgo=$CGO_ENABLED work=$GOWORK $mod" > "$out"\n',
        encoding="utf-8",
    )
    assert tools.ensure("etcd")["etcd"].read_text(encoding="utf-8") == "flags= cgo=0 work=off -mod=readonly\n"
