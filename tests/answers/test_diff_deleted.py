"""What is deleted with a team is said, though nobody reaches more by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from egress.answers.diff import Difference, difference
from egress.cli.diff import _markdown
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.support import config_with, dev_config, plan_of

TEAMS = "gke-mesh-egress:teams"
SENTENCE = "Namespace team-y is deleted with everything in it"


def between(old: dict[str, Any], new: dict[str, Any]) -> Difference:
    plans = plan_of(old), plan_of(new)
    return difference(*(deployment(plan, render(plan)) for plan in plans), plans)


def without_team_y() -> dict[str, Any]:
    config = config_with("teams/team-x/reaches", [])
    del config[TEAMS]["team-y"]
    return config


def test_a_removed_team_takes_its_namespace_and_what_is_in_it() -> None:
    found = between(dev_config(), without_team_y())
    assert [item.namespace for item in found.deletes] == ["team-y"]
    assert any(SENTENCE in line for line in _markdown(found))
    assert SENTENCE in found.as_json()["deletes"][0]["text"]


def test_a_renamed_team_is_one_that_goes_and_another_that_comes() -> None:
    config = config_with("teams/team-x/reaches", ["team-z"])
    config[TEAMS]["team-z"] = config[TEAMS].pop("team-y")
    assert [item.namespace for item in between(dev_config(), config).deletes] == ["team-y"]


def test_a_team_that_comes_or_stays_deletes_nothing() -> None:
    assert between(without_team_y(), dev_config()).deletes == ()
    changed = config_with("teams/team-y/labels", {"team": "z"})
    assert between(dev_config(), changed).deletes == ()


def test_the_pull_request_says_it(tmp_path: Path) -> None:
    from ci.review import read

    stack = tmp_path / "dev"
    stack.mkdir()
    (stack / "preview.json").write_text("{}", encoding="utf-8")
    said = between(dev_config(), without_team_y()).as_json()
    (stack / "diff.json").write_text(json.dumps(said), encoding="utf-8")
    (review,) = read(tmp_path)
    assert [change.risk for change in review.changes or () if SENTENCE in change.text] == ["deleted"]
