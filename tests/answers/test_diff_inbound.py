"""What `egress diff` says when an object changes that decides about what comes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy

import pytest

from egress.answers.diff.changes import difference
from egress.judge.model.snapshot import Snapshot, identity
from tests.proof.inbound_stack import Manifest, objects
from tests.proof.test_inbound import OPEN


def _changed(edits: Mapping[str, Callable[[Manifest], None]]) -> Snapshot:
    made = [deepcopy(dict(item)) for item in objects().kubernetes]
    for item in made:
        if edit := edits.get(identity(item)):
            edit(item)
    return Snapshot.of(made, objects().google)


@pytest.mark.parametrize(
    ("what", "gain", "loss"),
    [
        (
            "the gateway asks nobody for a certificate",
            "new caller: From outside anybody, without a certificate, may now connect to orders: mysql:3306",
            "lost caller: From outside anybody, without a certificate, can no longer connect to orders: "
            "mysql:3306",
        ),
        (
            "one more client",
            "new caller: From outside spiffe://evil/x may now",
            "lost caller: From outside spiffe://evil/x can no",
        ),
        (
            "the route leads to another Service",
            "new caller: From outside spiffe://partner.example/gateway may now connect to orders: admin:3306",
            "new caller: From outside spiffe://partner.example/gateway may now connect to orders: mysql:3306",
        ),
        (
            "its policy is open",
            "removed fence: NetworkPolicy no longer refuses from outside",
            "new fence: NetworkPolicy now refuses from outside",
        ),
        (
            "rules ask for no host",
            "removed fence: The ingress gateway's authorization no longer refuses from outside: requests for "
            "another host",
            "new fence: The ingress gateway's authorization now refuses from outside: requests for another "
            "host",
        ),
        (
            "the load balancer takes everybody",
            "removed fence: The load balancer no longer refuses from outside",
            "new fence: The load balancer now refuses from outside",
        ),
    ],
)
def test_a_difference_says_who_gains_and_the_way_back_who_loses(what: str, gain: str, loss: str) -> None:
    """A layer that falls behind another that holds is said as well: nobody gets in yet, and one change more
    lets him."""
    changed = _changed(OPEN[what][0])
    for old, new, words in ((objects(), changed, gain), (changed, objects(), loss)):
        told = [f"{change.risk}: {change.text}" for change in difference(old, new).changes]
        assert any(words in text for text in told), told
    assert difference(objects(), changed).widens
