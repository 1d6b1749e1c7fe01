"""The project's virtual environment: made beside its place and moved there whole, one run at a time.

    python -m sandbox.tools.venv .venv requirements-dev.txt [egress]

Killed at any moment, it leaves either no environment or one that the next run goes on with; two runs at once
make one. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from sandbox.tools.cache import alone
from sandbox.tools.report import ToolError, say

READY = ".ready"
"""In an environment that holds all its packages; as new as its requirements."""
LEAST = (3, 11)

# A shebang takes no path with a space in it; a shell that becomes the interpreter does. Python reads the
# lines as one string.
_COMMAND = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

sys.path.insert(0, "{checkout}")
from egress.cli.entry import main

main()
"""


def ready(folder: Path, requirements: Path, command: bool = False) -> None:
    """The environment in `folder`, with what `requirements` names; at once if it is there already.

    Args:
        folder: where it belongs.
        requirements: for `pip install -r`.
        command: whether `egress` of this checkout becomes one of its commands.

    Raises:
        ToolError: Python cannot make environments, or the packages are not to be had.
    """
    with alone(folder.with_name(folder.name + ".lock"), str(folder)):
        if _is_ready(folder, requirements):
            return
        if not _has_pip(folder):
            _make(folder)
        say(f"Python packages: installing into {folder}, about half a minute")
        _install(folder, requirements)
        if command:
            _write_command(folder)
        (folder / READY).touch()
        say(f"Python packages: ready in {folder}")


def _is_ready(folder: Path, requirements: Path) -> bool:
    made = folder / READY
    needed = [
        requirements,
        *requirements.parent.glob("constraints.txt"),
        *requirements.parent.glob("requirements*.txt"),
    ]
    return made.exists() and all(made.stat().st_mtime >= file.stat().st_mtime for file in needed)


def _has_pip(folder: Path) -> bool:
    python = folder / "bin/python"
    return python.exists() and _asked([str(python), "-m", "pip", "--version"]).returncode == 0


def _asked(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError as error:  # a link to a Python that is gone
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _make(folder: Path) -> None:
    new = folder.with_name(folder.name + ".new")
    for leftover in (new, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    done = _asked([sys.executable, "-m", "venv", str(new)])
    if done.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise ToolError(
            "Python cannot make a virtual environment, so nothing was "
            f"installed:\n{(done.stdout + done.stderr).strip()}\n"
            f"On Debian and Ubuntu: apt install python{version}-venv. Then run this again."
        )
    for script in (new / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            _renamed(script, new.name, folder.name)
    _renamed(new / "pyvenv.cfg", new.name, folder.name)
    new.rename(folder)


def _renamed(file: Path, old: str, new: str) -> None:
    """Makes a script name the folder where the environment is going to be, not the one where it was made."""
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def _install(folder: Path, requirements: Path) -> None:
    command = [
        folder / "bin/python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        requirements,
    ]
    # What pip prints goes to stderr: stdout stays the caller's.
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise ToolError(
            f"The packages of {requirements} are not installed; pip says why above. Without a network its "
            "last line is about "
            "conflicting versions all the same: look for `Failed to establish a new connection` or "
            "`ProxyError` before it. "
            "Where packages come from a mirror, name it (PIP_INDEX_URL, HTTPS_PROXY), then run this again."
        )


def _write_command(folder: Path) -> None:
    file = folder / "bin/egress"
    file.write_text(
        _COMMAND.format(python=(folder / "bin/python").absolute(), checkout=Path.cwd()), encoding="utf-8"
    )
    file.chmod(0o755)


if __name__ == "__main__":
    if sys.version_info < LEAST:
        sys.exit(f"Python {LEAST[0]}.{LEAST[1]} or newer is needed; this is {sys.version.split()[0]}.")
    try:
        ready(Path(sys.argv[1]), Path(sys.argv[2]), command="egress" in sys.argv[3:])
    except ToolError as failed:
        sys.exit(str(failed))
    except OSError as failed:
        sys.exit(f"{sys.argv[1]}: the virtual environment cannot be made there ({failed}).")
    except KeyboardInterrupt:
        sys.exit("\nstopped; the next run goes on from here")
