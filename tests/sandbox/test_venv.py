"""The virtual environment makes itself, whatever stopped it before, and however many ask for it at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.tools import venv
from sandbox.tools.report import ToolError
from tests.support import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that needs one package, which lies beside it: no network is asked."""
    folder = tmp_path / "a folder with a space"
    package = folder / "package"
    package.mkdir(parents=True)
    (package / "pyproject.toml").write_text(
        '[project]\nname = "needed"\nversion = "1"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        encoding="utf-8",
    )
    # A build backend in a few lines: an installer asks it for a wheel, which is a zip with three files of
    # metadata.
    (package / "backend.py").write_text(
        "import zipfile\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    name = 'needed-1-py3-none-any.whl'\n"
        "    with zipfile.ZipFile(f'{folder}/{name}', 'w') as wheel:\n"
        "        wheel.writestr('needed.py', '')\n"
        "        wheel.writestr('needed-1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: "
        "needed\\nVersion: 1\\n')\n"
        "        wheel.writestr('needed-1.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: "
        "true\\n')\n"
        "        wheel.writestr('needed-1.dist-info/RECORD', '')\n"
        "    return name\n",
        encoding="utf-8",
    )
    (folder / "requirements.txt").write_text("./package\n", encoding="utf-8")
    return folder


def start(project: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox.tools.venv", ".venv", "requirements.txt", "egress"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PIP_NO_INDEX": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        encoding="utf-8",
    )


def finished(running: subprocess.Popen[str]) -> str:
    said, _ = running.communicate(timeout=180)
    assert running.returncode == 0, said
    return said


def works(project: Path) -> bool:
    python = project / ".venv/bin/python"
    return (
        subprocess.run([python, "-c", "import needed, pip"], check=False, capture_output=True).returncode == 0
    )


def test_a_run_that_was_killed_anywhere_is_made_good_by_the_next(project: Path) -> None:
    """Among others where `python` is there already and pip is not, which no later run used to notice."""
    for seconds in (0.2, 0.8, 1.6, 3.0):
        running = start(project)
        time.sleep(seconds)
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate(timeout=60)
    finished(start(project))
    assert works(project)


def test_an_environment_without_pip_is_made_anew(project: Path) -> None:
    """What a Debian without python3-venv, or an interrupt, used to leave for good."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    finished(start(project))
    assert works(project)


def test_two_at_once_make_one(project: Path) -> None:
    first, second = start(project), start(project)
    said = finished(first) + finished(second)
    assert said.count("Python packages: installing") == 1
    assert works(project)


def test_what_is_there_is_not_made_again_and_newer_requirements_are_installed(project: Path) -> None:
    finished(start(project))
    assert finished(start(project)) == ""
    later = time.time() + 60
    os.utime(project / "requirements.txt", (later, later))
    assert "installing" in finished(start(project))


def test_its_commands_run_from_a_folder_with_a_space_in_its_name(project: Path) -> None:
    finished(start(project))
    shutil.copytree(ROOT / "egress/common", project / "egress/common")
    (project / "egress/cli").mkdir()
    shutil.copy(ROOT / "egress/cli/entry.py", project / "egress/cli/entry.py")
    (project / "egress/cli/app.py").write_text(
        "def app(prog_name): print(prog_name, 'here')\n", encoding="utf-8"
    )
    done = subprocess.run(
        [project / ".venv/bin/egress"], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert (done.stdout, done.returncode) == ("egress here\n", 0), done.stderr
    activate = (project / ".venv/bin/activate").read_text(encoding="utf-8")
    assert str(project / ".venv") in activate
    assert ".venv.new" not in activate


def test_packages_that_are_not_to_be_had_are_said_in_words(project: Path) -> None:
    (project / "requirements.txt").write_text("no-such-package-of-anybody\n", encoding="utf-8")
    running = start(project)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "The packages of requirements.txt are not installed" in said
    assert "Traceback" not in said


def test_a_python_that_cannot_make_environments_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Debian's is without python3-venv; what it had begun does not stay behind."""
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\nmkdir -p "$3/bin"; echo "ensurepip is not available"; exit 1\n', encoding="utf-8"
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ToolError, match=r"(?s)ensurepip is not available.*apt install python3.*-venv"):
        venv.ready(tmp_path / ".venv", tmp_path / "requirements.txt")
    assert not (tmp_path / ".venv").exists()
    assert not (tmp_path / ".venv.new").exists()
