"""How the tools speak: progress on stderr, and errors that say what to do."""

from __future__ import annotations

import sys


class ToolError(RuntimeError):
    """A tool cannot be found or made. The message says which, why, and every way to get it."""


def say(line: str) -> None:
    """One line of progress. On stderr, because stdout belongs to the command the user ran."""
    print(line, file=sys.stderr, flush=True)
