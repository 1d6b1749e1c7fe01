"""`egress reach` shows the tutorial's table: who reaches what in the dev stack, by which way, and which
object decides."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
import yaml

from egress.answers.reachability import Cell, Row, reach
from egress.common.names import OPEN_TLS_HOST
from egress.judge.lookup.flow_space import OTHER_HOST
from egress.judge.lookup.host_shapes import BELOW
from egress.judge.model.equivalence import OTHER_METHOD, OTHER_VALUE
from egress.judge.model.flow import Layer, Vantage
from egress.judge.model.snapshot import Snapshot
from egress.judge.targets import OTHER_ACCOUNT
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from tests.support import ROOT, config_with, dev_config, plan_of

SIDECAR, POLICY, GATEWAY, AUTHORIZATION = (
    Layer.SIDECAR,
    Layer.NETWORK_POLICY,
    Layer.GATEWAY,
    Layer.AUTHORIZATION,
)
BOUNDARY_X, BOUNDARY_Y = "team-x/networkpolicy/team-boundary", "team-y/networkpolicy/team-boundary"
OF_X, OF_Y = (
    "istio-egress/authorizationpolicy/egress-team-x",
    "istio-egress/authorizationpolicy/egress-team-y",
)
SEEN_BY_Y = "team-y/sidecar/default"
EXAMPLE, STORAGE = (
    "istio-egress/serviceentry/example-com-ext",
    "istio-egress/serviceentry/storage-googleapis-com",
)

APP = {
    # team, target, port: verdict, who decides a refusal
    ("team-x", "example.com", 80): ("yes", None, None),
    ("team-x", "example.com", 443): ("yes", None, None),
    ("team-x", "httpbin.org", 80): ("no", AUTHORIZATION, OF_X),
    ("team-x", "httpbin.org", 443): ("yes", None, None),
    ("team-x", "storage.googleapis.com", 443): ("yes", None, None),
    ("team-x", "any other host", 80): ("no", SIDECAR, "team-x/sidecar/default"),
    ("team-x", "any other host", 443): ("no", SIDECAR, "team-x/sidecar/default"),
    ("team-x", "any other address", None): ("no", SIDECAR, "team-x/sidecar/default"),
    ("team-x", "pods of team-y", 8080): ("yes", None, None),
    ("team-x", "metadata server", 80): ("yes", None, None),
    ("team-y", "example.com", 80): ("no", SIDECAR, EXAMPLE),
    ("team-y", "example.com", 443): ("no", SIDECAR, EXAMPLE),
    ("team-y", "httpbin.org", 80): ("some", None, None),
    ("team-y", "httpbin.org", 443): ("yes", None, None),
    ("team-y", "storage.googleapis.com", 443): ("no", SIDECAR, STORAGE),
    ("team-y", "any other host", 80): ("no", SIDECAR, SEEN_BY_Y),
    ("team-y", "any other host", 443): ("no", SIDECAR, SEEN_BY_Y),
    ("team-y", "any other address", None): ("no", SIDECAR, SEEN_BY_Y),
    ("team-y", "pods of team-x", 8080): ("no", SIDECAR, SEEN_BY_Y),
    ("team-y", "metadata server", 80): ("no", SIDECAR, "istio-egress/serviceentry/metadata-google-internal"),
}
"""The tutorial's table, for the apps themselves."""


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str, int | None], Row]:
    plan = plan_of(dev_config())
    intent = Intent(plan)
    judges = Judges(deployment(plan, render(plan)))
    return {(row.team, row.target, row.port): row for row in reach(judges, intent.teams, intent)}


def cell(row: Row, way: Vantage) -> Cell:
    return next(cell for cell in row.cells if cell.vantage is way)


PAST = {
    (team, *target)
    for team, other in (("team-x", "team-y"), ("team-y", "team-x"))
    for target in ((f"pods of {other}", None), ("addresses inside", None), ("DNS server outside", 53))
}
"""What is only asked past the sidecar."""


def test_the_table_has_exactly_these_rows(rows: dict[tuple[str, str, int | None], Row]) -> None:
    assert rows.keys() == APP.keys() | PAST


@pytest.mark.parametrize("asked", APP, ids=lambda asked: f"{asked[0]} {asked[1]}:{asked[2]}")
def test_what_an_app_reaches_and_which_object_refuses(
    rows: dict[tuple[str, str, int | None], Row], asked: tuple[str, str, int | None]
) -> None:
    verdict, layer, by = APP[asked]
    found = cell(rows[asked], Vantage.APP)
    assert found.verdict == verdict
    if layer:
        assert (found.decision.layer, found.decision.decided_by) == (layer, by)


def test_the_teapot_is_all_of_httpbin_that_team_y_gets_in_plain_http(
    rows: dict[tuple[str, str, int | None], Row],
) -> None:
    assert cell(rows["team-y", "httpbin.org", 80], Vantage.APP).allowed == ("/status/418",)


@pytest.mark.parametrize("way", [Vantage.PROXY, Vantage.POD_WITHOUT_SIDECAR])
def test_nothing_outside_is_reached_past_the_sidecar(
    rows: dict[tuple[str, str, int | None], Row], way: Vantage
) -> None:
    open_to_x = {"storage.googleapis.com", "metadata server", "pods of team-y"}
    for (team, target, port), row in rows.items():
        if all(of.vantage is not way for of in row.cells):
            continue
        found = cell(row, way)
        if team == "team-x" and target == "addresses inside":
            assert found.allowed == ("199.36.153.8/30 TCP 443",)
        elif team == "team-x" and target in open_to_x:
            # Neighbours are reached on every port but those of their proxies.
            assert found.allowed == (("everything",) if port else ("TCP 1-14999, 15091-65535", "UDP 1-65535"))
        else:
            boundary = BOUNDARY_X if team == "team-x" else BOUNDARY_Y
            assert (found.verdict, found.decision.layer, found.decision.decided_by) == (
                "no",
                POLICY,
                boundary,
            )


