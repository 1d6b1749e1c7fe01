"""What holds for every plan, whatever teams ask for: tried on random configs of all modes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from egress.common.errors import ConfigError, Problem
from egress.common.names import pattern_called
from egress.common.objects import Object, Part
from egress.layers.google import firewall
from egress.layers.render import render
from egress.plan.model import Plan
from egress.plan.outputs import planned
from tests.random_configs import configs, without
from tests.support import plan_of

TEAMS = "gke-mesh-egress:teams"
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
randomly = settings(max_examples=40, deadline=None, suppress_health_check=SLOW)


def by_identity(plan: Plan) -> dict[str, Object]:
    rendered = render(plan)
    found = {item.identity: item for item in rendered}
    assert len(found) == len(rendered), "two objects share one name"
    return found


@randomly
@given(config=configs())
def test_wishes_that_agree_are_planned_and_no_two_objects_share_a_name(config: dict[str, Any]) -> None:
    plan = plan_of(config)
    assert by_identity(plan)
    rules = [rule.name for rule in firewall.render(plan)]
    assert len(rules) == len(set(rules))
    accounts = [identity.account_id for team in plan.teams for identity in team.identities]
    assert len(accounts) == len(set(accounts))


def _shuffled(value: Any, order: Any) -> Any:
    """The same maps with their keys in another order; lists stay as they are."""
    if not isinstance(value, dict):
        return value
    items = list(cast(dict[str, Any], value).items())
    order.shuffle(items)
    return {key: _shuffled(below, order) for key, below in items}


@randomly
@given(config=configs(), order=st.randoms())
def test_the_order_in_which_things_are_written_changes_nothing(config: dict[str, Any], order: Any) -> None:
    one, other = plan_of(config), plan_of(_shuffled(config, order))
    assert [item.manifest for item in render(one)] == [item.manifest for item in render(other)]
    assert list(firewall.render(one)) == list(firewall.render(other))
    assert planned(one) == planned(other)


SHARED = {Part.GATEWAY, Part.INGRESS, Part.MESH}
CANNOT_CHANGE = {
    "Deployment": ("spec", "selector"),
    "Service": ("spec", "clusterIP"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "ValidatingAdmissionPolicyBinding": ("spec", "policyName"),
}
"""Kind to the field whose change would replace the object; names and namespaces besides."""


def _at(item: Object) -> Any:
    value: Any = item.manifest
    for key in CANNOT_CHANGE.get(item.kind, ("apiVersion",)):
        value = value.get(key) if isinstance(value, dict) else None
    return value


@randomly
@given(config=configs(), data=st.data())
def test_a_team_comes_and_goes_with_its_own_and_its_shared_hosts_objects_and_replaces_none(
    config: dict[str, Any], data: st.DataObject
) -> None:
    team = data.draw(st.sampled_from(sorted(config[TEAMS])))
    with_it, without_it = plan_of(config), plan_of(without(config, team))
    before, after = by_identity(without_it), by_identity(with_it)
    theirs = {way.host.name for of in with_it.teams if of.name == team for way in of.gateway_ways}
    # A team whose pods it reaches, or who reaches its pods, has a rule that names it.
    neighbours = {name for name, of in config[TEAMS].items() if team in of.get("reaches", [])}
    neighbours |= {team, *config[TEAMS][team].get("reaches", [])}
    # Encoded slashes are a word of the host: one team's `keep` reaches the sidecars of all that share it.
    shared = [(of.name, way.host) for of in with_it.teams for way in of.ways if way.host.name in theirs]
    neighbours |= {name for name, host in shared if host.keeps_slashes}
    assert set(before) <= set(after), "adding a team removed an object"
    for identity, item in after.items():
        if identity in before and before[identity].manifest == item.manifest:
            continue
        owner = item.owner
        assert owner.part in SHARED or owner.name in (theirs if owner.part is Part.HOST else neighbours), (
            identity
        )
        assert identity not in before or _at(before[identity]) == _at(item), f"{identity} would be replaced"
    for name, rule in {rule.name: rule for rule in firewall.render(without_it)}.items():
        (same,) = [other for other in firewall.render(with_it) if other.name == name]
        assert (same.egress, same.allow, same.protocol) == (rule.egress, rule.allow, rule.protocol)
    gone = {identity for of in without_it.teams for identity in of.identities}
    assert gone <= {identity for of in with_it.teams for identity in of.identities}


@randomly
@given(one=configs(), other=configs())
def test_a_name_means_the_same_host_or_team_in_every_plan(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = by_identity(plan_of(one)), by_identity(plan_of(other))
    differ = [name for name in first.keys() & second.keys() if first[name].owner != second[name].owner]
    assert differ == []


@randomly
@given(config=configs())
def test_a_host_is_shown_to_exactly_the_teams_that_declared_it(config: dict[str, Any]) -> None:
    plan = plan_of(config)
    for host in plan.hosts:
        accesses = {
            name: team["egress"][host.name]
            for name, team in config[TEAMS].items()
            if host.name in team["egress"]
        }
        declared = {
            _known_as(host.name, way): {name for name, access in accesses.items() if way in _ways(access)}
            for way in {way for access in accesses.values() for way in _ways(access)}
        }
        shown: dict[str, set[str]] = {}
        for item in render(plan):
            if item.owner.name == host.name and item.kind in ("ServiceEntry", "VirtualService"):
                for name in item.manifest["spec"]["hosts"]:
                    to = set(item.manifest["spec"]["exportTo"]) - {"istio-egress", "."}
                    if to:
                        known_as = pattern_called(name.removesuffix(".tls.internal"))
                        assert shown.setdefault(known_as, to) == to
        assert shown == declared


def _ways(access: dict[str, Any]) -> set[int | None]:
    """Ports of raw TCP that are known by addresses; none: what is known by the host's name."""
    tcp = access.get("tcp", [])
    entries = tcp if isinstance(tcp, list) else [tcp]
    by_name = "http" in access or "https" in access or any("byName" in entry for entry in entries)
    return {entry["port"] for entry in entries if "addresses" in entry} | ({None} if by_name else set())


