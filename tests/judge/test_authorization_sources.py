"""Whom the sources of a rule mean: by namespace, account and trust domain.

Source: Istio reference, "Authorization Policy"; "Trust Domain Migration". tests/mesh/test_rules.py holds the
less expected of these against Istio and Envoy.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.judge.authorizing import BY, CALLER, allow, deny, judged, outcome, source, when


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
        assert verdict.reason == f"`{field}` is not read here."

    @pytest.mark.parametrize("field", ["requestPrincipals", "notRequestPrincipals"])
    def test_what_tokens_say_is_not_understood(self, field: str) -> None:
        verdict = judged(allow(source(**{field: ["*"]})))
        assert (verdict.understood, verdict.reason) == (False, "What tokens say is not read here.")
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
