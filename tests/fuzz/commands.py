"""Commands run in this process, in a working folder of their own."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from egress.cli.app import app

FOREIGN = re.compile(
    r"Input should|instance of|valid dictionary|unicode string|Traceback|NoneType|\bpydantic\b"
)
"""Words of the libraries underneath, which no sentence for a user contains."""


def command(*words: str) -> tuple[int, str]:
    """Exit code and all that a command prints. A bug in the program is raised as it is."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            app(list(words), prog_name="egress")
            code: object = 0
        except SystemExit as end:
            code = end.code
    assert code in (0, 1, 2), f"egress {' '.join(words)}: exit code {code}"
    assert not FOREIGN.search(said.getvalue()), said.getvalue()
    return int(str(code)), said.getvalue()


@contextlib.contextmanager
def folder(**files: str) -> Iterator[Path]:
    """A working folder with some files in it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="egress-fuzz-") as name:
        for file, text in files.items():
            (Path(name) / file).write_bytes(text.encode("utf-8", "surrogatepass"))
        os.chdir(name)
        try:
            yield Path(name)
        finally:
            os.chdir(before)
