"""Which folder may import which: what is decided goes one way, and judges share nothing with what they judge.

Read from the syntax tree, so an import inside of a function, or for types alone, counts as any other.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

WRITES = ("common", "settings", "plan")
"""What becomes objects."""
READS = ("common", "judge", "judge/lookup", "judge/model")
"""What is made of objects, for whoever asks about them."""
MAY: dict[str, tuple[str, ...]] = {
    "common": (),
    "settings": ("common",),
    "plan": ("common", "settings"),
    "layers/cluster": WRITES,
    "layers/mesh": WRITES,
    "layers/admission": (*WRITES, "layers/cluster", "layers/mesh"),
    "layers/google": (*WRITES, "layers/cluster"),
    "layers": (*WRITES, "layers/admission", "layers/cluster", "layers/mesh"),
    "judge/model": ("common",),
    "judge/lookup": ("common", "judge/model"),
    "judge/fields": ("common", "judge/lookup", "judge/model"),
    "judge/layers": ("common", "judge/lookup", "judge/model"),
    "judge": ("common", "judge/fields", "judge/layers", "judge/lookup", "judge/model"),
    "proof": (*WRITES, *READS, "layers/google", "layers/mesh"),
    "answers": (*WRITES, *READS, "judge/layers", "layers", "proof"),
    "answers/diff": (*WRITES, *READS, "judge/fields", "judge/layers", "layers/google", "answers"),
    "doctor": (*WRITES, "layers/cluster", "layers/google"),
    "probe": (*WRITES, "judge", "judge/lookup", "judge/model", "answers", "proof"),
    "cli": (*WRITES, *READS, "layers", "proof", "answers", "answers/diff", "doctor", "probe"),
    "": ("cli",),
}
"""Each folder of egress/ and the folders that it may import; the last is egress/ itself, the door."""
MOST_ROOMS, MOST_FLOORS = 20, 9


def python(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    """Modules by their dotted names; of `from a import b` that is a.b where there is such a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                inner = ROOT.joinpath(*node.module.split("."), name.name)
                is_module = inner.with_suffix(".py").exists() or (inner / "__init__.py").exists()
                yield f"{node.module}.{name.name}" if is_module else node.module


def room_of(module: str) -> str:
    """The folder of a module of egress, as in the table."""
    path = Path(*module.split("."))
    folder = path if (ROOT / path).is_dir() else path.parent
    return folder.relative_to("egress").as_posix().removeprefix(".")


@cache
def arrows() -> dict[str, dict[str, str]]:
    """Rooms, the rooms that each imports, and a file that does."""
    found: dict[str, dict[str, str]] = {}
    for path in python("egress"):
        room = path.parent.relative_to(ROOT / "egress").as_posix().removeprefix(".")
        of = found.setdefault(room, {})
        for module in imported(path):
            if module.partition(".")[0] == "egress" and (other := room_of(module)) != room:
                of.setdefault(other, str(path.relative_to(ROOT)))
    return found


def test_the_table_names_every_folder_that_there_is() -> None:
    assert arrows().keys() == MAY.keys()


@pytest.mark.parametrize("room", MAY)
def test_a_folder_imports_what_it_may(room: str) -> None:
    assert {other: file for other, file in arrows()[room].items() if other not in MAY[room]} == {}


@pytest.mark.parametrize("room", MAY)
def test_and_the_table_allows_no_more_than_there_is(room: str) -> None:
    assert set(MAY[room]) == arrows()[room].keys()


def test_there_is_no_circle_and_no_more_floors_than_a_reader_climbs() -> None:
    floors: dict[str, int] = {}

    def floor(room: str, above: tuple[str, ...]) -> int:
        assert room not in above, f"a circle: {' -> '.join((*above, room))}"
        if room not in floors:
            floors[room] = 1 + max((floor(other, (*above, room)) for other in arrows()[room]), default=0)
        return floors[room]

    rooms = [room for room in MAY if room]
    assert max(floor(room, ()) for room in rooms) <= MOST_FLOORS
    assert len(rooms) <= MOST_ROOMS


def test_judges_import_nothing_that_renders_or_plans() -> None:
    """Said once more, and not by the table: this is what a proof is worth."""
    judging = {room: of for room, of in arrows().items() if room.split("/")[0] == "judge"}
    assert len(judging) > 1
    assert {other.split("/")[0] for of in judging.values() for other in of} == {"judge", "common"}


def test_what_is_decided_knows_no_pulumi() -> None:
    assert [
        str(path)
        for path in python("egress")
        if any(name.split(".")[0].startswith("pulumi") for name in imported(path))
    ] == []


def test_the_sandbox_shares_no_decision_with_what_it_runs() -> None:
    """It reads a stack's file and ends a command as the program does, and knows neither plan nor
    component."""
    ours = {
        name
        for path in python("sandbox")
        for name in imported(path)
        if name.split(".")[0] in ("egress", "components")
    }
    assert ours
    assert {room_of(name) if name.startswith("egress") else name for name in ours} == {"common"}


class TestTheHouseInTheReadme:
    FENCE = re.compile(r"## The house\n\n```\n(.*?)```", re.DOTALL)

    def lines(self) -> list[str]:
        fence = self.FENCE.search((ROOT / "README.md").read_text(encoding="utf-8"))
        assert fence
        return fence[1].splitlines()

    def named(self, indented: bool) -> set[str]:
        """What stands before the first two spaces of a line."""
        chosen = [line for line in self.lines() if line.startswith(" ") is indented]
        return {name.rstrip("/") for line in chosen for name in re.split(r"\s{2,}", line.strip())[0].split()}

    def test_names_every_folder_at_the_top(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, encoding="utf-8", timeout=60
        ).stdout
        folders = {line.partition("/")[0] for line in listed.splitlines() if "/" in line}
        assert {name for name in self.named(indented=False) if (ROOT / name).is_dir()} == folders - {".ci"}
        assert all((ROOT / name).exists() for name in self.named(indented=False))

    def test_and_every_floor_of_egress_as_ls_shows_them(self) -> None:
        floors = {room.split("/")[0] for room in MAY if room}
        assert self.named(indented=True) == floors
        files = {path.name for path in (ROOT / "egress").iterdir() if path.is_file()}
        assert files == {"__init__.py", "__main__.py"}
