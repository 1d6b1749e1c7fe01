"""Plans with several gateways: a team has its own gateway, nodes and outside addresses, others share one."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.common.objects import Manifest
from egress.layers.render import render
from egress.plan.model import Plan
from tests.support import config_with, plan_of

NAT: dict[str, Any] = {
    "nodes": "10.3.0.0/28",
    "pods": "10.4.0.0/20",
    "addresses": {"partner-1": "let in by the partner"},
}
PASSED: dict[str, Any] = {"https": "passthrough"}
TLS: dict[str, Any] = {"http": {"upgrade": "tls"}}
PARTNER, SHARED = "istio-egress-partner", "istio-egress"
OWN_HOST = "istio-egressgateway.istio-egress-partner.svc.cluster.local"


def config(gateways: dict[str, Any], **teams: Any) -> dict[str, Any]:
    return config_with("teams", teams) | {"gke-mesh-egress:gateways": gateways}


@cache
def both() -> Plan:
    """`a` leaves by the shared gateway, `b` by its own, and both use api.example.net - differently."""
    return plan_of(
        config(
            {"partner": {"nat": NAT}},
            a={"egress": {"api.example.net": TLS, "only-a.example.net": PASSED}},
            b={
                "gateway": "partner",
                "egress": {"api.example.net": {"http": {"methods": ["GET"]}}, "only-b.example.net": PASSED},
            },
        )
    )


def found(plan: Plan, kind: str, namespace: str) -> dict[str, Manifest]:
    return {
        item.name: item.manifest for item in render(plan) if item.kind == kind and item.namespace == namespace
    }


def refused(made: dict[str, Any]) -> str:
    """The refusal's text without its codes, which tests/settings/test_refusals.py checks."""
    with pytest.raises(ConfigError) as error:
        plan_of(made)
    return re.sub(r"EGR\d+: ", "", str(error.value))
