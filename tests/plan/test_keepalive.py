"""A connection that is idle is asked for before the network on the way has forgotten it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.layers.mesh.mesh_config import mesh_config
from egress.layers.render import render
from egress.settings import load
from tests.support import config_with, dev_config, plan_of

HOST = 'teams.team-a.egress["api.example.com"].http.traffic.keepalive'


def host(keepalive: str) -> dict[str, Any]:
    traffic = {"http": {"upgrade": "tls", "traffic": {"keepalive": keepalive}}}
    return config_with("teams", {"team-a": {"egress": {"api.example.com": traffic}}})


def refused(config: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as error:
        plan_of(config)
    return [(problem.path.removeprefix("gke-mesh-egress:"), problem.code) for problem in error.value.problems]


def test_by_default_every_proxy_asks_before_google_forgets() -> None:
    assert mesh_config(plan_of(dev_config()))["tcpKeepalive"] == {"time": "300s", "interval": "75s"}


@pytest.mark.parametrize(
    ("written", "time", "interval"),
    [("2m", "120s", "75s"), ("599s", "599s", "75s"), ("1m", "60s", "60s"), ("1s", "1s", "1s")],
)
def test_linux_is_told_to_ask_again_as_soon_as_it_was_told_to_ask(
    written: str, time: str, interval: str
) -> None:
    told = mesh_config(plan_of(config_with("mesh/keepalive", written)))["tcpKeepalive"]
    assert told == {"time": time, "interval": interval}


@pytest.mark.parametrize("keepalive", ["10m", "600s", "1h"])
def test_after_ten_minutes_it_is_too_late_whatever_cloud_nat_remembers(keepalive: str) -> None:
    config = config_with("mesh/keepalive", keepalive)
    config["gke-mesh-egress:network"]["nat"] = {"tcpEstablishedIdle": "2h"}
    assert refused(config) == [("mesh.keepalive", "EGR480")]
    assert refused(host(keepalive)) == [(HOST, "EGR480")]


@pytest.mark.parametrize(("idle", "fits"), [("5m", False), ("301s", True)])
def test_a_cloud_nat_that_forgets_sooner_is_refused_also_with_the_default(idle: str, fits: bool) -> None:
    config = config_with("network/nat", {"tcpEstablishedIdle": idle})
    if fits:
        assert plan_of(config)
    else:
        assert refused(config) == [("mesh.keepalive", "EGR481")]
        with pytest.raises(ConfigError, match=r'mesh.keepalive = "5m" \(the default\)'):
            plan_of(config)


def test_every_host_that_asks_too_late_is_named() -> None:
    config = host("4m")
    config["gke-mesh-egress:network"]["nat"] = {"tcpEstablishedIdle": "3m"}
    assert refused(config) == [("mesh.keepalive", "EGR481"), (HOST, "EGR481")]
    assert load(config)


def idle_timeouts(config: dict[str, Any]) -> dict[str, str]:
    """What each gateway's pods, and each team's rule for its gateway, are told."""
    found: dict[str, str] = {}
    for item in render(plan_of(config)):
        if item.kind == "Deployment" and "gateway" in item.name:
            annotations = item.manifest["spec"]["template"]["metadata"]["annotations"]
            told = json.loads(annotations["proxy.istio.io/config"])["proxyMetadata"]
            found[item.identity] = told.get("ISTIO_META_IDLE_TIMEOUT", "")
        if item.name == "target-egress-gateway":
            policy = item.manifest["spec"].get("trafficPolicy", {})
            found[item.identity] = policy.get("connectionPool", {}).get("tcp", {}).get("idleTimeout", "")
    return found


def test_a_gateway_and_the_sidecars_of_its_teams_end_connections_at_the_same_time_and_no_others_do() -> None:
    config = config_with("gateways", {"own": {"idleTimeout": "8h"}})
    assert set(idle_timeouts(dev_config()).values()) == {""}
    config["gke-mesh-egress:teams"]["team-x"]["gateway"] = "own"
    told = idle_timeouts(config)
    assert {name for name, after in told.items() if after == "8h"} == {
        "istio-egress-own/deployment/istio-egressgateway",
        "team-x/destinationrule/target-egress-gateway",
    }, told
    assert "" in told.values()


def test_the_managed_mesh_may_not_read_it_and_so_it_is_refused() -> None:
    managed = config_with("gateway", {"idleTimeout": "8h"}) | {
        "gke-mesh-egress:mesh": {"flavor": "cloud-service-mesh"}
    }
    with pytest.raises(ConfigError, match=r"gateway\.idleTimeout"):
        plan_of(managed)
