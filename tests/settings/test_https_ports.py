"""Ports of https, and where plain HTTP leaves to: what is refused, and what the plan makes of them."""

from __future__ import annotations

from typing import Any

import pytest

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
