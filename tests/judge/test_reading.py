"""How proxies read plain HTTP. Source: Envoy, Http1ProtocolOptions; Istio reference, EnvoyFilter."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.reading import Reading
from tests.judge.asking import GATEWAY, ROOT, Written
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
