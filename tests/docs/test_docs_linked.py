"""Every page is found by following links from the README, and every link and path that a page names leads
somewhere."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from egress.judge.model.flow import Layer
from tests.support import ROOT

README, MODEL, CONTRIBUTING = ROOT / "README.md", ROOT / "docs/model.md", ROOT / "CONTRIBUTING.md"
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:egress|components|contract|schema|docs|tests|sandbox|policies|ci)/[\w./-]*)`")


@cache
def pages() -> tuple[Path, ...]:
    """Every Markdown file that belongs to the project: what git knows, and what is new and not ignored."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(
        listed, cwd=ROOT, check=True, capture_output=True, encoding="utf-8", timeout=60
    ).stdout.split("\0")
    # What was recorded of a pull request speaks of another checkout.
    return tuple(
        ROOT / name for name in names if name and "/recorded/" not in name and (ROOT / name).exists()
    )


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[tuple[str, Path, str]]:
    """Each relative link as it is written, the file it leads to, and the heading."""
    found = []
    for written in LINK.findall(prose(page)):
        name, _, anchor = written.partition("#")
        if "://" not in written:
            found.append((written, (page.parent / name).resolve() if name else page, anchor))
    return found


@cache
def anchors(page: Path) -> frozenset[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings)


def test_the_pages_are_those_that_one_would_look_for() -> None:
    assert {
        README,
        MODEL,
        CONTRIBUTING,
        ROOT / "CHANGELOG.md",
        ROOT / "docs/adr/0001-one-plan-many-layers.md",
    } <= set(pages())


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    broken = [
        written
        for written, target, anchor in links(page)
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target))
    ]
    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    """By links alone, over as many pages as it takes. A link to a folder is one to what lies in it."""
    reached, row = {README}, [README]
    while row:
        for _, target, _ in links(row.pop()):
            below = [page for page in pages() if page == target or page.parent == target]
            row += [page for page in below if page not in reached]
            reached.update(below)
    assert [
        str(page.relative_to(ROOT))
        for page in pages()
        if page.is_relative_to(ROOT / "docs") and page not in reached
    ] == []


def test_the_readme_links_the_model_and_contributing_before_every_other_page() -> None:
    first = [target for _, target, _ in links(README) if target.suffix == ".md"][:2]
    assert first == [MODEL, CONTRIBUTING]


@pytest.mark.parametrize("page", [MODEL, CONTRIBUTING], ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    named = PATH.findall(prose(page))
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_each_row_of_the_table_of_changes_names_where_and_what_holds_it() -> None:
    table = MODEL.read_text(encoding="utf-8").partition("## Where do I change")[2]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 10
    for what, where, holds in rows:
        assert PATH.search(where), what
        assert all(path.startswith("tests/") for path in PATH.findall(holds)), what
        assert PATH.search(holds), what


def test_the_table_of_layers_has_every_layer_of_a_verdict_and_stands_once() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", MODEL.read_text(encoding="utf-8"), re.MULTILINE)
    named = {row.partition(",")[0].lower().removeprefix("vpc ") for row in rows}
    assert {layer.value.lower() for layer in Layer} <= named
    heading = re.compile(r"^\| Layer \| Object", re.MULTILINE)
    assert [page for page in pages() if heading.search(prose(page))] == [MODEL]


@pytest.mark.parametrize("page", sorted((ROOT / "docs/adr").glob("*.md")), ids=lambda page: page.name)
def test_every_decision_says_when_it_was_made(page: Path) -> None:
    assert re.match(r"# \d+\. .+\n\nDecided \d{4}-\d{2}-\d{2}\.\n", page.read_text(encoding="utf-8"))


def test_every_trap_says_when_it_was_written_down() -> None:
    entries = re.split(r"^- ", prose(ROOT / "docs/traps/README.md"), flags=re.MULTILINE)[1:]
    undated = [
        entry[:60]
        for entry in entries
        if not re.search(r"\*\d{4}-\d{2}-\d{2}\*\s*(\n## |\Z)", entry + "\n## ")
    ]
    assert undated == []
