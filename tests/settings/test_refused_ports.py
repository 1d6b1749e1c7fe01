"""A host's ports of raw TCP: one entry, or a list of entries, and where a refusal says that it stands."""

from __future__ import annotations

from typing import Any

import pytest

from egress.settings import load
from tests.settings.refused import HOSTS, Row, check_refused, each, problems_of
from tests.support import config_with, plan_of, teams

HOST = "bus.partner.example"
ONE: dict[str, Any] = {"port": 5671, "byName": True, "serviceAccounts": ["app"]}
OTHER: dict[str, Any] = {"port": 5672, "byName": True, "serviceAccounts": ["app"]}
PATH = f'gke-mesh-egress:teams.team-x.egress["{HOST}"].tcp'
LONG = ".".join(["a" * 60] * 3) + "." + "b" * 53

REFUSED: list[Row] = [
    ("no port at all", f"{HOSTS}/{HOST}/tcp", [], "nothing would be allowed", "Name one"),
    ("a port that is there twice", f"{HOSTS}/{HOST}/tcp", [ONE, OTHER, ONE], "Port 5671", "Merge the two"),
    ("a host that is too long", f"{HOSTS}/{LONG}", {"tcp": ONE}, "at most 233", "Check the name"),
]


@each(REFUSED)
def test_is_refused_with_path_consequence_and_fix(path: str, value: Any, consequence: str, fix: str) -> None:
    check_refused(path, value, consequence, fix)


def test_a_host_may_be_as_long_as_the_gateways_name_for_it_allows() -> None:
    assert len(LONG) == 236
    plan_of(teams(team_x={LONG[3:]: {"tcp": ONE}}))


@pytest.mark.parametrize(
    ("tcp", "path", "consequence"),
    [
        (ONE | {"port": 443}, f"{PATH}.port", "reads the host's name from HTTP or TLS"),
        ([ONE, OTHER | {"port": 443}], f"{PATH}[1].port", "reads the host's name from HTTP or TLS"),
        ([ONE, OTHER | {"port": "x"}], f"{PATH}[1].port", "must be a whole number"),
        ([ONE, None], f"{PATH}[1]", "a mapping of its settings (port, addresses"),
        ([ONE, OTHER | {"ports": [1]}], f"{PATH}[1].ports", "for one port"),
        ([ONE, ONE], f"{PATH}[1].port", "declared twice"),
        ("5671", PATH, "a mapping of its settings (port, addresses"),
    ],
)
def test_a_refusal_says_which_entry_it_means(tcp: Any, path: str, consequence: str) -> None:
    (problem,) = problems_of(config_with(f"{HOSTS}/{HOST}", {"tcp": tcp}))
    assert problem.path == path
    assert consequence in problem.consequence


def test_what_teams_disagree_on_is_said_of_the_entry() -> None:
    config = teams(team_a={HOST: {"tcp": ONE}}, team_b={HOST: {"tcp": [OTHER, ONE | {"outsidePort": 5673}]}})
    (problem,) = problems_of(config)
    assert problem.path == f'gke-mesh-egress:teams.team-b.egress["{HOST}"].tcp[1].outsidePort'
    assert f'teams.team-a.egress["{HOST}"].tcp.outsidePort is None' in problem.consequence
    assert "one setting for a port of a host" in problem.consequence


def test_an_address_of_another_host_is_said_of_the_entry() -> None:
    fixed = {"port": 5671, "addresses": ["203.0.113.9"], "serviceAccounts": ["app"]}
    config = teams(team_a={HOST: {"tcp": [OTHER, fixed]}, "other.example": {"tcp": fixed}})
    (problem,) = problems_of(config)
    assert problem.path.endswith('egress["other.example"].tcp.addresses')
    assert f'egress["{HOST}"].tcp[1] has the same' in problem.consequence


def test_one_entry_and_a_list_of_one_are_the_same() -> None:
    one, several = (
        load(config_with(f"{HOSTS}/{HOST}/tcp", tcp)).teams["team-x"].egress[HOST] for tcp in (ONE, [ONE])
    )
    assert one == several
    assert one.model_dump(by_alias=True, exclude_unset=True)["tcp"] == ONE


def test_tcp_stands_beside_http_and_https_of_its_host() -> None:
    access = {"http": {}, "https": "passthrough", "tcp": [ONE, OTHER]}
    (host,) = plan_of(teams(team_x={HOST: access})).hosts
    assert host.leaving
    assert host.passthrough
    assert [port.number for port in host.tcp] == [5671, 5672]
