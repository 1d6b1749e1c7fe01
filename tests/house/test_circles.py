"""No two files of a product need each other: each can be read, tested and moved with only those below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.house.test_directions import python
from tests.support import ROOT


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, modules: set[str]) -> Iterator[str]:
    """Modules of the product that a file imports: at its top, inside of a function, or for types alone."""
    package = module_of(path).split(".") if path.name == "__init__.py" else module_of(path).split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in modules)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            for name in node.names:
                inner_module = f"{source}.{name.name}"
                if inner_module in modules:
                    yield inner_module
                elif source in modules:
                    yield source


def circle(folder: str) -> list[str]:
    """The files of one circle; empty when there is none."""
    modules = {module_of(path): path for path in python(folder)}
    graph = {name: set(imported(path, set(modules))) - {name} for name, path in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("folder", ["egress", "sandbox", "components", "contract", "bench"])
def test_no_file_needs_one_that_needs_it(folder: str) -> None:
    assert circle(folder) == []


def test_a_circle_is_seen_also_through_an_import_inside_of_a_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.house.test_circles.ROOT", tmp_path)
    monkeypatch.setattr("tests.house.test_directions.ROOT", tmp_path)
    room = tmp_path / "product" / "room"
    room.mkdir(parents=True)
    for folder in (tmp_path / "product", room):
        (folder / "__init__.py").touch()
    (room / "table.py").write_text("from product.room import cloud\n", encoding="utf-8")
    (room / "cloud.py").write_text("def edit():\n    from .table import KINDS\n", encoding="utf-8")
    assert set(circle("product")) == {"product.room.table", "product.room.cloud"}
    (room / "cloud.py").write_text("def edit(): ...\n", encoding="utf-8")
    assert circle("product") == []
