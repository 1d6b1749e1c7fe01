"""Every field that the provider puts out of firewall rules and policies is known."""

from __future__ import annotations

import pulumi_gcp
import pytest

from egress.judge.lookup import firewall_rules
from tests.judge.firewall_asking import ALL, judged, of_policy, policy, rule


class TestKnownFields:
    """Exports hold whatever the provider puts out: each field is read, is known to decide nothing, or is not
    understood."""

    NOT_UNDERSTOOD = {"sourceServiceAccounts", "sourceTags", "targetTags"}
    NOT_UNDERSTOOD_OF_POLICY = {"securityProfileGroup", "targetSecureTags", "tlsInspect"}

    def test_every_output_of_the_installed_provider_is_known(self) -> None:
        of_engine = {"urn", "pulumiResourceName", "pulumiResourceType"}
        known = firewall_rules._READ | firewall_rules._SILENT
        assert _outputs(pulumi_gcp.compute.Firewall) - of_engine == known | self.NOT_UNDERSTOOD
        known = firewall_rules._READ_OF_POLICY | firewall_rules._SILENT_OF_POLICY
        of_policy_rule = _outputs(pulumi_gcp.compute.outputs.NetworkFirewallPolicyWithRulesRule)
        assert of_policy_rule == known | self.NOT_UNDERSTOOD_OF_POLICY

    @pytest.mark.parametrize("field", sorted(NOT_UNDERSTOOD))
    def test_what_is_not_read_is_not_understood(self, field: str) -> None:
        assert not judged(
            rule("rule", denies=ALL, destinationRanges=["0.0.0.0/0"], **{field: ["x"]})
        ).understood

    @pytest.mark.parametrize("field", sorted(NOT_UNDERSTOOD_OF_POLICY))
    def test_nor_is_it_of_a_policy(self, field: str) -> None:
        assert not judged(policy(of_policy("deny", **{field: "x"}))).understood

    def test_what_the_provider_adds_decides_nothing(self) -> None:
        added = {
            "deletionPolicy": "DELETE",
            "creationTimestamp": "x",
            "selfLink": "x",
            "project": "p",
            "enableLogging": True,
        }
        verdict = judged(rule(denies=ALL, destinationRanges=["0.0.0.0/0"], **added))
        assert verdict.understood
        assert not verdict.allowed


def _outputs(kind: type) -> set[str]:
    names = {name for name, value in vars(kind).items() if isinstance(value, property)}
    names |= {
        name for base in kind.__mro__[1:] for name, value in vars(base).items() if isinstance(value, property)
    }
    return {
        "".join([name.partition("_")[0], *(part.capitalize() for part in name.split("_")[1:])])
        for name in names
    }
