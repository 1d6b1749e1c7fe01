"""The sandbox's driver with the real engine and a real API server, on a small program of its own.

Each command is a process, as `make` runs it. The stack is brought up once; the tests leave it up.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.small_project import PROGRAM, Sandbox


@pytest.fixture(name="sandbox", scope="module")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("driver"))
    try:
        sandbox.ok("up")
        yield sandbox
    finally:
        sandbox.apiserver.wipe()


def children(pid: int) -> list[int]:
    """The processes that this one started."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True, encoding="utf-8"
    ).stdout
    pairs = [tuple(map(int, line.split())) for line in listing.splitlines()]
    return [child for child, parent in pairs if parent == pid]


def interrupt_after(sandbox: Sandbox, lines: int, command: str, kill: bool) -> str:
    """Starts the command, waits for that many progress lines, then ends it; returns what else it said.

    `kill` ends the engine and all at once, as a power cut would; else it is Ctrl-C.
    """
    process = sandbox.start(command)
    assert process.stdout is not None
    seen = 0
    for line in process.stdout:
        seen += "ServiceEntry" in line
        if seen == lines:
            break
    assert seen == lines, "the command ended before it could be interrupted"
    if kill:
        for pid in [*children(process.pid), process.pid]:
            os.kill(pid, signal.SIGKILL)
    else:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return out + err


class TestOperations:
    def test_a_second_up_changes_nothing(self, sandbox: Sandbox) -> None:
        out = sandbox.ok("up")
        assert "29 unchanged" in out
        assert "created" not in out
        assert f"export KUBECONFIG={sandbox.apiserver.kubeconfig}" in out

    def test_outputs_are_json_and_hide_secrets(self, sandbox: Sandbox) -> None:
        assert json.loads(sandbox.ok("outputs")) == {"password": "[secret]", "word": "first"}
        assert json.loads(sandbox.ok("outputs", "--show-secrets"))["password"] == "hush"

    def test_export_is_pulumis_json_with_secrets_encrypted(self, sandbox: Sandbox) -> None:
        out = sandbox.ok("export")
        resources = json.loads(out)["deployment"]["resources"]
        ids = {resource["id"] for resource in resources if resource["type"].endswith(":ServiceEntry")}
        assert ids == {f"space/entry-{number}" for number in range(24)}
        assert "hush" not in out
        assert base64.b64encode(b"hush").decode() not in out

    def test_the_program_is_read_anew_and_its_folder_never_written(self, sandbox: Sandbox) -> None:
        words = sandbox.source / "words.py"
        words.write_text("WORD = 'second'\n", encoding="utf-8")
        before = {path: path.read_bytes() for path in sandbox.source.glob("*.*")}
        sandbox.ok("up")
        assert json.loads(sandbox.ok("outputs"))["word"] == "second"
        assert {path: path.read_bytes() for path in sandbox.source.glob("*.*")} == before

    def test_preview_tells_a_change_and_makes_none(self, sandbox: Sandbox) -> None:
        sandbox.configure(entries="20")
        try:
            assert "4 to delete" in sandbox.ok("preview")
            assert len(sandbox.entries()) == 24
        finally:
            sandbox.configure()

    def test_refresh_finds_drift_and_up_repairs_it(self, sandbox: Sandbox) -> None:
        cluster = sandbox.cluster()
        kind = cluster.kind("networking.istio.io/v1", "ServiceEntry")
        cluster.delete(kind, "space", "entry-3")
        other = cluster.get(kind, "space", "entry-4")
        assert other
        other["spec"]["resolution"] = "NONE"
        cluster.request("PUT", kind.path("space", "entry-4"), other, fieldManager="somebody")
        out = sandbox.ok("refresh")
        assert "1 deleted" in out
        assert "1 updated" in out
        owned = sandbox.run("up")
        assert owned.returncode == 1
        assert 'conflict with "somebody"' in owned.stdout
        sandbox.ok("up", PULUMI_K8S_ENABLE_PATCH_FORCE="true")
        assert sandbox.entries()["entry-4"]["resolution"] == "DNS"
        assert len(sandbox.entries()) == 24
        # What the provider was told by the environment is a change of it, there and back.
        sandbox.ok("up")

    def test_a_preview_does_not_take_the_program_for_somebody_else(self, sandbox: Sandbox) -> None:
        """What was created is owned apart from what is applied later; the update hands it over first."""
        sandbox.configure(resolution="NONE")
        try:
            out = sandbox.ok("preview")
            assert "24 to update" in out
        finally:
            sandbox.configure()

    def test_a_preview_tells_what_kubectl_holds_though_an_update_would_take_it_over(
        self, sandbox: Sandbox
    ) -> None:
        """The real provider hands kubectl's fields over when it updates, and previews without."""
        sandbox.configure(resolution="NONE")
        sandbox.ok("up")  # from here on the program holds them by apply
        cluster = sandbox.cluster()
        kind = cluster.kind("networking.istio.io/v1", "ServiceEntry")
        theirs = cluster.get(kind, "space", "entry-5")
        assert theirs
        theirs["spec"]["resolution"] = "STATIC"
        cluster.request("PUT", kind.path("space", "entry-5"), theirs, fieldManager="kubectl-edit")
        sandbox.configure()
        done = sandbox.run("preview")
        assert (done.returncode, 'conflict with "kubectl-edit"' in done.stdout) == (1, True)
        sandbox.ok("up", PULUMI_K8S_ENABLE_PATCH_FORCE="true")
        sandbox.ok("up")

    def test_the_api_server_refuses_a_broken_object_and_the_state_stays_true(self, sandbox: Sandbox) -> None:
        sandbox.configure(resolution="BOGUS")
        try:
            done = sandbox.run("up")
            assert done.returncode == 1
            assert "Unsupported value" in done.stdout
            assert "nothing was changed" in done.stderr
        finally:
            sandbox.configure()
        assert "29 unchanged" in sandbox.ok("up")

    def test_other_stacks_and_wrong_usage_are_told_apart(self, sandbox: Sandbox) -> None:
        unknown = sandbox.run("up", "--stack", "nope")
        assert (unknown.returncode, "a stack that is there: dev" in unknown.stderr) == (1, True)
        assert sandbox.run("dance").returncode == 2


