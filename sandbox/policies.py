"""A policy pack that judges a preview, and what the engine needs to start it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ANALYZER = Path(__file__).resolve().parent / "policy"
"""Holds the command by which the engine starts a pack in Python; last on PATH, so that an installed one goes
first."""


class PolicyError(RuntimeError):
    """The pack cannot be run."""


@dataclass(frozen=True)
class Policies:
    """A policy pack, and its settings."""

    folder: Path
    config: Path | None = None

    def arguments(self) -> tuple[list[str], list[str] | None]:
        """What the Automation API takes: packs, and the settings of each."""
        if not (self.folder / "PulumiPolicy.yaml").exists():
            raise PolicyError(f"{self.folder} holds no PulumiPolicy.yaml, so it is no policy pack")
        if not (self.folder / ".venv/bin/python").exists():
            raise PolicyError(
                f"{self.folder} has no .venv: `make policies` makes that of this repository's pack; for "
                "another one run "
                f"`python -m venv {self.folder}/.venv && {self.folder}/.venv/bin/pip install -r "
                f"{self.folder}/requirements.txt`"
            )
        if self.config is not None and not self.config.exists():
            raise PolicyError(f"there is no {self.config}")
        return [str(self.folder)], [str(self.config)] if self.config else None
