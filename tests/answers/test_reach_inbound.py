"""What those outside reach, as `egress reach` prints it: by what the judges find, not by what the config
says."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from egress.answers.reachability_inbound import InboundRow, inbound_rows
from egress.cli.app import app
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.proof.inbound_stack import CLIENT, GATEWAY, POLICY, SERVICE, all_of, objects, put
from tests.support import ROOT, dev_config, plan_of

BUYER_AT = ("orders", "prices:80", "prices.fqdn.example", 443)


NAMES = {GATEWAY: "gateway", POLICY: "policy", SERVICE: "service"}


def rows(**edits: Any) -> list[InboundRow]:
    """Of the rendered objects, with some edited; keywords name the objects below."""
    made = [deepcopy(dict(item)) for item in objects().kubernetes]
    for item in made:
        if (name := NAMES.get(identity(item))) in edits:
            edits[name](item)
    return list(inbound_rows(Judges(Snapshot.of(made, objects().google))))


def of(found: list[InboundRow], who: str, host: str = "mysql.fqdn.example") -> tuple[str, str]:
    (row,) = (row for row in found if row.who == who and row.place.host == host)
    return row.verdict, row.decision.layer.value


def test_it_says_which_client_reaches_which_service_at_which_name_and_port() -> None:
    found = {
        (row.team, row.service, row.place.host, row.place.port, row.who)
        for row in rows()
        if row.verdict == "yes" and row.place.host
    }
    assert found == {
        ("orders", "mysql:3306", "mysql.fqdn.example", 13306, CLIENT),
        (*BUYER_AT, "client.buyer.example"),
        (*BUYER_AT, CLIENT),
    }


def test_it_says_from_which_ranges_the_load_balancer_takes_connections() -> None:
    by_address = {(row.place.port, row.who, row.verdict) for row in rows() if row.kind.value == "address"}
    partners = {
        (port, cidr, "yes") for port in (443, 13306) for cidr in ("198.51.100.16/28", "203.0.113.7/32")
    }
    assert {one for one in by_address if one[2] == "yes"} == partners
    assert {(443, "any other address", "no"), (13306, "any other address", "no")} <= by_address


@pytest.mark.parametrize(
    ("who", "layer"),
    [
        ("another client of the authority", "gateway"),
        ("a client of another authority", "gateway"),
        ("no certificate", "gateway"),
        ("no TLS", "gateway"),
    ],
)
def test_it_names_the_layer_that_refuses_everybody_else(who: str, layer: str) -> None:
    assert of(rows(), who) == ("no", layer)


def test_what_an_object_opens_is_seen_though_no_config_says_so() -> None:
    """The list is of what judges find: a gateway that asks for no certificate, one client more, ranges that
    are gone."""
    assert (
        of(
            rows(gateway=put("spec.servers.0.tls.subjectAltNames", [CLIENT, "spiffe://evil/x"])),
            "spiffe://evil/x",
        )[0]
        == "yes"
    )
    nameless = put("spec.servers.0.tls.subjectAltNames", None)
    assert (
        of(
            rows(gateway=all_of(put("spec.servers.0.tls.mode", "OPTIONAL_MUTUAL"), nameless)),
            "no certificate",
        )[0]
        == "yes"
    )
    narrower = rows(service=put("spec.loadBalancerSourceRanges", ["198.51.100.16/28"]))
    assert {
        (row.who, row.verdict)
        for row in narrower
        if row.place.port == 443 and not row.place.host and "/32" in row.who
    } == {("203.0.113.7/32", "no")}


def test_policies_behind_the_handshake_count_which_the_certificates_alone_do_not_show() -> None:
    assert of(rows(policy=put("spec.action", "DENY")), CLIENT) == ("no", "authorization")


def test_rules_about_requests_are_put_together_into_what_passes() -> None:
    only = {
        "to": [
            {"operation": {"paths": ["/prices"], "hosts": ["prices.fqdn.example", "prices.fqdn.example:443"]}}
        ]
    }
    found = rows(policy=lambda item: item["spec"].update(rules=[only]))
    (row,) = (
        row for row in found if row.who == "client.buyer.example" and row.place.host == "prices.fqdn.example"
    )
    assert (row.verdict, row.as_json()["allowed"]) == ("some", ["GET /prices for prices.fqdn.example"])


def test_ports_of_nodes_are_said_with_whom_they_are_open_to() -> None:
    (row,) = (row for row in rows() if row.place.by == "nodes" and row.who.endswith("sa-application-nodes"))
    assert "TCP 15017 from 10.5.0.0/28" in row.allowed


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: x\nruntime: python\n", encoding="utf-8")
    text = (ROOT / "examples/modes/Pulumi.receive.yaml").read_text(encoding="utf-8")
    (tmp_path / "Pulumi.dev.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


@pytest.mark.usefixtures("stack")
def test_the_command_prints_them_for_people_and_for_machines() -> None:
    printed = run("reach")
    assert printed.exit_code == 0
    flat = " ".join(printed.stdout.split())
    assert (
        "orders: mysql:3306 at mysql.fqdn.example, port 13306 yes: spiffe://partner.example/gateway no "
        "gateway:" in flat
    )
    said = json.loads(run("reach", "--json", "--host", "mysql.fqdn.example").stdout)["received"]
    assert {row["host"] for row in said} == {"mysql.fqdn.example"}
    assert [row["who"] for row in said if row["verdict"] == "yes"] == ["spiffe://partner.example/gateway"]
    assert {row["decidedBy"]["object"] for row in said if row["who"] == "no certificate"} == {
        "istio-ingress/gateway/orders-mysql"
    }


@pytest.mark.usefixtures("stack")
def test_a_team_that_receives_nothing_is_shown_nothing_from_outside() -> None:
    path = Path("Pulumi.dev.yaml")
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["config"]["gke-mesh-egress:teams"]["shop"] = {
        "egress": {"a.example.net": {"https": "passthrough"}}
    }
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert json.loads(run("reach", "--json", "--team", "shop").stdout)["received"] == []
    assert {
        row["team"] for row in json.loads(run("reach", "--json", "--team", "orders").stdout)["received"]
    } == {"orders"}


def test_without_a_way_in_nothing_is_said_to_be_open() -> None:
    plan = plan_of(dev_config())
    found = list(inbound_rows(Judges(deployment(plan, render(plan)))))
    assert {row.place.by for row in found} == {"nodes"}
