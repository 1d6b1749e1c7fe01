"""What `explain` advises is true: each change turns the answer when it is made, and opens what it says and
nothing else.

The check that the program makes by its own questions is held here against another one: what `egress diff`
finds between the two sets of objects.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

from egress.answers.asked import flow_of
from egress.answers.diff.changes import difference
from egress.answers.explain import explain
from egress.answers.hint_change import Edit, Proposal, changed, raw, written
from egress.answers.hint_check import ACCOUNTS, OTHER, REQUESTS, Checker, beyond, led_to
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.proof.snapshot import deployment
from egress.settings import Settings
from tests.answers.test_advice import orders, told
from tests.random_configs import BELOW, OF_HTTP, OF_TCP, OF_TLS, configs
from tests.support import dev_config, plan_of

_EXAMPLES = int(os.environ.get("EGRESS_HINTS", "6"))
"""Random questions; more by the environment."""


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
