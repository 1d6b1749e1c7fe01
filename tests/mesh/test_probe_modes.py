"""`egress probe` of a stack with two gateways, a wildcard and raw TCP, on real proxies."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest

from egress.probe.row import Row, State
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.mesh.test_gateways import GATEWAYS, TEAMS
from tests.mesh.test_probe import of_flows, probe
from tests.support import config_with, plan_of

BELOW, DATABASE = "www.files.example.net", "db.example.net"


@pytest.fixture(scope="module")
def rows(found: Programs) -> Iterator[dict[str, Row]]:
    teams = deepcopy(TEAMS)
    teams["b"]["egress"][DATABASE]["tcp"]["outsidePort"] = 80
    config = config_with("teams", teams) | {"gke-mesh-egress:gateways": GATEWAYS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(WEBSITES, BELOW, "203.0.113.50")
        patch.setitem(WEBSITES, DATABASE, "203.0.113.60")
        with Mesh(plan_of(config), found) as mesh:
            yield {row.what: row for row in of_flows(mesh, probe(mesh, ["a", "b"]))}


def test_every_flow_is_as_the_plan_says(rows: dict[str, Row]) -> None:
    assert len(rows) > 45
    assert [row for row in rows.values() if row.state is not State.OK] == []


@pytest.mark.parametrize(
    ("what", "at"),
    [
        (f"b: https://{BELOW}", "203.0.113.50:443"),
        (f"b: tcp://{DATABASE}:8443", "203.0.113.60:80"),
        ("b: GET http://api.example.net/", "198.18.0.2:80"),
        ("a: GET http://api.example.net/", "198.18.0.2:443"),
    ],
)
def test_it_arrives_where_the_last_proxy_says(rows: dict[str, Row], what: str, at: str) -> None:
    assert (rows[what].expected, rows[what].at) == ("passes", at)


def test_each_gateway_refuses_what_is_beside_its_rules(rows: dict[str, Row]) -> None:
    assert rows["b: OPTIONS http://api.example.net/"].stopped_by == "gateway: authorization"
    assert rows[f"a: tcp://{DATABASE}:8443"].stopped_by == "sidecar"
