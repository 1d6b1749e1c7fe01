"""What the conditions of a rule hold for, and the server names that they ask for.

Source: Istio reference, "Authorization Policy Conditions". tests/mesh/test_rules.py holds the less expected
of these against Istio and Envoy.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.layers.authorization import Authorization
from egress.judge.model.flow import Request
from tests.judge.authorizing import BYTES, CALLER, allow, deny, judged, outcome, policy, source, when
from tests.judge.objects import snapshot


class TestConditions:
    def test_every_condition_must_hold(self) -> None:
        both = {
            "when": [*when("destination.port", "8080")["when"], *when("connection.sni", "a.example")["when"]]
        }
        assert outcome(allow(both), sni="a.example") is True
        assert outcome(allow(both), sni="b.example") is False
        assert outcome(allow(both), sni="a.example", port=1) is False

    @pytest.mark.parametrize(
        ("pattern", "name", "matches"),
        [
            ("a.example", "a.example", True),
            ("a.example", "A.Example", True),
            ("A.example", "a.example", False),
            ("*.example", "a.example", True),
            ("a*", "a.example", True),
            ("*", "a.example", True),
            ("*", None, False),
            ("b.example", "a.example", False),
        ],
    )
    def test_server_names_which_proxies_write_in_lower_case(
        self, pattern: str, name: str | None, matches: bool
    ) -> None:
        assert outcome(allow(when("connection.sni", pattern)), sni=name) is matches
        assert outcome(allow(when("connection.sni", "x", pattern)), sni=name) is matches
        assert outcome(allow(when("connection.sni", but=(pattern,))), sni=name) is not matches
        assert outcome(deny(when("connection.sni", pattern)), sni=name, inner=BYTES) is not matches

    @pytest.mark.parametrize(
        ("pattern", "sent", "matches"),
        [
            ("v", "v", True),
            ("v", "V", False),
            ("v*", "vw", True),
            ("*v", "wv", True),
            ("*", "anything", True),
            ("*", "", True),
            ("*", None, False),
            ("v", None, False),
            ("w", "v", False),
        ],
    )
    def test_headers(self, pattern: str, sent: str | None, matches: bool) -> None:
        request = Request("a", headers={} if sent is None else {"x-a": sent})
        assert outcome(allow(when("request.headers[X-A]", pattern)), inner=request) is matches
        assert outcome(allow(when("request.headers[x-a]", "none", pattern)), inner=request) is matches
        assert outcome(allow(when("request.headers[x-a]", but=(pattern,))), inner=request) is not matches
        assert outcome(deny(when("request.headers[x-a]", pattern)), inner=request) is not matches

    def test_of_a_header_sent_twice_one_value_is_enough(self) -> None:
        twice = Request("a", headers={"x-a": "v"}, repeated=(("x-a", "w"), ("x-b", "z")))
        assert outcome(allow(when("request.headers[x-a]", "w")), inner=twice) is True
        assert outcome(allow(when("request.headers[x-a]", "z")), inner=twice) is False
        assert outcome(allow(when("request.headers[x-a]", but=("w",))), inner=twice) is False

    def test_values_and_those_left_out_must_both_hold(self) -> None:
        rule = allow(when("request.headers[x-a]", "v*", but=("vw",)))
        assert outcome(rule, inner=Request("a", headers={"x-a": "v"})) is True
        assert outcome(rule, inner=Request("a", headers={"x-a": "vw"})) is False

    @pytest.mark.parametrize(
        "name",
        [":path", ":authority", "Host", "x-forwarded-for", "X-Envoy-Internal", "x-request-id", "connection"],
    )
    def test_headers_of_the_proxies_own_are_not_understood(self, name: str) -> None:
        verdict = judged(allow(when(f"request.headers[{name}]", "*")))
        assert (verdict.understood, verdict.field) == (False, "spec.rules[0].when")
        assert verdict.reason.startswith(f"The header {name.lower()} is the proxies' own")

    @pytest.mark.parametrize("name", ["x-forwarded", "x-hosts", "my-x-envoy-a", "hosts"])
    def test_headers_of_a_like_name_are_anybodys(self, name: str) -> None:
        assert outcome(allow(when(f"request.headers[{name}]", "*"))) is False

    @pytest.mark.parametrize(
        ("block", "address", "allowed"),
        [
            ("127.0.0.1", "127.0.0.1", True),
            ("127.0.0.0/8", "127.1.2.3", True),
            ("127.0.0.2", "127.0.0.1", False),
            ("10.0.0.0/8", "127.0.0.1", False),
            ("10.1.2.3/8", "10.9.9.9", True),
            ("::1", "127.0.0.1", False),
            ("127.0.0.0/8", None, False),
            ("::1", None, False),
            ("10.0.0.0/8", None, None),
            ("0.0.0.0/0", None, None),
            ("here", None, None),
            ("here", "127.0.0.1", None),
        ],
    )
    def test_the_pods_own_address_is_known_only_where_a_proxy_calls_itself(
        self, block: str, address: str | None, allowed: bool | None
    ) -> None:
        assert outcome(allow(when("destination.ip", block)), to_address=address) is allowed
        assert outcome(deny(when("destination.ip", block)), to_address=address) is (
            None if allowed is None else not allowed
        )
        assert outcome(allow(when("destination.ip", but=(block,))), to_address=address) is (
            None if allowed is None else not allowed
        )

    @pytest.mark.parametrize(
        "key",
        [
            "source.ip",
            "remote.ip",
            "request.auth.principal",
            "request.auth.audiences",
            "request.auth.presenter",
            "request.auth.claims[iss]",
            "request.auth.claims[a][b]",
            "experimental.envoy.filters.network.mysql_proxy[db.t]",
            "destination.namespace",
            "request.headers",
            "request.headersx[a]",
            "request.headers[x-a]x",
            "anything",
        ],
    )
    def test_other_conditions_are_not_understood(self, key: str) -> None:
        verdict = judged(allow(when(key, "*")))
        assert (verdict.understood, verdict.allowed, verdict.field) == (False, True, "spec.rules[0].when")
        assert outcome(deny(when(key, "*"))) is None
        assert outcome(allow(when(key, but=("*",)))) is None

    def test_a_condition_without_values_asks_for_nothing(self) -> None:
        assert outcome(allow({"when": [{"key": "destination.port"}]})) is True
        assert (
            outcome(allow({"when": [{"key": "destination.port", "values": [], "notValues": None}]})) is True
        )
        assert outcome(allow({"when": []})) is True
        assert outcome(allow({"when": [{"key": "destination.port", "unless": []}]})) is True
        assert outcome(allow({"when": [{"key": "anything"}]})) is None

    def test_a_field_of_a_condition_that_is_not_known_is_not_understood(self) -> None:
        verdict = judged(allow({"when": [{"key": "destination.port", "values": ["8080"], "unless": ["x"]}]}))
        assert (verdict.understood, verdict.field) == (False, "spec.rules[0].when.unless")


class TestServerNames:
    def names(self, *policies: dict[str, Any], of: str = "bank") -> set[str]:
        return Authorization(snapshot(*policies), True).server_names(of)

    def test_those_that_rules_about_a_namespaces_callers_ask_for(self) -> None:
        rules = allow(
            source(namespaces=["bank"])
            | when("connection.sni", "a.example", "b.example", but=("c.example",)),
            source(namespaces=["bank"]) | when("destination.port", "1"),
        )
        assert self.names(rules) == {"a.example", "b.example", "c.example"}
        assert self.names(rules, of="other") == set()
        assert self.names(deny(when("connection.sni", "d.example")), of="other") == {"d.example"}
        assert self.names(rules, policy(when("connection.sni", "e"), action="AUDIT")) == {
            "a.example",
            "b.example",
            "c.example",
        }

    @pytest.mark.parametrize(
        "fields",
        [
            {"namespaces": ["b*"]},
            {"principals": [CALLER]},
            {"principals": ["*/ns/bank/sa/till"]},
            {"principals": ["cluster.local/ns/other/sa/x", "*"]},
            {"serviceAccounts": ["bank/till"]},
            {"namespaces": ["x", "*"]},
            {"notNamespaces": ["x"]},
            {"trustDomains": ["cluster.local"]},
            {"namespaces": ["bank/sa"]},
        ],
    )
    def test_a_rule_is_found_for_every_caller_that_it_may_mean(self, fields: dict[str, Any]) -> None:
        assert self.names(allow(source(**fields) | when("connection.sni", "a"))) == {"a"}
        assert outcome(allow(source(**fields))) is True

    def test_service_accounts_of_the_policys_own_namespace_are_its_callers(self) -> None:
        rule = allow(source(serviceAccounts=["till"]) | when("connection.sni", "a"))
        assert self.names(rule, of="shop") == {"a"}
        assert self.names(rule, of="bank") == set()
