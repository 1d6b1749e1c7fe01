"""What `explain` advises about hosts of Google's, and what `diff` says of a host that goes another way."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from egress.answers.asked import flow_of
from egress.answers.diff import difference
from egress.answers.explain import explain
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.snapshot import deployment
from tests.support import ROOT, plan_of

PRICING = "pricing-abc123-ew.a.run.app"


def config() -> dict[str, Any]:
    read = yaml.safe_load((ROOT / "examples/modes/Pulumi.google-hosts.yaml").read_text(encoding="utf-8"))
    return read["config"]


def example() -> Plan:
    return plan_of(config())


@pytest.mark.parametrize(
    ("team", "url", "allowed", "advice"),
    [
        ("builds", "https://gcr.io", True, "remove gcr.io from teams.builds.googleApis.hosts"),
        ("orders", f"https://{PRICING}", True, f"remove {PRICING} from teams.orders.googleApis.hosts"),
        ("orders", "https://gcr.io", False, "To allow it, add gcr.io to teams.orders.googleApis.hosts"),
        (
            "builds",
            "https://europe-npm.pkg.dev",
            False,
            "To allow it, add europe-npm.pkg.dev to teams.builds.googleApis.hosts",
        ),
        ("builds", f"https://{PRICING}", False, f"add {PRICING} to teams.builds.googleApis.hosts"),
        ("builds", "https://logging.googleapis.com", False, "add logging to teams.builds.googleApis.apis"),
        ("builds", "http://gcr.io", False, "let the app say https://gcr.io"),
        ("orders", f"http://{PRICING}", False, f"let the app say https://{PRICING}"),
        ("builds", "https://my.p.googleapis.com", False, "endpoint of Private Service Connect"),
        ("builds", "https://googleapis.com", False, "do not answer for this name"),
    ],
)
def test_the_advice_names_the_key_that_is_meant(team: str, url: str, allowed: bool, advice: str) -> None:
    plan = example()
    told = explain(Judges(deployment(plan, render(plan))), flow_of(team, url), plan)
    assert told.trace.allowed is allowed
    assert advice in told.advice


def test_a_host_that_no_longer_leaves_by_the_gateway_is_named() -> None:
    straight = example()
    through = config()
    team = through["gke-mesh-egress:teams"]["orders"]
    team["googleApis"]["hosts"].remove(PRICING)
    team["egress"] = {PRICING: {"https": "passthrough"}}
    plans = plan_of(through), straight
    forth = difference(*(deployment(plan, render(plan)) for plan in plans), plans)
    google, gateway = "straight to Google's addresses", "by the shared gateway"
    says = f"The way of orders to {PRICING} is now {google} instead of {gateway}"
    assert says in [change.text for change in forth.changes if change.widening]
    back = difference(*(deployment(plan, render(plan)) for plan in reversed(plans)), plans[::-1])
    says = f"The way of orders to {PRICING} is now {gateway} instead of {google}"
    assert says in [change.text for change in back.changes if change.widening]
