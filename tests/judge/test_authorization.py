"""What AuthorizationPolicies let a caller do, rule by rule of Istio's reference, on objects that anybody may
have written.

Source: Istio reference, "Authorization Policy" and "Authorization Policy Conditions"; "Trust Domain
Migration"; annotation `istio.io/dry-run`. tests/mesh/test_rules.py holds the less expected of these against
Istio and Envoy.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.layers.authorization import Authorization
from egress.judge.model.flow import Connection, Pod, Protocol, Request, Verdict
from tests.judge.objects import snapshot, written

AT = Pod("shop", {"app": "web", "version": "v1"})
BY = "shop/authorizationpolicy/rules"
CALLER = "cluster.local/ns/bank/sa/till"
"""Who calls, unless a test says otherwise."""
GET = Request("shop.example")
BYTES = ""
"""A connection that is not read as HTTP."""


def policy(
    *rules: Any, action: str | None = None, name: str = "rules", home: str = "shop", **spec: Any
) -> dict[str, Any]:
    spec = {**({"action": action} if action else {}), "rules": list(rules), **spec}
    return written("AuthorizationPolicy", home, name, **spec)


def allow(*rules: Any, **spec: Any) -> dict[str, Any]:
    return policy(*rules, action="ALLOW", **spec)


def deny(*rules: Any, **spec: Any) -> dict[str, Any]:
    return policy(*rules, action="DENY", **{"name": "refusals"} | spec)


def source(**fields: Any) -> dict[str, Any]:
    return {"from": [{"source": fields}]}


def operation(**fields: Any) -> dict[str, Any]:
    return {"to": [{"operation": fields}]}


def when(key: str, *values: str, but: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "when": [
            {
                "key": key,
                **({"values": list(values)} if values else {}),
                **({"notValues": list(but)} if but else {}),
            }
        ]
    }


def judged(
    *policies: dict[str, Any],
    inner: Request | str = GET,
    caller: str | None = CALLER,
    at: Pod = AT,
    port: int = 8080,
    trust_domain: str = "cluster.local",
    explains: bool = True,
    **connection: Any,
) -> Verdict:
    client = Connection(Pod("bank", {}), at, port, Protocol.TLS, principal=caller, inner=inner, **connection)
    return Authorization(snapshot(*policies), explains, trust_domain).judge(at, client)


def outcome(*policies: dict[str, Any], **how: Any) -> bool | None:
    """Whether it is allowed; None: it is not understood, which counts as the worse case."""
    verdict = judged(*policies, **how)
    assert verdict.understood or verdict.allowed
    return verdict.allowed if verdict.understood else None


EVERYTHING: dict[str, Any] = {}


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
        assert verdict.reason == "this `action` is not read here"

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
        assert asked.reason == "what another service says to this is not known here"

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


class TestWhoCalls:
    @pytest.mark.parametrize(
        ("pattern", "matches"),
        [
            (CALLER, True),
            ("cluster.local/ns/bank/sa/other", False),
            ("cluster.local/ns/ban*", True),
            ("cluster.local/ns/shop*", False),
            ("*/ns/bank/sa/till", True),
            ("*/sa/till", True),
            ("*/sa/other", False),
            ("*", True),
            ("*/ns/*/sa/till", False),
            ("cluster.local/ns/*/sa/till", False),
            ("spiffe://cluster.local/ns/bank/sa/till", False),
        ],
    )
    def test_principals(self, pattern: str, matches: bool) -> None:
        assert outcome(allow(source(principals=[pattern]))) is matches
        assert outcome(allow(source(principals=["nobody", pattern]))) is matches
        assert outcome(deny(source(principals=[pattern]))) is not matches
        assert outcome(allow(source(notPrincipals=[pattern]))) is not matches
        assert outcome(allow(source(notPrincipals=["nobody", pattern]))) is not matches
        assert outcome(allow(when("source.principal", pattern))) is matches
        assert outcome(allow(when("source.principal", but=(pattern,)))) is not matches

    @pytest.mark.parametrize(
        ("pattern", "matches"),
        [
            ("bank", True),
            ("ban", False),
            ("bank2", False),
            ("b*", True),
            ("s*", False),
            ("*k", True),
            ("*nt", False),
            ("*", True),
            ("b*k", True),
            ("b*x", False),
            ("b.nk", False),
        ],
    )
    def test_namespaces(self, pattern: str, matches: bool) -> None:
        assert outcome(allow(source(namespaces=[pattern]))) is matches
        assert outcome(allow(source(namespaces=["nobody", pattern]))) is matches
        assert outcome(deny(source(namespaces=[pattern]))) is not matches
        assert outcome(allow(source(notNamespaces=[pattern]))) is not matches
        assert outcome(allow(when("source.namespace", pattern))) is matches
        assert outcome(allow(when("source.namespace", but=(pattern,)))) is not matches

    def test_the_end_of_a_namespace_is_looked_for_behind_it_as_well(self) -> None:
        """Istio makes `.*/ns/.*a/.*` of `*a`, and `/sa/` ends so too: it matches whoever shows a
        certificate."""
        assert outcome(allow(source(namespaces=["*a"]))) is True
        assert outcome(allow(source(namespaces=["bank/sa"]))) is True

    @pytest.mark.parametrize(
        ("account", "matches"),
        [
            ("bank/till", True),
            ("bank/other", False),
            ("shop/till", False),
            ("till", False),
            ("bank/til", False),
            ("ban/till", False),
        ],
    )
    def test_service_accounts(self, account: str, matches: bool) -> None:
        assert outcome(allow(source(serviceAccounts=[account]))) is matches
        assert outcome(allow(source(serviceAccounts=["x/y", account]))) is matches
        assert outcome(deny(source(serviceAccounts=[account]))) is not matches
        assert outcome(allow(source(notServiceAccounts=[account]))) is not matches
        assert outcome(allow(when("source.serviceAccount", account))) is matches

    def test_a_service_account_without_a_namespace_is_of_the_policys_own(self) -> None:
        own = "cluster.local/ns/shop/sa/till"
        assert outcome(allow(source(serviceAccounts=["till"])), caller=own) is True
        assert outcome(allow(source(serviceAccounts=["till"]), home="istio-system"), caller=own) is False

    @pytest.mark.parametrize(
        ("domain", "matches"),
        [
            ("cluster.local", True),
            ("cluster", False),
            ("other.local", False),
            ("*", True),
            ("*.local", True),
            ("clu*", True),
            ("*.other", False),
            ("clusterXlocal", False),
        ],
    )
    def test_trust_domains(self, domain: str, matches: bool) -> None:
        assert outcome(allow(source(trustDomains=[domain]))) is matches
        assert outcome(deny(source(trustDomains=[domain]))) is not matches
        assert outcome(allow(source(notTrustDomains=[domain]))) is not matches
        assert outcome(allow(when("source.trustDomain", domain))) is matches

    @pytest.mark.parametrize(
        "field",
        [
            {"principals": ["*"]},
            {"namespaces": ["*"]},
            {"namespaces": ["bank"]},
            {"namespaces": ["other"]},
            {"serviceAccounts": ["bank/till"]},
            {"trustDomains": ["*"]},
            {"principals": ["*", CALLER]},
        ],
    )
    def test_a_client_without_a_certificate_is_nobody(self, field: dict[str, Any]) -> None:
        verdict = judged(allow(source(**field)), caller=None)
        assert (verdict.allowed, verdict.reason) == (
            False,
            "No rule allows this to a client without a certificate.",
        )
        assert outcome(deny(source(**field)), caller=None) is True

    @pytest.mark.parametrize(
        "field",
        [
            {"notPrincipals": ["*"]},
            {"notNamespaces": ["bank"]},
            {"notServiceAccounts": ["a/b"]},
            {"notTrustDomains": ["*"]},
        ],
    )
    def test_a_client_without_a_certificate_is_none_of_those_that_are_left_out(
        self, field: dict[str, Any]
    ) -> None:
        assert outcome(allow(source(**field)), caller=None) is True

    @pytest.mark.parametrize(
        "caller", ["cluster.local/x/bank/sa/till", "cluster.local/ns/bank/x/till", "cluster.local/ns/bank"]
    )
    def test_an_identity_of_another_form_is_of_no_namespace(self, caller: str) -> None:
        assert outcome(allow(source(namespaces=["bank"])), caller=caller) is False
        assert outcome(allow(source(namespaces=["other"])), caller=caller) is False

    def test_fields_of_one_source_must_all_hold(self) -> None:
        assert outcome(allow(source(namespaces=["bank"], notPrincipals=[CALLER]))) is False
        assert outcome(allow(source(namespaces=["bank"], principals=["*/sa/till"]))) is True
        assert outcome(allow(source(namespaces=["bank"], principals=["*/sa/other"]))) is False

    def test_one_source_of_several_is_enough(self) -> None:
        assert (
            outcome(
                allow({"from": [{"source": {"namespaces": ["x"]}}, {"source": {"namespaces": ["bank"]}}]})
            )
            is True
        )
        assert (
            outcome(allow({"from": [{"source": {"namespaces": ["x"]}}, {"source": {"namespaces": ["y"]}}]}))
            is False
        )

    @pytest.mark.parametrize(
        "rule",
        [
            {"from": []},
            {"from": None},
            {"unless": []},
            source(),
            source(principals=[]),
            source(principals=None, notNamespaces=[]),
        ],
    )
    def test_what_is_empty_asks_for_nothing(self, rule: dict[str, Any]) -> None:
        assert outcome(allow(rule)) is True
        assert outcome(allow(rule), caller=None) is True
        assert outcome(deny(rule)) is False

    @pytest.mark.parametrize(
        "field", ["ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks", "anything"]
    )
    def test_addresses_of_callers_are_not_understood(self, field: str) -> None:
        verdict = judged(allow(source(**{field: ["10.0.0.0/8"]})))
        where = "spec.rules[0].from.anything" if field == "anything" else "spec.rules[0].from"
        assert (verdict.understood, verdict.allowed, verdict.decided_by, verdict.field) == (
            False,
            True,
            BY,
            where,
        )
        assert outcome(deny(source(**{field: ["10.0.0.0/8"]}))) is None

    def test_an_empty_field_hides_no_other(self) -> None:
        assert outcome(allow(source(principals=[], namespaces=["other"]))) is False

    @pytest.mark.parametrize(
        "field", ["not", "nothing", "notprincipals", "principal", "notNotPrincipals", "allPrincipals"]
    )
    def test_a_field_of_a_like_name_is_not_understood(self, field: str) -> None:
        verdict = judged(allow(source(**{field: ["nobody"]})))
        assert (verdict.understood, verdict.field) == (False, f"spec.rules[0].from.{field}")
        assert verdict.reason == f"`{field}` is not read here"

    @pytest.mark.parametrize("field", ["requestPrincipals", "notRequestPrincipals"])
    def test_what_tokens_say_is_not_understood(self, field: str) -> None:
        verdict = judged(allow(source(**{field: ["*"]})))
        assert (verdict.understood, verdict.reason) == (False, "what tokens say is not read here")
        assert outcome(deny(source(**{field: ["*"]}))) is None


class TestTrustDomains:
    """A principal that names `cluster.local` means the mesh, whatever its trust domain is called."""

    MINE = "corp.example/ns/bank/sa/till"

    @pytest.mark.parametrize(
        ("pattern", "matches"),
        [
            ("cluster.local/ns/bank/sa/till", True),
            ("corp.example/ns/bank/sa/till", True),
            ("other.example/ns/bank/sa/till", False),
            ("cluster.local/ns/bank/sa/other", False),
            ("cluster.local/ns/bank/sa/t*", True),
            ("cluster.local/ns/bank*", False),
            ("*/ns/bank/sa/till", True),
            ("*.example/ns/bank/sa/till", True),
            ("*.local/ns/bank/sa/till", False),
            ("corp*/ns/bank/sa/till", True),
            ("core*/ns/bank/sa/till", False),
        ],
    )
    def test_principals_are_told_the_meshs_own(self, pattern: str, matches: bool) -> None:
        how = {"caller": self.MINE, "trust_domain": "corp.example"}
        assert outcome(allow(source(principals=[pattern])), **how) is matches
        assert outcome(allow(source(notPrincipals=[pattern])), **how) is not matches
        assert outcome(allow(when("source.principal", pattern)), **how) is matches

    def test_a_trust_domain_by_its_end_means_others_as_well_and_one_by_its_beginning_the_meshs_alone(
        self,
    ) -> None:
        how = {"caller": "other.example/ns/bank/sa/till", "trust_domain": "corp.example"}
        assert outcome(allow(source(principals=["*.example/ns/bank/sa/till"])), **how) is True
        assert outcome(allow(source(principals=["*ther.example/ns/bank/sa/till"])), **how) is True
        assert outcome(allow(source(principals=["o*/ns/bank/sa/till"])), **how) is False
        how = {"caller": "corporate/ns/bank/sa/till", "trust_domain": "corp.example"}
        assert outcome(allow(source(principals=["corp*/ns/bank/sa/till"])), **how) is False

    def test_another_trust_domain_is_not_the_meshs(self) -> None:
        how = {"caller": "cluster.local/ns/bank/sa/till", "trust_domain": "corp.example"}
        assert outcome(allow(source(principals=["cluster.local/ns/bank/sa/till"])), **how) is False
        assert outcome(allow(source(trustDomains=["cluster.local"])), **how) is True


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
        assert verdict.reason == f"{pattern} is no template of a path"

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
        assert verdict.reason.startswith(f"the header {name.lower()} is the proxies' own")

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
            == "the condition source.ip is not read here"
        )
        assert judged(allow({"when": [*self.ODD["when"], *when("remote.ip", "x")["when"]]})).reason.endswith(
            "source.ip is not read here"
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
