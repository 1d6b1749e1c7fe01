"""A gateway of which no pod is wanted any more: what came in or went out by it is lost, and the other way
round gained."""

from __future__ import annotations

from copy import deepcopy

import pytest

from egress.answers.diff import difference
from egress.judge.model.snapshot import Snapshot, identity
from tests.proof.inbound_stack import DEPLOYMENT, objects


def stopped(name: str) -> Snapshot:
    made = [deepcopy(dict(item)) for item in objects().kubernetes]
    for item in made:
        if identity(item) == name:
            item["spec"]["replicas"] = 0
    return Snapshot.of(made, objects().google)


@pytest.mark.parametrize(
    ("gateway", "loses"),
    [
        (DEPLOYMENT, "can no longer connect to orders: mysql:3306"),
        ("istio-egress/deployment/istio-egressgateway", "a.example.net"),
    ],
)
def test_a_gateway_without_pods_is_a_loss_and_one_that_gets_some_again_a_gain(
    gateway: str, loses: str
) -> None:
    old, new = objects(), stopped(gateway)
    there, back = difference(old, new), difference(new, old)
    assert any(loses in change.text and not change.widening for change in there.changes), there.changes
    assert not there.widens
    assert back.widens
    assert there.unjudged == ()