class TestFailures:
    @pytest.fixture(autouse=True)
    def _restore(self, sandbox: Sandbox) -> Iterator[None]:
        yield
        sandbox.write(PROGRAM)

    def test_a_refused_config_is_told_once_and_without_a_stack(self, sandbox: Sandbox) -> None:
        sandbox.write("import pulumi\nraise pulumi.RunError('teams.x: too long.\\n    Fix: shorten it.')\n")
        done = sandbox.run("preview")
        assert done.returncode == 1
        assert (done.stdout + done.stderr).count("teams.x: too long.") == 1
        assert "Traceback" not in done.stdout + done.stderr
        assert "Fix: shorten it." in done.stderr

    def test_a_mistake_in_the_program_is_shown_where_it_is(self, sandbox: Sandbox) -> None:
        sandbox.write("def wrong():\n    return {}['missing']\n\nwrong()\n")
        said = sandbox.run("preview").stderr
        assert "line 2, in wrong" in said
        assert "KeyError: 'missing'" in said
        assert "runpy" not in said

    def test_a_mistake_inside_an_apply_is_shown_where_it_is(self, sandbox: Sandbox) -> None:
        program = "import pulumi\n\ndef wrong(value):\n    return value['missing']\n\n"
        sandbox.write(program + "pulumi.export('x', pulumi.Output.from_input({}).apply(wrong))\n")
        out = sandbox.run("preview").stdout
        assert "line 4, in wrong" in out
        assert "site-packages" not in out


