"""What changes objects on their way into the API server: webhooks, API services, conversions."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.fields.api_server import unread_definition, unread_service, unread_webhooks

Written = dict[str, Any]
ISTIOD = {"service": {"namespace": "istio-system", "name": "istiod", "path": "/inject"}}


def webhook(client: Written | None = None, *groups: str, **said: Any) -> Written:
    rules = {"rules": [{"apiGroups": list(groups), "resources": ["*"]}]} if groups else {}
    return {"name": "x", **({} if client is None else {"clientConfig": client}), **rules, **said}


def unread(*webhooks: Written) -> list[str]:
    kind = "MutatingWebhookConfiguration"
    return list(unread_webhooks({"kind": kind, "metadata": {"name": "x"}, "webhooks": list(webhooks)}))


@pytest.mark.parametrize(
    ("client", "known"),
    [
        (ISTIOD, True),
        ({"service": {"namespace": "istio-system", "name": "istiod-canary"}}, True),
        ({"service": {"namespace": "istio-system", "name": "other-istiod"}}, False),
        ({"service": {"namespace": "istio-system"}}, False),
        ({"service": {"namespace": "other", "name": "istiod"}}, False),
        ({"service": {"name": "istiod"}}, False),
        # Beside the API server, where in GKE Google alone runs any program.
        ({"url": "https://localhost:5443/x"}, True),
        ({"url": "https://127.0.0.1:5443/x"}, True),
        ({"url": "https://[::1]:5443/x"}, True),
        ({"url": "https://meshconfig.googleapis.com/v1alpha1/x"}, True),
        ({"url": "https://meshconfig.googleapis.com.example.com/x"}, False),
        ({"url": "https://example.com/localhost"}, False),
        ({"url": "https://localhost@example.com/x"}, False),
        ({"url": "https://10.0.0.1/x"}, False),
        ({"url": ""}, False),
        ({"url": None}, False),
        # What no API server takes for a URL.
        ({"url": "https://[::1/x"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_webhook_is_known_by_where_it_is(client: Written | None, known: bool) -> None:
    assert unread(webhook(client, "*")) == ([] if known else ["webhooks[0]"])


@pytest.mark.parametrize(
    ("groups", "matters"),
    [
        (["policy"], False),
        (["policy", "autoscaling"], False),
        (["policy", "apps"], True),
        (["apps", "policy"], True),
        ([""], True),
        (["*"], True),
        (["networking.istio.io"], True),
    ],
)
def test_a_webhook_of_somebodys_matters_where_its_kinds_do(groups: list[str], matters: bool) -> None:
    assert unread(webhook({"url": "https://example.com"}, *groups)) == (["webhooks[0]"] if matters else [])


def test_every_rule_of_a_webhook_counts() -> None:
    rules = [{"apiGroups": ["policy"]}, {"apiGroups": ["apps"]}]
    for order in (rules, rules[::-1]):
        assert unread(webhook({"url": "https://example.com"}, rules=order)) == ["webhooks[0]"]


def test_a_webhook_without_rules_is_for_nothing() -> None:
    assert unread(webhook({"url": "https://example.com"})) == []
    assert unread(webhook({"url": "https://example.com"}, rules=[{"resources": ["pods"]}])) == []


def test_each_webhook_that_may_change_what_matters_is_named() -> None:
    other = webhook({"url": "https://example.com"}, "*")
    assert unread(webhook(ISTIOD, "*"), other, webhook({}, "policy"), other) == ["webhooks[1]", "webhooks[3]"]
    assert unread() == []
    assert list(unread_webhooks({"kind": "MutatingWebhookConfiguration", "metadata": {"name": "x"}})) == []


@pytest.mark.parametrize(
    ("spec", "matters"),
    [
        ({"group": "networking.istio.io", "service": {"name": "x"}}, True),
        ({"group": "apps", "service": {"name": "x"}}, True),
        # The API server's own.
        ({"group": "apps"}, False),
        ({"group": "apps", "service": None}, False),
        ({"group": "metrics.k8s.io", "service": {"name": "x"}}, False),
        ({"service": {"name": "x"}}, False),
        (None, False),
    ],
)
def test_an_api_server_of_somebodys_matters_if_it_answers_for_kinds_that_are_read(
    spec: Written | None, matters: bool
) -> None:
    found = list(unread_service({"kind": "APIService", "metadata": {"name": "x"}, "spec": spec}))
    assert found == (["spec.service"] if matters else [])


@pytest.mark.parametrize(
    ("spec", "matters"),
    [
        ({"group": "networking.istio.io", "conversion": {"strategy": "Webhook"}}, True),
        ({"group": "networking.istio.io", "conversion": {"strategy": "None"}}, False),
        ({"group": "networking.istio.io", "conversion": {}}, False),
        ({"group": "networking.istio.io"}, False),
        ({"group": "cert-manager.io", "conversion": {"strategy": "Webhook"}}, False),
        ({"conversion": {"strategy": "Webhook"}}, False),
        (None, False),
    ],
)
def test_a_definition_that_converts_kinds_that_are_read_matters(spec: Written | None, matters: bool) -> None:
    found = list(
        unread_definition({"kind": "CustomResourceDefinition", "metadata": {"name": "x"}, "spec": spec})
    )
    assert found == (["spec.conversion"] if matters else [])
