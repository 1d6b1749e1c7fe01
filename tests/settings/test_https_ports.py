"""Ports of https, and where plain HTTP leaves to: what is refused, and what the plan makes of them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.settings.refused import HOSTS, Row, check_refused, each, problems_of
from tests.support import config_with, plan_of, teams

HOST = "search.partner.example"
AT = f"{HOSTS}/{HOST}"
OF = {"https": "passthrough"}
RAW = {"port": 9243, "addresses": ["203.0.113.7"], "serviceAccounts": ["app"]}
LONG = ".".join(["a" * 60] * 3) + "." + "b" * 53

REFUSED: list[Row] = [
    ("no port at all", AT, OF | {"httpsPorts": []}, "nothing would be allowed", "for 443"),
    ("without https", AT, {"http": {}, "httpsPorts": [9243]}, "not declared", "Add https: passthrough"),
    ("a port that is there twice", AT, OF | {"httpsPorts": [443, 443]}, "named twice", "Remove one"),
    ("the port of http", AT, OF | {"httpsPorts": [80]}, "reads HTTP", "speaks TLS"),
    ("a port of the node", AT, OF | {"httpsPorts": [30443]}, "the node that", "own addresses"),
    ("a port of the mesh", AT, OF | {"httpsPorts": [15001]}, "the gateway itself", "own addresses"),
    ("no port number", AT, OF | {"httpsPorts": [70000]}, "at most 65535", "at most 65535"),
    ("one port, not a list", AT, OF | {"httpsPorts": 9243}, "must be a list", "httpsPorts: [9243]"),
    ("raw TCP on the same port", AT, OF | {"httpsPorts": [9243], "tcp": RAW}, "for this port", "outsidePort"),
    ("of a pattern", f"{HOSTS}/*.partner.example", OF | {"httpsPorts": [9243]}, "for port 443", "full name"),
    ("a host that is too long", f"{HOSTS}/{LONG}", OF | {"httpsPorts": [9243]}, "at most 233", "Check"),
    ("http to a port of the node", AT, {"http": {"outsidePort": 10250}}, "the node that", "another port"),
]


@each(REFUSED)
def test_is_refused_with_path_consequence_and_fix(path: str, value: Any, consequence: str, fix: str) -> None:
    check_refused(path, value, consequence, fix)


def test_443_of_a_pattern_may_be_written() -> None:
    (host,) = plan_of(teams(team_x={"*.partner.example": OF | {"httpsPorts": [443]}})).hosts
    assert host.tls_ports == (443,)


@pytest.mark.parametrize(
    ("said", "ports"),
    [({}, (443,)), ({"httpsPorts": [9243]}, (9243,)), ({"httpsPorts": [8443, 443]}, (443, 8443))],
)
def test_without_the_key_it_is_443_and_with_it_what_stands_there(
    said: dict[str, Any], ports: tuple[int, ...]
) -> None:
    plan = plan_of(teams(team_x={HOST: OF | said}))
    (host,) = plan.hosts
    assert host.tls_ports == ports
    assert plan.gateways[0].ports == ports


def test_teams_need_not_agree_on_the_ports_of_https() -> None:
    (host,) = plan_of(teams(team_a={HOST: OF}, team_b={HOST: OF | {"httpsPorts": [9243]}})).hosts
    assert [use.tls_ports for use in host.uses] == [(443,), (9243,)]


def test_another_teams_raw_tcp_on_a_port_of_https_is_refused() -> None:
    config = teams(team_a={HOST: OF | {"httpsPorts": [9243]}}, team_b={HOST: {"tcp": RAW}})
    (problem,) = problems_of(config)
    assert problem.path == f'gke-mesh-egress:teams.team-b.egress["{HOST}"].tcp.port'
    assert f'teams.team-a.egress["{HOST}"].https is for this port' in problem.consequence


@pytest.mark.parametrize(
    ("http", "port"),
    [
        ({}, 80),
        ({"upgrade": "tls"}, 443),
        ({"outsidePort": 9200}, 9200),
        ({"upgrade": "tls", "outsidePort": 9243}, 9243),
    ],
)
def test_http_leaves_where_it_says(http: dict[str, Any], port: int) -> None:
    assert plan_of(teams(team_x={HOST: {"http": http}})).gateways[0].ports == (port,)


def test_teams_agree_on_where_http_leaves_to() -> None:
    config = teams(team_a={HOST: {"http": {}}}, team_b={HOST: {"http": {"outsidePort": 9200}}})
    (problem,) = problems_of(config)
    assert problem.path.endswith("http.outsidePort")


def test_a_host_below_a_pattern_of_the_team_has_its_port_as_well() -> None:
    """Where another team has the host on 443, sidecars follow the host's own entry, no longer the pattern."""
    config = teams(team_x={"*.partner.example": OF, HOST: OF | {"httpsPorts": [9243]}})
    (problem,) = problems_of(config)
    assert problem.path.endswith(f'["{HOST}"].httpsPorts')
    assert "reach search.partner.example on 443 as well" in problem.consequence
    plan_of(teams(team_x={"*.partner.example": OF, HOST: OF | {"httpsPorts": [443, 9243]}}))


