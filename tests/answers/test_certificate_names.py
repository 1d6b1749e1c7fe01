"""Whose certificate is taken for a host's is said by every answer, and said as what it is: an opening."""

from __future__ import annotations

import pytest

from egress.answers.diff import difference
from egress.answers.evidence import evidence
from egress.answers.evidence_document import Source
from egress.answers.evidence_markdown import markdown
from egress.answers.explain import explain
from egress.answers.map import data
from egress.answers.posture import relaxations
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.snapshot import deployment
from tests.answers.config_keys import base, put
from tests.support import plan_of, teams

SOURCE = Source(project="p", stack="dev", commit=None, uncommitted=False, stack_version=None, at=None)
HOST, EDGE, OTHER = "api.partner.example", "edge.example", "other.example"
FLOW = Flow("team-a", HOST, 80, Protocol.HTTP, Vantage.APP)


def plan(*names: str, sni: str | None = None) -> Plan:
    said = {"subjectAltNames": list(names)} if names else {}
    return plan_of(
        teams(team_a={HOST: {"http": {"upgrade": "tls", **said, **({"sni": sni} if sni else {})}}})
    )


def deployed(of: Plan) -> Snapshot:
    return deployment(of, render(of))


NAMED = [
    (plan(), HOST, [HOST], "in TLS, port 443", f"in TLS, as {HOST}."),
    (plan(sni=EDGE), EDGE, [HOST], f"as {EDGE}, with a certificate for {HOST}", None),
    (plan(EDGE), HOST, [EDGE], f"in TLS, port 443, with a certificate for {EDGE}", None),
    (plan(EDGE, sni=EDGE), EDGE, [EDGE], f"as {EDGE}, with a certificate for {EDGE}", f"as {EDGE}."),
    (plan(OTHER, EDGE), HOST, [EDGE, OTHER], f"with a certificate for {EDGE} or {OTHER}", None),
]
"""A plan, the name that is sent, those that the certificate may have, and how tables and `explain` put it."""


@pytest.mark.parametrize(("of", "sent", "accepted", "table", "explained"), NAMED)
def test_evidence_map_and_explain_say_both_names(
    of: Plan, sent: str, accepted: list[str], table: str, explained: str | None
) -> None:
    found = evidence(of, deployed(of), SOURCE)
    [way] = found.allowed
    assert way.leaves is not None
    assert (way.leaves.sni, way.leaves.subject_alt_names) == (sent, accepted)
    [drawn] = data(of, found)["ways"]
    assert drawn["leaves"].endswith(table)
    assert f"| {drawn['leaves']} |" in markdown(found)
    [says] = [
        step.reason for step in explain(Judges(deployed(of)), FLOW, of).trace.steps if "TLS" in step.reason
    ]
    assert says.endswith(explained or f"as {sent}, with a certificate for {' or '.join(accepted)}.")


def test_no_name_is_said_where_the_gateway_opens_no_tls() -> None:
    of = plan_of(teams(team_a={HOST: {"http": {}, "https": "passthrough"}}))
    names = [
        way.leaves and (way.leaves.sni, way.leaves.subject_alt_names)
        for way in evidence(of, deployed(of), SOURCE).allowed
    ]
    assert names == [(None, []), (None, [])]


def test_names_that_are_not_the_hosts_own_are_listed_among_what_is_opened() -> None:
    of = plan(HOST, EDGE)
    [opened] = evidence(of, deployed(of), SOURCE).relaxations
    assert (opened.setting, opened.opens) == (
        f'teams.team-a.egress."{HOST}".http.subjectAltNames',
        f"Whoever has a certificate for {EDGE} is taken for {HOST} by proxies in istio-egress.",
    )
    assert evidence(plan(sni=EDGE), deployed(plan(sni=EDGE)), SOURCE).relaxations == []


def test_a_team_that_goes_past_the_gateway_opens_it_for_its_own_proxies_alone() -> None:
    config = base("registry-only")
    said = {"upgrade": "tls", "subjectAltNames": [EDGE]}
    before = plan_of(put(config, f"teams|media|egress|{HOST}|http", said))
    assert [item.opens for item in relaxations(before) if "subjectAltNames" in item.setting] == [
        f"Whoever has a certificate for {EDGE} is taken for {HOST} by proxies in media."
    ]
    at_the_gateway = put(config, f"teams|media|egress|{HOST}|http", said)
    after = plan_of(put(at_the_gateway, f"teams|shop|egress|{HOST}|http", said))
    openings = [
        change.text
        for change in difference(deployed(before), deployed(after), (before, after)).changes
        if change.risk == "new opening"
    ]
    assert openings == [
        f"Whoever has a certificate for {EDGE} is taken for {HOST} by proxies in istio-egress "
        f'(teams.shop.egress."{HOST}".http.subjectAltNames)'
    ]


@pytest.mark.parametrize("known", [True, False], ids=["two configs", "objects alone"])
def test_one_more_name_is_an_opening_and_one_less_is_none(known: bool) -> None:
    fewer, more = plan(EDGE), plan(EDGE, OTHER)
    for old, new, risk, widens in (
        (fewer, more, "new opening", True),
        (more, fewer, "closed opening", False),
    ):
        found = difference(deployed(old), deployed(new), (old, new) if known else (None, None))
        [change] = found.changes
        assert (change.risk, change.widening) == (risk, widens)
        [fact] = change.facts
        assert fact.target.startswith("teams.team-a." if known else "istio-egress/destinationrule/")
        assert f"Whoever has a certificate for {OTHER} is taken for {HOST}" in change.text


def test_another_name_than_the_hosts_own_is_a_change_both_ways() -> None:
    for old, new in ((plan(), plan(EDGE)), (plan(EDGE), plan())):
        [change] = difference(deployed(old), deployed(new)).changes
        assert (change.risk, change.widening) == ("other certificate", True)
