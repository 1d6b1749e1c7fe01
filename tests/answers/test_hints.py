"""What `explain` advises is true: each change turns the answer when it is made, and opens what it says and
nothing else.

The check that the program makes by its own questions is held here against another one: what `egress diff`
finds between the two sets of objects.
"""

from __future__ import annotations

import os
import re
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

from egress.answers.asked import flow_of
from egress.answers.diff.changes import difference
from egress.answers.explain import Explanation, explain
from egress.answers.hint_change import Edit, Proposal, changed, raw, written
from egress.answers.hint_check import ACCOUNTS, OTHER, REQUESTS, Checker, beyond, led_to
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.proof.snapshot import deployment
from egress.settings import Settings
from tests.random_configs import BELOW, OF_HTTP, OF_TCP, OF_TLS, configs
from tests.support import ROOT, dev_config, plan_of

_EXAMPLES = int(os.environ.get("EGRESS_HINTS", "6"))
"""Random questions; more by the environment."""

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
            "is for port 9093 alone: let the app connect to b1.kafka.example:9093",
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
            "not one of the internet, and no setting lets apps reach such an address",
        ),
        (
            "tcp://8.8.8.8:853",
            {},
            False,
            "{tcp: {port: 853, addresses: [8.8.8.8], serviceAccounts: [default]}}",
        ),
        ("tcp://8.8.8.8:15001", {}, False, "The mesh's own proxies use port 15001, and no entry takes it"),
        ("https://8.8.8.8", {}, False, "declare the host and let the app ask for it by its name"),
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
        ("https://registry.pkg.dev", {}, False, "pkg.dev belongs to Google"),
        ("http://metadata.google.internal", {}, False, "teams.orders.googleApis is not there"),
        ("https://storage.googleapis.com", {}, False, "service accounts and APIs in teams.orders.googleApis"),
        (
            "https://new.example:8443",
            {},
            False,
            "{tcp: {port: 8443, addresses: [203.0.113.254], serviceAccounts: [default]}}, with the host's "
            "own addresses in place "
            "of 203.0.113.254. It is raw TCP: nothing inside is seen. By name nothing leaves on port 8443: "
            "there the gateway itself",
        ),
        (
            "http://new.example:8080",
            {},
            False,
            "By name nothing leaves on port 8080: there the gateway itself listens as well.",
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


@pytest.mark.parametrize(
    ("edits", "url", "why"),
    [
        ((("github.com", {"https": "passthrough"}),), "http://api.stripe.com/v2", "the answer stays"),
        (
            (("api.stripe.com", {"https": "passthrough"}),),
            "https://api.stripe.com",
            "more than it says: every account",
        ),
        ((("api.stripe.com", {"http": {"upgrade": "tls"}}),), "http://api.stripe.com/v2", "every path"),
        (
            (("new.example", {"https": "passthrough"}), ("more.example", {"https": "passthrough"})),
            "https://new.example",
            "a host",
        ),
        ((("bad host", {"https": "passthrough"}),), "https://new.example", "refused by the config"),
    ],
)
def test_a_proposal_that_does_not_do_what_it_says_is_no_hint(
    edits: tuple[Any, ...], url: str, why: str
) -> None:
    plan, _ = orders()
    proposal = Proposal(why, tuple(Edit(("teams", "orders", "egress", host), way) for host, way in edits))
    assert not Checker(plan, flow_of("orders", url), allowed=False).holds(proposal), why


def test_another_team_that_loses_a_layer_is_named() -> None:
    """What a gateway knows of a host, the sidecars of all who declare it know."""
    config = dev_config()
    config["gke-mesh-egress:teams"]["team-x"]["egress"]["shared.example"] = {"https": "passthrough"}
    plan = plan_of(config)
    judges = Judges(deployment(plan, render(plan)))
    said = explain(judges, flow_of("team-y", "http://shared.example/a"), plan).advice
    assert (
        "The sidecars of team-x then know the host by http as well, and the gateway alone refuses that to "
        "them." in said
    )
    assert "The sidecars" not in explain(judges, flow_of("team-y", "https://shared.example"), plan).advice
    assert "The sidecars" not in told("orders", "http://new.example/a").advice


def test_what_is_opened_besides_is_told_apart() -> None:
    asked = flow_of("a", "http://example.com/x")
    other = {
        frozenset[str](): flow_of("a", "http://example.com/./x", vantage=Vantage.GATEWAY_WITH_CERTIFICATE),
        frozenset({ACCOUNTS}): flow_of("a", "http://example.com/x", account="b"),
        frozenset({REQUESTS}): flow_of("a", "http://example.com/y"),
        frozenset({ACCOUNTS, REQUESTS}): flow_of("a", "http://example.com/x", method="PUT", account="b"),
        frozenset({OTHER}): flow_of("b", "http://example.com/x"),
    }
    for kinds, flow in other.items():
        assert beyond(asked, flow, ()) == kinds
    for url in ("https://example.com", "http://example.org/x", "http://example.com:81/x"):
        assert beyond(asked, flow_of("a", url), ()) == {OTHER}
    assert beyond(asked, flow_of("a", "http://example.com/x", vantage=Vantage.POD_WITHOUT_SIDECAR), ()) == {
        OTHER
    }


# Random questions about random configs

HOSTS = (
    *OF_HTTP,
    *OF_TLS,
    BELOW,
    "any.wild.example",
    *OF_TCP,
    "new.example",
    "storage.googleapis.com",
    "pubsub.googleapis.com",
)
URLS = st.one_of(
    st.tuples(
        st.sampled_from(["http", "https"]),
        st.sampled_from(HOSTS),
        st.sampled_from(["", ":80", ":443", ":5432", ":8080"]),
    ),
    st.tuples(st.just("tcp"), st.sampled_from(HOSTS), st.sampled_from([":5432", ":3306", ":6379", ":80"])),
    st.tuples(
        st.just("http"),
        st.sampled_from(["test.a", "api.team-b", "team-a.svc", "own"]),
        st.sampled_from(["", ":8080"]),
    ),
    st.tuples(
        st.sampled_from(["tcp", "https"]),
        st.sampled_from(["8.8.8.8", "203.0.113.9"]),
        st.sampled_from([":853", ":443"]),
    ),
).map(lambda parts: f"{parts[0]}://{parts[1]}{parts[2]}")
PATHS = st.sampled_from(
    ["/", "/ok/x", "/v1/a/orders/b", "/status/418", "/other", "//ok/./x?q=1", "/ok/%2e%2e/x", "/a*b"]
)
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@st.composite
def questions(draw: st.DrawFn) -> tuple[Plan, Flow]:
    plan = make_plan(Settings.model_validate(raw(plan_of(draw(configs())))))
    team = draw(st.sampled_from([team.name for team in plan.teams]))
    url = draw(URLS)
    return plan, flow_of(
        team,
        url + draw(PATHS) if url.startswith("http://") else url,
        method=draw(st.sampled_from(["GET", "POST", "DELETE", "get", "PROPFIND"])),
        headers=draw(
            st.sampled_from([(), (("x-tenant", "shop"),), (("x-tenant", "b"), ("x-tenant", "shop-1"))])
        ),
        account=draw(st.sampled_from(["default", "app", "report"])),
        vantage=draw(
            st.sampled_from(
                [
                    Vantage.APP,
                    Vantage.APP,
                    Vantage.APP,
                    Vantage.GATEWAY_WITH_CERTIFICATE,
                    Vantage.POD_WITHOUT_SIDECAR,
                ]
            )
        ),
    )


def advice_is_true(plan: Plan, flow: Flow) -> None:
    """Hold one answer of `explain` against what comes of its advice."""
    before = deployment(plan, render(plan))
    explanation = explain(Judges(before), flow, plan)
    hint, was = explanation.hint, explanation.trace
    event(f"{'allowed' if was.allowed else 'denied'}, {'hint' if hint else 'words'}")
    assert explanation.advice
    assert "TEAM" not in explanation.advice
    assume(hint is not None)
    assert hint is not None
    if not hint.edits:
        assert hint.instead
        assert Judges(before).trace(hint.instead).allowed
        return
    _the_words_are_the_change(hint)
    config = raw(plan)
    changed_plan = changed(plan, hint.edits)
    assert changed_plan is not None
    assert raw(plan) == config, "the plan was changed by trying"
    after = deployment(changed_plan, render(changed_plan))
    now = Judges(after).trace(was.flow)
    assert now.allowed is not was.allowed
    # Filters of the program's own come and go with the hosts that they serve, and nobody reaches more by
    # that.
    gains = [
        change
        for change in difference(before, after).changes
        if change.widening and not all(fact.how == "filter" for fact in change.facts)
    ]
    if was.allowed:
        assert not gains, "\n".join([str(flow), explanation.advice, *(change.text for change in gains)])
    target = hint.called or (f"pods of {led_to(was.flow)}" if led_to(was.flow) else was.flow.addressed)
    if was.flow.protocol is not Protocol.HTTP and not hint.called and not led_to(was.flow):
        target = was.flow.host
    for change in gains:
        for fact in change.facts:
            allowed = fact.team == flow.namespace and fact.target in (
                target,
                f"{target}.",
                _service(was.flow),
            )
            allowed |= fact.how == "sidecar" and f"The sidecars of {fact.team}" in explanation.advice.replace(
                ", ", " The sidecars of "
            )
            of_a_team = any(
                fact.team == team.name for team in plan.teams
            )  # gateways leave on the ports that hosts need
            assert allowed or not of_a_team, f"{flow}\n{explanation.advice}\n{change.text}\n{fact}"


@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    suppress_health_check=_SLOW,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(asked=questions())
def test_every_hint_turns_the_answer_and_opens_nothing_else(asked: tuple[Plan, Flow]) -> None:
    """Failures are shown as they are found: making them smaller takes minutes."""
    advice_is_true(*asked)


def _service(flow: Flow) -> str:
    return flow.host if flow.to is None and led_to(flow) else ""


def _the_words_are_the_change(hint: Proposal) -> None:
    """What a person copies out of the sentence is what was tried."""
    for edit in hint.edits:
        if edit.remove or hint.called:
            continue
        value = edit.value
        assert any(
            text in hint.says
            for text in (
                written(value),
                *(
                    (written({"allow": value["allow"]}),)
                    if isinstance(value, dict) and "allow" in value
                    else ()
                ),
                *((written(one) for one in value) if isinstance(value, list) else ()),
            )
        ) or isinstance(value, list), hint
