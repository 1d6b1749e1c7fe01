"""What objects name about a team's hosts and ports, and the shapes of what is sent to them."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from egress.judge.lookup.flow_space import OTHER_ADDRESS, OTHER_HOST
from egress.judge.lookup.host_shapes import concrete
from egress.judge.model.equivalence import Requests
from egress.judge.model.flow import Protocol
from tests.judge.asking import HTTP, TCP, TLS, entry, gateway, server, service, to, virtual
from tests.judge.flow_naming import APP, BANK, GATEWAY, ONE, SHOP, Written, by, rule, rules, space, when

AUTO = {"number": 9000, "name": "any", "protocol": "GRPC"}


class TestHosts:
    def test_a_team_is_asked_about_each_host_that_is_exported_to_it(self) -> None:
        of = space(
            entry("b.example", SHOP, exportTo=["."]),
            entry("a.example", BANK),
            entry("c.example", BANK, exportTo=["."]),
            entry("d.example", BANK, exportTo=[SHOP]),
        )
        assert of.hosts(SHOP) == ["a.example", "b.example", "d.example"]
        assert of.hosts(BANK) == ["a.example", "c.example"]
        assert of.hosts("other") == ["a.example"]

    def test_a_pattern_is_asked_about_by_a_name_below_it(self) -> None:
        assert space(entry("*.a.example", SHOP)).hosts(SHOP) == ["any-name.a.example"]
        assert (concrete("*.a.example"), concrete("a.example"), concrete("*")) == (
            "any-name.a.example",
            "a.example",
            "*",
        )

    def test_hosts_of_routes_and_of_rules_are_asked_about_as_well(self) -> None:
        of = space(
            virtual(SHOP, "routed.example", exportTo=["."]),
            rules(rule(by(APP), {"hosts": ["ruled.example"]})),
        )
        assert of.hosts(SHOP) == ["routed.example", "ruled.example"]
        assert of.hosts(BANK) == []

    def test_what_is_inside_or_stands_for_everything_is_no_host_outside(self) -> None:
        of = space(
            service("web", BANK, {"port": 80}),
            entry("web.bank.local", SHOP),
            virtual(SHOP, "web.bank.svc.cluster.local"),
            rules(rule(by(APP), {"hosts": ["*"]})),
        )
        assert of.hosts(SHOP) == []
        assert [*of.outside] == ["web.bank.local"]

    def test_a_gateway_names_hosts_for_callers_that_it_takes(self) -> None:
        names = {"subjectAltNames": [f"spiffe://{APP}"]}
        of = space(gateway(server("a.example", "*.b.example", tls=names), server("c.example")))
        assert of.hosts(SHOP) == ["a.example", "any-name.b.example"]
        assert of.accounts(SHOP, "any-name.b.example") == {"app"}
        assert of.accounts(SHOP, "c.example") == set()

    def test_outside_is_every_destination_that_is_not_a_service(self) -> None:
        assert [
            *space(
                entry("*.a.example", SHOP), service("web", BANK, {"port": 80}), entry("b.example", BANK)
            ).outside
        ] == [
            "*.a.example",
            "b.example",
        ]


LOOPBACK = entry(
    "a.wildcard.internal", GATEWAY, TLS, resolution="STATIC", endpoints=[{"address": "127.0.0.9"}]
)


class TestNamesAmongGateways:
    """A host whose endpoint is a gateway itself is a name that gateways have for a pattern; clients ask for
    the pattern."""

    ROUTES = virtual(
        GATEWAY, "a.wildcard.internal", hosts=["a.wildcard.internal", "*.a.example", "*.b.example"]
    )

    def test_clients_ask_for_the_pattern(self) -> None:
        of = space(
            LOOPBACK,
            self.ROUTES,
            rules(rule(by(APP), {"hosts": ["a.wildcard.internal"], "methods": ["GET"]})),
        )
        assert of.hosts(SHOP) == ["any-name.a.example", "any-name.b.example"]
        assert of.requests(SHOP, "any-name.a.example") == Requests(frozenset({"GET"}))
        assert [*of.outside] == []

    def test_without_a_pattern_it_stands_for_itself(self) -> None:
        of = space(LOOPBACK, rules(rule(by(APP), {"hosts": ["a.wildcard.internal"], "methods": ["GET"]})))
        assert of.requests(SHOP, "a.wildcard.internal") == Requests(frozenset({"GET"}))
        assert of.hosts(SHOP) == []

    def test_its_ports_and_shape_are_nobodys(self) -> None:
        own = entry(
            "a.wildcard.internal", GATEWAY, TCP, resolution="STATIC", endpoints=[{"address": "127.0.0.9"}]
        )
        assert space(own).numbers(SHOP) == set()
        assert [*space(own).others(set())] == []
        elsewhere = entry(
            "b.example", GATEWAY, TCP, resolution="STATIC", endpoints=[{"address": "203.0.113.9"}]
        )
        assert space(elsewhere).numbers(SHOP) == {3306}

    def test_a_rule_about_what_a_gateway_says_to_itself_is_for_no_client(self) -> None:
        own = rule(by(APP), ONE, when("destination.ip", "127.0.0.9", "127.0.0.10"))
        assert space(rules(own)).hosts(SHOP) == []
        for addresses in (["127.0.0.9", "10.0.0.1"], ["10.0.0.1"], ["10.127.0.1"]):
            assert space(rules(rule(by(APP), ONE, when("destination.ip", *addresses)))).hosts(SHOP) == [
                "a.example"
            ]


class TestPorts:
    def test_a_host_is_asked_for_by_http_and_tls_and_on_each_port_that_it_has(self) -> None:
        ports = ({**HTTP, "number": 8080}, {**TLS, "number": 8443}, TCP, AUTO)
        of = space(entry("a.example", SHOP, *ports), entry("*.example", BANK, {**TLS, "number": 9443}))
        usual = [(80, Protocol.HTTP), (443, Protocol.TLS)]
        assert of.ports("other") == usual
        assert of.ports("a.example") == sorted(
            [
                *usual,
                (8080, Protocol.HTTP),
                (8443, Protocol.TLS),
                (3306, Protocol.TCP),
                (9000, Protocol.HTTP),
                (9443, Protocol.TLS),
            ]
        )

    def test_a_port_that_says_no_protocol_is_asked_by_http(self) -> None:
        of = space(entry("a.example", SHOP, {"number": 9999, "name": "x", "protocol": ""}))
        assert (9999, Protocol.HTTP) in of.ports("a.example")

    def test_a_host_outside_may_be_called_like_a_service(self) -> None:
        of = space(service("web", BANK, {"port": 80}), entry("web.bank.svc.cluster.local", SHOP, TCP))
        assert of.numbers(SHOP) == {3306}
        assert [*of.outside] == ["web.bank.svc.cluster.local"]

    def test_ports_are_told_apart_for_those_to_whom_a_destination_is_exported(self) -> None:
        of = space(
            entry("a.example", SHOP, TCP, exportTo=["."]),
            entry("b.example", BANK, {**TLS, "number": 8443}, {**TLS, "number": 8444, "name": "b"}),
            service("web", BANK, {"port": 9090}),
        )
        assert of.numbers(SHOP) == {3306, 8443, 8444}
        assert of.numbers(BANK) == {8443, 8444}


class TestShapes:
    PLAIN = entry("a.example", BANK)

    @pytest.mark.parametrize(
        "other",
        [
            entry("b.example", BANK, TLS),
            entry("b.example", BANK, {**HTTP, "number": 8080}),
            entry("b.example", BANK, HTTP, addresses=["203.0.113.9"]),
            entry("*.b.example", BANK),
            entry("b.example", BANK, HTTP, resolution="NONE"),
        ],
        ids=["protocol", "port", "address", "pattern", "resolution"],
    )
    def test_hosts_that_differ_are_asked_about_each(self, other: Written) -> None:
        name = concrete(other["spec"]["hosts"][0])
        assert [*space(self.PLAIN, other).others(set())] == ["a.example", name]
        assert [*space(self.PLAIN, other).others({name})] == ["a.example"]

    def test_hosts_that_look_the_same_are_asked_about_once(self) -> None:
        same = entry("b.example", SHOP, exportTo=["."])
        assert [*space(self.PLAIN, same).others(set())] == ["a.example"]
        assert [*space(self.PLAIN, same).others({"a.example"})] == ["b.example"]
        assert [*space(self.PLAIN, same).others({"a.example", "b.example"})] == []
        assert [*space(service("web", BANK, {"port": 80})).others(set())] == []


def test_routes_lead_to_hosts_for_whom_they_are_exported() -> None:
    route = virtual(BANK, "routed.example", exportTo=[SHOP], http=[{"route": [to("a.example")]}])
    of = space(route)
    assert (of.hosts(SHOP), of.hosts(BANK)) == (["routed.example"], [])


def test_what_stands_for_names_and_addresses_that_nobody_declared_belongs_to_nobody() -> None:
    """RFC 2606 keeps the domain free, RFC 5737 the addresses."""
    assert OTHER_HOST.endswith(".example")
    assert OTHER_ADDRESS in map(str, ip_network("198.51.100.0/24").hosts())
