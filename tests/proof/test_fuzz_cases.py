"""What random input once broke is tried again by every test run (`make fuzz` keeps it)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import BY_NAME, TARGETS, Target
from tests.support import ROOT

CASES = sorted((ROOT / "tests/fuzz/cases").glob("*.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_failed_once_holds(case: Path) -> None:
    kept = json.loads(case.read_text(encoding="utf-8"))

    @settings(max_examples=1, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.just(kept["input"]))
    def again(value: object) -> None:
        BY_NAME[kept["target"]].check(value)

    again()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_each_target_tries_something(target: Target) -> None:
    """A few of each in every test run, so that `make fuzz` is never found broken."""

    @settings(
        max_examples=3,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(target.values)
    def some(value: object) -> None:
        target.check(value)

    some()