class TestInterruptions:
    @pytest.fixture(autouse=True)
    def _smaller_before(self, sandbox: Sandbox) -> None:
        """Something to do for the run that is going to be interrupted."""
        sandbox.configure(entries="0")
        sandbox.ok("up")
        sandbox.configure()

    def complete(self, sandbox: Sandbox) -> None:
        assert len(sandbox.entries()) == 24
        assert "29 unchanged" in sandbox.ok("refresh")

    def test_what_a_killed_run_made_and_gave_up_is_taken_over_and_nothing_else(
        self, sandbox: Sandbox
    ) -> None:
        """The engine outlives the sandbox for a moment, in which it forgets what it got no answer about."""
        sandbox.ok("up")
        cluster = sandbox.cluster()
        kind = cluster.kind("networking.istio.io/v1", "ServiceEntry")
        other = cluster.get(kind, "space", "entry-9")
        assert other
        cluster.delete(kind, "space", "entry-9")
        theirs = {"metadata": {"name": "entry-9", "namespace": "space"}, "spec": other["spec"]}
        theirs |= {"apiVersion": other["apiVersion"], "kind": other["kind"]}
        cluster.request("POST", kind.path("space"), theirs, fieldManager="somebody")
        self._give_up(sandbox, "entry-8", "entry-9")
        sandbox.ok("preview")
        sandbox.write("raise ValueError('not yet')\n")
        assert sandbox.run("up").returncode == 1, "neither a look nor a run that fails early forgets it"
        sandbox.write(PROGRAM)
        done = sandbox.run("up")
        assert (done.returncode, done.stdout.count("already exists")) != (0, 0)
        assert "entry-9" in done.stdout
        assert '"entry-8" already exists' not in done.stdout
        cluster.delete(kind, "space", "entry-9")
        sandbox.ok("up")

    @staticmethod
    def _give_up(sandbox: Sandbox, *names: str) -> None:
        state = json.loads(sandbox.state.read_text(encoding="utf-8"))
        latest = state["checkpoint"]["latest"]
        latest["resources"] = [
            item for item in latest["resources"] if item["urn"].rpartition("::")[2] not in names
        ]
        sandbox.state.write_text(json.dumps(state), encoding="utf-8")
        lock = sandbox.state.parents[2] / "locks" / "organization" / "small" / "dev" / "of-a-killed-run.json"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text(json.dumps({"pid": 2**22 + 1}), encoding="utf-8")

    def test_a_killed_up_can_be_run_again(self, sandbox: Sandbox) -> None:
        interrupt_after(sandbox, 6, "up", kill=True)
        sandbox.ok("up")
        self.complete(sandbox)

    def test_an_interrupted_up_stops_in_good_order(self, sandbox: Sandbox) -> None:
        said = interrupt_after(sandbox, 2, "up", kill=False)
        assert "the next run goes on from here" in said
        assert not json.loads(sandbox.state.read_text(encoding="utf-8"))["checkpoint"]["latest"].get(
            "pending_operations"
        )
        sandbox.ok("up")
        self.complete(sandbox)

    def test_a_state_cut_off_while_it_was_written_is_mended(self, sandbox: Sandbox) -> None:
        os.truncate(sandbox.state, 100)
        Path(f"{sandbox.state}.attrs").write_text("", encoding="utf-8")
        done = sandbox.run("up")
        assert done.returncode == 0, done.stderr
        assert "killed while it wrote the state" in done.stderr
        assert len(sandbox.entries()) == 24

    def test_two_runs_at_once_are_refused(self, sandbox: Sandbox) -> None:
        with (sandbox.home.root / "operation.lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = sandbox.run("up")
        assert (done.returncode, "another run" in done.stderr) == (1, True)


class TestEnd:
    """Last, because it ends the sandbox."""

    def test_destroy_takes_along_what_others_put_into_a_namespace_and_leaves_nothing(
        self, sandbox: Sandbox
    ) -> None:
        cluster = sandbox.cluster()
        stray = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "stray", "namespace": "space"}}
        cluster.apply(cluster.kind("v1", "ConfigMap"), "space", stray)
        started = time.monotonic()
        out = sandbox.ok("destroy")
        assert "Nothing is left" in out
        assert time.monotonic() - started < 60
        assert not sandbox.apiserver.running()
        assert json.loads(sandbox.ok("outputs")) == {}

    def test_clean_leaves_no_file(self, sandbox: Sandbox) -> None:
        (sandbox.home.root / "mine.txt").write_text("not the sandbox's", encoding="utf-8")
        sandbox.ok("clean")
        assert [path.name for path in sandbox.home.root.iterdir()] == ["mine.txt"]
