"""What is asked about nodes' own addresses: every class of packets that some firewall rule for what comes in
tells apart."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.inbound_nodes import OTHER_MACHINE, OTHER_PROTOCOL, from_inside, from_outside
from egress.judge.lookup.inbound_flow import NodeFlow, sent
from egress.judge.model.ip_ranges import Ranges
from egress.judge.trace import Judges
from tests.judge.incoming import PARTNER, firewall, judges
from tests.judge.objects import node_pool

SUBNET = Resource(
    "gcp:compute/subnetwork:Subnetwork",
    "nodes",
    {
        "ipCidrRange": "10.0.0.0/24",
        "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "10.1.0.0/16"}],
    },
)
CLUSTER = Resource(
    "gcp:container/cluster:Cluster", "c", {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}}
)


def side(*rules: Resource, network: bool = True) -> Judges:
    return judges(balancer=None, google=(node_pool("one"), *((SUBNET, CLUSTER) if network else ()), *rules))


def opened(*ports: str, protocol: str = "tcp", **says: Any) -> Resource:
    return firewall(allows=[{"protocol": protocol, **({"ports": [*ports]} if ports else {})}], **says)


def spans(*sides: Judges, transport: str = "TCP") -> list[tuple[int, int]]:
    found = (flow for flow in from_outside(sides, machines=False) if flow.transport == transport)
    return list(dict.fromkeys((flow.ports[0], flow.ports[-1]) for flow in found))


@pytest.mark.parametrize(
    ("ports", "apart"),
    [
        ([], [(1, 65535)]),
        (["22"], [(1, 21), (22, 22), (23, 65535)]),
        (["1-65535"], [(1, 65535)]),
        (["0-65535"], [(1, 65535)]),
        (["1"], [(1, 1), (2, 65535)]),
        (["65535"], [(1, 65534), (65535, 65535)]),
        (["100-200", "150-160"], [(1, 99), (100, 149), (150, 160), (161, 200), (201, 65535)]),
        (["100-200", "100-120", "180-200"], [(1, 99), (100, 120), (121, 179), (180, 200), (201, 65535)]),
    ],
)
def test_ports_are_cut_where_a_rules_ports_begin_and_end(
    ports: list[str], apart: list[tuple[int, int]]
) -> None:
    assert spans(side(opened(*ports))) == apart


def test_ports_of_one_protocol_cut_no_other_and_those_of_every_protocol_cut_each() -> None:
    of_udp = side(opened("53", protocol="udp"))
    assert spans(of_udp) == [(1, 65535)]
    assert spans(of_udp, transport="UDP") == [(1, 52), (53, 53), (54, 65535)]
    assert spans(of_udp, transport=OTHER_PROTOCOL) == [(0, 0)]
    of_all = side(opened("53", protocol="all"))
    assert spans(side(opened("5000", protocol="sctp")), transport="SCTP") == [
        (1, 4999),
        (5000, 5000),
        (5001, 65535),
    ]
    assert spans(of_all) == spans(of_all, transport="UDP") == [(1, 52), (53, 53), (54, 65535)]


def test_each_protocol_that_a_rule_names_is_asked_whichever_way_it_is_written_and_one_that_none_names() -> (
    None
):
    def protocols(*names: str) -> list[str]:
        made = side(*(opened(protocol=name) for name in names))
        return list(dict.fromkeys(flow.transport for flow in from_outside([made], machines=False)))

    assert protocols() == ["TCP", "UDP", OTHER_PROTOCOL]
    assert protocols("icmp") == protocols("1") == ["TCP", "UDP", "ICMP", OTHER_PROTOCOL]
    assert protocols("sctp", "esp") == protocols("132", "50") == ["TCP", "UDP", "ESP", "SCTP", OTHER_PROTOCOL]
    assert protocols("all") == ["TCP", "UDP", OTHER_PROTOCOL]


def test_rules_for_what_leaves_tell_nothing_apart() -> None:
    assert spans(side(opened("22", direction="EGRESS", destinationRanges=[PARTNER]))) == [(1, 65535)]


def test_what_either_of_two_sides_tells_apart_is_apart() -> None:
    assert spans(side(opened("22")), side(opened("23"))) == [(1, 21), (22, 22), (23, 23), (24, 65535)]


class TestFrom:
    def sources(self, *sides: Judges, inside: bool = False) -> dict[str, list[str]]:
        found = (from_inside if inside else from_outside)(sides, machines=False)
        return {flow.origin: flow.source.cidrs for flow in found}

    def test_outside_are_the_rules_ranges_and_whoever_is_in_none_and_never_the_cluster_itself(self) -> None:
        found = self.sources(side(opened(sourceRanges=[PARTNER, "10.0.0.0/8"])))
        assert len(found) == 2
        own = Ranges.of(["10.0.0.0/24", "10.1.0.0/16"])
        assert not any(Ranges.of(cidrs).meets(own) for cidrs in found.values())

    def test_inside_are_pods_and_nodes_and_the_parts_of_them_that_rules_tell_apart(self) -> None:
        assert self.sources(side(), inside=True) == {"pods": ["10.1.0.0/16"], "nodes": ["10.0.0.0/24"]}
        found = self.sources(side(opened(sourceRanges=["10.1.128.0/17", PARTNER])), inside=True)
        assert found == {
            "10.1.128.0/17": ["10.1.128.0/17"],
            "pods": ["10.1.0.0/17"],
            "nodes": ["10.0.0.0/24"],
        }

    def test_inside_of_two_sides_is_what_both_have(self) -> None:
        properties = {"ipCidrRange": "10.0.0.0/25", "secondaryIpRanges": []}
        other = Resource(SUBNET.type, "nodes", properties)
        found = self.sources(side(), judges(balancer=None, google=(node_pool("one"), other)), inside=True)
        assert found == {"nodes": ["10.0.0.0/25"]}

    def test_without_a_network_nobody_is_known_to_be_inside(self) -> None:
        assert self.sources(side(network=False), inside=True) == {}


class TestTo:
    def accounts(self, *sides: Judges, machines: bool = False) -> list[str]:
        return list(dict.fromkeys(flow.pool for flow in from_outside(sides, machines=machines)))

    def test_nodes_of_every_pool_of_either_side(self) -> None:
        other = judges(balancer=None, google=(node_pool("two"),))
        assert self.accounts(side(), other) == ["one@example.com", "two@example.com"]

    def test_other_machines_are_those_of_accounts_that_rules_name_and_of_one_that_none_does(self) -> None:
        made = side(opened(targetServiceAccounts=["vm@example.com", "one@example.com"]))
        assert self.accounts(made, machines=True) == ["one@example.com", "vm@example.com", OTHER_MACHINE]
        assert self.accounts(made) == ["one@example.com"]

    def test_of_nodes_that_nobody_handed_over_any_is_asked(self) -> None:
        kept = judges(balancer=None, google=(opened("22"),))
        assert self.accounts(kept) == self.accounts(kept, judges(balancer=None)) == [""]
        assert self.accounts(judges(balancer=None)) == [], "nothing of Google's was handed over"


@pytest.mark.parametrize(
    ("transport", "found", "words"),
    [
        ("TCP", [(22, 22)], "TCP 22"),
        ("TCP", [(80, 80), (443, 445)], "TCP 80, 443-445"),
        ("TCP", [(23, 65535), (22, 22), (1, 21)], "TCP on every port"),
        ("UDP", [(1, 9), (10, 20), (22, 22)], "UDP 1-20, 22"),
        ("ICMP", [(0, 0)], "ICMP"),
    ],
)
def test_ports_are_said_together(transport: str, found: list[tuple[int, int]], words: str) -> None:
    assert sent(transport, found) == words


def test_a_question_says_protocol_and_ports() -> None:
    assert str(NodeFlow(Ranges(()), PARTNER, "a@b", 5, "UDP", 9)) == f"From {PARTNER}: nodes of a@b, UDP 5-9"
    assert str(NodeFlow(Ranges(()), PARTNER, "", 0, "ICMP")) == f"From {PARTNER}: nodes of any pool, ICMP"
