"""Plans with one host in plain HTTP, and the objects rendered of them."""

from __future__ import annotations

from typing import Any

from egress.common.objects import Manifest
from egress.layers.render import render
from egress.plan.model import Plan
from tests.support import plan_of, teams


def host(http: dict[str, Any], **more: Any) -> Plan:
    return plan_of(teams(team_a={"api.example.com": {"http": http, **more}}))


def of_kind(plan: Plan, kind: str) -> list[Manifest]:
    return [item.manifest for item in render(plan) if item.kind == kind]


def rules(plan: Plan) -> list[dict[str, Any]]:
    return [
        rule for policy in of_kind(plan, "AuthorizationPolicy") for rule in policy["spec"].get("rules", [])
    ]


def outside(plan: Plan) -> list[dict[str, Any]]:
    """The gateway's routes to the outside."""
    (service,) = of_kind(plan, "VirtualService")
    return [route for route in service["spec"]["http"] if route["match"][0]["gateways"] != ["mesh"]]


def treatment(plan: Plan) -> dict[str, Any]:
    (rule,) = [rule for rule in of_kind(plan, "DestinationRule") if rule["spec"]["host"] == "api.example.com"]
    (setting,) = rule["spec"]["trafficPolicy"]["portLevelSettings"]
    return setting
