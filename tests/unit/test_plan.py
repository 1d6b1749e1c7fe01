"""The plan: two teams' wishes become one thing per host, whatever the order in which they were written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egress.errors import ConfigError, Problem
from egress.plan import Plan
from egress.render import render
from tests.support import config_with, dev_config, plan_of, teams

NAMES = ["team-a", "team-b", "team-c", "team-d"]
HOSTS = ["example.com", "api.example.com", "a-b.example", "a.b.example", "httpbin.org"]

http = st.fixed_dictionaries(
    {},
    optional={
        "methods": st.lists(st.sampled_from(["GET", "POST", "PUT"]), min_size=1, max_size=3, unique=True),
        "paths": st.lists(st.sampled_from(["/", "/ok/*", "/status/418"]), min_size=1, max_size=3, unique=True),
    },
)


@st.composite
def intents(draw: st.DrawFn) -> dict[str, Any]:
    """Teams with egress that agree about the upgrade of each host."""
    upgrades = {host: draw(st.sampled_from(["none", "tls"])) for host in HOSTS}
    intent: dict[str, Any] = {}
    for team in draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1)):
        egress = {}
        for host in draw(st.lists(st.sampled_from(HOSTS), unique=True)):
            access: dict[str, Any] = {}
            if draw(st.booleans()):
                access["http"] = draw(http) | {"upgrade": upgrades[host]}
            if not access or draw(st.booleans()):
                access["https"] = "passthrough"
            egress[host] = access
        intent[team] = {"egress": egress}
    return intent


def objects_by_identity(plan: Plan) -> dict[str, Any]:
    rendered = render(plan)
    by_identity = {item.identity: item.manifest for item in rendered}
    assert len(by_identity) == len(rendered), "two objects share one name"
    return by_identity


@settings(max_examples=60, deadline=None)
@given(intent=intents(), order=st.randoms())
def test_the_order_in_the_config_changes_nothing(intent: dict[str, Any], order: Any) -> None:
    shuffled = list(intent.items())
    order.shuffle(shuffled)
    one, other = plan_of(config_with("teams", intent)), plan_of(config_with("teams", dict(shuffled)))
    assert [item.manifest for item in render(one)] == [item.manifest for item in render(other)]


@settings(max_examples=60, deadline=None)
@given(intent=intents(), data=st.data())
def test_removing_a_team_touches_only_its_own_and_its_shared_hosts_objects(intent: dict[str, Any], data: st.DataObject) -> None:
    team = data.draw(st.sampled_from(sorted(intent)))
    whole = plan_of(config_with("teams", intent))
    rest = plan_of(config_with("teams", {name: of for name, of in intent.items() if name != team}))
    before, after = objects_by_identity(whole), objects_by_identity(rest)
    owners = {item.identity: item.owner for item in render(whole)}
    theirs = {f"host {host}" for host in intent[team]["egress"]} | {f"team {team}", "gateway egress-gateway"}
    changed = {name for name in before if before[name] != after.get(name)}
    assert {f"{owners[name].part.value} {owners[name].name}" for name in changed} <= theirs
    assert set(after) <= set(before)


@settings(max_examples=60, deadline=None)
@given(intent=intents())
def test_each_host_is_exported_to_exactly_the_teams_that_declared_it(intent: dict[str, Any]) -> None:
    plan = plan_of(config_with("teams", intent))
    for host in plan.hosts:
        declared = {team for team, of in intent.items() if host.name in of["egress"]}
        exported = [
            set(item.manifest["spec"]["exportTo"]) - {"istio-egress"}
            for item in render(plan)
            if item.owner.name == host.name and item.kind in ("ServiceEntry", "VirtualService")
        ]
        assert exported == [declared, declared]


@settings(max_examples=200, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
    path=st.sampled_from(
        ["teams", "teams/team-x", "teams/team-x/egress", "network", "network/subnet", "cluster", "mesh", "gateway", "region"]
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
    assert not [item for item in render(plan) if item.kind in ("Gateway", "ServiceEntry", "VirtualService", "DestinationRule")]
