"""Which packets from outside the cluster reach a node, and where rules about what leaves tell ports and
ranges apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.layers.firewall import Firewall
from egress.judge.lookup.firewall_rules import INGRESS, Rule
from egress.judge.model.flow import Verdict
from egress.judge.model.ip_ranges import Ranges
from egress.judge.model.snapshot import Snapshot
from tests.judge.firewall_asking import ALL, APP, CLUSTER, GATE, SUBNET, TCP_443, rule

SOURCE = "203.0.113.0/24"


def inbound(name: str = "in", **properties: Any) -> Resource:
    return rule(name, **{"direction": "INGRESS", "sourceRanges": [SOURCE], **properties})


def firewall(*rules: Resource) -> Firewall:
    return Firewall(Snapshot.of((), (*rules, SUBNET, CLUSTER)))


def comes(
    *rules: Resource, pool: str = APP, port: int = 443, must_pass: bool = False, also: Sequence[Rule] = ()
) -> Verdict:
    source = Ranges.of([SOURCE])
    return firewall(*rules).comes_in(source, pool, port, "a partner", must_pass=must_pass, also=also)


def by(verdict: Verdict) -> tuple[bool, str]:
    return verdict.allowed, verdict.decided_by


def test_nothing_comes_in_that_no_rule_lets_in() -> None:
    assert by(comes()) == (False, None)
    assert by(comes(rule("out", allows=ALL, destinationRanges=[SOURCE]))) == (False, None)


@pytest.mark.parametrize(
    ("allows", "port", "allowed"),
    [
        (TCP_443, 443, True),
        (TCP_443, 444, False),
        ([{"protocol": "udp", "ports": ["443"]}], 443, False),
        (ALL, 1, True),
    ],
)
def test_what_comes_in_is_tcp_on_the_port_that_it_is_sent_to(allows: Any, port: int, allowed: bool) -> None:
    assert comes(inbound(allows=allows), port=port).allowed is allowed


def test_a_rule_for_one_pools_nodes_lets_in_to_those() -> None:
    only = inbound(allows=TCP_443, targetServiceAccounts=[GATE])
    assert by(comes(only, pool=GATE)) == (True, "firewall/in")
    assert by(comes(only, pool=APP)) == (False, None)


def test_without_a_pool_any_that_is_reached_is_enough_and_every_one_must_be_where_it_has_to() -> None:
    only = inbound(allows=TCP_443, targetServiceAccounts=[GATE])
    assert by(comes(only, pool="")) == (True, "firewall/in")
    assert by(comes(only, pool="", must_pass=True)) == (False, None)
    assert by(comes(inbound(allows=TCP_443), pool="", must_pass=True)) == (True, "firewall/in")


def test_one_address_of_the_source_is_enough_or_every_one_must_come_in() -> None:
    half = inbound(allows=TCP_443, sourceRanges=["203.0.113.0/25"])
    assert firewall(half).comes_in(Ranges.of([SOURCE]), APP, 443, "a partner").allowed
    assert comes(half).allowed
    assert not comes(half, must_pass=True).allowed


def test_rules_that_gke_makes_besides_stand_among_the_others_by_their_numbers() -> None:
    what = next(one for one in firewall(inbound(allows=TCP_443)).coming_in if one.name == "firewall/in").what
    own = [Rule("gke", INGRESS, 1000, True, None, Ranges.of([SOURCE]), what)]
    assert by(comes(also=own)) == (True, "gke")
    assert by(comes(inbound(denies=TCP_443, priority=999), also=own)) == (False, "firewall/in")
    assert by(comes(inbound(denies=TCP_443, priority=1000), also=own)) == (False, "firewall/in")
    assert by(comes(inbound(denies=TCP_443, priority=1001), also=own)) == (True, "gke")
    assert by(comes(also=own, port=444)) == (False, None)


def test_rules_about_what_comes_in_are_told_in_the_order_in_which_they_decide() -> None:
    rules = firewall(
        inbound("late", allows=ALL, priority=9),
        rule("out", allows=ALL),
        inbound("early", allows=ALL, priority=1),
    )
    assert [one.name for one in rules.coming_in if one.name.startswith("firewall/")] == [
        "firewall/early",
        "firewall/late",
    ]
    assert {one.direction for one in rules.coming_in} == {INGRESS}


@pytest.mark.parametrize(
    ("what", "ports"),
    [
        ({"protocol": "tcp", "ports": ["80-90"]}, [("TCP", 80), ("TCP", 91)]),
        ({"protocol": "udp", "ports": ["53"]}, [("UDP", 53), ("UDP", 54)]),
        ({"protocol": "udp", "ports": ["0-22"]}, [("UDP", 1), ("UDP", 23)]),
        ({"protocol": "all", "ports": ["53"]}, [("TCP", 53), ("TCP", 54), ("UDP", 53), ("UDP", 54)]),
        ({"protocol": "all"}, []),
        ({"protocol": "tcp"}, []),
        ({"protocol": "sctp"}, [("SCTP", 0)]),
    ],
)
def test_each_range_of_ports_that_may_leave_begins_and_ends_somewhere(
    what: Any, ports: list[tuple[str, int]]
) -> None:
    out = rule("out", allows=[what], destinationRanges=[SOURCE], targetServiceAccounts=[GATE])
    rules = firewall(out, inbound(allows=[{"protocol": "tcp", "ports": ["7"]}]))
    assert list(rules.egress_ports(GATE)) == ports
    assert list(rules.egress_ports(APP)) == []
    assert list(rules.egress_ranges(GATE)) == [SOURCE]
    assert list(firewall(rule("out", allows=[what])).egress_ports(APP)) == ports, (
        "a rule without machines is for all"
    )
