"""The sandbox's driver with the real engine and a real API server, on a small program of its own.

Each command is a process, as `make` runs it. The stack is brought up once; the tests leave it up.
"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from egress.common import stack_file
from sandbox import project, recovery, summary
from sandbox.apiserver import ApiServer
from sandbox.command import without_foreign
from sandbox.home import CHECKOUT, Home
from sandbox.kubernetes.cluster import Cluster
from sandbox.progress import Progress

PROGRAM = """
import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.helm.v3 import Release

import words

config = pulumi.Config()
provider = kubernetes.Provider("cluster", kubeconfig=config.require("kubeconfig"))


def options(*after):
    return pulumi.ResourceOptions(provider=provider, depends_on=list(after))


space = kubernetes.core.v1.Namespace("space", metadata={"name": "space"}, opts=options())
base = Release(
    "base", name="base", namespace="space", chart="base", version="1.30.3",
    repository_opts={"repo": "https://charts.example"}, opts=options(space),
)
for number in range(config.require_int("entries")):
    kubernetes.apiextensions.CustomResource(
        f"entry-{number}", api_version="networking.istio.io/v1", kind="ServiceEntry",
        metadata={"name": f"entry-{number}", "namespace": "space"},
        spec={"hosts": [f"h{number}.example.com"], "resolution": config.get("resolution") or "DNS",
              "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}]},
        opts=options(base),
    )
kubernetes.core.v1.Secret(
    "secret", metadata={"name": "secret", "namespace": "space"},
    string_data={"key": pulumi.Output.secret("hush")},
    opts=options(space),
)
pulumi.export("word", words.WORD)
pulumi.export("password", pulumi.Output.secret("hush"))
"""


class Sandbox:
    """One sandbox with one small project in it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.source = folder / "program"
        self.source.mkdir()
        self.apiserver = ApiServer(self.home)
        (self.source / "Pulumi.yaml").write_text("name: small\nruntime: python\n", encoding="utf-8")
        (self.source / "words.py").write_text("WORD = 'first'\n", encoding="utf-8")
        self.write(PROGRAM)
        self.configure()

    def write(self, program: str) -> None:
        (self.source / "__main__.py").write_text(program, encoding="utf-8")

    def configure(self, **values: str) -> None:
        self.apiserver.start()
        settings = {"kubeconfig": self.kubeconfig(), "entries": "24"} | values
        config = {f"small:{name}": value for name, value in settings.items()}
        (self.source / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")

    def kubeconfig(self) -> str:
        authority = base64.b64encode(self.apiserver.ca_pem.encode()).decode()
        plugin = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "gke-gcloud-auth-plugin"}
        return json.dumps(
            {
                "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "clusters": [
                    {
                        "name": "it",
                        "cluster": {"server": self.apiserver.url, "certificate-authority-data": authority},
                    }
                ],
                "users": [{"name": "it", "user": {"exec": plugin}}],
            }
        )

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "sandbox", *arguments, "--directory", str(self.source)],
            cwd=CHECKOUT,
            env=os.environ | {"EGRESS_SANDBOX_HOME": str(self.home.root)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def ok(self, *arguments: str, **environment: str) -> str:
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def cluster(self) -> Cluster:
        return Cluster(self.apiserver.url, self.apiserver.token, self.apiserver.ca_pem)

    def entries(self) -> dict[str, Any]:
        cluster = self.cluster()
        kind = cluster.kind("networking.istio.io/v1", "ServiceEntry", 0)
        listing = cluster.request("GET", kind.path("space"))
        return {item["metadata"]["name"]: item["spec"] for item in listing["items"]}

    @property
    def state(self) -> Path:
        return self.home.pulumi / "backend" / ".pulumi" / "stacks" / "small" / "dev.json"


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


class TestPieces:
    """Parts of the driver that need no engine."""

    def test_a_stack_without_a_google_project_gets_the_sandboxs(self, tmp_path: Path) -> None:
        source, home = tmp_path / "source", Home(tmp_path / "home")
        source.mkdir()
        (source / "Pulumi.yaml").write_text("name: p\n", encoding="utf-8")
        (source / "Pulumi.dev.yaml").write_text(
            "encryptionsalt: theirs\nconfig:\n  p:a: 1\n", encoding="utf-8"
        )
        copied = project.copy(source, "dev", home)
        content = yaml.safe_load((copied.work / "Pulumi.dev.yaml").read_text(encoding="utf-8"))
        assert content == {"config": {"p:a": "1", "gcp:project": "sandbox-project"}}

    def test_the_copy_says_what_the_file_says_to_every_reader(self, tmp_path: Path) -> None:
        """`no` is a text to Pulumi and false to older readers; a copy that lost its quotes would make another
        namespace."""
        said = {
            "p:teams": {"no": {}, "8": {}, "1e3": "0o17", "ä\U0001f600": "a\x7f\u2028b"},
            "q:b": ["yes", 1.5, None, True],
        }
        (tmp_path / "Pulumi.yaml").write_text("name: p\n", encoding="utf-8")
        (tmp_path / "Pulumi.dev.yaml").write_text(
            'config:\n  teams: {no: {}, 8: {}, "1e3": "0o17", "ä\U0001f600": "a\\x7f\\u2028b"}\n'
            "  q:b: [yes, 1.5, null, True]\n",
            encoding="utf-8",
        )
        copied = project.copy(tmp_path, "dev", Home(tmp_path / "home")).work / "Pulumi.dev.yaml"
        assert stack_file.read(copied).config == said | {"gcp:project": "sandbox-project"}
        assert yaml.safe_load(copied.read_text(encoding="utf-8"))["config"] == said | {
            "gcp:project": "sandbox-project"
        }

    def test_encrypted_config_is_refused_with_its_path(self, tmp_path: Path) -> None:
        (tmp_path / "Pulumi.yaml").write_text("name: p\n", encoding="utf-8")
        (tmp_path / "Pulumi.dev.yaml").write_text(
            "config:\n  p:a: {list: [{secure: v1:x}]}\n", encoding="utf-8"
        )
        with pytest.raises(project.ProjectError, match=r"p:a\.list\[0\]"):
            project.copy(tmp_path, "dev", Home(tmp_path / "home"))

    def test_the_users_own_accounts_stay_outside(self) -> None:
        theirs = {"PULUMI_ACCESS_TOKEN": "t", "GOOGLE_PROJECT": "p", "CLOUDSDK_CORE_PROJECT": "p"}
        ours = {"PATH": "/bin", "PULUMI_K8S_DELETE_UNREACHABLE": "true"}
        assert without_foreign(theirs | ours) == ours

    def test_the_lock_of_a_process_that_is_no_engine_is_removed(self, tmp_path: Path) -> None:
        folder = tmp_path / ".pulumi" / "locks" / "organization" / "p" / "dev"
        folder.mkdir(parents=True)
        (folder / "a.json").write_text(
            json.dumps({"pid": os.getpid(), "hostname": os.uname().nodename}), encoding="utf-8"
        )
        (folder / "b.json").write_text("", encoding="utf-8")
        said: list[str] = []
        recovery.break_stale_locks(tmp_path, "p", "dev", said.append)
        assert not list(folder.iterdir())
        assert len(said) == 2

    def test_a_lock_from_another_machine_is_not_touched(self, tmp_path: Path) -> None:
        folder = tmp_path / ".pulumi" / "locks" / "organization" / "p" / "dev"
        folder.mkdir(parents=True)
        (folder / "a.json").write_text(
            json.dumps({"pid": 1, "hostname": "elsewhere.example"}), encoding="utf-8"
        )
        with pytest.raises(recovery.LockedError, match=r"elsewhere\.example"):
            recovery.break_stale_locks(tmp_path, "p", "dev", print)
        assert list(folder.iterdir())

    def test_progress_keeps_what_changed_and_what_went_wrong(self) -> None:
        out = io.StringIO()
        progress = Progress(out, Path("/program"))
        for line in [
            "Updating (dev):",
            " +  pulumi:pulumi:Stack p-dev creating (0s)",
            "@ Updating....",
            " +  kubernetes:core/v1:Namespace a creating (0s)",
            " +  kubernetes:core/v1:Namespace a created (0.1s)",
            "    kubernetes:core/v1:Namespace same",
            " -- kubernetes:core/v1:Secret s deleted original (0.1s)",
            " +- kubernetes:core/v1:Secret s replaced (0.1s)",
            "Diagnostics:",
            "  kubernetes:core/v1:Namespace (b):",
            "    error: refused",
            "  pulumi:pulumi:Stack (p-dev):",
            "    error: update failed",
            "Resources:",
            "    2 unchanged",
        ]:
            progress.line(line)
        progress.end()
        assert out.getvalue().splitlines() == [
            "Updating (dev):",
            " +  kubernetes:core/v1:Namespace a created (0.1s)",
            " +- kubernetes:core/v1:Secret s replaced (0.1s)",
            "",
            "Diagnostics:",
            "  kubernetes:core/v1:Namespace (b):",
            "    error: refused",
            "",
            "Resources:",
            "    2 unchanged",
        ]
        assert progress.diagnosed

    def test_the_table_says_who_reaches_what(self) -> None:
        ways = [
            {"host": "b.example", "protocol": "https", "leaves": "https"},
            {
                "host": "a.example",
                "protocol": "http",
                "leaves": "https",
                "methods": ["GET"],
                "paths": ["/ok"],
            },
        ]
        contract = {
            "contract": 1,
            "teams": {"x": {"egress": ways, "reaches": ["y"]}, "y": {"egress": ways[:1]}, "z": {}},
        }
        assert summary.who_reaches_what(contract) == [
            ("team", "target", "by", "what"),
            ("x", "a.example", "http, leaves as https", "GET /ok"),
            ("", "b.example", "https", "everything"),
            ("", "pods of y", "the mesh", "every port"),
            ("y", "b.example", "https", "everything"),
            ("z", "nothing", "", ""),
        ]
        assert summary.who_reaches_what({"something": "else"}) == []

    def test_rules_that_passthrough_makes_void_are_called_so_and_plain_text_is_loud(self) -> None:
        ways = [
            {"host": "a.example", "protocol": "http", "leaves": "http", "paths": ["/ok"]},
            {"host": "a.example", "protocol": "https", "leaves": "https"},
        ]
        rows = summary.who_reaches_what({"teams": {"x": {"egress": ways}}})
        assert rows[1] == (
            "x",
            "a.example",
            "http, leaves UNENCRYPTED",
            "/ok (void: https passes everything)",
        )

    def test_partners_are_in_it_and_the_most_open_team_comes_first(self) -> None:
        received = {
            "b": {
                "mysql": {
                    "host": "mysql.example",
                    "port": 13306,
                    "protocol": "tcp",
                    "clients": {"one": "client.example"},
                }
            }
        }
        past = {"model": "open", "reason": "moves in", "ports": [80, 443]}
        contract = {"teams": {"b": {}, "lab": {"pastGateway": past}}, "ingress": {"receives": received}}
        assert summary.who_reaches_what(contract)[1:] == [
            ("lab", "ANY HOST", "tcp 80, 443", "everything, past every gateway: moves in"),
            ("b", "mysql, from outside", "tcp 13306", "mysql.example for client.example"),
        ]

    def test_many_teams_are_counted(self) -> None:
        ways = [
            {"host": f"{letter}.example", "protocol": "https", "leaves": "https"} for letter in "abcdefgh"
        ]
        contract = {"teams": {f"team-{number}": {"egress": ways} for number in range(60)}}
        rows = summary.who_reaches_what(contract)
        assert len(rows) == 61
        assert rows[1] == ("team-0", "8", "")
        assert max(len("  ".join(row)) for row in rows) < 80
