"""The platform's own project in a sandbox, run as `make` runs it, one process a command."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from sandbox.apiserver import ApiServer
from sandbox.home import Home
from tests.support import ROOT, dev_config

PROGRAM = ("__main__.py", "Pulumi.yaml", "egress", "components")


class Sandbox:
    """`python -m sandbox` in a home of its own, with a project whose config a test may change."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root / "home")
        self.project = root / "project"
        self.project.mkdir()
        for name in PROGRAM:
            (self.project / name).symlink_to(ROOT / name)
        self.configure(dev_config())

    def configure(self, config: dict[str, Any], stack: str = "dev") -> None:
        (self.project / f"Pulumi.{stack}.yaml").write_text(
            yaml.safe_dump({"config": config}), encoding="utf-8"
        )

    def arguments(self, command: str, directory: Path | None = None, stack: str = "dev") -> list[str]:
        return [
            sys.executable,
            "-m",
            "sandbox",
            command,
            "--stack",
            stack,
            "--directory",
            str(directory or self.project),
        ]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "EGRESS_SANDBOX_HOME": str(self.home.root), "NO_COLOR": "1"}

    def run(
        self,
        command: str,
        directory: Path | None = None,
        *,
        fails: bool = False,
        more: Sequence[str] = (),
        stack: str = "dev",
    ) -> str:
        """The command's output; stdout only where it is JSON."""
        done = subprocess.run(
            [*self.arguments(command, directory, stack), *more],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if command in ("export", "outputs") else subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
            encoding="utf-8",
        )
        assert (done.returncode != 0) is fails, done.stdout[-6000:]
        return done.stdout

    def changes(self, output: str) -> dict[str, int]:
        """The engine's summary, e.g. {"created": 99} of an update and {"create": 99} of a preview."""
        found = re.findall(r"^ +\S* ?(\d+) (?:to )?(\w+)$", output, re.MULTILINE)
        return {word: int(count) for count, word in found}


def kubernetes_object(sandbox: Sandbox, path: str) -> dict[str, Any]:
    """One object of the sandbox's API server by its REST path."""
    server = ApiServer(sandbox.home)
    request = urllib.request.Request(server.url + path, headers={"Authorization": f"Bearer {server.token}"})
    context = ssl.create_default_context(cadata=server.ca_pem)
    with urllib.request.urlopen(request, context=context, timeout=20) as answer:
        return json.load(answer)


def egress(sandbox: Sandbox, *words: str) -> str:
    """What a command of the program says about the sandbox's project."""
    done = subprocess.run(
        [sys.executable, "-m", "egress", *words],
        env={**sandbox.environment, "PYTHONPATH": str(ROOT)},
        cwd=sandbox.project,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
