"""How a connection from outside and what becomes of it are told."""

from __future__ import annotations

import pytest

from egress.judge.lookup.inbound_flow import Caller, Door, InboundFlow, InboundTrace, NodeFlow, Shown
from egress.judge.model.flow import Request
from egress.judge.model.ip_ranges import Ranges
from tests.judge.incoming import CLIENT, HOST, PARTNER, balancer, flow, judges

PLAIN = Caller(Shown.PLAIN)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (flow(), f"From {PARTNER}, {CLIENT}: tcp://{HOST}:5432"),
        (
            flow(caller=Caller(), request=Request(HOST)),
            f"From {PARTNER}, somebody with no certificate: https://{HOST}:5432",
        ),
        (
            flow(caller=PLAIN, door=Door.NODE_PORT),
            f"From {PARTNER}, somebody with no TLS: tcp://{HOST}:5432 by a port of a node",
        ),
        (
            flow(caller=Caller(Shown.FOREIGN, "x"), request=Request("y")),
            f"From {PARTNER}, x of another authority: https://{HOST}:5432, Host: y",
        ),
        (NodeFlow(Ranges(()), PARTNER, "a@b", 22), f"From {PARTNER}: nodes of a@b, TCP 22"),
        (NodeFlow(Ranges(()), PARTNER, "", 22), f"From {PARTNER}: nodes of any pool, TCP 22"),
    ],
)
def test_a_question_is_called_by_all_that_it_asks(asked: InboundFlow | NodeFlow, said: str) -> None:
    assert str(asked) == said


@pytest.mark.parametrize(
    ("name", "principal"), [("spiffe://a/b", "a/b"), ("a.example", "DNS:a.example"), ("", "DNS:")]
)
def test_identities_are_what_follows_spiffe(name: str, principal: str) -> None:
    assert Caller(Shown.NAMED, name).principal == principal


def test_whoever_says_nothing_has_no_certificate_and_no_name() -> None:
    assert (Caller().shows, Caller().name) == (Shown.NOTHING, "")


def test_how_far_it_came_goes_by_what_stands_on_each_side_of_the_proxy() -> None:
    fine = judges().inbound.trace(flow())
    assert fine.open
    assert fine.taken
    before = judges(balancer=balancer(loadBalancerSourceRanges=["192.0.2.0/24"])).inbound.trace(flow())
    assert not before.open
    assert before.taken
    behind = judges().inbound.trace(flow(caller=Caller()))
    assert behind.open
    assert not behind.taken
    assert not judges(balancer=None).inbound.trace(flow()).open
    unled = judges(route=None).inbound.trace(flow())
    assert not unled.taken
    assert InboundTrace(flow(), ()).front == 0
    assert not InboundTrace(flow(), ()).allowed
    assert not InboundTrace(flow(), ()).taken


@pytest.mark.parametrize(
    ("first", "last", "ports", "said"),
    [(22, 0, [22], "TCP 22"), (8000, 8002, [8000, 8001, 8002], "TCP 8000-8002"), (22, 22, [22], "TCP 22")],
)
def test_ports_of_nodes_are_one_or_a_span(first: int, last: int, ports: list[int], said: str) -> None:
    asked = NodeFlow(Ranges(()), PARTNER, "a@b", first, last=last)
    assert list(asked.ports) == ports
    assert asked.what == said
