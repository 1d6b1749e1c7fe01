"""How proxies read plain HTTP. Source: Envoy, Http1ProtocolOptions and HttpConnectionManager; Istio
reference, EnvoyFilter."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.normal_form import Normalization
from egress.judge.lookup.reading import Reading
from egress.judge.model.flow import Misread, Pod
from tests.judge.asking import GATEWAY, LABELS, ROOT, SHOP, Written
from tests.judge.objects import snapshot, written

MANAGER = "envoy.filters.network.http_connection_manager"
OFFER = {"prefix": "TLS/", "ignore_case": True}
IGNORES: Written = {"http_protocol_options": {"ignore_http_11_upgrade": [OFFER]}}


def patch(config: Written, *, listener: Written | None = None, **of: Any) -> Written:
    chain = {"filter": {"name": of.pop("filter", MANAGER)}, **of.pop("chain", {})}
    context = of.pop("context", "ANY")
    return {
        "applyTo": of.pop("applyTo", "NETWORK_FILTER"),
        "match": {
            **({"context": context} if context else {}),
            "listener": {**(listener or {}), "filterChain": chain},
        },
        "patch": {"operation": of.pop("operation", "MERGE"), "value": {"typed_config": config}},
    }


def filtered(*patches: Written, namespace: str = ROOT, **spec: Any) -> Written:
    return written("EnvoyFilter", namespace, "plain", configPatches=list(patches), **spec)


def answers(*objects: Written) -> bool:
    return Reading(snapshot(*objects)).of_offers().allowed


def test_by_itself_a_proxy_refuses_who_offers_tls() -> None:
    verdict = Reading(snapshot()).of_offers()
    assert (verdict.allowed, verdict.decided_by) == (False, None)
    assert "403" in verdict.reason


def test_it_ignores_the_offer_where_every_proxy_is_told_so() -> None:
    verdict = Reading(snapshot(filtered(patch(IGNORES)))).of_offers()
    assert (verdict.allowed, verdict.decided_by, verdict.field) == (
        True,
        f"{ROOT}/envoyfilter/plain",
        "spec.configPatches",
    )
    assert answers(filtered(patch(IGNORES, context=None)))
    assert answers(filtered(patch({}), patch(IGNORES)))


@pytest.mark.parametrize(
    "one",
    [
        filtered(patch(IGNORES), namespace=GATEWAY),
        filtered(patch(IGNORES), workloadSelector={"labels": {"a": "b"}}),
        *(
            filtered(patch(IGNORES, **other))
            for other in (
                {"context": "GATEWAY"},
                {"listener": {"portNumber": 80}},
                {"chain": {"sni": "a.example"}},
                {"filter": "envoy.filters.network.tcp_proxy"},
                {"applyTo": "HTTP_FILTER"},
                {"operation": "ADD"},
            )
        ),
        filtered(patch({})),
        filtered(patch({"http_protocol_options": {"ignore_http_11_upgrade": []}})),
        filtered(patch({"http_protocol_options": {"ignore_http_11_upgrade": [{**OFFER, "prefix": "T"}]}})),
    ],
)
def test_what_is_for_some_proxies_or_says_something_else_is_not_enough(one: Written) -> None:
    assert not answers(one)


KEEPS: Written = {"path_with_escaped_slashes_action": "KEEP_UNCHANGED"}
DECODES, KEPT = Normalization.DECODE_AND_MERGE_SLASHES, Normalization.MERGE_SLASHES
OF_SIDECARS = patch(KEEPS, context="SIDECAR_OUTBOUND", listener={"portNumber": 80})
OF_GATEWAY = patch(KEEPS, context="GATEWAY", listener={"portNumber": 8080}, chain={"sni": "a.example"})


def in_sidecars(*objects: Written, how: Normalization = DECODES, port: int = 80) -> Normalization:
    return Reading(snapshot(*objects)).in_sidecars(SHOP, port, how)


def in_gateway(*objects: Written, port: int = 8080, hosts: tuple[str, ...] = ("a.example",)) -> Normalization:
    return Reading(snapshot(*objects)).in_gateway(Pod(GATEWAY, LABELS), port, hosts, DECODES)


def test_proxies_read_paths_as_the_mesh_is_told_unless_a_filter_says_otherwise() -> None:
    assert in_sidecars() is in_gateway() is DECODES
    assert in_sidecars(filtered(patch(IGNORES))) is DECODES


@pytest.mark.parametrize("namespace", [SHOP, ROOT])
def test_sidecars_of_a_namespace_keep_encoded_slashes_on_the_port_that_is_named(namespace: str) -> None:
    told = filtered(OF_SIDECARS, namespace=namespace)
    assert in_sidecars(told) is KEPT
    assert in_sidecars(told, port=81) is DECODES
    assert in_gateway(told, port=80) is DECODES
    assert Reading(snapshot(told)).of_sidecars(SHOP, 80).allowed
    assert not Reading(snapshot(told)).of_sidecars(SHOP, 81).allowed


def test_those_of_another_namespace_do_not() -> None:
    assert in_sidecars(filtered(OF_SIDECARS, namespace=GATEWAY)) is DECODES


def test_where_only_some_sidecars_keep_them_it_is_not_understood() -> None:
    some = filtered(OF_SIDECARS, namespace=SHOP, workloadSelector={"labels": {"app": "a"}})
    with pytest.raises(Misread):
        in_sidecars(some)
    verdict = Reading(snapshot(some)).of_sidecars(SHOP, 80)
    assert (verdict.understood, verdict.field) == (False, "spec.workloadSelector")
    assert in_sidecars(filtered(OF_SIDECARS, namespace=SHOP, workloadSelector={})) is KEPT


@pytest.mark.parametrize("how", [one for one in Normalization if one is not DECODES])
def test_what_the_mesh_does_not_decode_stays_as_it_is(how: Normalization) -> None:
    assert in_sidecars(filtered(OF_SIDECARS, namespace=SHOP), how=how) is how


def test_a_gateway_keeps_them_for_one_server_name_on_one_port() -> None:
    told = filtered(OF_GATEWAY, namespace=GATEWAY, workloadSelector={"labels": LABELS})
    assert in_gateway(told) is KEPT
    assert in_gateway(told, hosts=("b.example", "a.example")) is KEPT
    assert in_gateway(told, hosts=("b.example",)) is DECODES
    assert in_gateway(told, hosts=("*",)) is DECODES
    assert in_gateway(told, port=8081) is DECODES
    assert in_sidecars(told, port=8080) is DECODES


@pytest.mark.parametrize(
    "told",
    [
        filtered(OF_GATEWAY, namespace=SHOP),
        filtered(OF_GATEWAY, namespace=GATEWAY, workloadSelector={"labels": {"istio": "other"}}),
        filtered(patch({}, context="GATEWAY", listener={"portNumber": 8080}), namespace=GATEWAY),
    ],
)
def test_a_filter_for_other_pods_or_about_something_else_changes_nothing(told: Written) -> None:
    assert in_gateway(told) is DECODES


HTTP_1_0 = patch({"http_protocol_options": {"accept_http_10": True}}, context="SIDECAR_OUTBOUND")
RECOGNISED: Written = {
    "applyTo": "FILTER_CHAIN",
    "match": {
        "context": "SIDECAR_OUTBOUND",
        "listener": {"filterChain": {"applicationProtocols": "http/1.1,h2c"}},
    },
    "patch": {
        "operation": "MERGE",
        "value": {"filter_chain_match": {"application_protocols": ["http/1.0"]}},
    },
}


def takes_http10(*objects: Written) -> bool:
    return Reading(snapshot(*objects)).of_http10(SHOP).allowed


@pytest.mark.parametrize("namespace", [SHOP, ROOT])
def test_sidecars_take_http10_where_they_recognise_and_read_it(namespace: str) -> None:
    assert not takes_http10()
    told = filtered(RECOGNISED, HTTP_1_0, namespace=namespace)
    assert takes_http10(told)
    assert Reading(snapshot(told)).of_http10(SHOP).decided_by == f"{namespace}/envoyfilter/plain"
    assert takes_http10(filtered(RECOGNISED, HTTP_1_0, namespace=namespace, workloadSelector={}))


@pytest.mark.parametrize(
    "one",
    [
        filtered(RECOGNISED, namespace=SHOP),
        filtered(HTTP_1_0, namespace=SHOP),
        filtered(RECOGNISED, HTTP_1_0, namespace=GATEWAY),
        filtered(RECOGNISED, HTTP_1_0, namespace=SHOP, workloadSelector={"labels": {"a": "b"}}),
        filtered(
            RECOGNISED, patch({"http_protocol_options": {}}, context="SIDECAR_OUTBOUND"), namespace=SHOP
        ),
        filtered(RECOGNISED, {**HTTP_1_0, "applyTo": "HTTP_FILTER"}, namespace=SHOP),
        filtered(
            RECOGNISED,
            patch({"http_protocol_options": {"accept_http_10": True}}, context="GATEWAY"),
            namespace=SHOP,
        ),
        filtered(
            RECOGNISED,
            patch(
                {"http_protocol_options": {"accept_http_10": True}},
                context="SIDECAR_OUTBOUND",
                listener={"portNumber": 80},
            ),
            namespace=SHOP,
        ),
    ],
)
def test_one_of_the_two_or_for_some_proxies_is_not_enough(one: Written) -> None:
    assert not takes_http10(one)
