"""The Pulumi CLI as a user runs it: the real language host, the real plugins, a file backend, and nothing of
the user's own.

What an operation did is read from the engine's own event log, not from what it prints.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from sandbox import tools
from sandbox.command import without_foreign
from tests.providers.plugins import Plugins

JSON = dict[str, Any]
SECONDS = 300.0
"""How long one operation may take."""


@dataclass(frozen=True)
class Run:
    """What one operation of the engine said and did."""

    code: int
    output: str
    events: Sequence[JSON] = field(repr=False)

    @cached_property
    def steps(self) -> dict[str, JSON]:
        """What was done, or would be, by the last two parts of the URN (`KIND::NAME`); what stays the same
        is left out."""
        found: dict[str, JSON] = {}
        for event in self.events:
            metadata = (event.get("resourcePreEvent") or {}).get("metadata")
            if metadata and metadata["op"] not in ("same", "read"):
                found[short(metadata["urn"])] = metadata
        for event in self.events:  # a refresh says only afterwards what it found
            metadata = (event.get("resOutputsEvent") or {}).get("metadata")
            if metadata and metadata["op"] not in ("same", "read"):
                found[short(metadata["urn"])] = metadata
        return {name: step for name, step in found.items() if step["op"] != "refresh"}

    @property
    def ops(self) -> dict[str, str]:
        return {name: step["op"] for name, step in self.steps.items()}

    @property
    def changes(self) -> Counter[str]:
        """How many of each operation, `same` left out."""
        for event in self.events:
            if summary := event.get("summaryEvent"):
                said = summary["resourceChanges"]
                return Counter({op: count for op, count in said.items() if op != "same"})
        return Counter()

    def diff(self, name: str) -> set[str]:
        """The paths that differ in one resource."""
        return set((self.steps[name].get("detailedDiff") or {}).keys())

    @property
    def errors(self) -> list[str]:
        """What the engine calls errors."""
        return [event["message"] for event in self._failures]

    @property
    def failed(self) -> set[str]:
        """The resources that could not be brought about, as in `steps`."""
        named = [short(event["urn"]) for event in self._failures if event.get("urn")]
        return {name for name in named if not name.startswith("pulumi:")}

    @property
    def _failures(self) -> list[JSON]:
        said = [event["diagnosticEvent"] for event in self.events if event.get("diagnosticEvent")]
        return [event for event in said if event["severity"] == "error"]


def short(urn: str) -> str:
    """`kubernetes:core/v1:Namespace::team-x` of a whole URN."""
    kind, _, name = urn.rpartition("::")
    return f"{kind.rpartition('$')[2].rpartition('::')[2]}::{name}"


class Project:
    """One Pulumi project in a folder, with its stack `dev` in a backend of its own. To be closed at the
    end."""

    def __init__(self, root: Path, name: str, plugins: Plugins, environment: Mapping[str, str]) -> None:
        self.root, self.name = root, name
        self.source = root / "project"
        self.source.mkdir(parents=True)
        self.bin = root / "bin"
        plugins.link(self.bin)
        (self.bin / "pulumi").symlink_to(tools.ensure("pulumi")["pulumi"])
        self._environment = dict(environment)
        self._runs = 0
        backend = root / "backend"
        backend.mkdir()
        self.write("Pulumi.yaml", {"name": name, "runtime": self.runtime})
        self.configure({})

    @property
    def runtime(self) -> JSON:
        """The Python that runs this test runs the program as well."""
        options = {"virtualenv": sys.prefix} if sys.prefix != sys.base_prefix else {}
        return {"name": "python", "options": options}

    def write(self, file: str, content: Any) -> None:
        (self.source / file).write_text(yaml.safe_dump(content), encoding="utf-8")

    def configure(self, config: Mapping[str, Any]) -> None:
        """Other config for the stack; the salt of its secrets stays."""
        path = self.source / "Pulumi.dev.yaml"
        was = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.write(path.name, {**was, "config": dict(config)})

    @property
    def environment(self) -> dict[str, str]:
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        kept = {
            name: text for name, text in without_foreign(os.environ).items() if "_proxy" not in name.lower()
        }
        return {
            **kept,
            "HOME": str(home),
            "PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', '')}",
            "PULUMI_HOME": str(home / ".pulumi"),
            "PULUMI_BACKEND_URL": (self.root / "backend").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # for --event-log
            "NO_COLOR": "1",
            **self._environment,
        }

    def start(self, *words: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """An operation that runs on its own; `end` ends it and whatever it started."""
        return subprocess.Popen(
            [self.bin / "pulumi", "--non-interactive", *words],
            cwd=self.source,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def cli(self, *words: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Exit code and output of the CLI, within SECONDS."""
        process = self.start(*words, environment=environment)
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            end(process)
            output, _ = process.communicate(timeout=30)
            raise AssertionError(f"pulumi {words[0]} was not done after {SECONDS:.0f} s:\n{output}") from None
        except BaseException:  # Ctrl-C, which does not reach it
            end(process)
            raise
        return process.returncode, output

    def run(
        self, operation: str, *words: str, fails: bool = False, environment: Mapping[str, str] | None = None
    ) -> Run:
        """One operation on the stack: preview, up, refresh or destroy."""
        self._runs += 1
        log = self.root / f"{self._runs:02}-{operation}.json"
        agreed = [] if operation == "preview" or "--preview-only" in words else ["--yes"]
        unseen = ["--skip-preview"] if operation != "preview" and agreed else []
        code, output = self.cli(
            operation,
            "--stack",
            "dev",
            f"--event-log={log}",
            *agreed,
            *unseen,
            *words,
            environment=environment,
        )
        done = Run(code, output, list(_events(log)))
        assert (code != 0) is fails, "\n".join([*done.errors, output[-3000:]])
        return done

    def ok(self, *words: str) -> str:
        """What a command of the CLI says; it has to succeed."""
        code, output = self.cli(*words)
        assert code == 0, output
        return output

    def close(self) -> None:
        """End what a killed operation left running: processes whose program lies in this project's folder."""
        listed = subprocess.run(
            ["ps", "-eww", "-o", "pid=,args="], capture_output=True, encoding="utf-8", check=True
        )
        for line in listed.stdout.splitlines():
            pid, _, command = line.strip().partition(" ")
            if command.strip().startswith(f"{self.bin}{os.sep}"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)

    def make_stack(self) -> None:
        self.ok("stack", "init", "dev")

    def resources(self) -> list[JSON]:
        """The resources in the stack's state."""
        return json.loads(self.ok("stack", "export", "--stack", "dev"))["deployment"].get("resources") or []


def end(process: subprocess.Popen[str]) -> None:
    """End an operation at once. The plugins that it started notice that sooner or later, as with a user."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _events(log: Path) -> Iterator[JSON]:
    if log.exists():
        for line in log.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)
