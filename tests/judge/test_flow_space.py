"""What objects name about a team's requests: hosts, ports, callers, requests, forms of a Host header."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from egress.judge.lookup.flow_space import OTHER_ADDRESS, OTHER_HOST, Allowance, Space, concrete
from egress.judge.lookup.service_registry import Registry
from egress.judge.model.equivalence import Requests
from egress.judge.model.flow import Protocol
from tests.judge.asking import HTTP, TCP, TLS, entry, gateway, server, service, to, virtual
from tests.judge.objects import snapshot, written

Written = dict[str, Any]
SHOP, BANK, GATEWAY = "shop", "bank", "gw"
APP = "cluster.local/ns/shop/sa/app"
AUTO = {"number": 9000, "name": "any", "protocol": "GRPC"}


def space(*objects: Written) -> Space:
    deployed = snapshot(*objects)
    return Space(deployed, Registry(deployed))


def rules(*of: Written, namespace: str = GATEWAY, name: str = "rules") -> Written:
    return written("AuthorizationPolicy", namespace, name, rules=list(of))


def rule(source: Written | None = None, operation: Written | None = None, *when: Written) -> Written:
    said: Written = {"from": [{"source": source}]} if source is not None else {}
    said |= {"to": [{"operation": operation}]} if operation is not None else {}
    return said | ({"when": list(when)} if when else {})


def by(*principals: str) -> Written:
    return {"principals": list(principals)}


def when(key: str, *values: str, but: Any = ()) -> Written:
    return {
        "key": key,
        **({"values": list(values)} if values else {}),
        **({"notValues": list(but)} if but else {}),
    }


ONE = {"hosts": ["a.example"]}


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


CALLERS: list[tuple[str, Written, dict[str, set[str]]]] = [
    # what, the source, accounts by the team that the rule tells from others
    ("an identity", by(APP), {SHOP: {"app"}}),
    ("a text that is no identity", by("app"), {"*": set()}),
    ("two", by(APP, "cluster.local/ns/bank/sa/job"), {SHOP: {"app"}, BANK: {"job"}}),
    ("one that is left out", {"notPrincipals": [APP]}, {SHOP: {"app"}, "*": set()}),
    ("anybody", {}, {"*": set()}),
    ("anybody by a star", by("*"), {"*": set()}),
    ("a trust domain", by("cluster.local/*"), {"*": set()}),
    ("a pattern that ends before the account", by("cluster.local/ns/shop/*"), {"*": set()}),
    ("the beginning of accounts", by("cluster.local/ns/shop/sa/job-*"), {SHOP: {"job-any"}}),
    ("every account of a namespace", by("cluster.local/ns/shop/sa/*"), {SHOP: set()}),
    ("the end of an identity", by("*/ns/shop/sa/app"), {SHOP: {"app"}}),
    ("the end of it, not all of the namespace", by("*op/sa/app"), {"*": {"app"}}),
    ("an account of any namespace", by("*/sa/app"), {"*": {"app"}}),
    ("the end of an account", by("*-job"), {"*": {"any-job"}}),
    ("a namespace", {"namespaces": [SHOP]}, {SHOP: set()}),
    ("two namespaces", {"namespaces": [SHOP, BANK]}, {SHOP: set(), BANK: set()}),
    ("a pattern of namespaces", {"namespaces": ["sh*"]}, {"*": set()}),
    ("an account of a namespace", {"serviceAccounts": ["shop/app"]}, {SHOP: {"app"}}),
    ("an account of the policy's own", {"serviceAccounts": ["app"]}, {GATEWAY: {"app"}}),
    ("an account that is left out", {"notServiceAccounts": ["shop/app"]}, {SHOP: {"app"}, "*": set()}),
    ("namespaces that are left out", {"notNamespaces": [SHOP]}, {"*": set()}),
    ("addresses", {"ipBlocks": ["10.0.0.0/8"]}, {"*": set()}),
]  # fmt: skip
CONDITIONS: list[tuple[Written, dict[str, set[str]]]] = [
    (when("source.principal", APP), {SHOP: {"app"}}),
    (when("source.principal", but=[APP]), {SHOP: {"app"}, "*": set()}),
    (when("source.namespace", SHOP), {SHOP: set()}),
    (when("source.serviceAccount", "shop/app"), {SHOP: {"app"}}),
    (when("source.serviceAccount", but=["shop/app"]), {SHOP: {"app"}, "*": set()}),
]


class TestCallers:
    @pytest.mark.parametrize(("what", "source", "found"), CALLERS, ids=[row[0] for row in CALLERS])
    def test_a_rule_is_about_the_callers_that_its_source_tells_apart(
        self, what: str, source: Written, found: dict[str, set[str]]
    ) -> None:
        self._is_about(rule(source, {**ONE, "methods": ["GET"]}), found)

    @pytest.mark.parametrize(("condition", "found"), CONDITIONS)
    def test_conditions_tell_callers_apart_as_sources_do(
        self, condition: Written, found: dict[str, set[str]]
    ) -> None:
        self._is_about(rule(None, {**ONE, "methods": ["GET"]}, condition), found)

    @staticmethod
    def _is_about(of: Written, found: dict[str, set[str]]) -> None:
        asked = space(rules(of))
        everybodys = found.get("*", set[str]())
        for team in (SHOP, BANK, GATEWAY, "other"):
            assert asked.accounts(team, "a.example") == found.get(team, set()) | everybodys, team
            assert asked.accounts(team, "b.example") == set()
            means = team in found or "*" in found
            assert asked.hosts(team) == (["a.example"] if means else [])
            assert asked.requests(team, "a.example") == (
                Requests(frozenset({"GET"})) if means else Requests()
            )

    def test_a_rule_without_hosts_is_about_every_host(self) -> None:
        of = space(rules(rule(by(APP), {"methods": ["GET"]})))
        assert of.accounts(SHOP, "any.example") == {"app"}
        assert of.requests(SHOP, "any.example") == Requests(frozenset({"GET"}))
        assert of.requests(BANK, "any.example") == Requests()

    def test_so_is_one_with_a_pattern_of_hosts_besides(self) -> None:
        of = space(rules(rule(by(APP), {"hosts": ["*.a.example", "b.example"]})))
        assert of.accounts(SHOP, "other.example") == {"app"}
        assert of.hosts(SHOP) == ["any-name.a.example", "b.example"]

    @pytest.mark.parametrize("principal", ["cluster.local/ns/ns/sa/ns", "cluster.local/ns/ns/sa/ns*"])
    def test_a_team_may_be_called_as_a_part_of_an_identity_is(self, principal: str) -> None:
        account = "nsany" if principal.endswith("*") else "ns"
        assert space(rules(rule(by(principal), ONE))).accounts("ns", "a.example") == {account}
        names = gateway(server("a.example", tls={"subjectAltNames": ["spiffe://cluster.local/ns/ns/sa/ns"]}))
        assert space(names).accounts("ns", "a.example") == {"ns"}

    def test_every_source_counts(self) -> None:
        several = {
            "from": [{"source": by(APP)}, {"source": {"namespaces": [BANK]}}],
            "to": [{"operation": ONE}],
        }
        of = space(rules(several))
        assert (of.hosts(SHOP), of.hosts(BANK), of.hosts("other")) == (["a.example"], ["a.example"], [])


def requests(*of: Written, host: str = "a.example", team: str = SHOP) -> Requests:
    return space(rules(*of)).requests(team, host)


class TestRequests:
    @pytest.mark.parametrize(
        ("operation", "told"),
        [
            ({}, Requests()),
            ({"methods": ["GET", "PUT"]}, Requests(frozenset({"GET", "PUT"}))),
            ({"notMethods": ["PUT"]}, Requests(frozenset({"PUT"}))),
            ({"paths": ["/a"], "notPaths": ["/b"]}, Requests(paths=frozenset({"/a", "/b"}))),
        ],
    )
    def test_methods_and_paths_are_told_apart_whether_let_through_or_left_out(
        self, operation: Written, told: Requests
    ) -> None:
        assert requests(rule(by(APP), {**ONE, **operation})) == told

    @pytest.mark.parametrize(
        ("condition", "headers"),
        [
            (when("request.headers[x-env]", "prod", "test-*"), {("x-env", "prod"), ("x-env", "test-*")}),
            (when("request.headers[X-Env]", "Prod"), {("x-env", "Prod")}),
            (when("request.headers[x-env]", but=["prod"]), {("x-env", "prod")}),
            (when("source.ip", "10.0.0.0/8"), set[Any]()),
        ],
    )
    def test_headers_are_told_apart_by_their_values(
        self, condition: Written, headers: set[tuple[str, str]]
    ) -> None:
        assert requests(rule(by(APP), ONE, condition)) == Requests(headers=frozenset(headers))

    def test_every_operation_and_every_rule_counts(self) -> None:
        several = {
            "to": [{"operation": {**ONE, "methods": ["GET"]}}, {"operation": {**ONE, "paths": ["/a"]}}]
        }
        assert requests(several, rule(by(APP), {**ONE, "methods": ["PUT"]})) == Requests(
            frozenset({"GET", "PUT"}), frozenset({"/a"})
        )
        assert requests(several, team=BANK) == Requests(frozenset({"GET"}), frozenset({"/a"}))

    def test_several_values_of_one_header_in_several_conditions_are_all_told_apart(self) -> None:
        of = rule(
            by(APP),
            ONE,
            when("request.headers[x]", "1"),
            when("request.headers[x]", "2"),
            when("request.headers[y]", "3"),
        )
        assert requests(of) == Requests(headers=frozenset({("x", "1"), ("x", "2"), ("y", "3")}))

    def test_a_server_name_is_a_host_as_well(self) -> None:
        of = space(rules(rule(by(APP), {"methods": ["GET"]}, when("connection.sni", "s.example"))))
        assert of.hosts(SHOP) == ["s.example"]
        assert of.requests(SHOP, "s.example") == Requests(frozenset({"GET"}))
        assert of.requests(SHOP, "a.example") == Requests()

    @pytest.mark.parametrize("written_as", ["a.example", "A.Example", "a.example:80", "a.example:*"])
    def test_a_host_is_the_same_with_a_port_and_in_any_case(self, written_as: str) -> None:
        of = space(rules(rule(by(APP), {"hosts": [written_as], "methods": ["GET"]})))
        assert of.requests(SHOP, "a.example") == Requests(frozenset({"GET"}))


class TestAuthorities:
    @pytest.mark.parametrize(
        ("hosts", "forms"),
        [
            # Alone and with the port of plain HTTP is how clients write it.
            (["a.example", "a.example:80"], []),
            (["a.example"], ["a.example:80"]),
            (["a.example:80"], ["a.example:80"]),
            (["a.example", "a.example:8080"], ["a.example:80", "a.example:8080"]),
            (["a.example", "a.example:80", "a.example:8080"], ["a.example:80", "a.example:8080"]),
            (["a.example", "a.example:80", "b.example"], []),
            (["a.example*"], []),
            (["*.example"], []),
            (["*"], []),
            ([], []),
        ],
    )
    def test_a_form_of_a_host_header_that_a_rule_tells_from_the_name_is_asked(
        self, hosts: list[str], forms: list[str]
    ) -> None:
        of = space(rules(rule(by(APP), {"hosts": hosts})))
        assert of.authorities(SHOP, "a.example") == forms
        assert of.authorities(BANK, "a.example") == []
        assert space(rules(rule(None, {"hosts": hosts}))).authorities(BANK, "a.example") == forms

    def test_names_below_a_pattern_are_told_from_the_same_with_a_port(self) -> None:
        """A pattern's end is the end of the header: what a rule refuses by it passes with a port, and nobody
        asked."""
        of = space(rules(rule(by(APP), {"hosts": ["*.a.example", "*.b.example", "*.b.example:80"]})))
        assert of.authorities(SHOP, "any-name.a.example") == ["any-name.a.example:80"]
        assert of.authorities(SHOP, "any-name.b.example") == []

    def test_a_form_that_two_rules_tell_apart_is_asked_once(self) -> None:
        of = space(rules(rule(by(APP), ONE), rule(by(APP), {**ONE, "methods": ["GET"]})))
        assert of.authorities(SHOP, "a.example") == ["a.example:80"]


def allowance(methods: Any = (), paths: Any = (), headers: Any = (), accounts: Any = ()) -> Allowance:
    return Allowance(tuple(methods), tuple(paths), tuple(headers), frozenset(accounts))


class TestAllowances:
    def test_a_rule_is_told_as_it_is_written(self) -> None:
        headers = when("request.headers[X-B]", "1", "2")
        of = rule(
            by(APP),
            {**ONE, "methods": ["GET"], "paths": ["/b", "/a"]},
            when("source.ip", "10.0.0.1"),
            headers,
        )
        assert space(rules(of)).allowances(SHOP, "a.example") == [
            allowance(["GET"], ["/b", "/a"], [("x-b", ("1", "2"))], ["app"])
        ]
        assert space(rules(of)).allowances(BANK, "a.example") == []

    def test_it_is_for_its_hosts_or_for_all(self) -> None:
        of = space(rules(rule(by(APP), {"methods": ["GET"]})))
        assert of.allowances(SHOP, "any.example") == [allowance(["GET"], accounts=["app"])]
        two = space(rules(rule(None, {"hosts": ["a.example", "*.b.example"]})))
        for host in ("a.example", "any-name.b.example"):
            assert two.allowances(BANK, host) == [allowance()]
        assert two.allowances(BANK, "c.example") == []

    def test_one_without_an_operation_asks_nothing(self) -> None:
        assert space(rules(rule(by(APP)))).allowances(SHOP, "a.example") == [allowance(accounts=["app"])]

    def test_each_operation_is_one_and_the_same_is_said_once(self) -> None:
        several = {"to": [{"operation": {**ONE, "methods": [method]}} for method in ("GET", "PUT", "GET")]}
        assert space(rules(several)).allowances(SHOP, "a.example") == [allowance(["GET"]), allowance(["PUT"])]

    def test_a_caller_that_is_anybody_of_a_team_takes_the_place_of_its_accounts(self) -> None:
        both = {"from": [{"source": by(APP)}, {"source": {"namespaces": [SHOP]}}], "to": [{"operation": ONE}]}
        assert space(rules(both)).allowances(SHOP, "a.example") == [allowance()]
        of_two = rule(by(APP, "cluster.local/ns/shop/sa/job", "cluster.local/ns/bank/sa/x"), ONE)
        assert space(rules(of_two)).allowances(SHOP, "a.example") == [allowance(accounts=["app", "job"])]
        assert space(rules(of_two)).allowances(BANK, "a.example") == [allowance(accounts=["x"])]

    def test_a_teams_own_come_before_everybodys(self) -> None:
        of = space(rules(rule(None, {**ONE, "methods": ["PUT"]}), rule(by(APP), {**ONE, "methods": ["GET"]})))
        assert of.allowances(SHOP, "a.example") == [allowance(["GET"], accounts=["app"]), allowance(["PUT"])]


def test_routes_lead_to_hosts_for_whom_they_are_exported() -> None:
    route = virtual(BANK, "routed.example", exportTo=[SHOP], http=[{"route": [to("a.example")]}])
    of = space(route)
    assert (of.hosts(SHOP), of.hosts(BANK)) == (["routed.example"], [])


def test_what_stands_for_names_and_addresses_that_nobody_declared_belongs_to_nobody() -> None:
    """RFC 2606 keeps the domain free, RFC 5737 the addresses."""
    assert OTHER_HOST.endswith(".example")
    assert OTHER_ADDRESS in map(str, ip_network("198.51.100.0/24").hosts())
