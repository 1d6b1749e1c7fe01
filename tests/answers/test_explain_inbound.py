"""`egress explain --from-outside`: what every layer says to somebody outside, and what the config would have
to say otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from egress.answers.asked import NoFlow
from egress.answers.explain_inbound import InboundExplanation, asked_from_outside, explain_from_outside
from egress.answers.reachability_inbound import inbound_rows
from egress.judge.inbound_targets import inbound_targets
from egress.judge.lookup.inbound_flow import InboundFlow
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.inbound_places import FOLDED, place_of, who_of
from egress.proof.snapshot import deployment
from tests.answers.test_reach_inbound import run, stack
from tests.proof.inbound_stack import BUYER, CLIENT, GATEWAY, ORDERS, RANGES, objects, plan
from tests.support import config_with, plan_of

__all__ = ["stack"]
MYSQL, PRICES = "tcp://mysql.fqdn.example:13306", "https://prices.fqdn.example/list"


def asked(
    url: str, address: str = "198.51.100.17", of: Plan | None = None, **more: Any
) -> InboundExplanation:
    made = of or plan()
    judges = Judges(deployment(made, render(made)) if of else objects())
    return explain_from_outside(
        judges, "orders", asked_from_outside(judges, "orders", url, address, **more), made
    )


@pytest.mark.parametrize(
    ("url", "more", "layer", "advice"),
    [
        (MYSQL, {"certificate": CLIENT}, "", "declares it: without clients.shop there it is refused"),
        (PRICES, {"certificate": BUYER}, "", "declares it: without clients.buyer there it is refused"),
        (PRICES, {"certificate": BUYER, "headers": [("Host", "prices.fqdn.example:443")]}, "", "declares it"),
        (
            MYSQL,
            {"certificate": BUYER},
            "gateway",
            f"Add {BUYER} to gke-mesh-egress:teams.orders.receives.mysql.clients",
        ),
        (MYSQL, {"certificate": CLIENT, "foreign": True}, "gateway", "ca.crt of the Secret mysql-credential"),
        (MYSQL, {}, "gateway", "A client has to show a certificate"),
        ("http://prices.fqdn.example:443/", {}, "gateway", "takes TLS with a client's certificate alone"),
        (
            MYSQL,
            {"certificate": CLIENT, "address": "192.0.2.1"},
            "load balancer",
            "sourceRanges has no range with 192.0.2.1",
        ),
        (
            PRICES,
            {"certificate": BUYER, "headers": [("Host", "other.example")]},
            "authorization",
            "leave the Host header as it is",
        ),
        (
            "tcp://mysql.fqdn.example:3306",
            {"certificate": CLIENT},
            "load balancer",
            "Nothing is received at mysql.fqdn.example, port 3306",
        ),
        (
            "tcp://other.example:13306",
            {"certificate": CLIENT},
            "gateway",
            "Nothing is received at other.example, port 13306",
        ),
    ],
)
def test_who_gets_through_and_what_would_turn_it_around(
    url: str, more: dict[str, Any], layer: str, advice: str
) -> None:
    said = asked(url, **more)
    assert (said.allowed, "" if said.allowed else said.trace.decision.layer.value) == (not layer, layer)
    assert advice in said.advice


CHANGES: Mapping[str, tuple[str, dict[str, Any], Any]] = {
    "a client more": (
        MYSQL,
        {"certificate": BUYER},
        lambda teams, ranges: teams["mysql"]["clients"].update(buyer=BUYER),
    ),
    "a range more": (
        MYSQL,
        {"certificate": CLIENT, "address": "192.0.2.1"},
        lambda teams, ranges: ranges.update(other="192.0.2.0/30"),
    ),
    "something else received": (
        "tcp://more.example:13306",
        {"certificate": CLIENT},
        lambda teams, ranges: teams.update(more={**teams["mysql"], "host": "more.example"}),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_it_advises_turns_the_answer(what: str) -> None:
    url, more, change = CHANGES[what]
    assert not asked(url, **more).allowed
    receives, ranges = json.loads(json.dumps([ORDERS, RANGES]))
    change(receives, ranges)
    config = config_with("teams", {"orders": {"receives": receives}})
    config["gke-mesh-egress:ingress"] = {"exposure": "external", "sourceRanges": ranges}
    assert asked(url, of=plan_of(config), **more).allowed


def test_another_teams_service_is_not_reached_though_the_connection_is_taken() -> None:
    judges = Judges(objects())
    said = explain_from_outside(
        judges, "shop", asked_from_outside(judges, "shop", MYSQL, "198.51.100.17", certificate=CLIENT), plan()
    )
    assert said.trace.allowed
    assert not said.allowed
    assert "It is orders that receives at this name and port, not shop." in said.advice


@pytest.mark.parametrize(
    ("url", "address", "more", "says"),
    [
        (MYSQL, "nowhere", {}, "neither an address nor a range"),
        (MYSQL, "198.51.100.17/28", {}, "neither an address nor a range"),
        (MYSQL, "10.1.0.9", {}, "of the cluster's own network"),
        ("udp://mysql.fqdn.example:13306", "192.0.2.1", {}, "from outside it is https://"),
        ("tcp://mysql.fqdn.example", "192.0.2.1", {}, "names no port"),
        (
            "http://mysql.fqdn.example",
            "192.0.2.1",
            {"certificate": CLIENT},
            "Without TLS nobody shows a certificate",
        ),
        (MYSQL, "192.0.2.1", {"foreign": True}, "--other-authority says who signed"),
    ],
)
def test_what_cannot_be_asked_is_said_with_what_to_write(
    url: str, address: str, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(NoFlow, match=says):
        asked(url, address, **more)


@pytest.mark.usefixtures("stack")
def test_the_command_answers_for_people_and_machines_and_refuses_what_does_not_go_together() -> None:
    outside = ("explain", "orders", MYSQL, "--from-outside", "198.51.100.17")
    printed = run(*outside, "--certificate", CLIENT)
    assert printed.exit_code == 0
    assert "yes load balancer" in " ".join(printed.stdout.split())
    assert "allowed. gke-mesh-egress:teams.orders.receives.mysql declares it" in " ".join(
        printed.stdout.split()
    )
    refused = json.loads(run(*outside, "--json").stdout)
    assert (refused["allowed"], refused["decidedBy"]["object"]) == (False, GATEWAY)
    assert run(*outside, "--as", "proxy").exit_code == 2
    assert run("explain", "orders", MYSQL, "--certificate", CLIENT).exit_code == 2


def test_the_rows_of_reach_and_the_explanation_never_disagree() -> None:
    """Every class of the one list, explained as a person would ask, gets what its row says."""
    judges = Judges(objects())
    verdicts = {
        (row.place.by, row.place.host, row.place.port, row.who): row.verdict for row in inbound_rows(judges)
    }
    compared = 0
    for target in inbound_targets(judges):
        if isinstance(target.flow, InboundFlow) and target.kind not in FOLDED:
            place = place_of(target)
            row = verdicts[place.by, place.host, place.port, who_of(target)]
            told = explain_from_outside(judges, "orders", target.flow, plan()).trace.allowed
            assert row in (("yes", "some") if told else ("no", "some")), target
            compared += 1
    assert compared > 20
