"""Every command in docs/commands.md is run, and prints what stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

PAGE = ROOT / "docs/commands.md"
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```\n", re.DOTALL)
PROGRAM = f"{sys.executable} -m egress"


def run(command: str, folder: Path) -> str:
    """What a command prints to stdout."""
    asked = command.replace("egress ", f"{PROGRAM} ", 1) if command.startswith("egress ") else command
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        asked,
        shell=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository of its own that holds the stack dev."""
    shutil.copy(ROOT / "Pulumi.dev.yaml", tmp_path)
    git = "git -c user.name=test -c user.email=test@example.com"
    run(f"git init -q && git add . && {git} commit -q -m first", tmp_path)
    return tmp_path


def test_commands_print_what_the_page_says(folder: Path, regenerate: bool) -> None:
    """In the order of the page: a command that changes the config changes it for those after it."""
    text = PAGE.read_text(encoding="utf-8")
    commands = [found["command"] for found in BLOCK.finditer(text)]
    assert {command.split()[1] for command in commands if command.startswith("egress ")} >= {
        "explain",
        "reach",
        "verify",
        "diff",
    }
    printed = iter([run(command, folder) for command in commands])
    wanted = BLOCK.sub(lambda found: f"```console\n$ {found['command']}\n{next(printed)}```\n", text)
    if regenerate:
        PAGE.write_text(wanted, encoding="utf-8")
        return
    assert text == wanted
