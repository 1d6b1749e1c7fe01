"""One list of every flow and connection: whoever answers asks it, each entry stands once, and the answers
agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from egress.answers.diff import difference
from egress.answers.evidence import evidence
from egress.answers.evidence_document import Source
from egress.answers.explain import explain
from egress.answers.map import page
from egress.answers.reachability import _place, of_nobody, reach  # pyright: ignore[reportPrivateUsage]
from egress.judge.cluster_connections import ClusterConnections
from egress.judge.distinctions import Distinctions
from egress.judge.model.flow import Flow, Protocol
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.targets import Targets
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.proof.expectations import Expectation, Questions
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from egress.settings import load_file
from tests.random_configs import configs
from tests.support import ROOT, dev_config, plan_of

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
STACKS = ["rules", "receive", "tcp", "open", "own-gateway", "managed-mesh"]
SOURCE = Source(project="p", stack="dev", commit=None, uncommitted=False, stack_version=None, at=None)


def example(name: str) -> Plan:
    return make_plan(
        load_file(ROOT / f"examples/modes/Pulumi.{name}.yaml", default_project="sandbox-project")
    )


def deployed(plan: Plan) -> Snapshot:
    return deployment(plan, render(plan))


@pytest.mark.parametrize("name", STACKS)
def test_every_flow_and_every_connection_is_listed_once(name: str) -> None:
    plan = example(name)
    told = Distinctions([Judges(deployed(plan))], Intent(plan))
    targets, connections = Targets(told), ClusterConnections(told)
    flows = Counter(_flow(target.flow) for team in told.teams for target in targets.of(team))
    flows.update(_flow(target.flow) for target in targets.of_nobody())
    assert [flow for flow, times in flows.items() if times > 1] == []
    found = Counter(
        (one.source, one.target, one.transport, one.port)
        for team in told.teams
        for one in connections.of(team)
    )
    found.update((one.source, one.target, one.transport, one.port) for one in connections.of_platform())
    assert [one for one, times in found.items() if times > 1] == []


def _flow(flow: Flow) -> str:
    values = {of.name: getattr(flow, of.name) for of in fields(flow) if of.name != "to"}
    return repr((flow.to.namespace if flow.to else "", values))


ASKING: dict[str, Callable[[Plan, Snapshot], object]] = {
    "verify": lambda plan, of: verify(Intent(plan), Judges(of)).violations,
    "reach": lambda plan, of: [
        *reach(Judges(of), ["team-x"], Intent(plan)),
        *of_nobody(Judges(of), ["team-x"]),
    ],
    "explain": lambda plan, of: explain(Judges(of), Flow("team-y", "example.com", 80, Protocol.HTTP), plan),
    "diff": lambda plan, of: difference(of, without(of, "team-x/networkpolicy/team-boundary")),
    "evidence": lambda plan, of: evidence(plan, of, SOURCE),
    "map": lambda plan, of: page(plan, evidence(plan, of, SOURCE)),
}


@pytest.mark.parametrize("who", ASKING)
def test_whoever_answers_asks_the_one_list(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing on the list, nobody has anything of his own to ask: that it was asked for is all that is
    seen here."""
    asked: list[str] = []
    for room, methods in (
        (Targets, ("with_names", "by_address")),
        (ClusterConnections, ("out_of", "into", "of_platform")),
    ):
        for method in methods:
            monkeypatch.setattr(
                room, method, _recorded(getattr(room, method), f"{room.__name__}.{method}", asked)
            )
    plan = plan_of(dev_config())
    ASKING[who](plan, deployed(plan))
    wanted = {"Targets.with_names", "Targets.by_address"}
    assert wanted <= set(asked)
    if who != "explain":
        assert "ClusterConnections.into" in asked


def _recorded(method: Callable[..., Any], name: str, asked: list[str]) -> Callable[..., Any]:
    def recorded(*arguments: Any, **named: Any) -> Any:
        asked.append(name)
        return method(*arguments, **named)

    return recorded


MAY_MAKE = {
    "egress/judge/targets.py": "the list",
    "egress/answers/asked.py": "what a person asks",
    "egress/proof/invariants.py": "a proxy without settings of its own, which no team has",
    "egress/proof/answers.py": "whom a declared name leads to",
    "egress/probe/flows.py": "names and addresses that exist, for those of the list that stand for others",
    "egress/answers/": "what would answer a person's question otherwise",
}
"""Where flows are made from nothing; everywhere else they are taken from the list."""


def test_nobody_else_makes_flows_of_his_own() -> None:
    making = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "egress").rglob("*.py")
        if any(text in file.read_text(encoding="utf-8") for text in (" Flow(", "(Flow(", "[Flow("))
    }
    assert {file for file in making if not file.startswith(tuple(MAY_MAKE))} == set()


@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
@given(config=configs())
def test_the_table_the_explanation_and_the_proof_never_disagree_about_a_flow(config: dict[str, Any]) -> None:
    plan = plan_of(config)
    intent, judges = Intent(plan), Judges(deployed(plan))
    rows = {
        (row.team, row.target, row.kind, row.protocol, row.port): row
        for row in reach(judges, intent.teams, intent)
    }
    questions = Questions(intent, judges)
    for team in intent.teams:
        wants = {_flow(question.flow): question.expected for question in questions.of(team)}
        for target in islice(questions.targets.of(team), 400):
            flow, want = target.flow, wants[_flow(target.flow)]
            allowed = judges.trace(flow, must_pass=want is Expectation.PASSES).allowed
            told = explain(judges, flow, None).trace.allowed
            if want is Expectation.PASSES:
                assert (allowed, told) == (True, True), flow
            elif want in (Expectation.REFUSED, Expectation.REFUSED_FIRST, Expectation.REFUSED_TWICE):
                assert (allowed, told) == (False, False), flow
            name, kind, protocol, port = _place(target)
            row = rows.get((team, name, kind, protocol, port))
            cell = next((cell for cell in row.cells if cell.vantage is flow.vantage), None) if row else None
            if cell and not flow.authority:
                assert cell.verdict != ("no" if allowed else "yes"), (flow, cell)


def without(of: Snapshot, name: str) -> Snapshot:
    return Snapshot.of([item for item in of.kubernetes if identity(item) != name], of.google)
