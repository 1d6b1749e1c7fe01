"""Plans with an inspected host, and their filter on the Lua that Envoy runs."""

from __future__ import annotations

from typing import Any

from egress.plan.inspection_script import script
from egress.plan.model import Plan
from tests.layers.envoy_lua import Filter, Outcome
from tests.support import plan_of, teams

HOST = "api.example.com"
SECRET = "sensitiveData"
RULES: dict[str, Any] = {
    "sensitive-data": SECRET,
    "card-number": {"pattern": "[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}"},
    "marking": {"text": "Internal only", "ignoreCase": True},
}


def inspected(**changes: Any) -> Plan:
    return plan_of(
        teams(
            team_a={
                HOST: {"http": {"upgrade": "tls", "inspect": {"refuse": RULES} | changes}},
                "other.example": {"http": {}},
            }
        )
    )


def the_filter(**changes: Any) -> Filter:
    return Filter(script(inspected(**changes).hosts))


def refused(outcome: Outcome, status: int, reason: str) -> None:
    """The filter answers itself, and says which host and caller it was, but not what it found."""
    assert (outcome.ended, outcome.status) == ("responded", status)
    assert reason in outcome.reason
    assert len(outcome.log) == 1
    assert "refused; host=api.example.com" in outcome.log[0]
    assert "from=spiffe://cluster.local/ns/team-a/sa/app" in outcome.log[0]
    assert SECRET not in outcome.reason + outcome.log[0]
