"""What `explain` advises in words: it names real entries, and what can be written."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
import yaml

from egress.answers.asked import flow_of
from egress.answers.explain import Explanation, explain
from egress.judge.model.flow import Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.snapshot import deployment
from tests.support import ROOT, dev_config, plan_of

ORDERS: dict[str, Any] = {
    "egress": {
        "api.stripe.com": {
            "http": {"upgrade": "tls", "methods": ["GET"], "paths": ["/v1/charges", "/v1/refunds"]}
        },
        "b1.kafka.example": {"tcp": {"port": 9093, "byName": True, "serviceAccounts": ["orders"]}},
        "partner.example": {
            "tcp": {"port": 8444, "outsidePort": 443, "byName": True, "serviceAccounts": ["orders"]}
        },
        "*.datadoghq.com": {"https": "passthrough"},
        "github.com": {"https": "passthrough", "http": {"upgrade": "tls", "paths": ["/x"]}},
        "vault.example.net": {"https": "passthrough", "serviceAccounts": ["backup"]},
        "r.example.net": {
            "http": {
                "allow": {
                    "a": {"methods": ["GET"], "paths": ["/a/*"], "serviceAccounts": ["app"]},
                    "b": {"methods": ["POST"], "paths": ["/b"], "headers": {"x-t": ["abc"]}},
                }
            }
        },
    },
    "reaches": ["team-y"],
}
ENTRY = "teams.orders.egress."


@cache
def orders() -> tuple[Plan, Judges]:
    config = dev_config()
    config["gke-mesh-egress:teams"]["orders"] = ORDERS
    plan = plan_of(config)
    return plan, Judges(deployment(plan, render(plan)))


def told(team: str, url: str, **options: Any) -> Explanation:
    plan, judges = orders()
    return explain(judges, flow_of(team, url, **options), plan)


@pytest.mark.parametrize(
    ("url", "options", "allowed", "advice"),
    [
        (
            "https://api.stripe.com/v1/refunds",
            {},
            False,
            f'{ENTRY}"api.stripe.com" is for http: let the app say http://api.stripe.com/v1/refunds; it '
            "leaves the gateway "
            "as https. https: passthrough beside it would let the app send anything, past methods and paths.",
        ),
        ("https://api.stripe.com/v1/nothing", {}, False, "its rules do not allow GET /v1/nothing"),
        ("http://api.stripe.com/v2", {}, False, f'add /v2 to {ENTRY}"api.stripe.com".http.paths.'),
        (
            "http://api.stripe.com/v1/x/../refunds/",
            {},
            False,
            f'add /v1/refunds/ to {ENTRY}"api.stripe.com".http.paths.',
        ),
        (
            "http://api.stripe.com/v1/refunds",
            {"method": "POST"},
            False,
            "asked: {methods: [POST], paths: [/v1/refunds]}",
        ),
        (
            "tcp://b1.kafka.example:9093",
            {},
            False,
            f'add default to {ENTRY}"b1.kafka.example".tcp.serviceAccounts. Or',
        ),
        (
            "https://vault.example.net",
            {},
            False,
            f'add default to {ENTRY}"vault.example.net".serviceAccounts.',
        ),
        (
            "https://partner.example:8444",
            {"account": "orders"},
            True,
            f'remove or narrow {ENTRY}"partner.example".',
        ),
        (
            "http://b1.kafka.example:9093",
            {"account": "orders"},
            True,
            f'remove or narrow {ENTRY}"b1.kafka.example".',
        ),
        (
            "https://b1.kafka.example",
            {"account": "orders"},
            False,
            f'add {ENTRY}"b1.kafka.example".https: passthrough. It holds for every ServiceAccount of orders.',
        ),
        (
            "tcp://b1.kafka.example:9094",
            {"account": "orders"},
            False,
            f'add to the list {ENTRY}"b1.kafka.example".tcp: {{port: 9094, byName: true, '
            "serviceAccounts: [orders]}.",
        ),
        ("https://foo.datadoghq.com", {}, True, f'remove or narrow {ENTRY}"*.datadoghq.com".'),
        ("http://foo.datadoghq.com", {}, False, "is for https: let the app say https://foo.datadoghq.com."),
        ("http://github.com:8080", {}, False, "is for https: let the app say https://github.com."),
        ("https://github.com", {}, True, f'{ENTRY}"github.com".https. The http rules beside it do not hold'),
        ("http://test.team-y", {}, True, "remove team-y from teams.orders.reaches."),
        ("http://test.team-y.svc.cluster.local", {}, True, "remove team-y from teams.orders.reaches."),
        (
            "http://test.team-x",
            {},
            False,
            "add team-x to teams.orders.reaches. That opens every port of team-x's pods",
        ),
        ("http://test.team-y:81", {}, False, "the Service does not read this on this port"),
        ("http://mydb:8080", {}, True, "Pods of one team reach each other"),
        ("http://kubernetes.default", {}, False, "a Service of default, which is no team's"),
        ("udp://8.8.8.8:53", {}, False, "UDP is never let out"),
        (
            "tcp://10.50.0.5:5432",
            {},
            False,
            "needs its range in fences.privateAddresses, and an entry that names it",
        ),
        (
            "tcp://8.8.8.8:853",
            {},
            False,
            "{tcp: {port: 853, addresses: [8.8.8.8], serviceAccounts: [default]}}",
        ),
        ("tcp://8.8.8.8:15001", {}, False, "The mesh's own proxies use port 15001, and no entry takes it"),
        (
            "https://8.8.8.8",
            {},
            False,
            "let the app ask for it by its name. If it cannot, add to teams.orders.egress the name of the "
            "host that has this address, with {tcp: {port: 443, addresses: [8.8.8.8], serviceAccounts: "
            "[default]}}. It is raw TCP: nobody reads a name",
        ),
        (
            "https://search.supplier.example:9243/",
            {},
            False,
            '"search.supplier.example": {https: passthrough, httpsPorts: [9243]}. It holds for every',
        ),
        ("https://search.supplier.example:8200/", {}, False, "By name nothing leaves on port 8200"),
        ("https://search.supplier.example:10250/", {}, False, "By name nothing leaves on port 10250"),
        ("http://8.8.8.8/", {}, False, "declare the host and let the app ask for it by its name"),
        (
            "tcp://old.supplier.example:443",
            {},
            False,
            "{tcp: {port: 443, addresses: [203.0.113.254], serviceAccounts: [default]}}, with the host's own "
            "addresses in place of 203.0.113.254. It is raw TCP: nobody reads a name",
        ),
        (
            "https://münchen.example",
            {},
            False,
            f'add {ENTRY}"xn--mnchen-3ya.example": {{https: passthrough}}.',
        ),
        ("https://new.example.", {}, False, f'add {ENTRY}"new.example": {{https: passthrough}}.'),
        (
            "http://new.example/a",
            {},
            False,
            f'add {ENTRY}"new.example": {{http: {{upgrade: tls, methods: [GET], paths: [/a]}}}}.',
        ),
        ("udp://example.com:53", {}, False, "UDP is never let out"),
        ("https://registry.pkg.dev", {}, False, "googleApis. There, hosts: [registry.pkg.dev] beside"),
        ("http://metadata.google.internal", {}, False, "teams.orders.googleApis is not there"),
        (
            "https://storage.googleapis.com",
            {},
            False,
            "googleApis. There, apis: [storage] beside",
        ),
        (
            "https://new.example:8443",
            {},
            False,
            '"new.example": {https: passthrough, httpsPorts: [8443]}.',
        ),
        (
            "http://new.example:8080",
            {},
            False,
            '"new.example": {tcp: {port: 8080, byName: true, serviceAccounts: [default]}}.',
        ),
        ("tcp://new.example:22", {}, False, "there the node that the gateway runs on listens as well."),
        (
            "tcp://new.example:5432",
            {},
            False,
            "The gateway may then reach every address of the internet on port 5432.",
        ),
        (
            "tcp://new.example:15001",
            {},
            False,
            "If the host has no other, declare tcp with it as outsidePort.",
        ),
        (
            "tcp://b1.kafka.example:15001",
            {},
            False,
            "no entry takes it: let the app connect to another port. teams.orders",
        ),
        (
            "http://api.stripe.com:8080/",
            {},
            False,
            "is for http on port 80, and its rules do not allow GET / there either.",
        ),
        ("http://example.com:443/", {}, False, "on port 443 the proxies read TLS"),
        ("https://example.com:80/", {}, False, "on port 80 the proxies read HTTP"),
    ],
)
def test_the_advice_names_real_entries_and_what_can_be_written(
    url: str, options: dict[str, Any], allowed: bool, advice: str
) -> None:
    """Once copied, each of these used to be refused by the config, to do nothing, or to open more than was
    asked for."""
    explanation = told("orders", url, **options)
    assert explanation.trace.allowed is allowed
    assert advice in explanation.advice
    assert "TEAM" not in explanation.advice


def test_the_metadata_server_and_apis_belong_to_google_apis() -> None:
    """There is no entry of this name under egress to take away."""
    for url in (
        "http://metadata.google.internal",
        "http://169.254.169.254/",
        "https://storage.googleapis.com",
    ):
        explanation = told("team-x", url)
        assert explanation.trace.allowed
        assert "remove teams.team-x.googleApis" in explanation.advice
    assert (
        "add bigquery to teams.team-x.googleApis.apis."
        in told("team-x", "https://bigquery.googleapis.com").advice
    )


def test_raw_tcp_says_that_private_ranges_are_not_for_it() -> None:
    """A database behind a VPN would look declared, and is never reached."""
    config = dev_config()
    config["gke-mesh-egress:teams"]["orders"] = ORDERS
    config["gke-mesh-egress:fences"] = {"privateHosts": {"onprem": "10.50.0.0/24"}}
    plan = plan_of(config)
    judges = Judges(deployment(plan, render(plan)))
    said = explain(judges, flow_of("orders", "tcp://b1.kafka.example:9093", account="orders"), plan).advice
    assert "no range of fences.privateHosts" in said
    opened = explain(judges, flow_of("orders", "tcp://new.example:5432"), plan).advice
    assert "no range of fences.privateHosts" in opened
    assert "privateHosts" not in explain(judges, flow_of("orders", "https://github.com"), plan).advice


def test_a_model_that_opens_a_port_is_named() -> None:
    config = yaml.safe_load((ROOT / "examples/modes/Pulumi.open.yaml").read_text("utf-8"))["config"] | {
        "gcp:project": "p-roject-1"
    }
    plan = plan_of(config)
    said = explain(Judges(deployment(plan, render(plan))), flow_of("lab", "https://anything.example"), plan)
    assert said.trace.allowed
    assert "remove teams.lab.model, which opens this port" in said.advice


def test_a_pod_past_its_sidecar_is_told_that_no_entry_opens_its_way() -> None:
    said = told("orders", "https://github.com", vantage=Vantage.POD_WITHOUT_SIDECAR).advice
    assert said.endswith("no entry opens one. What the app itself asks through its sidecar is allowed.")
    # Pods of other teams ask for a certificate, whatever the network lets through.
    assert not told("orders", "http://test.team-y", vantage=Vantage.POD_WITHOUT_SIDECAR).trace.allowed


def test_objects_without_a_config_end_in_a_true_sentence() -> None:
    _, judges = orders()
    for url in ("https://github.com", "https://undeclared.example", "http://mydb:8080"):
        said = explain(judges, flow_of("orders", url), None).advice
        assert re.fullmatch(
            r"(\S+ (allows|refuses) it|No object is named that (allows|refuses) it)\. Judged are objects .*",
            said,
        )
