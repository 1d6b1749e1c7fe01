"""What is accepted can be proven: combinations of settings that are each right by themselves, and together as
well."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.judge.targets import TargetKind
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.expectations import Expectation, Questions
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.violation import Violation
from tests.proof.test_verify import violations
from tests.support import config_with, plan_of, teams

PASSED: dict[str, Any] = {"https": "passthrough"}
WAYS: dict[str, dict[str, Any]] = {
    "no host": {},
    "https": {"example.com": PASSED},
    "http": {"example.com": {"http": {}}},
    "http as tls": {"example.com": {"http": {"upgrade": "tls"}}},
    "http and https": {"example.com": {"http": {}, **PASSED}},
    "http as tls and https": {"example.com": {"http": {"upgrade": "tls"}, **PASSED}},
    "a pattern": {"*.example.com": PASSED},
}
APIS = {"apis": ["pubsub"], "serviceAccounts": {"app": {"buckets": {"data": "roles/storage.objectViewer"}}}}


def stack(of_team: dict[str, Any], ports: list[int], flavor: str) -> dict[str, Any]:
    config = teams(team_b={"other.example": PASSED} if flavor == "istio" else {})
    config["gke-mesh-egress:teams"]["team-a"] = of_team
    config["gke-mesh-egress:mesh"] = {"flavor": flavor}
    config["gke-mesh-egress:fences"] = {"applicationNodes": {"leaveOn": ports, "reason": "it moves in"}}
    if "open" in of_team.get("model", {}):
        config["gke-mesh-egress:network"]["dns"] = {"undeclaredNames": "resolve"}
    return config


@pytest.mark.parametrize("flavor", ["istio", "cloud-service-mesh"])
@pytest.mark.parametrize("apis", [False, True], ids=["no API", "Google APIs"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", ["open", "registryOnly"])
def test_a_weaker_model_is_proven_with_whatever_hosts_beside_it(
    model: str, way: str, apis: bool, flavor: str
) -> None:
    """An open team has any host on every port of leaveOn, declared ones included, and Google's front door as
    its pods have it."""
    team = {"model": {model: "it moves in"}, "egress": WAYS[way], **({"googleApis": APIS} if apis else {})}
    answers = [_answer(stack(team, ports, flavor)) for ports in ([80, 443], [443], [80])]
    # Refused: a port that the declared host needs, or that nobody needs; registry only without a host; and a
    # pattern past the gateway in the managed mesh, whose sidecars are not known to look the name up.
    refused = {path.rpartition(".")[2] for path in itertools.chain(*(paths for paths, _ in answers))}
    assert refused <= {"leaveOn", "model", 'com"]'} | (
        {"https"} if (way, flavor) == ("a pattern", "cloud-service-mesh") else set()
    )
    assert [found for _, found in answers if found] == []
    never = (model == "registryOnly" and way == "no host") or (way, flavor) == (
        "a pattern",
        "cloud-service-mesh",
    )
    assert any(not paths for paths, _ in answers) is not never


def _answer(config: dict[str, Any]) -> tuple[list[str], list[Violation]]:
    """Paths that are refused, and what is not proven."""
    try:
        plan = plan_of(config)
    except ConfigError as refused:
        return [problem.path for problem in refused.problems], []
    return [], violations(plan)


def test_an_open_teams_declared_host_is_still_asked_for_on_ports_that_nothing_opens() -> None:
    plan = plan_of(stack({"model": {"open": "it moves in"}, "egress": WAYS["https"]}, [443], "istio"))
    intent, judges = Intent(plan), Judges(deployment(plan, render(plan)))
    of_host = [
        question for question in Questions(intent, judges).of("team-a") if question.kind is TargetKind.HOST
    ]
    wanted = {(question.flow.port, question.flow.protocol.value, question.expected) for question in of_host}
    assert {want for port, _, want in wanted if port == 443} == {
        Expectation.PASSES,
        Expectation.AS_ITS_APP,
        Expectation.REFUSED,
    }
    assert {want for port, _, want in wanted if port == 80} == {
        Expectation.REFUSED_TWICE,
        Expectation.REFUSED,
    }


BELOW = {
    "a host": {"one.wild.example": PASSED},
    "plain http": {"one.wild.example": {"http": {"upgrade": "tls"}}},
    "both": {"one.wild.example": {"http": {}, **PASSED}},
    "raw TCP": {
        "one.wild.example": {"tcp": {"port": 3306, "addresses": ["203.0.113.9"], "serviceAccounts": ["app"]}}
    },
    "raw TCP by name": {
        "one.wild.example": {"tcp": {"port": 3306, "byName": True, "serviceAccounts": ["app"]}}
    },
    "a closer pattern": {"*.one.wild.example": PASSED},
    "its own accounts": {"one.wild.example": PASSED | {"serviceAccounts": ["report"]}},
}


@pytest.mark.parametrize(("mine", "theirs"), list(itertools.product([None, ["app"]], BELOW)))
def test_another_teams_host_below_a_pattern_of_ones_own_is_proven(
    mine: list[str] | None, theirs: str
) -> None:
    """The pattern's sidecars know the name, whoever declared it as well."""
    own = PASSED | ({"serviceAccounts": mine} if mine else {})
    assert violations(plan_of(teams(team_a={"*.wild.example": own}, team_b=BELOW[theirs]))) == []


@pytest.mark.parametrize(
    "network", ["11.0.0.0/16", "240.1.0.0/16", "100.64.0.0/16", "198.18.0.0/16", "192.168.0.0/16"]
)
@pytest.mark.parametrize("which", ["nodes", "pods", "services"])
def test_ranges_that_google_takes_are_proven(which: str, network: str) -> None:
    """Private ones, and public ones that are used privately."""
    assert violations(plan_of(config_with(f"network/subnet/{which}", network))) == []


@pytest.mark.parametrize(
    "network", ["10.9.0.0/28", "100.64.9.0/28", "192.0.0.16/28", "198.18.0.16/28", "240.1.0.0/28"]
)
def test_ranges_that_gke_takes_for_a_control_plane_are_proven(network: str) -> None:
    assert violations(plan_of(config_with("network/controlPlane", network))) == []
