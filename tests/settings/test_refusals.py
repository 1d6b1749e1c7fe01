"""Every refusal has a code that stays, and an example that is really refused with it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from egress.cli import why
from egress.cli.app import app
from egress.common.errors import ConfigError
from egress.common.google_cloud import PRIVATE_ZONES
from egress.common.refusals import LEAST, NONE, RECORD, code_of, config_of, known
from egress.common.yaml_text import parse
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.settings import load, load_file
from tests.refusal_texts import texts
from tests.support import ROOT, config_with

GIVEN = (ROOT / "tests/settings/recorded/refusal_codes.txt").read_text(encoding="utf-8").split()
"""Every code that was ever given, in order; a refusal that goes keeps its code here and in the record
(`"retired"`)."""
ENTRIES = json.loads(RECORD.read_text(encoding="utf-8"))
OF_FILES = [code for code in known() if code < "EGR100"]
"""What is said of a file before it is a config."""
STATES: dict[str, Callable[[Path], Path]] = {
    "EGR014": lambda path: _holds(
        path, "a: &a [" + "1, " * 100 + "1]\nb: &b [" + "*a, " * 100 + "1]\nc: [" + "*b, " * 100 + "]\n"
    ),
    "EGR018": lambda path: _holds(path, "config: {ä: b}\n", "latin-1"),
    "EGR020": lambda path: (path.mkdir(), path)[1],
    "EGR022": lambda path: path.with_name(f"Pulumi.{'x' * 300}.yaml"),
    "EGR023": lambda path: (path.symlink_to(path), path)[1],
    "EGR028": lambda path: _holds(path, "") / path.name,
    "EGR030": lambda path: path,
    "EGR032": lambda path: path.with_name("Pulumi.\0.yaml"),
}
"""Of each refusal that no text of a file shows: what makes the file so, and its path."""
UNSHOWN = dict(
    line.split(" ", 1)
    for line in (ROOT / "tests/settings/recorded/refusals_without_example.txt")
    .read_text(encoding="utf-8")
    .splitlines()
)
"""Refusals that no config can give, and the reason why. Nothing may be added here without one, and a test
that it holds."""


def _holds(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def test_every_refusal_in_the_source_has_a_code() -> None:
    have = {one.text for one in known().values()}
    missing = [f"{room}: {text}" for text, room in texts().items() if text not in have]
    assert not missing, (
        f"give each a code that was never given, in egress/common/refusals.json, with an example: {missing}"
    )


def test_every_code_is_of_a_refusal_that_is_there_or_retired() -> None:
    gone = [code for code, one in known().items() if one.text not in texts()]
    assert not gone, (
        "the words have changed (write the new ones below the same code), or the refusal is gone "
        f'("retired"): {gone}'
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
        render(make_plan(load(config_of(known()[code]))))
    assert code in [problem.code for problem in refused.value.problems]
    assert f"    {code}: " in str(refused.value)


@pytest.mark.parametrize("code", [code for code in OF_FILES if known()[code].file is not None])
def test_the_file_is_refused_with_its_code(code: str) -> None:
    problem = why.problem_of(known()[code])
    assert problem is not None


def test_what_no_text_shows_is_a_state_of_the_file() -> None:
    assert {code for code in OF_FILES if known()[code].state} == set(STATES) | {"EGR021"}
    assert all(bool(known()[code].file) != bool(known()[code].state) for code in OF_FILES)


@pytest.mark.parametrize("code", STATES)
def test_the_state_of_the_file_is_refused_with_its_code(code: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_file(STATES[code](tmp_path / "Pulumi.dev.yaml"))
    assert code in [problem.code for problem in refused.value.problems]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else for a moment")
def test_somebody_elses_file_is_refused_with_its_code(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.dev.yaml"
    path.touch(mode=0o600)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError) as refused:
            load_file(path)
    finally:
        os.seteuid(0)
    assert [problem.code for problem in refused.value.problems] == ["EGR021"]


@pytest.mark.parametrize("code", [code for code, one in known().items() if one.example])
def test_the_example_reads_back_as_what_was_tried_unless_it_is_cut(code: str) -> None:
    printed = why.files(known()[code])[why.STACK]
    there = {key: value for key, value in (known()[code].example or {}).items() if value is not None}
    assert "…" in printed or (parse(printed.encode()) or {}) == there


@pytest.mark.parametrize(
    ("code", "said"),
    [("EGR200", "EGR201, EGR202, EGR203"), ("EGR8", "EGR007, EGR008, EGR009"), ("egress", "All of them")],
)
def test_a_code_that_is_none_is_answered_with_the_nearest(code: str, said: str) -> None:
    run = CliRunner().invoke(app, ["why", code])
    assert run.exit_code == 2
    assert said in run.output


def test_what_is_printed_of_a_code_says_why_fix_example_and_answer() -> None:
    run = CliRunner().invoke(app, ["why", "egr101"])
    assert run.exit_code == 0
    parts = (
        "no UDP leaves the cluster",
        "\nFix: Let the app use TCP",
        "        udp: {}\n",
        "The program says:",
        "udp = {}\n    EGR101: ",
    )
    places = [run.output.index(part) for part in parts]
    assert places == sorted(places)


def test_only_the_recorded_have_no_example() -> None:
    without = {code for code, one in known().items() if one.example is None} - set(OF_FILES)
    assert without == set(UNSHOWN)
    assert all(reason.strip() for reason in UNSHOWN.values())


def test_a_key_that_is_no_text_comes_from_a_program_alone() -> None:
    with pytest.raises(ConfigError) as refused:
        load(LEAST | {"gke-mesh-egress:teams": {7: {}}})
    assert [problem.code for problem in refused.value.problems] == ["EGR111"]


def test_no_pattern_can_stand_above_a_private_zone_of_googles() -> None:
    assert {zone.count(".") for zone in PRIVATE_ZONES} == {1}


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("cluster/name", 40),
        ("teams/team-x/testApp/image", 400),
        ("teams/team-x/egress/a.example.com/http", 200),
    ],
)
def test_a_text_that_is_too_long_is_called_so(path: str, most: int) -> None:
    """It was said that it must be a string, not a string."""
    text = "a" * (most + 1)
    with pytest.raises(ConfigError) as refused:
        load(
            config_with(
                path,
                {"upgrade": "tls", "allow": {"read": {"description": text}}}
                if path.endswith("http")
                else text,
            )
        )
    assert [problem.code for problem in refused.value.problems] == ["EGR109"]
    assert refused.value.problems[0].fix == f"Write at most {most} characters."


def test_the_page_is_the_generated_one() -> None:
    assert (ROOT / why.PAGE).read_text(encoding="utf-8") == why.page()
