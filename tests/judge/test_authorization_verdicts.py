"""What a verdict about AuthorizationPolicies says: whether it is understood beside what is not read, and
which policy and field it names.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.model.flow import Request
from tests.judge.authorizing import BYTES, EVERYTHING, allow, deny, judged, operation, outcome, source, when


class TestWhatIsNotUnderstood:
    ODD = when("source.ip", "10.0.0.0/8")
    ELSEWHERE = when("destination.port", "1")

    def test_what_surely_does_not_hold_decides_before_it(self) -> None:
        assert outcome(allow(source(namespaces=["other"]) | self.ODD)) is False
        assert outcome(deny(operation(methods=["POST"]) | self.ODD), allow(EVERYTHING)) is True
        assert outcome(allow(self.ODD | operation(paths=["/other"]))) is False
        assert outcome(allow(source(ipBlocks=["10.0.0.0/8"]) | operation(methods=["POST"]))) is False
        assert outcome(allow(source(ipBlocks=["10.0.0.0/8"], namespaces=["other"]))) is False

    @pytest.mark.parametrize("parts", [(ODD, ELSEWHERE), (ELSEWHERE, ODD)])
    def test_of_two_conditions_the_one_that_does_not_hold_decides(
        self, parts: tuple[dict[str, Any], ...]
    ) -> None:
        assert outcome(allow({"when": [condition for part in parts for condition in part["when"]]})) is False

    def test_what_surely_holds_decides_before_it(self) -> None:
        assert judged(allow(self.ODD, source(namespaces=["bank"]))).field == "spec.rules[1]"
        assert outcome(deny(self.ODD, EVERYTHING)) is False
        assert outcome(allow(self.ODD, name="odd"), allow(EVERYTHING)) is True
        assert (
            outcome(
                allow(
                    {"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}, {"source": {"namespaces": ["bank"]}}]}
                )
            )
            is True
        )
        assert (
            outcome(allow({"to": [{"operation": {"ports": ["x"]}}, {"operation": {"ports": ["8080"]}}]}))
            is True
        )
        assert outcome(allow(operation(ports=["x", "8080"]))) is True

    def test_a_doubtful_denial_leaves_open_what_is_allowed(self) -> None:
        verdict = judged(deny(self.ODD), allow(EVERYTHING))
        assert (verdict.understood, verdict.allowed, verdict.decided_by) == (
            False,
            True,
            "shop/authorizationpolicy/refusals",
        )
        assert outcome(deny(self.ODD)) is None

    def test_a_doubt_stays_whatever_comes_after_it(self) -> None:
        no = source(namespaces=["other"]) | when("destination.port", "1")
        assert outcome(deny(self.ODD, name="odd"), deny(when("destination.port", "1"))) is None
        assert outcome(allow(self.ODD, name="odd"), allow(when("destination.port", "1"))) is None
        assert outcome(allow(self.ODD, no)) is None
        assert (
            judged(deny(self.ODD, name="odd"), deny(when("remote.ip", "x"))).decided_by
            == "shop/authorizationpolicy/odd"
        )
        assert (
            judged(allow(self.ODD, name="odd"), allow(when("remote.ip", "x"))).decided_by
            == "shop/authorizationpolicy/odd"
        )
        assert (
            judged(deny(self.ODD), allow(when("remote.ip", "x"))).decided_by
            == "shop/authorizationpolicy/refusals"
        )

    def test_a_doubtful_denial_does_not_open_what_is_not_allowed(self) -> None:
        assert outcome(deny(self.ODD), allow(source(namespaces=["other"]))) is False

    def test_a_sure_denial_decides_before_a_doubtful_one(self) -> None:
        assert outcome(deny(self.ODD, name="odd"), deny(EVERYTHING)) is False

    def test_the_first_doubt_is_named(self) -> None:
        assert (
            judged(allow(when("source.ip", "10.0.0.0/8"), when("remote.ip", "x"))).reason
            == "The condition source.ip is not read here."
        )
        assert judged(allow({"when": [*self.ODD["when"], *when("remote.ip", "x")["when"]]})).reason.endswith(
            "source.ip is not read here."
        )

    def test_of_several_left_out_a_sure_one_decides(self) -> None:
        assert outcome(allow(operation(notPorts=["x", "8080"]))) is False
        assert outcome(allow(operation(notPorts=["x", "80"]))) is None


class TestWhatIsNamed:
    """A refusal names the policy and field that come nearest to allowing."""

    def test_the_part_of_the_nearest_rule_that_does_not_hold(self) -> None:
        rules = allow(
            source(namespaces=["other"]) | operation(hosts=["shop.example"]),
            source(namespaces=["bank"]) | operation(hosts=["shop.example"], paths=["/only"]),
        )
        assert judged(rules).field == "spec.rules[1].to[0].operation.paths"

    def test_a_condition_by_its_key(self) -> None:
        assert judged(allow(when("connection.sni", "a*")), sni="b").field == "spec.rules[0].when[0].sni"
        assert judged(allow(when("destination.port", "1"))).field == "spec.rules[0].when[0].destination.port"

    def test_several_operations_as_one(self) -> None:
        rule = {"to": [{"operation": {"methods": ["PUT"]}}, {"operation": {"methods": ["POST"]}}]}
        assert judged(allow(rule)).field == "spec.rules[0].to"

    def test_on_a_connection_that_is_not_http_the_field_that_only_http_has(self) -> None:
        rule = allow(source(namespaces=["bank"]) | operation(ports=["8080"], hosts=["*.example"]))
        assert judged(rule, inner=BYTES).field == "spec.rules[0].to[0].operation.hosts"

    def test_the_policy_of_which_more_holds(self) -> None:
        near = allow(
            source(namespaces=["bank"]) | operation(hosts=["shop.example"], methods=["POST"]), name="near"
        )
        far = allow(
            source(namespaces=["bank"]) | operation(hosts=["else.example"], methods=["POST"]), name="far"
        )
        assert judged(far, near).decided_by == judged(near, far).decided_by == "shop/authorizationpolicy/near"

    @pytest.mark.parametrize(
        "twice", [source(namespaces=["bank"]), operation(hosts=["*.example"]), when("connection.sni", "a*")]
    )
    def test_who_calls_and_the_host_count_more_than_anything_else(self, twice: dict[str, Any]) -> None:
        missing = when("destination.port", "1")["when"]
        near = allow({**twice, "when": [*twice.get("when", ()), *missing]}, name="near")
        far = allow({"to": [{"operation": {"ports": ["8080"]}}], "when": missing}, name="far")
        assert (
            judged(far, near, sni="a").decided_by
            == judged(near, far, sni="a").decided_by
            == "shop/authorizationpolicy/near"
        )

    def test_two_other_parts_count_more_than_one(self) -> None:
        one = allow(operation(ports=["8080"], methods=["POST"]), name="one")
        two = allow(operation(ports=["8080"], paths=["/"], methods=["POST"]), name="two")
        assert judged(one, two).decided_by == judged(two, one).decided_by == "shop/authorizationpolicy/two"

    def test_what_does_not_hold_counts_for_nothing(self) -> None:
        wide = allow(operation(ports=["1"], paths=["/x"], methods=["POST"]), name="wide")
        assert (
            judged(wide, allow(operation(ports=["8080"], methods=["POST"]), name="near")).decided_by
            == "shop/authorizationpolicy/near"
        )

    def test_of_two_of_which_as_much_holds_the_first(self) -> None:
        host = allow(operation(hosts=["*.example"], methods=["POST"]), name="host")
        parts = allow(operation(ports=["8080"], paths=["/"], methods=["POST"]), name="parts")
        assert judged(host, parts).decided_by == "shop/authorizationpolicy/host"
        assert judged(parts, host).decided_by == "shop/authorizationpolicy/parts"

    def test_of_a_policys_rules_the_best_counts(self) -> None:
        best = allow(
            operation(methods=["POST"]),
            source(namespaces=["bank"]) | operation(methods=["POST"]),
            name="best",
        )
        middling = allow(operation(ports=["8080"], methods=["POST"]), name="middling")
        assert judged(middling, best).decided_by == "shop/authorizationpolicy/best"

    def test_a_policy_for_other_hosts_alone_is_farthest(self) -> None:
        asks = allow(operation(methods=["POST"]), name="asks")
        assert (
            judged(allow(operation(hosts=["else.example"]), name="else"), asks).decided_by
            == "shop/authorizationpolicy/asks"
        )

    def test_with_the_rule_of_this_host_among_those_of_many(self) -> None:
        rules = [
            operation(hosts=[host, f"{host}:80"], methods=["POST"])
            for host in ("a.example", "SHOP.example", "b.example")
        ]
        assert judged(allow(*rules)).field == "spec.rules[1].to[0].operation.methods"
        assert (
            judged(allow(*rules), inner=Request("Shop.Example:80")).field
            == "spec.rules[1].to[0].operation.methods"
        )
        by_name = [
            when("connection.sni", name) | operation(ports=["1"]) for name in ("a.example", "b.example")
        ]
        assert judged(allow(*by_name), sni="b.example").field == "spec.rules[1].to[0].operation.ports"

    def test_a_rule_for_another_host_is_not_near(self) -> None:
        assert judged(allow(operation(hosts=["else.example"]))).field == "spec.rules"

    def test_a_rule_that_may_hold_is_near(self) -> None:
        rules = allow(
            source(namespaces=["other"]) | when("source.ip", "10.0.0.0/8"), source(namespaces=["other"])
        )
        assert judged(rules).field == "spec.rules[0].from"

    def test_the_rules_where_nobody_asks_for_more(self) -> None:
        assert judged(allow(source(namespaces=["other"])), explains=False).field == "spec.rules"
