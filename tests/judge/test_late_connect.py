"""What a gateway connects to before it knows who calls. Source: Envoy, TcpProxy.upstream_connect_mode; Istio,
EnvoyFilter."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.layers.gateway import Gateways
from egress.judge.layers.late_connect import EarlyConnections
from egress.judge.lookup.routes import Router
from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Verdict
from tests.judge.asking import GATEWAY, GATEWAY_PODS, LABELS, ROOT, SHOP, Written, gateway, server
from tests.judge.objects import snapshot, written

HELD = {"upstream_connect_mode": "ON_DOWNSTREAM_DATA", "max_early_data_bytes": 65536}
SHAKEN = {**HELD, "upstream_connect_mode": "ON_DOWNSTREAM_TLS_HANDSHAKE"}
BACK: Written = {"upstream_connect_mode": "IMMEDIATE"}
RAW = server("a.example", protocol="TLS")
NAMED = server("a.example", protocol="TLS", tls={"subjectAltNames": ["spiffe://a"]})


def patch(config: Written, *, port: int | None = 443, sni: str | None = None, **of: Any) -> Written:
    chain: Written = {
        "filter": {"name": of.pop("filter", "envoy.filters.network.tcp_proxy")},
        **({"sni": sni} if sni else {}),
    }
    listener = {**({"portNumber": port} if port else {}), "filterChain": chain}
    return {
        "applyTo": of.pop("applyTo", "NETWORK_FILTER"),
        "match": {"context": of.pop("context", "GATEWAY"), "listener": listener},
        "patch": {"operation": of.pop("operation", "MERGE"), "value": {"typed_config": config}},
    }


def filtered(
    *patches: Written,
    name: str = "late",
    namespace: str = GATEWAY,
    labels: Written | None = None,
    **spec: Any,
) -> Written:
    selector = {"workloadSelector": {"labels": LABELS if labels is None else labels}}
    return written("EnvoyFilter", namespace, name, **selector, configPatches=list(patches), **spec)


def judged(one: Written, *objects: Written, namespace: str = GATEWAY) -> list[Verdict]:
    deployed = snapshot(GATEWAY_PODS, gateway(one), *objects)
    registry, workloads = Registry(deployed), Workloads(deployed)
    gateways = Gateways(deployed, registry, Router(registry, workloads), workloads)
    return list(EarlyConnections(deployed, gateways).judge(namespace))


def holds(one: Written, *objects: Written) -> bool:
    """Whether it does not connect for somebody who is not let in."""
    (verdict,) = judged(one, *objects)
    return not verdict.allowed


def test_by_itself_a_proxy_connects_before_anybody_is_asked() -> None:
    (verdict,) = judged(RAW)
    assert (verdict.allowed, verdict.decided_by, verdict.field) == (
        True,
        "gw/gateway/edge",
        "spec.servers[0]",
    )


@pytest.mark.parametrize("one", [server("a.example"), server("a.example", protocol="HTTP2")])
def test_a_server_that_reads_requests_is_asked_before(one: Written) -> None:
    assert judged(one) == []


def test_so_is_that_of_another_namespace() -> None:
    assert judged(RAW, namespace=SHOP) == []


def test_a_server_at_an_address_of_its_own_is_reached_by_the_pod_alone() -> None:
    assert judged({**RAW, "bind": "127.0.0.1"}) == []


def test_passed_through_by_https_it_is_no_request_either() -> None:
    assert len(judged(server("a.example", mode="PASSTHROUGH"))) == 1


def test_it_waits_for_data_where_a_filter_says_so() -> None:
    assert holds(RAW, filtered(patch(HELD)))
    (verdict,) = judged(RAW, filtered(patch(HELD)))
    assert (verdict.decided_by, verdict.field) == ("gw/envoyfilter/late", "spec.configPatches")


def test_after_the_handshake_only_if_the_server_takes_no_other_certificates() -> None:
    assert holds(NAMED, filtered(patch(SHAKEN)))
    assert not holds(RAW, filtered(patch(SHAKEN)))


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"max_early_data_bytes": 65536},
        {"upstream_connect_mode": "IMMEDIATE", "max_early_data_bytes": 65536},
        {"upstream_connect_mode": "ON_DOWNSTREAM_DATA"},
        {"upstream_connect_mode": "ON_DOWNSTREAM_DATA", "max_early_data_bytes": 0},
    ],
)
def test_any_other_configuration_does_not_wait(config: Written) -> None:
    (verdict,) = judged(NAMED, filtered(patch(config)))
    assert verdict.allowed
    assert config.get("upstream_connect_mode", "no mode at all") in verdict.reason


@pytest.mark.parametrize(
    "other",
    [
        {"port": 8443},
        {"sni": "b.example"},
        {"filter": "envoy.filters.network.other"},
        {"applyTo": "LISTENER"},
        {"context": "SIDECAR_OUTBOUND"},
        {"operation": "REPLACE"},
    ],
)
def test_a_patch_for_something_else_is_none(other: Written) -> None:
    assert not holds(NAMED, filtered(patch(HELD, **other)))


def test_a_patch_without_a_port_is_for_every_one() -> None:
    """Istio reference, EnvoyFilter.ListenerMatch: without a port number every listener is meant."""
    assert holds(NAMED, filtered(patch(HELD, port=None)))


def test_a_patch_may_be_for_one_server_name() -> None:
    assert holds(NAMED, filtered(patch(HELD, sni="a.example")))


@pytest.mark.parametrize("context", ["GATEWAY", "ANY", None])
def test_a_patch_may_call_gateways_by_their_name_or_as_any_proxy(context: str | None) -> None:
    assert holds(NAMED, filtered(patch(HELD, context=context)))
    assert not holds(NAMED, filtered(patch(HELD), patch(BACK, context=context)))


def test_a_filter_is_for_the_pods_of_its_namespace_with_its_labels() -> None:
    assert not holds(NAMED, filtered(patch(HELD), namespace=SHOP))
    assert not holds(NAMED, filtered(patch(HELD), labels={"istio": "other"}))
    assert holds(NAMED, filtered(patch(HELD), labels={}))


def test_the_last_patch_counts() -> None:
    assert not holds(NAMED, filtered(patch(HELD), patch(BACK)))
    assert holds(NAMED, filtered(patch(BACK), patch(HELD)))
    assert not holds(NAMED, filtered(patch(HELD, sni="a.example"), patch(BACK)))
    assert holds(NAMED, filtered(patch(BACK), patch(HELD, sni="a.example")))
    assert holds(NAMED, filtered(patch(BACK, port=None), patch(HELD), patch(HELD, port=None)))


def test_of_two_filters_which_comes_last_is_a_matter_of_their_age() -> None:
    for one, other in ((HELD, BACK), (BACK, HELD)):
        (verdict,) = judged(NAMED, filtered(patch(one)), filtered(patch(other), name="later"))
        assert (verdict.allowed, verdict.understood, verdict.decided_by) == (
            True,
            False,
            "gw/envoyfilter/later",
        )
        assert verdict.field == "spec.configPatches"
        assert "gw/envoyfilter/late " in verdict.reason
    (verdict,) = judged(NAMED, filtered(patch(BACK), patch(HELD)), filtered(patch(HELD), name="later"))
    assert (verdict.allowed, verdict.understood) == (False, True)
    assert not holds(NAMED, filtered(patch(BACK)), filtered(patch(BACK), name="later"))


def test_those_of_the_root_namespace_are_for_every_gateway_and_come_first() -> None:
    assert holds(NAMED, filtered(patch(HELD), namespace=ROOT))
    assert not holds(NAMED, filtered(patch(HELD), namespace=ROOT, labels={"istio": "other"}))
    for order in ((ROOT, GATEWAY), (GATEWAY, ROOT)):
        objects = {ROOT: filtered(patch(BACK), namespace=ROOT), GATEWAY: filtered(patch(HELD))}
        assert holds(NAMED, *(objects[namespace] for namespace in order))
        undone = {ROOT: filtered(patch(BACK), namespace=ROOT, priority=1), GATEWAY: filtered(patch(HELD))}
        assert not holds(NAMED, *(undone[namespace] for namespace in order))


def test_filters_count_by_their_priority() -> None:
    for none in ({}, {"priority": 0}, {"priority": None}):
        assert holds(NAMED, filtered(patch(HELD), priority=1), filtered(patch(BACK), name="later", **none))
        assert not holds(
            NAMED, filtered(patch(HELD), priority=-1), filtered(patch(BACK), name="later", **none)
        )
