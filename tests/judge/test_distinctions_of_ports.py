"""Which ports one snapshot of objects, or two, tell apart: outside, on nodes and between pods."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.distinctions import Distinctions
from egress.judge.model.flow import Protocol
from egress.judge.trace import Judges
from tests.judge.asking import entry
from tests.judge.distinguishing import (
    BANK,
    GATEWAY_NODES,
    NODES,
    POOLS,
    SHOP,
    Written,
    firewall,
    of_both,
    policy,
    told,
)
from tests.judge.objects import named, node_pool, snapshot


def allowing(
    *ports: Written, allow: str = "to", peers: Any = ({"ipBlock": {"cidr": "10.0.0.0/8"}},)
) -> Written:
    return {"ports": list(ports), **({allow: list(peers)} if peers else {})}


def tcp(port: int | None, end: int | None = None, protocol: str | None = "TCP") -> Written:
    said = {"port": port, "endPort": end, "protocol": protocol}
    return {key: value for key, value in said.items() if value is not None}


BASE = {(80, "http"), (443, "tls"), (6667, "tcp"), (53, "udp"), (443, "udp"), (6667, "udp")}


class TestPortsOutside:
    @pytest.mark.parametrize(
        ("egress", "more"),
        [
            ([], set[Any]()),
            ([allowing(tcp(8443))], {(8443, "tcp"), (8444, "tcp")}),
            ([allowing(tcp(8443, 8500))], {(8443, "tcp"), (8501, "tcp")}),
            ([allowing(tcp(8443, protocol=None))], {(8443, "tcp"), (8444, "tcp")}),
            ([allowing(tcp(123, protocol="UDP"))], {(123, "udp"), (124, "udp")}),
            # Where one port of SCTP is told apart, so are the others.
            ([allowing(tcp(3868, protocol="SCTP"))], {(3868, "sctp"), (3869, "sctp"), (6667, "sctp")}),
            # No port is no number.
            ([allowing(tcp(None))], set[Any]()),
            ([allowing(tcp(None, protocol="SCTP"))], {(6667, "sctp")}),
            ([allowing(tcp(65534))], {(65534, "tcp"), (65535, "tcp")}),
            ([allowing(tcp(65535))], {(65535, "tcp")}),
            ([allowing(tcp(1))], {(1, "tcp"), (2, "tcp")}),
            ([allowing(tcp(9, protocol="ICMP"))], set[Any]()),
            # A rule without peers means everything; one for pods alone means nothing outside.
            ([allowing(tcp(8443), peers=())], {(8443, "tcp"), (8444, "tcp")}),
            ([allowing(tcp(8443), peers=({"podSelector": {}},))], set[Any]()),
        ],
    )
    def test_each_port_that_a_policy_names_is_told_apart(self, egress: list[Written], more: set[Any]) -> None:
        found = told(policy(egress=egress, policyTypes=["Egress"])).numbers(SHOP)
        assert found == sorted({(number, Protocol(spoken)) for number, spoken in BASE | more})
        assert told(policy(BANK, egress=egress, policyTypes=["Egress"])).numbers(SHOP) == sorted(
            (number, Protocol(spoken)) for number, spoken in BASE
        )

    def test_what_a_policy_lets_in_is_no_port_outside(self) -> None:
        ingress = [allowing(tcp(8443), allow="from")]
        assert {*told(policy(ingress=ingress)).numbers(SHOP)} == BASE

    def test_each_port_of_a_destination_is_told_apart_for_those_that_know_it(self) -> None:
        own = entry("a.example", BANK, {"number": 5432, "name": "x", "protocol": "TCP"}, exportTo=["."])
        assert {*told(own).numbers(BANK)} == BASE | {(5432, "tcp")}
        assert {*told(own).numbers(SHOP)} == BASE

    def test_either_side_counts(self) -> None:
        one, other = (policy(egress=[allowing(tcp(port))], policyTypes=["Egress"]) for port in (1000, 2000))
        assert {*of_both([one], [other]).numbers(SHOP)} == BASE | {
            (port, "tcp") for port in (1000, 1001, 2000, 2001)
        }


def allows(protocol: str, *ports: str) -> Written:
    return {"allows": [{"protocol": protocol, **({"ports": list(ports)} if ports else {})}]}


OF_NODES = {("TCP", 80), ("TCP", 443), ("TCP", 6667), ("UDP", 53), ("UDP", 443), ("UDP", 6667)}


class TestPortsOfNodes:
    @pytest.mark.parametrize(
        ("what", "more"),
        [
            (allows("all"), set[Any]()),
            (allows("tcp"), set[Any]()),
            (allows("tcp", "8443"), {("TCP", 8443), ("TCP", 8444)}),
            (allows("tcp", "8443-8500"), {("TCP", 8443), ("TCP", 8501)}),
            (allows("udp", "123"), {("UDP", 123), ("UDP", 124)}),
            (allows("all", "99"), {("TCP", 99), ("TCP", 100), ("UDP", 99), ("UDP", 100)}),
            (allows("tcp", "65534"), {("TCP", 65534), ("TCP", 65535)}),
            (allows("tcp", "65535"), {("TCP", 65535)}),
            (allows("sctp", "3868"), {("SCTP", 3868), ("SCTP", 3869), ("SCTP", 6667)}),
            # Let through on every port; protocols without ports have none.
            (allows("sctp"), {("SCTP", 6667)}),
            (allows("esp"), {("ESP", 0)}),
        ],
    )
    def test_each_port_that_a_firewall_rule_names_is_told_apart(self, what: Written, more: set[Any]) -> None:
        """SCTP that a rule lets through on every port was asked about on none."""
        found = told(google=[*POOLS, firewall(**what)])
        assert found.numbers_of_nodes([NODES]) == sorted(OF_NODES | more)
        assert found.numbers_of_nodes([GATEWAY_NODES]) == sorted(OF_NODES)
        assert told(google=[*POOLS, firewall(direction="INGRESS", **what)]).numbers_of_nodes(
            [NODES]
        ) == sorted(OF_NODES)

    def test_a_pool_may_have_another_account_on_each_side(self) -> None:
        sides = [
            Judges(snapshot(google=(node_pool("app", of), firewall(account=of, **allows("tcp", port)))))
            for of, port in ((NODES, "1000"), ("other@p", "2000"))
        ]
        found = Distinctions(sides)
        assert found.numbers_of_nodes([NODES, "other@p"]) == sorted(
            OF_NODES | {("TCP", port) for port in (1000, 1001, 2000, 2001)}
        )
        assert found.numbers_of_nodes(["other@p", NODES]) == sorted(OF_NODES)


BETWEEN = {("TCP", 8080), ("TCP", 15000), ("TCP", 6667), ("UDP", 6667)}


class TestPortsBetweenPods:
    @pytest.mark.parametrize(
        ("port", "more"),
        [
            (tcp(9999), {("TCP", 9999), ("TCP", 10000)}),
            (tcp(9000, 9100), {("TCP", 9000), ("TCP", 9101)}),
            (tcp(53, protocol="UDP"), {("UDP", 53), ("UDP", 54)}),
            (tcp(3868, protocol="SCTP"), {("SCTP", 3868), ("SCTP", 3869), ("SCTP", 6667)}),
            (tcp(None, protocol="SCTP"), {("SCTP", 6667)}),
            (tcp(None), set[Any]()),
            (tcp(65534), {("TCP", 65534), ("TCP", 65535)}),
            (tcp(1), {("TCP", 1), ("TCP", 2)}),
            (tcp(9, protocol="ICMP"), set[Any]()),
        ],
    )
    def test_each_port_that_policies_of_either_end_name_is_told_apart(
        self, port: Written, more: set[Any]
    ) -> None:
        out = policy(SHOP, egress=[allowing(port, peers=[named(BANK)])], policyTypes=["Egress"])
        into = policy(BANK, ingress=[allowing(port, allow="from", peers=[named(SHOP)])])
        for objects in ([out], [into], [out, into]):
            assert told(*objects).pod_ports(SHOP, BANK) == sorted(BETWEEN | more)
            assert told(*objects).pod_ports(BANK, SHOP) == sorted(BETWEEN)
        assert of_both([], [into]).pod_ports(SHOP, BANK) == sorted(BETWEEN | more)
