"""What the probe asks, of every kind of config, and in which Jobs."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from egress.judge.model.flow import Layer
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.probe.asked import SAFE, Asked, NotAsked
from egress.probe.flows import EXIST, PUBLIC, Flows, Service
from egress.probe.jobs import AT_ONCE, jobs
from egress.proof.snapshot import deployment
from egress.settings import load_file
from tests.support import ROOT, config_with, dev_config, plan_of, teams

SERVICE = Service("app", 8080)


def asked(config: dict[str, Any], services: Any = None) -> list[Asked | NotAsked]:
    plan = plan_of(config)
    names = [team.name for team in plan.teams]
    found = dict.fromkeys(names, SERVICE) if services is None else services
    return list(Flows(plan, Judges(deployment(plan, render(plan))), found).all(names))


def flows(config: dict[str, Any]) -> dict[str, Asked]:
    return {one.what: one for one in asked(config) if isinstance(one, Asked)}


def left_out(config: dict[str, Any], services: Any = None) -> dict[str, str]:
    return {one.what: one.why for one in asked(config, services) if isinstance(one, NotAsked)}


EXAMPLES = sorted((ROOT / "examples/modes").glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_of_every_mode_each_way_is_asked_once_and_nothing_that_changes_anything_is_sent(path: Any) -> None:
    from egress.plan.make import make_plan

    plan = make_plan(load_file(path, default_project="sandbox-project"))
    names = [team.name for team in plan.teams]
    judges = Judges(deployment(plan, render(plan)))
    found = list(Flows(plan, judges, dict.fromkeys(names, SERVICE)).all(names))
    sent = [one for one in found if isinstance(one, Asked)]
    assert {one.flow.method for one in sent} <= {*SAFE}
    assert len({one.what for one in sent}) == len(sent)
    assert len({one.id for one in sent}) == len(sent)
    for team in plan.teams:
        declared = {way.host.name for way in team.ways}
        named = {
            one.what.partition("://")[2].partition("/")[0].partition(":")[0]
            for one in found
            if one.what.partition(":")[0].partition(" as ")[0] == team.name
        }
        assert {host.replace("*", "www", 1) for host in declared} <= named


class TestDeclared:
    def test_it_passes_and_a_path_beside_is_refused_by_the_rule(self) -> None:
        found = flows(dev_config())
        assert found["team-y: GET http://httpbin.org/status/418"].expected.passes
        beside = found["team-y: GET http://httpbin.org/"].expected
        assert beside.layer is Layer.AUTHORIZATION
        assert beside.by.endswith(
            "(istio-egress/authorizationpolicy/egress-team-y spec.rules[0].to[0].operation.paths)"
        )

    def test_a_host_that_takes_only_posts_is_not_asked_and_said(self) -> None:
        config = teams(shop={"api.example.net": {"http": {"methods": ["POST"], "paths": ["/orders"]}}})
        why = left_out(config, {})["shop: POST http://api.example.net/orders"]
        assert why == "a probe sends only what changes nothing: GET, HEAD, OPTIONS"
        assert not flows(config)["shop: OPTIONS http://api.example.net/"].expected.passes

    def test_a_rule_for_a_service_account_is_asked_as_it_and_as_another(self) -> None:
        config = teams(shop={"api.example.net": {"https": "passthrough", "serviceAccounts": ["checkout"]}})
        found = flows(config)
        assert found["shop as checkout: https://api.example.net"].expected.passes
        assert found["shop: https://api.example.net"].expected.layer is Layer.AUTHORIZATION

    def test_below_a_pattern_the_likeliest_name_is_asked(self) -> None:
        found = flows(teams(shop={"*.example.net": {"https": "passthrough"}}))
        one = found["shop: https://www.example.net"]
        assert (one.guessed, one.expected.passes) == (True, True)

    def test_a_team_that_acts_at_google_hears_who_it_is(self) -> None:
        (one,) = [one for one in flows(dev_config()).values() if one.says]
        assert one.says == "sa-test-app-team-x@sandbox-project.iam.gserviceaccount.com"
        assert one.flow.service_account == "test"


class TestUndeclared:
    def test_a_name_that_exists_and_that_nobody_declared(self) -> None:
        hosts = {name: {"https": "passthrough"} for name in EXIST[:2]}
        found = flows(teams(shop=hosts))
        assert f"shop: https://{EXIST[2]}" in found
        assert not found[f"shop: https://{EXIST[2]}"].expected.passes

    @pytest.mark.parametrize(
        "what",
        [
            f"https://{PUBLIC}",
            f"GET http://{PUBLIC}/",
            f"https://example.org at {PUBLIC}",
            f"tcp://{PUBLIC}:853",
            f"QUIC to {PUBLIC}:443/udp",
            f"DNS for example.org to {PUBLIC}:53/udp",
            "tcp://httpbin.org:22",
            "GET http://httpbin.org:443/",
            "GET http://httpbin.org/, Host: example.com",
            "GET http://169.254.169.254/",
            "look up www.google.com",
            "https://example.com",
        ],
    )
    def test_what_an_attacker_tries_first_is_refused(self, what: str) -> None:
        assert not flows(dev_config())[f"team-y: {what}"].expected.passes

    def test_what_the_config_opens_is_expected_to_pass(self) -> None:
        config = config_with("network/dns", {"undeclaredNames": "resolve"})
        found = flows(config)
        assert found["team-x: look up www.google.com"].expected.passes
        assert found["team-x: https://example.org"].expected.layer is Layer.SIDECAR


class TestNeighbours:
    def test_each_team_that_is_reached_and_one_of_the_others(self) -> None:
        config = dev_config()
        for name in ("team-u", "team-v"):
            config["gke-mesh-egress:teams"][name] = {}
        pods = [what for what in flows(config) if what.startswith("team-x: ") and ".svc.cluster" in what]
        assert pods == [
            "team-x: GET http://app.team-y.svc.cluster.local:8080/",
            "team-x: GET http://app.team-u.svc.cluster.local:8080/",
        ]

    def test_without_a_service_nobody_can_be_asked(self) -> None:
        assert left_out(dev_config(), {"team-x": None, "team-y": None}) == {
            "team-x: pods of team-y": "team-y has no Service with pods that are ready",
            "team-y: pods of team-x": "team-x has no Service with pods that are ready",
        }


class TestJobs:
    def test_one_for_each_team_and_account_and_no_more_flows_than_one_argument_holds(self) -> None:
        hosts = {f"host-{at}.example.net": {"https": "passthrough"} for at in range(60)}
        made = list(jobs(flows(teams(shop=hosts)).values(), "0123", "image"))
        assert len({job["metadata"]["name"] for job in made}) == len(made) > 3
        for job in made:
            *_, script, told = job["spec"]["template"]["spec"]["containers"][0]["command"]
            assert len(json.loads(told)["flows"]) <= AT_ONCE
            assert max(len(script), len(told)) < 1 << 16

    def test_its_pod_holds_no_token_and_goes_by_itself(self) -> None:
        (job, *_) = jobs(flows(dev_config()).values(), "0123", "image")
        spec = job["spec"]["template"]["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert job["spec"]["ttlSecondsAfterFinished"] > 0
        assert job["spec"]["activeDeadlineSeconds"] > 0
        assert job["spec"]["backoffLimit"] == 0
        assert yaml.safe_load(yaml.safe_dump(job)) == job
