"""Each key of the config, changed alone: `egress diff` says who gains or loses what, or the key is on a list
with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from egress.answers.diff import Difference, difference
from egress.answers.diff.facts import Fact
from egress.answers.diff.settings import SILENT, is_silent
from egress.cli.diff import nothing
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.answers.config_keys import ROWS, Config, Row, base, put
from tests.docs.test_docs import schema_keys
from tests.support import plan_of

SAME = "Nothing changes: the objects are the same."


def found(old: Config, new: Config) -> Difference:
    plans = plan_of(old), plan_of(new)
    one, other = (deployment(plan, render(plan)) for plan in plans)
    return difference(one, other, plans)


def said(of: Difference) -> list[str]:
    return [f"{'+' if change.widening else '-'} {change.risk}: {change.text}" for change in of.changes]


def facts(of: Difference) -> set[tuple[tuple[str, ...], Fact]]:
    """What is said of whom, whichever object decides."""
    return {(change.teams, replace(fact, team="", by="")) for change in of.changes for fact in change.facts}


def test_every_key_has_a_row() -> None:
    """A new key without one is a key of which nobody knows what `egress diff` says."""
    keys = {key for key, value in schema_keys().items() if value.leaf}
    assert keys - {row.key for row in ROWS} == set()
    assert {row.key for row in ROWS} <= schema_keys().keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_key_that_changes_alone_is_named(row: Row) -> None:
    narrow, wide = row.configs()
    forth, back = found(narrow, wide), found(wide, narrow)
    assert facts(forth) == {(teams, fact.mirrored) for teams, fact in facts(back)}
    if row.change == "silent":
        assert (said(forth), forth.unjudged, back.unjudged) == ([], (), ())
        assert nothing(forth) != SAME
        return
    if row.change == "unseen":
        assert all(of.unjudged and of.widens for of in (forth, back))
        return
    assert (forth.unjudged, back.unjudged) == ((), ())
    gains = [change for change in forth.changes if change.widening]
    assert any(row.says in f"{change.risk}: {change.text}" for change in gains), said(forth)
    assert forth.widens
    assert back.widens is (row.change == "other"), said(back)
    if row.change == "wider":
        assert [change for change in forth.changes if not change.widening] == [], said(forth)


def test_every_key_is_on_the_list_or_somebody_gains_by_it() -> None:
    """The list says why nobody does: what stands on it by mistake would go in silence."""
    silent, spoken = (
        {row.key for row in ROWS if (row.change == "silent") is quiet} for quiet in (True, False)
    )
    words = silent & spoken
    assert {key for key in spoken if is_silent(key)} == set()
    assert {key for key in silent - words if not is_silent(key)} == set()


def test_each_reason_on_the_list_is_of_a_key() -> None:
    keys = schema_keys()
    assert [key for key in SILENT if key not in keys] == []
    assert all(reason.strip() for reason in SILENT.values())


def test_a_gateway_whose_pool_gets_another_name_is_asked_as_the_same_nodes() -> None:
    """A subnet of its own is another pool: what the gateway's nodes may reach is compared all the same."""
    config = base("own-gateway")
    told = said(found(put(config, "gateways|partner|nat", None), config))
    assert any("no longer stops gateway nodes (gateway-partner): 10.3.0.0/28" in text for text in told), told
