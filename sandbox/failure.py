"""A failed operation in the words that help its reader: the program's error, the engine's, and what to do."""

from __future__ import annotations

import traceback
from pathlib import Path

import pulumi
from pulumi import automation


def is_of(file: Path, folder: Path) -> bool:
    """Whether the file is the project's own, not one of a package in its virtual environment."""
    return file.is_relative_to(folder) and not file.is_relative_to(folder / ".venv")


def in_words(error: Exception, source: Path) -> str:
    """A refused config as its own text; any other error with the lines of the program that led to it."""
    if isinstance(error, pulumi.RunError) or any(
        base.__name__ == "ConfigError" for base in type(error).__mro__
    ):
        return str(error)
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if is_of(Path(frame.filename), source)
    ]
    where = "".join(traceback.format_list(frames[-4:]))
    return f"the program failed:\n{where}{type(error).__name__}: {error}"


def complaint(error: automation.CommandError) -> str:
    """The end of what the CLI wrote to stderr."""
    lines = str(error).partition("\n stderr: ")[2].strip().splitlines()
    return "\n".join(lines[-12:]) or "the engine failed without saying why"


def hint(error: str) -> str:
    """What to do about a failure of this text, if that is known."""
    if "currently marked for protection" not in error and "because it is protected" not in error:
        return ""
    return (
        "\nThe stack protects what would hurt to lose. To let one thing go, a removed team's bucket say, in "
        "a real project: `pulumi state unprotect URN` with the URN above, then the same command again. To "
        "destroy everything: set gke-mesh-egress:protect to false in the stack's config, `make up`, then "
        "`make destroy`."
    )