def test_a_copy_of_the_config_says_the_same() -> None:
    loaded = plan_of(config_with(AT, OF | {"httpsPorts": [9243, 443]})).settings
    written = loaded.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert written["teams"]["team-x"]["egress"][HOST] == OF | {"httpsPorts": [9243, 443]}


INSPECTED = {"http": {"upgrade": "tls", "inspect": {"refuse": {"key": "BEGIN"}}}}
ON_9243 = OF | {"httpsPorts": [9243]}


@pytest.mark.parametrize(
    "config",
    [
        teams(team_a={HOST: INSPECTED | ON_9243}),
        teams(team_a={HOST: INSPECTED}, team_b={HOST: ON_9243}),
        teams(team_a={HOST: INSPECTED}, team_b={HOST: ON_9243})
        | {"gke-mesh-egress:gateways": {"own": {}}, "own": "team-b"},
    ],
)
def test_an_inspected_host_has_no_port_of_https_at_any_gateway(config: dict[str, Any]) -> None:
    if team := config.pop("own", None):
        config = {**config, "gke-mesh-egress:teams": deepcopy(config["gke-mesh-egress:teams"])}
        config["gke-mesh-egress:teams"][team]["gateway"] = "own"
    (problem,) = problems_of(config)
    assert "uninspected" in problem.consequence


def test_a_host_that_a_private_zone_answers_needs_a_range_for_its_other_port_too() -> None:
    config = teams(team_a={HOST: ON_9243})
    config["gke-mesh-egress:network"]["dns"] = {"answeredElsewhere": {"partner.example": "company zone"}}
    (problem,) = problems_of(config)
    assert "privateHosts" in problem.fix
    config["gke-mesh-egress:fences"] = {"privateHosts": {"vpn": "10.200.0.0/24"}}
    plan_of(config)


def test_past_the_gateway_a_port_of_https_is_led_to_the_host_and_not_to_where_the_client_connects() -> None:
    config = teams(media={HOST: ON_9243})
    config["gke-mesh-egress:teams"]["media"]["model"] = {"registryOnly": "uploads"}
    config["gke-mesh-egress:fences"] = {"applicationNodes": {"leaveOn": [9243], "reason": "uploads"}}
    plan = plan_of(config)
    deployed = deployment(plan, render(plan))
    assert verify(Intent(plan), Judges(deployed)).holds
    changed = deepcopy(list(deployed.kubernetes))
    (entry,) = [item for item in changed if item["kind"] == "ServiceEntry" and HOST in item["spec"]["hosts"]]
    entry["spec"]["resolution"] = "NONE"
    found = verify(Intent(plan), Judges(Snapshot.of(changed, deployed.google))).violations
    said = f"Who says {HOST} must not be led to whatever address he connects to."
    assert said in [one.says for one in found]
