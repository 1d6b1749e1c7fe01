"""One list of what somebody outside can try: proof, table, explanation, evidence and diff take from it, and
never disagree."""

from __future__ import annotations

from egress.answers.evidence import evidence
from egress.answers.explain_inbound import explain_from_outside
from egress.answers.reachability_inbound import inbound_rows
from egress.judge.inbound_targets import inbound_targets
from egress.judge.lookup.inbound_flow import InboundFlow
from egress.judge.trace import Judges
from egress.proof.inbound import Receiving
from egress.proof.inbound_places import FOLDED, place_of, who_of
from tests.proof.inbound_stack import objects, plan
from tests.proof.test_one_list import SOURCE
from tests.support import ROOT

MAKE_FLOWS = {
    "egress/judge/inbound_targets.py": "the list",
    "egress/proof/inbound.py": "what is declared",
    "egress/answers/explain_inbound.py": "what a person asks",
}
TAKE_FROM_IT = {
    "egress/proof/inbound.py",
    "egress/answers/reachability_inbound.py",
    "egress/answers/diff/received.py",
    "egress/judge/inbound_targets.py",
}


def _with(*texts: str) -> set[str]:
    files = {
        str(file.relative_to(ROOT)): file.read_text(encoding="utf-8")
        for file in (ROOT / "egress").rglob("*.py")
    }
    return {name for name, source in files.items() if any(text in source for text in texts)}


def test_nobody_makes_connections_from_outside_of_his_own() -> None:
    assert _with(" InboundFlow(", "(InboundFlow(", "[InboundFlow(") == {*MAKE_FLOWS}
    assert _with("inbound_targets(") == TAKE_FROM_IT
    assert _with(" NodeFlow(", "(NodeFlow(", "[NodeFlow(") == {"egress/judge/inbound_nodes.py"}


def test_the_proof_the_table_the_explanation_and_the_evidence_say_the_same_of_every_question() -> None:
    judges = Judges(objects())
    rows = {(row.place, row.who): row.verdict for row in inbound_rows(judges)}
    found = evidence(plan(), objects(), SOURCE)
    tried = {
        (item.by, item.host, item.who, port): item for item in found.received_elsewhere for port in item.ports
    }
    questions = list(Receiving(plan()).questions(judges))
    for question in questions:
        flow, target = question.flow, question.target
        if not isinstance(flow, InboundFlow):
            continue
        told = explain_from_outside(judges, "orders", flow, plan()).trace.allowed
        assert told is not bool(question.by), flow
        if target and target.kind not in FOLDED:
            place, who = place_of(target), who_of(target)
            assert rows[place, who] == "no", flow
            assert tried[place.by, place.host, who, flow.port].refused_by, flow
    assert all(item.passes for item in found.received)
    known = {(place_of(target), who_of(target)) for target in inbound_targets(judges)}
    assert known == rows.keys()
