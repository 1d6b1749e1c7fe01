"""Where the command begins and ends: whatever happens inside, the reader gets a sentence and the right exit
code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable

from egress.common.errors import ConfigError

FAILED = 3
"""Exit code for a mistake of the program itself: neither yes (0), nor no (1), nor a wrong question (2)."""
UNWRITABLE = 2


def guarded(command: Callable[[], object]) -> int:
    """Run a command to its end; the exit code of the process.

    A command ends by its exit code, or by SystemExit, as command-line libraries have it. What it printed is
    written before this returns.
    """
    if sys.stderr is None:  # closed by the caller, who wants no notes
        # It stays open for as long as the process lives.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        _say("Standard output is closed, so there is nowhere to write the answer to. Nothing was answered.")
        return UNWRITABLE
    try:
        code: object = command()
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        _say("stopped")
        code = 130
    except BrokenPipeError:
        return _reader_gone()
    except OSError as error:
        if error.filename is not None:
            _say(f"{error.filename}: {error.strerror}. Nothing was answered.")
            return 2
        # A command opens files, whose errors carry a name, and writes its answer, whose errors carry none.
        return _unwritable(error.strerror or str(error))
    except ConfigError as error:  # of what only rendering shows
        _say(f"{error}")
        return 2
    except Exception as error:  # the last place where a mistake can still become a sentence
        return _failed(error)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_gone()
    except OSError as error:
        return _unwritable(error.strerror or str(error))
    if isinstance(code, str):
        _say(code)
        return 1
    return code if isinstance(code, int) else 0


def _reader_gone() -> int:
    """`| head` has read enough. What is still to be written goes nowhere, and the interpreter must not
    complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _unwritable(why: str) -> int:
    _say(f"The answer cannot be written to standard output: {why}. Nothing was answered.")
    # What is left in the stream's buffer would be tried once more at the interpreter's end, and fail there
    # with a traceback.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return UNWRITABLE


def _failed(error: Exception) -> int:
    """A mistake of the program: the sentence here, the traceback in a file."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="egress-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write(" ".join(sys.argv) + "\n")
        traceback.print_exception(error, file=file)
    said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    _say(
        f"This is a mistake of the program, not yours: {said}. Nothing was answered. "
        f"The traceback is in {file.name}; please report it with the command and, where you may, its input."
    )
    return FAILED


def _say(text: str) -> None:
    print(text, file=sys.stderr)
