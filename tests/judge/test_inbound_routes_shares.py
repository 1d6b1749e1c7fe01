"""Where a gateway leads shares and copies of what it lets in, and when that counts as let in."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.inbound_flow import InboundTrace
from egress.judge.model.flow import Layer, Request
from tests.judge.incoming import HOST, Object, flow, gateway, judges, refused, route
from tests.judge.objects import written


class TestShares:
    """Some requests go here and some there; those that arrive arrive, whatever becomes of the others."""

    CLOSED = written("NetworkPolicy", "bank", podSelector={})
    SHOP, BANK, NOWHERE = "db.shop.svc.cluster.local", "db.bank.svc.cluster.local", "out.example"

    def led(self, *objects: Object, must_pass: bool = False, **section: Any) -> InboundTrace:
        found = judges(
            *objects, gateway=gateway(protocol="HTTPS"), route=route("http", http=[section])
        ).inbound
        return found.trace(flow(request=Request(HOST)), must_pass=must_pass)

    def to(self, host: str, **more: Any) -> dict[str, Any]:
        return {"destination": {"host": host, "port": {"number": 5432}}, **more}

    def shares(self, *hosts: str) -> dict[str, Any]:
        return {"route": [self.to(host, weight=50) for host in hosts]}

    @pytest.mark.parametrize("others", [BANK, NOWHERE])
    @pytest.mark.parametrize("first", [True, False])
    def test_one_that_arrives_is_enough_and_of_what_is_declared_each_has_to(
        self, others: str, first: bool
    ) -> None:
        section = self.shares(*((self.SHOP, others) if first else (others, self.SHOP)))
        trace = self.led(self.CLOSED, **section)
        assert trace.allowed
        assert [at.service for at in trace.reached] == ["db.shop"]
        assert not self.led(self.CLOSED, must_pass=True, **section).allowed

    def test_where_none_arrives_every_one_is_said(self) -> None:
        shut = written("NetworkPolicy", "shop", podSelector={})
        trace = self.led(self.CLOSED, shut, **self.shares(self.BANK, self.SHOP))
        assert refused(trace) == [Layer.NETWORK_POLICY] * 2
        assert [at.service for at in trace.reached] == ["db.bank", "db.shop"]

    @pytest.mark.parametrize(
        ("copy", "arrive"),
        [
            ({}, ["db.shop", "db.cafe"]),
            ({"percentage": {"value": 5.0}}, ["db.shop", "db.cafe"]),
            ({"percentage": {"value": 0}}, ["db.shop"]),
        ],
    )
    def test_a_copy_arrives_unless_none_is_made(self, copy: dict[str, Any], arrive: list[str]) -> None:
        mirrors = [self.to("db.cafe.svc.cluster.local", **copy)]
        assert [at.service for at in self.led(route=[self.to(self.SHOP)], mirrors=mirrors).reached] == arrive
        halves = self.led(**self.shares(self.SHOP, "db.pub.svc.cluster.local"), mirrors=mirrors)
        assert [at.service for at in halves.reached] == [arrive[0], "db.pub", *arrive[1:]]

    @pytest.mark.parametrize("host", [BANK, NOWHERE])
    def test_a_copy_that_is_refused_keeps_no_request_out(self, host: str) -> None:
        assert self.led(self.CLOSED, route=[self.to(self.SHOP)], mirrors=[self.to(host)]).allowed
        assert self.led(self.CLOSED, route=[self.to(host)], mirrors=[self.to(self.SHOP)]).allowed, (
            "and arrives by itself"
        )

    def test_a_copy_that_leads_nowhere_is_named(self) -> None:
        trace = self.led(must_pass=True, route=[self.to(self.SHOP)], mirrors=[self.to(self.NOWHERE)])
        assert trace.decision.field == "spec.http[0].mirrors[0].destination"

    def test_at_every_address_of_a_name_outside(self) -> None:
        ends = [{"address": f"203.0.113.{number}"} for number in (1, 2)]
        ports = [{"number": 443, "name": "tls", "protocol": "TLS"}]
        entry = written(
            "ServiceEntry", "edge", hosts=["out.example"], ports=ports, resolution="STATIC", endpoints=ends
        )
        out = {"policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "203.0.113.2/32"}}]}]}
        policy = written("NetworkPolicy", "edge", podSelector={}, **out)
        found = judges(entry, policy, route=route(to="out.example", number=443)).inbound
        assert found.trace(flow()).allowed, "the second address is let out to"
        assert not found.trace(flow(), must_pass=True).allowed
