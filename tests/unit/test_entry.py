"""The command's outermost frame: whatever happens inside, the reader gets a sentence and an exit code that says of which kind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from egress.cli.entry import FAILED, guarded
from tests.support import ROOT

COMMANDS = ("verify", "reach", "explain team-x https://example.com", "evidence", "render", "diff HEAD")


def run(line: str) -> subprocess.CompletedProcess[str]:
    """A shell line in which EGRESS stands for the command."""
    words = line.replace("EGRESS", f"{sys.executable} -m egress")
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        ["bash", "-c", words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
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
