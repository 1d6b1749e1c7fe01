"""The plan: what it opens and for whom. What holds for every plan is in test_random_plans.py."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egress.common.errors import ConfigError, Problem
from egress.layers.render import render
from tests.support import config_with, dev_config, plan_of, teams


@settings(max_examples=200, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
    path=st.sampled_from(
        [
            "teams",
            "teams/team-x",
            "teams/team-x/egress",
            "network",
            "network/subnet",
            "cluster",
            "mesh",
            "gateway",
            "region",
        ]
    ),
)
def test_whatever_is_written_the_answer_is_a_plan_or_words_never_a_traceback(value: Any, path: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        plan_of(config_with(path, value))
    except ConfigError as refused:
        problems = refused.problems
    assert all(problem.path and problem.consequence and problem.fix for problem in problems)


def test_only_ports_that_some_host_needs_are_opened() -> None:
    assert plan_of(teams(team_a={"example.com": {"http": {"upgrade": "tls"}}})).gateway.ports == (443,)
    assert plan_of(teams(team_a={"example.com": {"http": {}}})).gateway.ports == (80,)
    assert plan_of(teams(team_a={})).gateway.ports == ()
    assert plan_of(dev_config()).gateway.ports == (80, 443)


def test_a_team_is_reached_by_those_who_say_so() -> None:
    plan = plan_of(dev_config())
    assert {team.name: team.reached_by for team in plan.teams} == {"team-x": (), "team-y": ("team-x",)}


@pytest.mark.parametrize("teams_count", [1, 30])
def test_a_stack_without_hosts_has_no_gateway_configuration(teams_count: int) -> None:
    plan = plan_of(config_with("teams", {f"team-{index}": {} for index in range(teams_count)}))
    assert not [
        item
        for item in render(plan)
        if item.kind in ("Gateway", "ServiceEntry", "VirtualService", "DestinationRule")
    ]
