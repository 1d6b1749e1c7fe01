"""`egress diff`: who gains and who loses what, in words, from what the objects do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from typer.testing import CliRunner

from egress.answers.diff import Difference, difference
from egress.answers.diff.facts import Fact
from egress.answers.diff.flows import UNSEEN
from egress.cli.app import app
from egress.judge.model.snapshot import Snapshot, identity
from egress.layers.render import render, to_yaml
from egress.proof.snapshot import deployment
from tests.random_configs import configs
from tests.support import ROOT, config_with, dev_config, plan_of

TEAM_Y = "teams/team-y/egress"


def deployed(config: dict[str, Any]) -> Snapshot:
    plan = plan_of(config)
    return deployment(plan, render(plan))


@pytest.fixture(scope="module")
def dev() -> Snapshot:
    return deployed(dev_config())


def said(found: Difference) -> list[tuple[str, str]]:
    return [(change.risk, change.text) for change in found.changes]


CONFIGS: dict[str, tuple[str, Any, list[tuple[str, str]], list[tuple[str, str]]]] = {
    # what changes: path, value, what is said of it, what is said of the way back
    "a host": (
        f"{TEAM_Y}/api.example.org",
        {"https": "passthrough"},
        [("new host", "team-y may now reach api.example.org: https")],
        [("lost host", "team-y can no longer reach api.example.org: https")],
    ),
    "a host that another team has": (
        f"{TEAM_Y}/example.com",
        {"http": {"upgrade": "tls"}},
        [("new host", "team-y may now reach example.com: http (leaves as https)")],
        [("lost host", "team-y can no longer reach example.com: http (leaves as https)")],
    ),
    "a port": (
        "teams/team-x/egress/httpbin.org/http",
        {"paths": ["/get"]},
        [("new port", "team-x may now also reach httpbin.org by http /get")],
        [("lost port", "team-x can no longer reach httpbin.org by http /get, but still otherwise")],
    ),
    "a path": (
        f"{TEAM_Y}/httpbin.org/http/paths",
        ["/status/418", "/get"],
        [("wider path", f"team-y may now also send /get {UNSEEN} to httpbin.org")],
        [("narrower path", f"team-y may no longer send /get {UNSEEN} to httpbin.org")],
    ),
    "rules that hold no longer": (
        "teams/team-z",
        {"egress": {"httpbin.org": {"http": {"paths": ["/get"]}, "https": "passthrough"}}},
        [
            (
                "new host",
                "team-z may now reach httpbin.org: http /get, https (everything, past the rules for http)",
            )
        ],
        [
            (
                "lost host",
                "team-z can no longer reach httpbin.org: http /get, https (everything, past the rules for "
                "http)",
            )
        ],
    ),
    "methods": (
        f"{TEAM_Y}/httpbin.org/http/methods",
        ["GET"],
        [
            (
                "narrower method",
                f"team-y may no longer send /status/418 by other methods {UNSEEN} to httpbin.org",
            )
        ],
        [
            (
                "wider method",
                f"team-y may now also send /status/418 by other methods {UNSEEN} to httpbin.org",
            )
        ],
    ),
    "an account": (
        f"{TEAM_Y}/httpbin.org/http/serviceAccounts",
        ["app"],
        [
            (
                "narrower account",
                f"team-y may no longer send /status/418 as any other account {UNSEEN} to httpbin.org",
            )
        ],
        [
            (
                "wider account",
                f"team-y may now also send /status/418 as any other account {UNSEEN} to httpbin.org",
            )
        ],
    ),
    "TLS at the gateway": (
        "teams/team-x/egress/example.com/http/upgrade",
        "none",
        [
            (
                "weaker TLS",
                "What team-x may send to example.com by http now leaves unencrypted instead of in TLS",
            )
        ],
        [
            (
                "stronger TLS",
                "What team-x may send to example.com by http now leaves in TLS instead of unencrypted",
            )
        ],
    ),
    "the mesh's minimum version": (
        "mesh/minTlsVersion",
        "1.3",
        [("stronger TLS", "The mesh's TLS, minimum version: now TLSV1_3 instead of TLSV1_2")],
        [("weaker TLS", "The mesh's TLS, minimum version: now TLSV1_2 instead of TLSV1_3")],
    ),
    "another team's pods": (
        "teams/team-y/reaches",
        ["team-x"],
        [("new host", "team-y may now reach pods of team-x: http")],
        [("lost host", "team-y can no longer reach pods of team-x: http")],
    ),
}


@pytest.mark.parametrize("change", CONFIGS)
def test_a_change_of_config_is_said_in_words_and_so_is_its_way_back(dev: Snapshot, change: str) -> None:
    path, value, forth, back = CONFIGS[change]
    other = deployed(config_with(path, value))
    assert said(difference(dev, other)) == forth
    assert said(difference(other, dev)) == back


def test_passthrough_beside_rules_is_a_wider_path_and_not_just_another_port() -> None:
    """Rules see plain http alone: whoever may open TLS of his own to the same host sends anything past
    them."""
    ruled = {"http": {"upgrade": "tls", "methods": ["POST"], "paths": ["/v1/charges"]}}
    old = deployed(config_with(f"{TEAM_Y}/api.example.org", ruled))
    new = deployed(config_with(f"{TEAM_Y}/api.example.org", {**ruled, "https": "passthrough"}))
    gained = "team-y may now also send everything, by https and past every rule for http, to api.example.org"
    assert said(difference(old, new)) == [("wider path", gained)]
    lost = "team-y may no longer send everything, by https and past every rule for http, to api.example.org"
    assert said(difference(new, old)) == [("narrower path", lost)]


REMOVED = {
    # object: what is said when it is gone
    "team-y/networkpolicy/team-boundary": ("removed fence", "NetworkPolicy no longer refuses team-y: "),
    "team-y/sidecar/default": (
        "removed fence",
        "The sidecar no longer refuses team-y: pods of team-x (http)",
    ),
    "istio-egress/networkpolicy/nothing": (
        "removed fence",
        "NetworkPolicy no longer refuses pods of no team and the internet: other pods of istio-egress",
    ),
    "validatingadmissionpolicy/egress-team-workloads": (
        "removed fence",
        "Admission no longer holds team-x and team-y to the rule capabilities, the rule confined-process, ",
    ),
    "validatingadmissionpolicybinding/egress-platform-kinds": (
        "removed fence",
        "Admission no longer holds istio-egress, istio-system and 3 more to the rule platform-kinds",
    ),
    "validatingadmissionpolicy/egress-gateway-nodes": (
        "new way round",
        "team-x and team-y can now reach any other host (https) from a gateway node",
    ),
    "validatingadmissionpolicybinding/egress-team-services": (
        "removed fence",
        "Admission no longer holds team-x and team-y to the rule external-ips, the rule outside-endpoints "
        "and ",
    ),
    "firewall/global-deny-egress-all": (
        "removed fence",
        "The firewall no longer stops application nodes: the internet (every port)",
    ),
    "istio-system/peerauthentication/default": (
        "weaker TLS",
        "Mutual TLS of istio-egress, istio-system and 2 more: now PERMISSIVE instead of STRICT",
    ),
    "istio-egress/destinationrule/example-com-originate-tls": (
        "weaker TLS",
        "What team-x may send to example.com by http now leaves unencrypted instead of in TLS",
    ),
    "istio-egress/authorizationpolicy/egress-team-y": (
        "lost host",
        "team-y can no longer reach httpbin.org: ",
    ),
}


@pytest.mark.parametrize("name", REMOVED)
def test_an_object_that_is_gone_is_said_by_what_it_held(dev: Snapshot, name: str) -> None:
    found = said(difference(dev, without(dev, name)))
    assert [one for one in found if one[0] == REMOVED[name][0] and one[1].startswith(REMOVED[name][1])]


def without(of: Snapshot, name: str) -> Snapshot:
    kept = Snapshot.of(
        (item for item in of.kubernetes if identity(item) != name),
        (item for item in of.google if item.identity != name),
    )
    assert len(kept.kubernetes) + len(kept.google) == len(of.kubernetes) + len(of.google) - 1
    return kept


def changed(of: Snapshot, name: str, change: Callable[[dict[str, Any]], None]) -> Snapshot:
    copied = json.loads(json.dumps(of.kubernetes))
    change(next(item for item in copied if identity(item) == name))
    return Snapshot.of(copied, of.google)


def test_a_weaker_pod_security_label_is_a_removed_fence(dev: Snapshot) -> None:
    label = {"pod-security.kubernetes.io/enforce": "baseline"}
    weaker = changed(dev, "namespace/team-x", lambda item: item["metadata"]["labels"].update(label))
    assert said(difference(dev, weaker)) == [
        ("removed fence", "Pod Security of team-x is now baseline instead of restricted")
    ]


def test_a_certificate_that_nobody_checks_any_more_is_weaker_tls(dev: Snapshot) -> None:
    def anyone(item: dict[str, Any]) -> None:
        for port in item["spec"]["trafficPolicy"]["portLevelSettings"]:
            port["tls"] = {"mode": "SIMPLE", "insecureSkipVerify": True}

    found = difference(dev, changed(dev, "istio-egress/destinationrule/example-com-originate-tls", anyone))
    assert [risk for risk, _ in said(found)] == ["weaker TLS"]
    assert "with any certificate taken instead of with the certificate checked" in found.changes[0].text


def test_wording_without_effect_is_said_to_have_none(dev: Snapshot) -> None:
    found = difference(dev, deployed(config_with("teams/team-x/labels", {"team": "x", "cost-center": "7"})))
    assert found.changes == ()
    assert found.objects
    assert not found.widens


def test_the_order_of_objects_means_nothing(dev: Snapshot) -> None:
    wider = deployed(config_with(f"{TEAM_Y}/api.example.org", {"https": "passthrough"}))
    turned = Snapshot.of(reversed(wider.kubernetes), reversed(wider.google))
    assert difference(wider, turned).changes == ()
    assert said(difference(dev, turned)) == said(difference(dev, wider))


def facts(found: Difference) -> set[tuple[tuple[str, ...], Fact]]:
    """What is said of whom, whichever object decides."""
    return {
        (change.teams, replace(fact, team="", by="")) for change in found.changes for fact in change.facts
    }


def mirrored(found: Difference) -> set[tuple[tuple[str, ...], Fact]]:
    return {(teams, fact.mirrored) for teams, fact in facts(found)}


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(configs(), configs())
def test_what_one_way_gains_the_other_way_loses(one: dict[str, Any], other: dict[str, Any]) -> None:
    old, new = deployed(one), deployed(other)
    forth, back = difference(old, new), difference(new, old)
    assert facts(forth) == mirrored(back)
    assert difference(old, deployed(one)).changes == ()


# The command


def test_a_folder_and_the_config_here_are_compared_in_what_both_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    plan = plan_of(config_with(f"{TEAM_Y}/api.example.org", {"https": "passthrough"}))
    (tmp_path / "objects.yaml").write_text(to_yaml(item.manifest for item in render(plan)), encoding="utf-8")
    done = CliRunner().invoke(app, ["diff", str(tmp_path), "--format", "json"])
    assert done.exit_code == 0
    assert "OLD holds no Google resources: firewall, DNS and nodes are not compared." in done.stderr
    (change,) = json.loads(done.stdout)["changes"]
    assert (change["risk"], change["widening"], change["team"]) == ("lost host", False, "team-y")
    assert change["text"] == "team-y can no longer reach api.example.org: https"


def test_a_widening_can_be_made_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plan = plan_of(config_with(f"{TEAM_Y}/api.example.org", {"https": "passthrough"}))
    for name, of in (("old", plan_of(dev_config())), ("new", plan)):
        (tmp_path / f"{name}.yaml").write_text(
            to_yaml(item.manifest for item in render(of)), encoding="utf-8"
        )
    old, new = str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")
    wider = CliRunner().invoke(app, ["diff", old, new, "--format", "markdown", "--fail-on-widening"])
    assert wider.exit_code == 1
    assert wider.stdout == "- team-y may now reach api.example.org: https (**lets more out**, new host)\n"
    assert CliRunner().invoke(app, ["diff", new, old, "--fail-on-widening"]).exit_code == 0
    same = CliRunner().invoke(app, ["diff", old, old])
    assert same.stdout == "Nothing changes: the objects are the same.\n"


def test_what_is_neither_file_nor_ref_is_a_wrong_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, ["diff", "no-such-thing"])
    assert done.exit_code == 2
    assert "no-such-thing is no file, no folder and no git ref." in done.stderr
