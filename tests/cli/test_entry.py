"""The command's outermost frame: whatever happens inside, the reader gets a sentence and an exit code that
says of which kind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from egress.common.guarded import FAILED, guarded
from tests.support import ROOT

COMMANDS = ("verify", "reach", "explain team-x https://example.com", "evidence", "render", "diff HEAD")


def run(line: str) -> subprocess.CompletedProcess[str]:
    """A shell line in which EGRESS stands for the command."""
    words = line.replace("EGRESS", f"{sys.executable} -m egress")
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        ["bash", "-c", words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        encoding="utf-8",
    )


@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_answer_that_cannot_be_written_is_no_answer(command: str, where: str) -> None:
    done = run(f"EGRESS {command} {where}")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "Nothing was answered." in done.stderr


def test_a_reader_who_has_read_enough_hears_no_complaint() -> None:
    done = run("EGRESS render | head -1; exit ${PIPESTATUS[0]}")
    assert (done.stdout, "rror" in done.stderr) == ("---\n", False)


def test_closed_notes_leave_the_answer_as_it_is() -> None:
    done = run("EGRESS verify 2>&-")
    assert (done.returncode, "Proven" in done.stdout) == (0, True)


def test_a_mistake_of_the_program_is_one_sentence_and_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise KeyError("what nobody thought of")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert guarded(broken) == FAILED
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "mistake of the program, not yours: KeyError: 'what nobody thought of'" in said
    (file,) = tmp_path.iterdir()
    assert str(file) in said
    text = file.read_text(encoding="utf-8")
    assert "in broken" in text
    assert "Traceback (most recent call last)" in text


def test_a_file_that_cannot_be_opened_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert guarded((tmp_path / "nowhere" / "file").open) == 2
    assert "nowhere/file: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "variable"), [("sandbox up", "EGRESS_SANDBOX_HOME"), ("sandbox.tools", "EGRESS_TOOLS_CACHE")]
)
def test_a_folder_that_cannot_be_made_is_named_with_the_variable_that_names_another(
    program: str, variable: str
) -> None:
    """A service's user has no home, and some homes cannot be written to."""
    environment = {**os.environ, variable: "/dev/null/nowhere"}
    done = subprocess.run(
        [sys.executable, "-m", *program.split()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        encoding="utf-8",
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "/dev/null/nowhere" in done.stderr
    assert variable in done.stderr


def test_an_interrupted_look_for_tools_says_so(tmp_path: Path) -> None:
    slow = tmp_path / "pulumi"
    slow.write_text('#!/bin/sh\ntouch "$0.asked"; sleep 20\n', encoding="utf-8")
    slow.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    running = subprocess.Popen(
        [sys.executable, "-m", "sandbox.tools"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    for _ in range(200):
        if slow.with_name("pulumi.asked").exists():
            break
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "stopped; the next run goes on from here" in said
    assert "Traceback" not in said
