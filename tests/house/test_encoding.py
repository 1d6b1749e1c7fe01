"""Text is UTF-8 whatever the machine's locale says: with another one, an umlaut in a stack file would end in
a traceback."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

OPENERS = {"open", "fdopen", "NamedTemporaryFile", "TemporaryFile", "TextIOWrapper"}
RUNNERS = {"run", "Popen", "check_output", "check_call"}
MODE = {"open": 1, "fdopen": 1, "NamedTemporaryFile": 0, "TemporaryFile": 0}


def python_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.py"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).exists()]


def _guessed(tree: ast.AST) -> Iterator[int]:
    """Lines on which text is read or written without saying how it is encoded."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        words = {word.arg: word.value for word in node.keywords}
        if "encoding" in words:
            continue
        if (name == "read_text" and not node.args) or (name == "write_text" and len(node.args) == 1):
            yield node.lineno
        elif (
            name == "open"
            and isinstance(node.func, ast.Attribute)
            and node.args
            and not isinstance(node.args[0], ast.Constant)
        ):
            continue  # no file's: a mode is written out
        elif name in OPENERS and ast.unparse(node.func) != "os.open":
            # A method `open` has the mode first, the function second.
            at = 0 if name == "open" and isinstance(node.func, ast.Attribute) else MODE.get(name, 1)
            mode = words.get("mode") or (node.args[at] if len(node.args) > at else None)
            said = mode.value if isinstance(mode, ast.Constant) else "r"
            of_text = isinstance(said, str) and set(said) <= set("rwax+tb") and "b" not in said
            if of_text and not (name.endswith("TemporaryFile") and mode is None):
                yield node.lineno
        elif name in RUNNERS and any(
            isinstance(words.get(word), ast.Constant) and words[word].value
            for word in ("text", "universal_newlines")
        ):
            yield node.lineno


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_guesses_how_text_is_encoded(path: Path) -> None:
    lines = list(_guessed(ast.parse(path.read_text(encoding="utf-8"))))
    assert not lines, f'say encoding="utf-8" in {path.relative_to(ROOT)}, lines {lines}'


@pytest.mark.parametrize(
    "line",
    [
        "p.read_text()",
        "p.write_text(x)",
        "open(p)",
        'open(p, "w")',
        "p.open()",
        'subprocess.run(["git"], text=True)',
        'tempfile.NamedTemporaryFile("w")',
    ],
)
def test_a_guess_is_seen(line: str) -> None:
    assert list(_guessed(ast.parse(line))) == [1]
    said = ', encoding="utf-8")'
    assert not list(_guessed(ast.parse((line[:-1] + said).replace("(, ", "("))))


@pytest.mark.parametrize(
    "line",
    ["p.read_bytes()", 'open(p, "rb")', 'p.open("wb")', "run(w, capture_output=True)", "os.open(p, 1)"],
)
def test_bytes_have_no_encoding(line: str) -> None:
    assert not list(_guessed(ast.parse(line)))
