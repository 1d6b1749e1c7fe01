"""What comes in, in the evidence: what passes through which controls, what else can be tried, and how much
was asked."""

from __future__ import annotations

from egress.answers.evidence import evidence
from egress.answers.evidence_document import Evidence
from egress.answers.evidence_markdown import markdown
from egress.answers.map import data
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.proof.expectations import Questions
from egress.proof.inbound import Receiving
from egress.proof.intent import Intent
from tests.proof.inbound_stack import GATEWAY, POLICY, objects, plan
from tests.proof.test_one_list import SOURCE


def found(without: str = "") -> Evidence:
    kept = [item for item in objects().kubernetes if identity(item) != without]
    return evidence(plan(), Snapshot.of(kept, objects().google), SOURCE)


def test_every_layer_has_its_word_about_what_is_received() -> None:
    for item in found().received:
        assert item.passes
        assert {control.layer for control in item.controls} >= {
            *("load balancer", "firewall", "NetworkPolicy", "gateway", "authorization", "sidecar")
        } - {"sidecar"}
        assert all(control.allowed for control in item.controls)


def test_what_no_longer_arrives_does_not_pass_and_the_layer_is_named() -> None:
    said = found(without=POLICY)
    assert not any(item.passes for item in said.received)
    refusing = {control.layer for item in said.received for control in item.controls if not control.allowed}
    assert refusing == {"authorization"}
    assert "REFUSED by authorization" in markdown(said)
    assert {one["passes"] for one in data(plan(), said)["received"]} == {False}


def test_what_else_those_outside_can_try_has_the_layers_that_have_to_refuse_and_those_that_do() -> None:
    said = found()
    assert all(set(item.wanted) <= {one.layer for one in item.refused_by} for item in said.received_elsewhere)
    plain = [item for item in said.received_elsewhere if item.who == "no certificate"]
    assert [(item.host, item.ports, item.wanted) for item in plain] == [
        ("prices.fqdn.example", [443], ["gateway"]),
        ("mysql.fqdn.example", [13306], ["gateway"]),
    ]
    assert [one.object for item in plain for one in item.refused_by][-1] == GATEWAY
    assert "## What else those outside can try" in markdown(said)
    assert len(data(plan(), said)["receivedElsewhere"]) == len(said.received_elsewhere)


def test_questions_about_what_comes_in_count() -> None:
    judges = Judges(objects())
    outgoing = len(list(Questions(Intent(plan()), judges).all()))
    incoming = len(list(Receiving(plan()).questions(judges)))
    assert incoming > 100
    assert found().proof.questions == outgoing + incoming
