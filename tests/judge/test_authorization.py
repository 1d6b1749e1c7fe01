"""What AuthorizationPolicies let a caller do: which action decides before which, and whose pods a policy is
for; on objects that anybody may have written.

Source: Istio reference, "Authorization Policy"; annotation `istio.io/dry-run`. tests/mesh/test_rules.py holds
the less expected of these against Istio and Envoy. What a rule asks for is in test_authorization_sources.py,
test_authorization_operations.py and test_authorization_conditions.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.model.flow import Pod, Request
from tests.judge.authorizing import (
    BY,
    BYTES,
    CALLER,
    EVERYTHING,
    allow,
    deny,
    judged,
    operation,
    outcome,
    policy,
    source,
)
from tests.judge.objects import written


class TestActions:
    def test_without_a_policy_everything_is_allowed(self) -> None:
        verdict = judged()
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (True, None, "")
        assert verdict.reason == "No AuthorizationPolicy selects these pods, so every caller is allowed."

    def test_a_policy_without_rules_allows_nothing(self) -> None:
        verdict = judged(written("AuthorizationPolicy", "shop", "rules"))
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (False, BY, "spec")
        assert verdict.reason == f"No rule allows this to {CALLER}."
        assert outcome(written("AuthorizationPolicy", "shop", "rules", rules=None)) is False
        assert outcome({**written("AuthorizationPolicy", "shop"), "spec": None}) is False

    def test_an_empty_rule_allows_everything(self) -> None:
        verdict = judged(allow(EVERYTHING))
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (True, BY, "spec.rules[0]")
        assert verdict.reason == f"This is allowed to {CALLER}."

    def test_without_an_action_a_policy_allows(self) -> None:
        assert judged(policy(EVERYTHING)).field == "spec.rules[0]"
        assert outcome(policy(source(namespaces=["other"]))) is False

    def test_one_rule_of_several_is_enough(self) -> None:
        assert (
            judged(allow(source(namespaces=["other"]), source(namespaces=["bank"]))).field == "spec.rules[1]"
        )

    OTHER = operation(hosts=["other.example"])

    @pytest.mark.parametrize(
        "rule", [operation(methods=["GET"]), operation(hosts=["shop.example"]), EVERYTHING]
    )
    def test_a_rule_about_another_name_takes_nothing_from_the_next(self, rule: dict[str, Any]) -> None:
        assert outcome(allow(self.OTHER, rule)) is True

    def test_a_rule_about_another_name_allows_nothing(self) -> None:
        assert outcome(allow(self.OTHER)) is False

    def test_a_rule_about_another_name_denies_nothing(self) -> None:
        assert outcome(deny(self.OTHER)) is True

    def test_a_rule_about_a_host_denies_bytes(self) -> None:
        assert outcome(deny(self.OTHER), inner=BYTES) is False

    def test_a_policy_about_the_name_is_nearer_than_one_about_another(self) -> None:
        another = allow(source(namespaces=["bank"]) | self.OTHER, name="another")
        assert judged(another, allow(operation(methods=["POST"]))).decided_by == BY

    def test_a_policy_for_pods_that_are_not_known_may_refuse_what_it_does_not_name(self) -> None:
        odd = allow(
            operation(hosts=["other.example"]),
            selector={"matchExpressions": []} | {"matchExpressions": [{"key": "a"}]},
        )
        assert outcome(odd) is None

    def test_one_policy_of_several_that_allow_is_enough(self) -> None:
        assert judged(allow(name=None), allow(EVERYTHING)).decided_by == BY

    def test_of_several_that_allow_the_first_is_named(self) -> None:
        assert (
            judged(allow(EVERYTHING, name="first"), allow(EVERYTHING)).decided_by
            == "shop/authorizationpolicy/first"
        )

    def test_what_no_rule_allows_is_denied(self) -> None:
        verdict = judged(allow(source(namespaces=["other"])))
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (False, BY, "spec.rules[0].from")

    def test_a_policy_that_denies_comes_before_those_that_allow(self) -> None:
        verdict = judged(allow(EVERYTHING), deny(source(namespaces=["bank"])))
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            False,
            "shop/authorizationpolicy/refusals",
            "spec.rules[0]",
        )
        assert verdict.reason == f"This is denied to {CALLER} by name."

    def test_a_policy_that_denies_others_denies_nothing_else(self) -> None:
        assert outcome(deny(source(namespaces=["other"]))) is True
        assert judged(deny(source(namespaces=["other"]))).decided_by is None

    def test_a_policy_that_denies_by_no_rule_denies_nothing(self) -> None:
        assert outcome(deny(), allow(EVERYTHING)) is True

    def test_with_an_empty_rule_everything_is_denied(self) -> None:
        assert outcome(deny(EVERYTHING), allow(EVERYTHING)) is False

    def test_audit_decides_nothing(self) -> None:
        audit = policy(EVERYTHING, action="AUDIT", name="log")
        assert judged(audit).decided_by is None
        assert outcome(audit, allow(source(namespaces=["other"]))) is False
        assert outcome(policy(source(namespaces=["other"]), action="AUDIT")) is True

    def test_what_a_service_of_its_own_says_to_a_custom_policys_requests_is_not_known(self) -> None:
        custom = policy(
            operation(paths=["/admin*"]), action="CUSTOM", name="ask", provider={"name": "oracle"}
        )
        assert outcome(custom, inner=Request("a", path="/admin")) is None
        assert judged(custom, inner=Request("a", path="/admin")).field == "spec.provider"
        assert outcome(custom) is True

    def test_a_custom_policy_lets_nothing_through_that_others_refuse(self) -> None:
        custom = policy(EVERYTHING, action="CUSTOM", name="ask", provider={"name": "oracle"})
        assert outcome(custom, allow(EVERYTHING)) is None
        assert outcome(custom, allow(source(namespaces=["other"]))) is False
        assert outcome(custom, deny(EVERYTHING), allow(EVERYTHING)) is False

    def test_a_custom_policy_alone_does_not_make_pods_refuse_the_rest(self) -> None:
        assert (
            judged(policy(source(namespaces=["x"]), action="CUSTOM", provider={"name": "oracle"})).decided_by
            is None
        )

    def test_an_action_that_does_not_exist_is_not_understood(self) -> None:
        verdict = judged(policy(EVERYTHING, action="PERMIT"))
        assert (verdict.understood, verdict.allowed, verdict.field) == (False, True, "spec.action")
        assert verdict.reason == "This `action` is not read here."

    @pytest.mark.parametrize("said", ["true", "TRUE", "True", "1", "t", "T"])
    def test_a_policy_that_is_tried_dry_refuses_and_allows_nothing(self, said: str) -> None:
        dry = {"annotations": {"istio.io/dry-run": said}}
        assert judged(deny(EVERYTHING, metadata=dry)).decided_by is None
        assert judged(allow(metadata=dry)).decided_by is None
        assert outcome(allow(EVERYTHING, metadata=dry), allow(name=None)) is False

    @pytest.mark.parametrize("said", ["false", "0", "no", "yes", ""])
    def test_any_other_word_is_no_dry_run(self, said: str) -> None:
        assert outcome(deny(EVERYTHING, metadata={"annotations": {"istio.io/dry-run": said}})) is False

    def test_a_custom_policy_for_other_pods_is_not_asked(self) -> None:
        other = {"provider": {"name": "oracle"}, "selector": {"matchLabels": {"app": "other"}}}
        assert outcome(policy(EVERYTHING, action="CUSTOM", **other)) is True
        asked = judged(policy(EVERYTHING, action="CUSTOM", provider={"name": "oracle"}))
        assert asked.reason == "What another service says to this is not known here."

    def test_a_custom_policys_service_is_asked_dry_or_not(self) -> None:
        dry = {"annotations": {"istio.io/dry-run": "true"}}
        assert outcome(policy(EVERYTHING, action="CUSTOM", provider={"name": "oracle"}, metadata=dry)) is None


class TestWhosePods:
    def test_a_policy_is_for_the_pods_of_its_namespace(self) -> None:
        assert outcome(allow(home="bank")) is True
        assert outcome(deny(EVERYTHING, home="bank")) is True

    def test_a_policy_of_the_root_namespace_is_for_everybodys_pods(self) -> None:
        assert (
            judged(deny(EVERYTHING, home="istio-system")).decided_by
            == "istio-system/authorizationpolicy/refusals"
        )
        assert outcome(allow(home="istio-system")) is False
        assert outcome(allow(home="istio-system", name="none"), allow(EVERYTHING)) is True
        assert outcome(allow(EVERYTHING, home="istio-system"), allow()) is True

    def test_a_selector_wants_every_label(self) -> None:
        def of(**labels: str) -> dict[str, Any]:
            return deny(EVERYTHING, selector={"matchLabels": labels})

        assert outcome(of(app="web")) is False
        assert outcome(of(app="web", version="v1")) is False
        assert outcome(of(app="web", version="v2")) is True
        assert outcome(of(app="other")) is True
        assert outcome(of(tier="back")) is True

    @pytest.mark.parametrize("selector", [None, {}, {"matchLabels": {}}, {"matchLabels": None}])
    def test_an_empty_selector_wants_none(self, selector: Any) -> None:
        assert outcome(deny(EVERYTHING, selector=selector)) is False

    def test_a_selector_holds_in_the_root_namespace_too(self) -> None:
        assert (
            outcome(deny(EVERYTHING, home="istio-system", selector={"matchLabels": {"app": "web"}})) is False
        )
        assert outcome(deny(EVERYTHING, home="istio-system", selector={"matchLabels": {"app": "x"}})) is True

    def test_a_policy_that_allows_for_other_pods_does_not_close_these(self) -> None:
        other = allow(source(namespaces=["other"]), selector={"matchLabels": {"app": "other"}})
        assert judged(other).decided_by is None

    def test_the_policy_that_closes_is_named_although_it_is_about_other_callers(self) -> None:
        verdict = judged(
            allow(source(namespaces=["x"]), selector={"matchLabels": {"app": "other"}}, name="others"),
            allow(source(namespaces=["y"])),
        )
        assert (verdict.allowed, verdict.decided_by) == (False, BY)

    def test_the_first_that_closes_for_sure_is_named_whatever_is_not_known_of_others(self) -> None:
        assert outcome(allow(name="odd", scope="all"), allow(source(namespaces=["x"]))) is False
        free = Pod("shop", None)
        chosen = allow(source(namespaces=["x"]), selector={"matchLabels": {"app": "web"}})
        also = allow(source(namespaces=["x"]), selector={"matchLabels": {"app": "x"}}, name="also")
        assert judged(chosen, also, at=free).decided_by == BY
        attached = allow(source(namespaces=["x"]), targetRefs=[{"kind": "Gateway"}], name="attached")
        assert outcome(attached, chosen, at=Pod("shop", {"app": "other"})) is True

    @pytest.mark.parametrize(
        "target", [{"targetRefs": [{"kind": "Gateway", "name": "a"}]}, {"targetRef": {"name": "a"}}]
    )
    def test_a_policy_attached_to_a_gateway_of_another_api_is_for_no_other_pods(
        self, target: dict[str, Any]
    ) -> None:
        assert outcome(deny(EVERYTHING, **target)) is True
        assert outcome(allow(**target)) is True

    def test_which_gateway_of_another_api_it_is_attached_to_is_not_understood(self) -> None:
        gateway = Pod("shop", {"gateway.networking.k8s.io/gateway-name": "a"})
        attached = deny(EVERYTHING, targetRefs=[{"kind": "Gateway", "name": "a"}])
        assert judged(attached, at=gateway).field == "spec.targetRefs"
        assert outcome(attached, at=gateway) is None
        assert outcome(attached, at=Pod("shop", None)) is None
        assert outcome(deny(EVERYTHING, targetRefs=[]), at=gateway) is False

    def test_whether_a_selector_means_pods_whose_labels_are_not_known_is_not_understood(self) -> None:
        free = Pod("shop", None)
        verdict = judged(deny(EVERYTHING, selector={"matchLabels": {"app": "web"}}), at=free)
        assert (verdict.understood, verdict.field) == (False, "spec.selector")
        assert outcome(allow(selector={"matchLabels": {"app": "web"}}), at=free) is None
        assert (
            outcome(allow(source(namespaces=["x"]), selector={"matchLabels": {"app": "web"}}), at=free)
            is None
        )
        assert (
            outcome(allow(operation(methods=["POST"]), selector={"matchLabels": {"app": "web"}}), at=free)
            is None
        )
        assert (
            outcome(deny(source(namespaces=["x"]), selector={"matchLabels": {"app": "web"}}), at=free) is True
        )
        assert outcome(deny(EVERYTHING), at=free) is False
        assert (
            outcome(allow(selector={"matchLabels": {"app": "web"}}), allow(name="closed"), at=free) is False
        )

    @pytest.mark.parametrize(
        "more", [{"scope": "all"}, {"provider": {"name": "x"}}, {"selector": {"matchExpressions": [1]}}]
    )
    def test_a_field_that_is_not_known_is_not_understood(self, more: dict[str, Any]) -> None:
        (key,) = more
        field = f"spec.{key}.matchExpressions" if key == "selector" else f"spec.{key}"
        verdict = judged(allow(EVERYTHING, **more))
        assert (verdict.understood, verdict.field) == (False, field)
        assert outcome(deny(EVERYTHING, **more)) is None
        assert outcome(allow(**more)) is None

    def test_a_field_that_is_not_known_and_empty_is_as_good_as_absent(self) -> None:
        assert outcome(allow(EVERYTHING, provider=None)) is True
