"""The engine's own output, made shorter: one line for each object that changed, the diagnostics, the counts.

Nothing the engine says about an object is lost. Left out: that something begins, that something stays as it
is, the lines of the stack itself, and the inner frames of a traceback.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TextIO

_BEGINS = re.compile(
    r" (creating|updating|deleting|replacing|refreshing|reading)( replacement| original)? \([^)]*s\)"
)
_HALF_OF_REPLACING = re.compile(r" (deleted? original|created? replacement)(?!.*(error|failed))")
_UNCHANGED = re.compile(r"^    \S+:\S+ \S+( \(\S+\))?$")
_NOISE = re.compile(
    r"^@ |^ ?.{0,3} +pulumi:pulumi:Stack |^The resources in the stack have been deleted|^If you want to rem"
)
_SAID_ANYWAY = re.compile(
    r"error: (update|preview|destroy|refresh) failed$|error: Exception calling application: invalid state$|"
    r"error: an unhandled error occurred: "
)
_RUNTIME_ERROR = "python inline source runtime error: "


class Progress:
    """Takes the engine's lines as they come, and prints those that say something about a change."""

    PROGRAM_FAILED = "the program failed, see below"
    """What the program's failure is called while the engine reports it; the text itself comes after its
    output."""

    def __init__(self, out: TextIO, source: Path) -> None:
        self._out = out
        self._source = str(source)
        self._diagnostics: list[str] | None = None
        self.diagnosed = False
        """Whether an error was told in the diagnostics."""
        self._blank = True

    def line(self, line: str) -> None:
        """One line of the engine."""
        if line == "Diagnostics:":
            self._diagnostics = []
        elif self._diagnostics is not None and (not line or line.startswith("  ")):
            self._diagnostics.append(line)
        else:
            self.end()
            if not any(pattern.search(line) for pattern in (_NOISE, _BEGINS, _HALF_OF_REPLACING, _UNCHANGED)):
                self._print(line)

    def end(self) -> None:
        """Call it when no further line comes, or no further line of the diagnostics."""
        collected, self._diagnostics = self._diagnostics, None
        kept = self._shortened(collected or [])
        if kept:
            self.diagnosed = True
            for line in ["", "Diagnostics:", *kept, ""]:
                self._print(line)

    def _print(self, line: str) -> None:
        if line or not self._blank:
            print(line, file=self._out, flush=True)
        self._blank = not line

    def _shortened(self, lines: list[str]) -> list[str]:
        """The diagnostics without what is printed elsewhere; of a traceback, the program's own last frame
        and the error."""
        kept: list[str] = []
        frame: list[str] = []
        in_traceback = ours = False
        for line in lines:
            if line.startswith("    Traceback (most recent call last):"):
                in_traceback, frame = True, []
            elif in_traceback and line.startswith("      "):
                if line.startswith("      File "):
                    ours = f'"{self._source}/' in line and "/.venv/" not in line
                    frame = [line] if ours else frame
                elif ours:
                    frame.append(line)
            elif in_traceback:
                in_traceback = False
                kept += [*frame, line]
            elif not _SAID_ANYWAY.search(line) and self.PROGRAM_FAILED not in line and line.strip():
                kept.append(line.replace(_RUNTIME_ERROR, ""))
        return _without_empty_blocks(kept)


def _without_empty_blocks(lines: list[str]) -> list[str]:
    """Leaves out resources (indented by two) under which no line (indented by more) is left."""
    result: list[str] = []
    for index, line in enumerate(lines):
        heading = line.startswith("  ") and not line.startswith("   ")
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if not heading or following.startswith("   "):
            result.append(line)
    return result