def _known_as(host: str, port: int | None) -> str:
    return f"{port}.{host}.port.internal" if port else host


# Wrong configs

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["*", "*.com", "a.b", "tls"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of everything in a config."""
    if isinstance(value, dict):
        for key, below in cast(dict[str, Any], value).items():
            yield (*path, key)
            yield from _places(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(cast(list[Any], value)):
            yield (*path, index)
            yield from _places(below, (*path, index))


def _spoilt(config: dict[str, Any], data: st.DataObject) -> None:
    """One thing in it removed, made something else, moved from elsewhere, or given another name."""
    places = list(_places(config))
    path = data.draw(st.sampled_from(places))
    parent: Any = config
    for part in path[:-1]:
        parent = parent[part]
    how = data.draw(st.sampled_from(["remove", "replace", "move", "rename"]))
    if how == "remove":
        del parent[path[-1]]
    elif how == "replace":
        parent[path[-1]] = data.draw(ANYTHING)
    elif how == "move":
        other: Any = config
        for part in data.draw(st.sampled_from(places)):
            other = other[part]
        parent[path[-1]] = copy.deepcopy(other)
    elif isinstance(parent, dict):
        parent[
            data.draw(st.text(max_size=8) | st.sampled_from(["*.example", "example.com", "Team", "x" * 70]))
        ] = parent.pop(path[-1])


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(config=configs(), data=st.data(), times=st.integers(1, 3))
def test_whatever_is_spoilt_the_answer_is_a_plan_or_words(
    config: dict[str, Any], data: st.DataObject, times: int
) -> None:
    for _ in range(times):
        _spoilt(config, data)
    problems: tuple[Problem, ...] = ()
    try:
        plan = plan_of(config)
        assert by_identity(plan)
        assert planned(plan)
    except ConfigError as refused:
        problems = refused.problems
    assert all(problem.path and problem.consequence and problem.fix for problem in problems)
