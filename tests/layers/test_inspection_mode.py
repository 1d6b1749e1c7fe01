"""Body inspection: the object that comes of it, and what a rule may not say."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.common.objects import Object
from egress.layers.render import render
from egress.plan.inspection_script import LONGEST_SCRIPT, script
from egress.plan.model import Plan
from tests.layers.inspection import HOST, RULES, SECRET, inspected
from tests.support import config_with, plan_of, teams

# The object


def extensions(plan: Plan) -> list[Object]:
    return [item for item in render(plan) if item.kind == "TrafficExtension"]


def test_one_extension_on_the_gateways_plain_http_listener_behind_authorization() -> None:
    (item,) = extensions(inspected())
    assert item.identity == "istio-egress/trafficextension/body-inspection"
    spec = item.manifest["spec"]
    assert spec["match"] == [{"mode": "CLIENT", "ports": [{"number": 15040}]}]
    assert spec["selector"] == {"matchLabels": {"istio": "egressgateway"}}
    assert "phase" not in spec


def test_nobody_who_inspects_nothing_has_a_filter() -> None:
    assert extensions(plan_of(teams(team_a={HOST: {"http": {}}}))) == []


def test_two_teams_that_say_the_same_share_it() -> None:
    way = {"http": {"inspect": {"refuse": RULES}}}
    both = plan_of(teams(team_a={HOST: way}, team_b={HOST: way}))
    assert script(both.hosts) == script(plan_of(teams(team_a={HOST: way})).hosts)


# Refusals

REFUSED_RULES = [
    ("nothing at all", {}, "text or a pattern", "not both"),
    ("two things", {"text": "a", "pattern": "b"}, "text or a pattern", "not both"),
    ("an empty text", "", "every body", "must not leave"),
    ("a line end in a text", "a\nb", "more than one way", "before or after"),
    ("a text too long", "x" * 201, "more than 200", "tells it apart"),
    ("an empty pattern", {"pattern": ""}, "every body", "at least one"),
    ("a pattern that matches all", {"pattern": "a?b{0,3}"}, "every body", "at least one"),
    ("without bound *", {"pattern": "a.*b"}, "without bound", "how often"),
    ("without bound +", {"pattern": "[0-9]+"}, "without bound", "how often"),
    ("without bound {n,}", {"pattern": "a{3,}"}, "without bound", "how often"),
    ("a lazy repetition", {"pattern": "a??"}, "follows another", "one of the two"),
    ("a group", {"pattern": "(ab)"}, "Groups", "rule for each"),
    ("alternatives", {"pattern": "a|b"}, "alternatives", "rule for each"),
    ("an anchor", {"pattern": "^a"}, "cannot be tied to a line or to the end", "Leave it out"),
    ("an unknown escape", {"pattern": r"\bword"}, "not part of this language", "Known are"),
    ("an open set", {"pattern": "[a-z"}, "in the middle", "Close"),
    ("a backslash at the end", {"pattern": "a\\"}, "in the middle", "backslash"),
    ("a range backwards", {"pattern": "[z-a]"}, "later one", "[a-z]"),
    ("a set of nothing", {"pattern": r"[^\d\D]"}, "nothing would match", "Leave something"),
    ("a class of POSIX", {"pattern": "[[:alpha:]]"}, "different things", "\\["),
    ("a count of nothing", {"pattern": "a{x}"}, "not a number of repetitions", "{4}"),
    ("a count backwards", {"pattern": "a{3,2}"}, "not a number of repetitions", "{4}"),
    ("too long a match", {"pattern": "a{65}"}, "65 comparisons", "fewer characters"),
    ("too much that may be absent", {"pattern": "ba{0,9}a"}, "comparisons", "differ from what follows"),
    ("no ASCII in a pattern", {"pattern": "[äö]"}, "ASCII", "text:"),
]


@pytest.mark.parametrize(
    ("rule", "consequence", "fix"), [row[1:] for row in REFUSED_RULES], ids=[row[0] for row in REFUSED_RULES]
)
def test_a_rule_is_refused(rule: Any, consequence: str, fix: str) -> None:
    with pytest.raises(ConfigError) as error:
        inspected(refuse={"a-rule": rule})
    (problem,) = error.value.problems
    assert problem.path.startswith(
        f'gke-mesh-egress:teams.team-a.egress["{HOST}"].http.inspect.refuse.a-rule'
    )
    assert consequence in problem.consequence
    assert fix in problem.fix


REFUSED = [
    ("no rule", {"refuse": {}}, "for nothing", "leave inspect out"),
    ("a name with a blank", {"refuse": {"My rule": "x"}}, "told", "another name"),
    ("a mode that is none", {"mode": "off"}, "not one of the choices", "enforce"),
    ("no byte", {"maxBytes": 0}, "at least 1", "at least 1"),
    ("more than the gateway holds", {"maxBytes": 1048577}, "at most 1048576", "at most"),
]


@pytest.mark.parametrize(
    ("changes", "consequence", "fix"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_an_inspection_is_refused(changes: dict[str, Any], consequence: str, fix: str) -> None:
    with pytest.raises(ConfigError) as error:
        inspected(**changes)
    (problem,) = error.value.problems
    assert consequence in problem.consequence
    assert fix in problem.fix


def problem_of(config: dict[str, Any]) -> Any:
    with pytest.raises(ConfigError) as error:
        plan_of(config)
    (problem,) = error.value.problems
    return problem


INSPECT = {"refuse": RULES}


@pytest.mark.parametrize("other", ["team-a", "team-b"])
def test_passthrough_beside_it_would_be_a_way_round(other: str) -> None:
    if other == "team-a":
        hosts = teams(team_a={HOST: {"http": {"inspect": INSPECT}, "https": "passthrough"}})
    else:
        hosts = teams(team_a={HOST: {"http": {"inspect": INSPECT}}}, team_b={HOST: {"https": "passthrough"}})
    problem = problem_of(hosts)
    assert problem.path == f'gke-mesh-egress:teams.{other}.egress["{HOST}"].https'
    assert "never opened" in problem.consequence
    assert "teams.team-a." in problem.consequence


TCP = {"port": 8444, "byName": True, "serviceAccounts": ["app"]}


@pytest.mark.parametrize("other", ["team-a", "team-b"])
def test_so_would_be_raw_tcp_on_another_port(other: str) -> None:
    egress: dict[str, Any] = {"team-a": {"http": {"inspect": INSPECT}}, "team-b": {}}
    egress[other]["tcp"] = [TCP, TCP | {"port": 8445}]
    hosts = teams(**{team.replace("-", "_"): {HOST: access} for team, access in egress.items() if access})
    with pytest.raises(ConfigError) as error:
        plan_of(hosts)
    assert [problem.path for problem in error.value.problems] == [
        f'gke-mesh-egress:teams.{other}.egress["{HOST}"].tcp[{at}]' for at in (0, 1)
    ]
    assert all("looks into raw TCP" in problem.consequence for problem in error.value.problems)


def test_and_raw_tcp_through_another_gateway() -> None:
    hosts = teams(team_a={HOST: {"http": {"inspect": INSPECT}}}, team_b={HOST: {"tcp": TCP}})
    hosts["gke-mesh-egress:gateways"] = {"own": {"hosts": [HOST]}}
    hosts["gke-mesh-egress:teams"]["team-b"]["gateway"] = "own"
    assert "through another gateway" in problem_of(hosts).consequence


@pytest.mark.parametrize("way", ["https", "tcp"])
def test_there_is_no_inspection_of_what_is_not_http(way: str) -> None:
    with pytest.raises(ConfigError):
        plan_of(teams(team_a={HOST: {way: {"inspect": INSPECT}}}))


@pytest.mark.parametrize(
    "inspect", [None, {"refuse": RULES, "mode": "report"}, {"refuse": {"sensitive-data": SECRET}}]
)
def test_two_teams_that_disagree_are_both_named(inspect: dict[str, Any] | None) -> None:
    other = {"inspect": inspect} if inspect else {}
    problem = problem_of(teams(team_a={HOST: {"http": {"inspect": INSPECT}}}, team_b={HOST: {"http": other}}))
    assert problem.path == f'gke-mesh-egress:teams.team-b.egress["{HOST}"].http.inspect'
    assert "teams.team-a." in problem.consequence
    assert "<" not in str(problem)


@pytest.mark.parametrize("field", ["split", "mirror"])
def test_requests_to_another_host_cannot_arrive_at_an_inspected_one_unread(field: str) -> None:
    value: Any = {HOST: 10} if field == "split" else {"host": HOST}
    target = {"http": {"inspect": INSPECT}}
    problem = problem_of(teams(team_a={"first.example": {"http": {field: value}}, HOST: target}))
    assert problem.path.endswith(f'["first.example"].http.{field}')
    assert "uninspected" in problem.consequence
    plan_of(teams(team_a={"first.example": {"http": {field: value, "inspect": INSPECT}}, HOST: target}))


def test_grpc_streams_cannot_be_held_back_but_can_be_reported_on() -> None:
    way = {"upgrade": "tls", "protocol": "grpc"}
    problem = problem_of(teams(team_a={HOST: {"http": way | {"inspect": INSPECT}}}))
    assert problem.path.endswith(".http.inspect")
    assert "before it ends" in problem.consequence
    plan_of(teams(team_a={HOST: {"http": way | {"inspect": INSPECT | {"mode": "report"}}}}))


def test_more_rules_than_one_object_holds_are_refused_before_the_api_server_does() -> None:
    many = {f"r{number}": {"pattern": "[acegikmoqsuwy]{64}"} for number in range(80)}
    problem = problem_of(teams(team_a={HOST: {"http": {"inspect": {"refuse": many}}}}))
    assert problem.path.endswith(".http.inspect.refuse")
    assert str(LONGEST_SCRIPT) in problem.consequence


def test_the_managed_mesh_cannot_read_requests() -> None:
    config = config_with("mesh", {"flavor": "cloud-service-mesh"})
    config["gke-mesh-egress:teams"] = {"team-a": {"egress": {HOST: {"http": {"inspect": INSPECT}}}}}
    problem = problem_of(config)
    assert problem.path.endswith(".http.inspect")
    assert "TrafficExtension" in problem.consequence
