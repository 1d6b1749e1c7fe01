"""A proof keeps the answers that it rests on, so that nobody has to ask twice."""

from __future__ import annotations

from collections import Counter

import pytest

from egress.judge.trace import Judges
from egress.proof.expectations import Expectation, Questions
from egress.proof.inbound import Receiving
from egress.proof.intent import Intent
from egress.proof.proof import Proof
from egress.proof.verify import verify
from tests.fuzz.added.stacks import NAMED, named

GONE = "networkpolicy/team-boundary"
"""Without a team's, its pods reach what the config refuses."""


def proofs(of: str, *, opened: bool = False) -> tuple[Intent, Judges, Proof, Proof]:
    """Of a stack, as a preview asks for it and with every answer kept."""
    stack = named(of)
    gone = next(name for name in stack.objects if name.endswith(GONE))
    intent, judges = stack.intent, Judges(stack.changed([{"take": gone}]) if opened else stack.unchanged)
    return intent, judges, verify(intent, judges), verify(intent, judges, every=True)


@pytest.mark.parametrize("stack", NAMED)
def test_every_question_has_one_answer(stack: str) -> None:
    intent, judges, _, kept = proofs(stack)
    asked = Counter(map(repr, Questions(intent, judges).all()))
    assert Counter(repr(answer.question) for answer in kept.flows) == asked
    assert [answer.question for answer in kept.received] == list(Receiving(intent.plan).questions(judges))
    assert kept.questions == len(kept.flows) + len(kept.received)


@pytest.mark.parametrize("stack", NAMED)
def test_teams_that_no_layer_tells_apart_are_counted_though_not_asked(stack: str) -> None:
    _, _, quick, kept = proofs(stack)
    assert quick.questions == kept.questions
    assert not quick.flows


@pytest.mark.parametrize("of", NAMED)
def test_what_one_policy_less_opens_is_found_though_alike_teams_are_asked_once(of: str) -> None:
    stack = named(of)
    for policy in stack.kinds("NetworkPolicy"):
        judges = Judges(stack.changed([{"take": policy}]))
        quick, kept = verify(stack.intent, judges), verify(stack.intent, judges, every=True)
        assert (quick.violations, quick.questions) == (kept.violations, kept.questions), policy


@pytest.mark.parametrize("stack", NAMED)
def test_what_is_wrong_is_the_same_whether_answers_are_kept_or_not(stack: str) -> None:
    _, _, quick, kept = proofs(stack, opened=True)
    assert quick.violations == kept.violations
    assert quick.violations


def test_what_is_answered_as_an_app_is_has_no_answer_of_its_own() -> None:
    _, _, _, kept = proofs("dev")
    untraced = {answer.question.expected for answer in kept.flows if answer.trace is None}
    assert untraced == {Expectation.AS_ITS_APP}
