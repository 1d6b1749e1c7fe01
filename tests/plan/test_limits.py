"""How much of a gateway one pod of a team takes, and how much a gateway takes from everybody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.layers.render import render
from egress.plan.model import Plan
from tests.support import config_with, dev_config, plan_of

HTTP, TLS = "target-egress-gateway-mtls", "tls-example-com"


def pools(plan: Plan, team: str) -> dict[str, dict[str, Any]]:
    """By subset of the team's way to its gateway."""
    (rule,) = [
        item.manifest
        for item in render(plan)
        if item.kind == "DestinationRule" and item.name == "target-egress-gateway" and item.namespace == team
    ]
    found: dict[str, dict[str, Any]] = {}
    for subset in rule["spec"]["subsets"]:
        (setting,) = subset["trafficPolicy"]["portLevelSettings"]
        found[subset["name"]] = setting["connectionPool"]
    return found


def accepted(plan: Plan) -> dict[str, str]:
    """Namespace of each gateway to how many connections a replica accepts."""
    found: dict[str, str] = {}
    for item in render(plan):
        annotations = (
            item.manifest["spec"]["template"]["metadata"].get("annotations", {})
            if item.kind == "Deployment"
            else {}
        )
        if annotations.get("inject.istio.io/templates") == "gateway":
            metadata = json.loads(annotations["proxy.istio.io/config"])["proxyMetadata"]
            found[str(item.namespace)] = metadata["ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS"]
    return found


def test_every_way_of_every_team_is_limited_without_a_word_in_the_config() -> None:
    plan = plan_of(dev_config())
    for team in ("team-x", "team-y"):
        assert {pool["tcp"]["maxConnections"] for pool in pools(plan, team).values()} == {200}
    assert pools(plan, "team-x")[HTTP]["http"] == {
        "http1MaxPendingRequests": 1000,
        "http2MaxRequests": 1000,
        "useClientProtocol": True,
    }
    assert "http" not in pools(plan, "team-x")[TLS], "nobody sees requests in the app's own TLS"


def test_one_team_gets_more_and_the_other_keeps_what_it_has() -> None:
    limits = {"connections": 50, "pendingRequests": 5, "requests": 60, "requestsPerConnection": 100}
    plan = plan_of(config_with("teams/team-x/limits", limits))
    assert pools(plan, "team-x")[TLS]["tcp"] == {"maxConnections": 50}
    assert pools(plan, "team-x")[HTTP] == {
        "tcp": {"maxConnections": 50},
        "http": {
            "http1MaxPendingRequests": 5,
            "http2MaxRequests": 60,
            "maxRequestsPerConnection": 100,
            "useClientProtocol": True,
        },
    }
    assert pools(plan, "team-y")[HTTP]["tcp"] == {"maxConnections": 200}


def test_each_gateway_accepts_what_its_own_setting_says() -> None:
    config = config_with("gateways", {"partner": {"maxConnections": 300}})
    assert accepted(plan_of(config)) == {"istio-egress": "2000", "istio-egress-partner": "300"}
    config["gke-mesh-egress:gateway"] = {"maxConnections": 5000}
    assert accepted(plan_of(config)) == {"istio-egress": "5000", "istio-egress-partner": "300"}


@pytest.mark.parametrize("gateway", ["gateway", "gateways.partner"])
def test_one_pod_that_could_take_a_whole_replica_is_refused(gateway: str) -> None:
    own = gateway != "gateway"
    config = config_with("teams/team-x/limits", {"connections": 300})
    config["gke-mesh-egress:gateways"] = {"partner": {"maxConnections": 300}}
    if own:
        config["gke-mesh-egress:teams"]["team-x"]["gateway"] = "partner"
    else:
        config["gke-mesh-egress:gateway"] = {"maxConnections": 300}
    with pytest.raises(ConfigError) as refused:
        plan_of(config)
    (problem,) = refused.value.problems
    assert problem.path == "gke-mesh-egress:teams.team-x.limits.connections"
    assert "one pod of the team could take them all" in problem.consequence
    assert f"({gateway}.maxConnections)" in problem.consequence
    assert f"raise {gateway}.maxConnections" in problem.fix


def test_limits_of_a_team_past_the_gateway_are_refused() -> None:
    config = config_with(
        "teams/team-y", {"model": {"open": "an old application"}, "limits": {"connections": 10}}
    )
    config["gke-mesh-egress:fences"] = {
        "applicationNodes": {"leaveOn": [443], "reason": "an old application"}
    }
    config["gke-mesh-egress:teams"]["team-x"]["reaches"] = []
    with pytest.raises(ConfigError) as refused:
        plan_of(config)
    (problem,) = refused.value.problems
    assert "nothing that this could limit" in problem.consequence
    assert problem.fix == "Remove limits, or remove model."
