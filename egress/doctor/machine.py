"""Programs of this machine, asked for what they know."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SECONDS = 60


@dataclass(frozen=True)
class Ran:
    """How a program ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The first line of what it said on stderr."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[0][:200] if lines else f"it ended with code {self.code}"


class Machine(Protocol):
    def run(self, *command: str) -> Ran | None:
        """What a program says; None where there is none of this name."""
        ...


@dataclass(frozen=True)
class ThisMachine:
    folder: Path
    """Where programs are started: the project's folder."""

    def run(self, *command: str) -> Ran | None:
        found = shutil.which(command[0])
        if found is None:
            return None
        try:
            done = subprocess.run(
                [found, *command[1:]],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            return Ran(124, "", f"{command[0]} gave no answer within {SECONDS} seconds")
        return Ran(done.returncode, done.stdout, done.stderr)
