"""A line is read without scrolling, and a file is one room."""

from __future__ import annotations

import tomllib

from tests.house.test_encoding import python_files
from tests.support import ROOT

WIDEST, LONGEST = 110, 350
"""Characters of a line, and lines of a file."""


def test_no_line_is_wider_than_a_reader_takes_in() -> None:
    wide = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in python_files()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > WIDEST
    ]
    assert not wide, f"wider than {WIDEST}: {', '.join(wide)}"


def test_the_formatter_knows_the_same_width() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["ruff"]["line-length"] == WIDEST


def test_no_file_is_longer_than_a_room() -> None:
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in python_files()}
    long = [f"{file.relative_to(ROOT)} ({lines})" for file, lines in lengths.items() if lines > LONGEST]
    assert not long, f"longer than {LONGEST} lines: {', '.join(long)}"