def test_no_gateway_takes_a_client_without_a_certificate(
    rows: dict[tuple[str, str, int | None], Row],
) -> None:
    asked = [
        cell(row, Vantage.GATEWAY_WITHOUT_CERTIFICATE)
        for row in rows.values()
        if any(of.vantage is Vantage.GATEWAY_WITHOUT_CERTIFICATE for of in row.cells)
    ]
    assert len(asked) == 12
    for found in asked:
        assert (found.verdict, found.decision.layer, found.decision.decided_by) == (
            "no",
            GATEWAY,
            "istio-egress/gateway/egress-gateway",
        )


def test_with_its_own_certificate_a_team_gets_at_the_gateway_what_its_app_gets(
    rows: dict[tuple[str, str, int | None], Row],
) -> None:
    for (team, target, port), row in rows.items():
        if any(item.vantage is Vantage.GATEWAY_WITH_CERTIFICATE for item in row.cells):
            app, straight = cell(row, Vantage.APP), cell(row, Vantage.GATEWAY_WITH_CERTIFICATE)
            assert straight.allowed == app.allowed, (team, target, port)


RULES = ROOT / "examples/modes/Pulumi.rules.yaml"


def rows_of(config: dict[str, Any]) -> list[Row]:
    plan = plan_of(config)
    intent = Intent(plan)
    return list(reach(Judges(deployment(plan, render(plan))), intent.teams, intent))


def test_rules_are_said_in_their_own_words() -> None:
    """Not as the cross product of everything that could be asked, and without names that nobody wrote."""
    found = {
        (row.target, row.port): cell(row, Vantage.APP).allowed
        for row in rows_of(yaml.safe_load(RULES.read_text(encoding="utf-8"))["config"])
        if row.target.endswith(".example")
    }
    assert found["api.partner.example", 80] == (
        "GET/POST /v1/customers/{*}/orders/{**} as checkout",
        "GET/HEAD /v1/prices, /v1/items/*",
        "/v1/reports/* with x-request-reason: *, x-tenant: shop or shop-*",
    )
    assert found["status.partner.example", 80] == ("GET with accept: application/json as checkout",)


@pytest.mark.parametrize("mode", sorted(path.stem for path in (ROOT / "examples/modes").glob("*.yaml")))
def test_no_made_up_name_is_ever_seen(mode: str) -> None:
    config = yaml.safe_load((ROOT / f"examples/modes/{mode}.yaml").read_text(encoding="utf-8"))["config"]
    shown = json.dumps([row.as_json() for row in rows_of(config)])
    for made_up in (OTHER_VALUE, OTHER_METHOD, OPEN_TLS_HOST, OTHER_ACCOUNT, OTHER_HOST, BELOW):
        assert f'"{made_up}' not in shown
        assert f" {made_up}" not in shown


def test_a_rule_that_is_no_longer_met_whole_is_said_by_what_is_left_of_it() -> None:
    config = config_with(
        "teams/team-y/egress/api.example.org", {"http": {"upgrade": "tls", "methods": ["GET", "PUT"]}}
    )
    plan = plan_of(config)
    refused = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "no-put", "namespace": "istio-egress"},
        "spec": {
            "action": "DENY",
            "rules": [{"to": [{"operation": {"hosts": ["api.example.org"], "methods": ["PUT"]}}]}],
        },
    }
    whole = deployment(plan, render(plan))
    judges = Judges(Snapshot.of((*whole.kubernetes, refused), whole.google))
    found = {(row.target, row.port): row for row in reach(judges, ["team-y"], Intent(plan))}
    assert cell(found["api.example.org", 80], Vantage.APP).allowed == ("GET",)


def test_rules_beside_passthrough_are_called_void(rows: dict[tuple[str, str, int | None], Row]) -> None:
    """The app may send the same host anything in TLS of its own, which no rule for requests sees."""
    assert cell(rows["team-y", "httpbin.org", 80], Vantage.APP).void
    ruled = {"http": {"upgrade": "tls", "paths": ["/a"]}}
    alone = rows_of(config_with("teams/team-y/egress/api.example.org", ruled))
    assert not any(item.void for row in alone if row.target == "api.example.org" for item in row.cells)
    above = config_with("teams/team-y/egress/api.example.org", ruled)
    above["gke-mesh-egress:teams"]["team-y"]["egress"]["*.example.org"] = {"https": "passthrough"}
    pattern = {
        row.port: cell(row, Vantage.APP)
        for row in rows_of(above)
        if (row.team, row.target) == ("team-y", "api.example.org")
    }
    assert pattern[80].void


def test_a_narrow_screen_gets_a_block_for_each_target(tmp_path: Path) -> None:
    """At 80 columns no word is broken in two, and no line is longer."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "egress", "reach", "--team", "team-y"],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"},
        stdout=follower,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                read = os.read(leader, 65536)
            except OSError:
                break
            shown += read
            if not read:
                break
        assert process.wait(60) == 0
    os.close(leader)
    lines = shown.decode().replace("\r", "").splitlines()
    assert max(map(len, lines)) <= 80
    assert "  httpbin.org" in lines
    assert "    80/http   /status/418 (void: https passes everything): app" in lines
    assert "              no NetworkPolicy: past the sidecar" in lines
