"""Every refusal has a code that stays, and an example that is really refused with it."""

from __future__ import annotations

import json
import re

import pytest

from egress.cli import why
from egress.errors import ConfigError
from egress.google_cloud import PRIVATE_ZONES
from egress.planning import make_plan
from egress.refusals import LEAST, NONE, RECORD, code_of, config_of, known
from egress.settings import load
from tests.refusal_texts import texts
from tests.support import ROOT, config_with

GIVEN = (ROOT / "tests/unit/recorded/refusal_codes.txt").read_text(encoding="utf-8").split()
"""Every code that was ever given, in order; a refusal that goes keeps its code here and in the record (`"retired"`)."""
ENTRIES = json.loads(RECORD.read_text(encoding="utf-8"))
OF_FILES = {code for code in known() if code < "EGR100"}
"""What a file says before it is a config: tests/unit/test_stack_file.py has an example of each kind."""
UNSHOWN = dict(
    line.split(" ", 1)
    for line in (ROOT / "tests/unit/recorded/refusals_without_example.txt").read_text(encoding="utf-8").splitlines()
)
"""Refusals that no config can give, and the reason why. Nothing may be added here without one, and a test that it holds."""


def test_every_refusal_in_the_source_has_a_code() -> None:
    have = {one.text for one in known().values()}
    missing = [f"{room}: {text}" for text, room in texts().items() if text not in have]
    assert not missing, f"give each a code that was never given, in egress/refusals.json, with an example: {missing}"


def test_every_code_is_of_a_refusal_that_is_there_or_retired() -> None:
    gone = [code for code, one in known().items() if one.text not in texts()]
    assert not gone, (
        f'the words have changed (write the new ones below the same code), or the refusal is gone ("retired"): {gone}'
    )


def test_codes_are_unique_and_never_given_again() -> None:
    assert list(ENTRIES) == sorted(ENTRIES)
    assert sorted(GIVEN) == sorted(set(GIVEN))
    assert set(ENTRIES) == set(GIVEN), "add new codes to the recorded list; take none away"
    assert all(re.fullmatch(r"EGR[0-9]{3}", code) for code in GIVEN)
    assert NONE not in ENTRIES
    written = [one.text for one in known().values()]
    assert len(written) == len(set(written))
    for code, said in ENTRIES.items():
        assert bool(said.get("text")) != bool(said.get("retired")), code


@pytest.mark.parametrize("code", list(known()))
def test_no_refusal_is_taken_for_another(code: str) -> None:
    assert code_of(known()[code].text.replace("{}", "x-9")) == code


@pytest.mark.parametrize("code", [code for code, one in known().items() if one.example is not None])
def test_the_example_is_refused_with_its_code(code: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make_plan(load(config_of(known()[code])))
    assert code in [problem.code for problem in refused.value.problems]
    assert f"    {code}: " in str(refused.value)


def test_only_the_recorded_have_no_example() -> None:
    without = {code for code, one in known().items() if one.example is None} - OF_FILES
    assert without == set(UNSHOWN)
    assert all(reason.strip() for reason in UNSHOWN.values())


def test_a_key_that_is_no_text_comes_from_a_program_alone() -> None:
    with pytest.raises(ConfigError) as refused:
        load(LEAST | {"gke-mesh-egress:teams": {7: {}}})
    assert [problem.code for problem in refused.value.problems] == ["EGR111"]


def test_no_pattern_can_stand_above_a_private_zone_of_googles() -> None:
    assert {zone.count(".") for zone in PRIVATE_ZONES} == {1}


@pytest.mark.parametrize(
    ("path", "most"), [("cluster/name", 40), ("teams/team-x/testApp/image", 400), ("teams/team-x/egress/a.example.com/http", 200)]
)
def test_a_text_that_is_too_long_is_called_so(path: str, most: int) -> None:
    """It was said that a text stands where a text belongs."""
    text = "a" * (most + 1)
    with pytest.raises(ConfigError) as refused:
        load(config_with(path, {"upgrade": "tls", "allow": {"read": {"description": text}}} if path.endswith("http") else text))
    assert [problem.code for problem in refused.value.problems] == ["EGR109"]
    assert refused.value.problems[0].fix == f"Write at most {most} characters."


def test_the_page_is_the_generated_one() -> None:
    assert (ROOT / why.PAGE).read_text(encoding="utf-8") == why.page()
