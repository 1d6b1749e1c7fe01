"""What the operations of a rule take: hosts, ports, methods and paths; and what becomes of a rule that asks
for HTTP on a connection that is not read as HTTP.

Source: Istio reference, "Authorization Policy". tests/mesh/test_rules.py holds the less expected of these
against Istio and Envoy.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.model.flow import Request
from tests.judge.authorizing import BYTES, GET, allow, deny, judged, operation, outcome, policy, source, when


class TestOperations:
    @pytest.mark.parametrize(
        ("pattern", "host", "matches"),
        [
            ("shop.example", "shop.example", True),
            ("SHOP.example", "shop.EXAMPLE", True),
            ("shop.example", "shop.example:8080", False),
            ("shop.example:*", "shop.example:8080", True),
            ("*.example", "shop.example", True),
            ("*.example", "example", False),
            ("shop*", "shop.example", True),
            ("*", "anything", True),
            ("other.example", "shop.example", False),
        ],
    )
    def test_hosts_without_regard_to_case(self, pattern: str, host: str, matches: bool) -> None:
        assert outcome(allow(operation(hosts=[pattern])), inner=Request(host)) is matches
        assert outcome(allow(operation(hosts=["x.example", pattern])), inner=Request(host)) is matches
        assert outcome(deny(operation(hosts=[pattern])), inner=Request(host)) is not matches
        assert outcome(allow(operation(notHosts=[pattern])), inner=Request(host)) is not matches

    @pytest.mark.parametrize(
        ("pattern", "method", "matches"),
        [
            ("GET", "GET", True),
            ("get", "GET", False),
            ("*", "GET", True),
            ("P*", "POST", True),
            ("*T", "GET", True),
            ("P*", "GET", False),
        ],
    )
    def test_methods_letter_by_letter(self, pattern: str, method: str, matches: bool) -> None:
        assert outcome(allow(operation(methods=[pattern])), inner=Request("a", method)) is matches
        assert outcome(allow(operation(methods=["BREW", pattern])), inner=Request("a", method)) is matches
        assert outcome(deny(operation(methods=[pattern])), inner=Request("a", method)) is not matches
        assert outcome(allow(operation(notMethods=[pattern])), inner=Request("a", method)) is not matches

    @pytest.mark.parametrize(
        ("pattern", "path", "matches"),
        [
            ("/a", "/a", True),
            ("/a", "/a/", False),
            ("/a", "/A", False),
            ("/a", "/a?b=c", True),
            ("/a?b=c", "/a?b=c", False),
            ("/a*", "/ab/c", True),
            ("*/c", "/ab/c", True),
            ("*", "/", True),
            ("/a*b", "/axb", False),
            ("*x*", "/axb", False),
            ("/b*", "/a/b", False),
            ("/t/{*}", "/t/x", True),
            ("/t/{*}", "/t/x/y", False),
            ("/t/{*}", "/t/", False),
            ("/t/{*}/z", "/t/x/z", True),
            ("/t/{*}/z", "/t/x/y/z", False),
            ("/t/{**}", "/t/x/y", True),
            ("/t/{**}", "/t/", True),
            ("/t/{**}", "/t", False),
            ("/t/{**}/z", "/t/x/y/z", True),
            ("/t/{**}/z", "/t/z", False),
            ("/t/{*}/{**}", "/t/x/y/z", True),
            ("/t/{*}/", "/t/x/", True),
            ("/t/{*}/", "/t/x", False),
            ("/{*}", "/x", True),
            ("/t.x/{*}", "/tyx/a", False),
            ("/t/{*}", "/t/a%20b", True),
            ("/t/{*}", "/t/a[b", False),
            ("/t/{**}", "/t/x/a]", False),
        ],
    )
    def test_paths_without_their_query(self, pattern: str, path: str, matches: bool) -> None:
        assert outcome(allow(operation(paths=[pattern])), inner=Request("a", path=path)) is matches
        assert outcome(allow(operation(paths=["/none", pattern])), inner=Request("a", path=path)) is matches
        assert outcome(deny(operation(paths=[pattern])), inner=Request("a", path=path)) is not matches
        assert outcome(allow(operation(notPaths=[pattern])), inner=Request("a", path=path)) is not matches

    @pytest.mark.parametrize(
        "pattern",
        ["/a{b}", "/a{b", "/a}b", "/t/{**}/{*}", "/t/{**}/{**}", "/t/{*}.txt", "/*/{*}", "/{name}/x", "{*}"],
    )
    def test_what_is_no_template_is_not_understood(self, pattern: str) -> None:
        verdict = judged(allow(operation(paths=[pattern])))
        assert (verdict.understood, verdict.field) == (False, "spec.rules[0].to")
        assert verdict.reason == f"`{pattern}` is no template of a path."

    def test_ports_are_those_of_the_pod(self) -> None:
        assert outcome(allow(operation(ports=["8080"]))) is True
        assert outcome(allow(operation(ports=["80", "8080"]))) is True
        assert outcome(allow(operation(ports=["80"]))) is False
        assert outcome(allow(operation(notPorts=["8080"]))) is False
        assert outcome(allow(operation(notPorts=["80"]))) is True
        assert outcome(deny(operation(ports=["8080"]))) is False
        assert outcome(allow(when("destination.port", "8080"))) is True
        assert outcome(allow(when("destination.port", "80"))) is False
        assert outcome(allow(when("destination.port", but=("8080",)))) is False

    def test_a_port_is_a_number_and_no_text(self) -> None:
        assert outcome(allow(operation(ports=["08080"]))) is True
        for no_number in ("*", "80*", "http", "", "-1", "8_080", "²"):
            assert outcome(allow(operation(ports=[no_number]))) is None
            assert outcome(deny(operation(ports=[no_number]))) is None

    def test_fields_of_one_operation_must_all_hold(self) -> None:
        assert (
            outcome(allow(operation(hosts=["shop.example"], methods=["GET"], paths=["/"], ports=["8080"])))
            is True
        )
        assert outcome(allow(operation(hosts=["shop.example"], methods=["POST"]))) is False
        assert outcome(allow(operation(hosts=["shop.example"], notMethods=["GET"]))) is False
        assert outcome(allow(operation(hosts=["*"], notHosts=["shop.example"]))) is False

    def test_one_operation_of_several_is_enough(self) -> None:
        two = {"to": [{"operation": {"methods": ["POST"]}}, {"operation": {"paths": ["/"]}}]}
        assert outcome(allow(two)) is True
        assert outcome(allow(two), inner=Request("a", path="/x")) is False
        assert outcome(deny(two)) is False
        unread = {"to": [{"operation": {"methods": ["POST"]}}, {"operation": {"ports": ["x"]}}]}
        assert judged(allow(unread)).field == "spec.rules[0].to"

    @pytest.mark.parametrize(
        "rule", [{"to": []}, {"to": None}, operation(), operation(paths=[]), operation(hosts=None)]
    )
    def test_what_is_empty_asks_for_nothing(self, rule: dict[str, Any]) -> None:
        assert outcome(allow(rule)) is True
        assert outcome(allow(rule), inner=BYTES) is True
        assert outcome(deny(rule)) is False

    def test_a_field_that_is_not_known_is_not_understood(self) -> None:
        verdict = judged(allow(operation(queries=["a"])))
        assert (verdict.understood, verdict.field) == (False, "spec.rules[0].to.queries")
        assert outcome(allow({"unless": [1]})) is None
        assert judged(deny({"unless": [1]})).field == "spec.rules[0].unless"


class TestConnectionsThatAreNotReadAsHttp:
    @pytest.mark.parametrize(
        "rule",
        [
            operation(hosts=["*"]),
            operation(notHosts=["x"]),
            operation(methods=["*"]),
            operation(notMethods=["x"]),
            operation(paths=["*"]),
            operation(notPaths=["x"]),
            when("request.headers[x-a]", "*"),
            when("request.headers[x-a]", but=("v",)),
            when("request.headers[:path]", "*"),
            when("request.auth.principal", "*"),
            when("request.auth.audiences", "*"),
            when("request.auth.presenter", "*"),
            when("request.auth.claims[iss]", but=("x",)),
            source(requestPrincipals=["*"]),
            source(notRequestPrincipals=["x"]),
        ],
    )
    def test_a_rule_that_asks_for_http_allows_nothing_and_denies_as_if_it_did_not_ask(
        self, rule: dict[str, Any]
    ) -> None:
        assert outcome(allow(rule), inner=BYTES) is False
        assert outcome(allow(rule), inner="a.example") is False
        assert outcome(deny(rule), inner=BYTES) is False
        assert outcome(deny(rule), inner="a.example") is False

    def test_what_else_a_rule_asks_for_still_has_to_hold_for_it_to_deny(self) -> None:
        """Istio's own example: POST on port 8080 is denied, and with it every connection to that port."""
        post = deny(operation(methods=["POST"], ports=["8080"]))
        assert outcome(post, inner=BYTES) is False
        assert outcome(post, inner=BYTES, port=9090) is True
        assert outcome(post, inner=GET) is True
        assert (
            outcome(deny(source(namespaces=["other"]) | operation(hosts=["a.example"])), inner=BYTES) is True
        )
        assert (
            outcome(deny(source(namespaces=["bank"]) | operation(hosts=["a.example"])), inner=BYTES) is False
        )

    def test_a_rule_that_asks_for_http_in_one_place_allows_nothing_by_another(self) -> None:
        assert (
            outcome(
                allow({"to": [{"operation": {"ports": ["8080"]}}, {"operation": {"hosts": ["*"]}}]}),
                inner=BYTES,
            )
            is False
        )
        assert (
            outcome(
                allow(
                    {"from": [{"source": {"namespaces": ["bank"]}}, {"source": {"requestPrincipals": ["*"]}}]}
                ),
                inner=BYTES,
            )
            is False
        )

    def test_a_source_or_operation_of_http_alone_denies_everything(self) -> None:
        assert (
            outcome(
                deny({"from": [{"source": {"namespaces": ["x"]}}, {"source": {"requestPrincipals": ["*"]}}]}),
                inner=BYTES,
            )
            is False
        )
        assert (
            outcome(
                deny({"to": [{"operation": {"ports": ["1"]}}, {"operation": {"paths": ["/x"]}}]}), inner=BYTES
            )
            is False
        )

    def test_what_is_not_known_is_not_taken_for_http(self) -> None:
        assert outcome(allow(when("anything", "*")), inner=BYTES) is None
        assert outcome(deny(when("source.ip", "10.0.0.0/8")), inner=BYTES) is None
        assert outcome(deny(operation(anything=["x"])), inner=BYTES) is None

    def test_the_next_rule_may_allow_it(self) -> None:
        assert (
            judged(allow(operation(hosts=["*"]), operation(ports=["8080"])), inner=BYTES).field
            == "spec.rules[1]"
        )

    def test_what_every_connection_has_is_asked(self) -> None:
        assert (
            outcome(
                allow(source(namespaces=["bank"]) | when("connection.sni", "a.example")),
                inner=BYTES,
                sni="a.example",
            )
            is True
        )
        assert (
            outcome(
                allow(source(namespaces=["bank"]) | when("connection.sni", "a.example")),
                inner=BYTES,
                sni="b.example",
            )
            is False
        )
        assert outcome(allow(source(namespaces=["x"])), inner=BYTES) is False

    def test_a_custom_policy_may_be_asked_about_all_of_it(self) -> None:
        custom = policy(operation(paths=["/x"]), action="CUSTOM", provider={"name": "oracle"})
        assert outcome(custom, inner=BYTES) is None
