"""Advice about ports: what the examples let out is taken away, and what they refuse opened, by one change."""

from __future__ import annotations

import pytest

from egress.answers.asked import flow_of
from egress.answers.explain import explain
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.proof.snapshot import deployment
from egress.settings import load_file
from tests.support import ROOT, plan_of, teams

SEARCH = 'teams.search.egress."search.partner.example"'


def test_an_entry_is_taken_away_with_every_range_that_only_it_used() -> None:
    fixed = {"serviceAccounts": ["app"], "port": 5432}
    made = teams(
        orders={
            "a.example.com": {"tcp": fixed | {"addresses": ["10.100.0.5", "10.101.0.5"]}},
            "b.example.com": {"tcp": fixed | {"addresses": ["10.102.0.5"]}},
        }
    )
    ranges = {"one": "10.100.0.0/24", "two": "10.101.0.0/24", "kept": "10.102.0.0/24"}
    plan = plan_of(made | {"gke-mesh-egress:fences": {"privateAddresses": ranges}})
    said = explain(
        Judges(deployment(plan, render(plan))),
        flow_of("orders", "tcp://10.101.0.5:5432", account="app"),
        plan,
    )
    assert "fences.privateAddresses.one and fences.privateAddresses.two, in which nobody" in said.advice
    assert said.hint


@pytest.mark.parametrize(
    ("example", "team", "url", "account", "allowed", "advice"),
    [
        (
            "https-ports",
            "search",
            "https://search.partner.example:9243",
            "default",
            True,
            f"To take it away, remove or narrow {SEARCH}.",
        ),
        (
            "https-ports",
            "search",
            "https://search.partner.example",
            "default",
            False,
            f"To allow it, add 443 to {SEARCH}.httpsPorts, now [9243].",
        ),
        (
            "https-ports",
            "audit",
            "https://search.partner.example:9243",
            "default",
            False,
            'To allow it, add 9243 to teams.audit.egress."search.partner.example".httpsPorts, now [443].',
        ),
        (
            "private",
            "orders",
            "tcp://10.100.0.5:5432",
            "app",
            True,
            'remove or narrow teams.orders.egress."database.shop.example", and '
            "fences.privateAddresses.databases, in which nobody else names an address.",
        ),
        (
            "tls-without-name",
            "invoices",
            "https://203.0.113.7",
            "sender",
            True,
            'remove or narrow teams.invoices.egress."legacy.partner.example".',
        ),
    ],
)
def test_one_change_turns_it_around(
    example: str, team: str, url: str, account: str, allowed: bool, advice: str
) -> None:
    path = ROOT / f"examples/modes/Pulumi.{example}.yaml"
    plan = make_plan(load_file(path, default_project="sandbox-project"))
    said = explain(Judges(deployment(plan, render(plan))), flow_of(team, url, account=account), plan)
    assert said.trace.allowed is allowed
    assert advice in said.advice
    assert said.hint
