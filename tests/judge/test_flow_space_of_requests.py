"""What objects name about a team's requests: callers, requests, forms of a Host header."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.flow_space import Allowance
from egress.judge.model.equivalence import Requests
from tests.judge.asking import gateway, server
from tests.judge.flow_naming import APP, BANK, GATEWAY, ONE, SHOP, Written, by, rule, rules, space, when

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
            (["*.example"], ["a.example:80"]),
            (["*example:8080"], ["a.example:80", "a.example:8080"]),
            (["*:80"], ["a.example:80"]),
            (["*"], []),
            (["*", "*:80"], []),
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
