"""docs/redteam.md lists the ways of tests/mesh/redteam, all of them and no other; and the catalogue keeps its
own rules."""

from __future__ import annotations

import pytest

from tests.mesh.evidence import Layer
from tests.mesh.redteam.catalogue import THEMES, tables, ways
from tests.mesh.redteam.way import IN_THE_POD, Way
from tests.support import ROOT

PAGE = ROOT / "docs/redteam.md"
MARK = "<!-- The tables below are written by `make golden`. -->\n"
CHEATING = [way for way in ways() if way.cheating]


def test_the_page_lists_every_way(regenerate: bool) -> None:
    words, mark, shown = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert mark, "the page has lost the line behind which the tables stand"
    if regenerate:
        PAGE.write_text(words + mark + tables(), encoding="utf-8")
        return
    assert shown == tables(), "make golden writes the tables anew"


def test_each_number_and_each_way_is_there_once() -> None:
    assert len({way.number for way in ways()}) == len({way.what for way in ways()}) == len(ways())


def test_every_theme_has_ways() -> None:
    assert {way.number[0] for way in ways()} == set(THEMES)


@pytest.mark.parametrize("way", CHEATING, ids=lambda way: way.number)
def test_a_cheating_pod_is_stopped_outside_the_pod(way: Way) -> None:
    assert way.stopped_by not in IN_THE_POD


def test_what_gets_out_undeclared_says_why() -> None:
    """A way that ends nowhere is known to be open, or is harmless and says why."""
    passing = [way for way in ways() if way.stopped_by is Layer.NOBODY]
    assert all(way.left or way.why for way in passing)
    assert all(way.stopped_by is Layer.NOBODY for way in ways() if way.left)
