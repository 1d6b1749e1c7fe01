"""The real Pulumi engine over the sandbox: one operation on one stack.

The program is not a copy: the project's own `__main__.py` runs in this process, as an inline program of the
Automation API, which needs no language plugin. Google Cloud and the cluster are provider servers in this
process as well, attached by PULUMI_DEBUG_PROVIDERS. The state is in the sandbox's home, in the engine's file
backend.

Run one operation per process, as `python -m sandbox up` does, because the engine's Python SDK keeps state in
modules. A process that runs several still loads the project's modules anew each time.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import runpy
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pulumi
from pulumi import automation

from sandbox import recovery, tools
from sandbox.apiserver import ApiServer
from sandbox.apiservers import ApiServers
from sandbox.clouds import CLUSTER, Clouds
from sandbox.command import Command, without_foreign
from sandbox.failure import complaint, hint, in_words, is_of
from sandbox.google.cloud import Cloud
from sandbox.google.server import serve as serve_google
from sandbox.home import Home
from sandbox.kubernetes.server import serve as serve_kubernetes
from sandbox.load_balancers import LoadBalancers
from sandbox.policies import ANALYZER, Policies
from sandbox.progress import Progress
from sandbox.project import Project

PASSPHRASE = "sandbox"
"""Encrypts the state's secrets, as the engine insists. It protects nothing: all of the sandbox's secrets are
made up."""

_THIS_MACHINE = "127.0.0.1,localhost"


class EngineError(RuntimeError):
    """The operation was refused or failed. The message says only what the progress has not shown yet."""


class Engine:
    """The engine for one stack of one project in one home."""

    def __init__(self, home: Home, project: Project) -> None:
        self.home = home
        self.project = project
        self.cloud = Cloud(home)
        self._apiservers = ApiServers(home)
        self._backend = home.pulumi / "backend"
        self._failure = ""
        _isolate_this_process()

    @property
    def apiserver(self) -> ApiServer:
        """That of the stack's cluster; the first where it has none, as a stack that only uses one."""
        own = f"urn:pulumi:{self.project.stack}::{self.project.name}::"
        cluster = next((one for one in self.cloud.of_type(CLUSTER) if one.urn.startswith(own)), None)
        return self._apiservers.of(cluster.id) if cluster else self._apiservers.first

    @property
    def _clouds(self) -> Clouds:
        return Clouds(self.cloud, self._apiservers, self.apiserver)

    # Operations. Each raises EngineError with what went wrong.

    def up(self) -> automation.OutputMap:
        """Deploys, if the preview finds nothing wrong; returns the stack's outputs."""
        with self._stack(starts_cluster=True) as (stack, settled):
            self._check(lambda out: stack.preview(on_output=out, suppress_outputs=True, refresh=settled))
            done = self._run(lambda out: stack.up(on_output=out, suppress_outputs=True, refresh=settled))
            self._killed_note.unlink(missing_ok=True)
            self._note_cluster()
            return done.outputs

    def preview(self, policies: Policies | None = None) -> None:
        """Shows what `up` would do; with a policy pack, also whether it may."""
        packs, configs = policies.arguments() if policies else (None, None)
        with self._stack() as (stack, settled):
            self._run(
                lambda out: stack.preview(
                    on_output=out,
                    suppress_outputs=True,
                    refresh=settled,
                    policy_packs=packs,
                    policy_pack_configs=configs,
                )
            )

    def refresh(self) -> None:
        """Updates the state to what really exists."""
        with self._stack() as (stack, _):
            self._run(lambda out: stack.refresh(on_output=out, suppress_outputs=True))
            self._note_cluster()

    def destroy(self) -> list[str] | None:
        """Destroys, if the preview finds nothing that must stay. Returns what is left in the clouds, or
        None where other stacks still hold something there."""
        with self._stack() as (stack, settled):
            self._check(
                lambda out: stack.preview_destroy(on_output=out, suppress_outputs=True, refresh=settled)
            )
            self._run(lambda out: stack.destroy(on_output=out, suppress_outputs=True, refresh=settled))
            return None if self.others() else self._clouds.leftovers()

    def others(self) -> list[str]:
        """The other stacks of this sandbox that hold something, as `project/stack`."""
        own = self._backend / f".pulumi/stacks/{self.project.name}/{self.project.stack}.json"
        files = sorted(self._backend.glob(".pulumi/stacks/*/*.json"))
        return [f"{file.parent.name}/{file.stem}" for file in files if file != own and _holds_resources(file)]

    def guests(self) -> list[str]:
        """Of these, those without a cluster of their own: what they hold may be in this stack's."""
        homes = {f"{one.urn.split('::')[1]}/{one.urn.split(':')[2]}" for one in self.cloud.of_type(CLUSTER)}
        return [other for other in self.others() if other not in homes]

    def holds_cluster(self) -> bool:
        """Whether this stack's state holds the cluster."""
        try:
            return f'"type": "{CLUSTER}"' in self.export()
        except EngineError:  # there is no such stack
            return False

    def export(self) -> str:
        """The stack's state as Pulumi exports it: JSON, secrets encrypted."""
        return self._ask("stack", "export")

    def outputs(self, show_secrets: bool) -> str:
        """The stack's outputs as JSON; secrets as "[secret]" unless they are to be shown."""
        return self._ask("stack", "output", "--json", *(["--show-secrets"] if show_secrets else []))

    # The parts of an operation

    @contextmanager
    def _stack(self, starts_cluster: bool = False) -> Iterator[tuple[automation.Stack, bool]]:
        """The stack, with everything running that an operation needs; and whether an interrupted run was
        settled."""
        with self._alone():
            recovery.mend_files(self.home.pulumi, self._backend, self.project.name, self.project.stack, _say)
            if recovery.break_stale_locks(self._backend, self.project.name, self.project.stack, _say):
                self._killed_note.touch()
            there = [server for server in self._apiservers.every() if server.kubeconfig.exists()]
            for server in there:
                server.start()
            if starts_cluster and not there:
                threading.Thread(target=self._start_early, daemon=True).start()
            providers = {
                "gcp": serve_google(self.home, self._apiservers),
                "kubernetes": serve_kubernetes(
                    self._apiservers, LoadBalancers(Cloud(self.home)), adopts=self._killed_note.exists()
                ),
            }
            self._command = self._cli()
            try:
                with self._command.stoppable():
                    ports = ",".join(f"{name}:{port}" for name, (_, port) in providers.items())
                    try:
                        stack = self._select(self._command, {"PULUMI_DEBUG_PROVIDERS": ports})
                        settled = (
                            recovery.settle_pending(stack, self._clouds, _say) or self._cluster_is_another()
                        )
                    except automation.CommandError as error:
                        raise EngineError(complaint(error)) from None
                    yield stack, settled
            finally:
                for server, _ in providers.values():
                    server.stop(None)

    def _cluster_is_another(self) -> bool:
        """Whether the cluster was created anew since this stack last ran, so that the state describes one
        that is gone."""
        noted = self._cluster_note
        if not noted.exists() or noted.read_text(encoding="utf-8") == self.apiserver.born:
            return False
        if self.apiserver.born is None:
            return False
        _say(
            "The cluster was made anew since this stack last ran, and what the stack had in it is gone: the "
            "state is refreshed."
        )
        return True

    def _note_cluster(self) -> None:
        if self.apiserver.born is not None:
            self._cluster_note.write_text(self.apiserver.born, encoding="utf-8")

    @property
    def _cluster_note(self) -> Path:
        return self.project.work / f"{self.project.stack}.cluster"

    @property
    def _killed_note(self) -> Path:
        """There from when a run was killed until an `up` has gone through: so long may objects be there that
        the stack created and the engine has forgotten."""
        return self.project.work / f"{self.project.stack}.killed"

    def _start_early(self) -> None:
        """Starts the API server beside the engine, because the cluster will need it. If it fails, the
        cluster's own start reports the error."""
        try:
            self._apiservers.first.start()
        except (RuntimeError, OSError):
            return

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One operation on a sandbox at a time. The system drops this lock when its holder dies."""
        self.home.root.mkdir(parents=True, exist_ok=True)
        with (self.home.root / "operation.lock").open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise EngineError(
                    f"another run (process {lock.read().strip() or 'unknown'}) is at work on "
                    f"{self.home.root}; "
                    "wait for it, or give this one a home of its own by EGRESS_SANDBOX_HOME"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def _cli(self) -> Command:
        return Command(tools.ensure("pulumi")["pulumi"])

    @property
    def environment(self) -> dict[str, str]:
        """What the CLI needs to find the sandbox's state."""
        self._backend.mkdir(parents=True, exist_ok=True)
        return {
            "PULUMI_HOME": str(self.home.pulumi / "home"),
            "PULUMI_BACKEND_URL": self._backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PATH": f"{os.environ.get('PATH', '')}{os.pathsep}{ANALYZER}",
        }

    def _select(self, command: Command, environment: dict[str, str]) -> automation.Stack:
        workspace = automation.LocalWorkspace(
            work_dir=str(self.project.work),
            program=self._program,
            env_vars={**self.environment, **environment},
            pulumi_command=command,
        )
        return automation.Stack.create_or_select(self.project.stack, workspace)

    def _program(self) -> None:
        """Runs the project's program as `pulumi up` would: from its own folder, with modules of its own."""
        source = self.project.source
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and is_of(Path(file), source) and name.partition(".")[0] not in ("sandbox", "__main__"):
                del sys.modules[name]
        os.chdir(source)
        if sys.path[0] != str(source):
            sys.path.insert(0, str(source))
        try:
            runpy.run_path(str(source / "__main__.py"), run_name="__main__")
        except Exception as error:
            self._failure = in_words(error, source)
            raise pulumi.RunError(Progress.PROGRAM_FAILED) from None

    def _run(self, operation: Callable[[automation.OnOutput], Any], out: TextIO | None = None) -> Any:
        progress = Progress(out or sys.stdout, self.project.source)
        try:
            return operation(progress.line)
        except automation.CommandError as error:
            if self._command.interrupted:
                raise EngineError("stopped on request; the next run goes on from here") from None
            progress.end()
            words = "failed; what is wrong stands above" if progress.diagnosed else complaint(error)
            raise EngineError((self._failure or words) + hint(str(error))) from None
        finally:
            progress.end()

    def _check(self, preview: Callable[[Callable[[str], Any]], Any]) -> None:
        """The preview that `pulumi up` and `pulumi destroy` make before they change anything. Only
        problems are printed."""
        output = io.StringIO()
        try:
            self._run(preview, output)
        except EngineError as error:
            if self._command.interrupted:
                raise
            print(output.getvalue(), end="")
            raise EngineError(f"{error}\nThe preview found this, so nothing was changed.") from None

    def _ask(self, *args: str) -> str:
        """The CLI's answer to a command that changes nothing."""
        if not self._has_stack():
            raise EngineError(
                f"stack {self.project.stack} does not exist in {self.home.root}; `make up` makes it"
            )
        try:
            return (
                self._cli()
                .run([*args, "--stack", self.project.stack], str(self.project.work), self.environment)
                .stdout
            )
        except automation.CommandError as error:
            raise EngineError(complaint(error)) from None

    def _has_stack(self) -> bool:
        return any(self._backend.glob(f".pulumi/stacks/{self.project.name}/{self.project.stack}.json"))


def _isolate_this_process() -> None:
    """Keeps this machine's own accounts and proxies from the program and the providers, which run in this
    process."""
    kept = without_foreign(os.environ)
    for name in set(os.environ) - set(kept):
        del os.environ[name]
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), _THIS_MACHINE]))


def _holds_resources(checkpoint: Path) -> bool:
    try:
        content = json.loads(checkpoint.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    latest = (content.get("checkpoint") or {}).get("latest") or {}
    return any(not resource["type"].startswith("pulumi:") for resource in latest.get("resources") or [])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
