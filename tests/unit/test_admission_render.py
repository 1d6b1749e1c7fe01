"""Admission and roles as rendered objects: where they hold, what the config takes out of them, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from egress import names
from egress.errors import ConfigError
from egress.layers import rbac
from egress.layers.admission import boundaries, namespace_labels, services, workloads
from egress.layers.admission.policy import Policy
from egress.manifest import Manifest
from egress.plan import Plan
from egress.render import render
from egress.settings.fences import Rule
from tests.support import ROOT, config_with, dev_config, plan_of


def dev() -> Plan:
    return plan_of(dev_config())


def policies() -> list[Policy]:
    return [workloads.policy(dev()), services.policy(dev()), boundaries.policy(), namespace_labels.policy()]


def found(plan: Plan, kind: str) -> dict[str, Manifest]:
    return {item.name: item.manifest for item in render(plan) if item.kind == kind}


def fenced(**fences: Any) -> Plan:
    config = config_with("fences", fences)
    config["gke-mesh-egress:cluster"]["securityGroup"] = "gke-security-groups@example.com"
    return plan_of(config)


class TestPolicies:
    def test_every_rule_is_enforced_once(self) -> None:
        assert sorted(check.rule for policy in policies() for check in policy.checks) == sorted(Rule)

    def test_they_refuse_where_they_cannot_decide(self) -> None:
        for manifest in found(dev(), "ValidatingAdmissionPolicy").values():
            assert manifest["spec"]["failurePolicy"] == "Fail"
        for manifest in found(dev(), "ValidatingAdmissionPolicyBinding").values():
            assert manifest["spec"]["validationActions"] == ["Deny"]

    def test_they_hold_where_the_platforms_label_is_and_it_is_on_teams_alone(self) -> None:
        bindings = found(dev(), "ValidatingAdmissionPolicyBinding")
        for name, manifest in bindings.items():
            assert manifest["spec"]["policyName"] == name
            selector = manifest["spec"].get("matchResources", {}).get("namespaceSelector")
            expected = {"matchExpressions": [{"key": names.TEAM_LABEL, "operator": "Exists"}]}
            assert selector == (None if name == "egress-namespaces" else expected)
        labelled = {name for name, item in found(dev(), "Namespace").items() if names.TEAM_LABEL in item["metadata"]["labels"]}
        assert labelled == {"team-x", "team-y"}

    def test_a_message_names_rule_reason_and_contact(self) -> None:
        for manifest in found(fenced(contact="#platform-help"), "ValidatingAdmissionPolicy").values():
            for validation in manifest["spec"]["validations"]:
                rule, _, rest = validation["message"].partition(": ")
                assert rule in set(Rule)
                assert len(rest) > 60
                assert "#platform-help" in rest

    def test_what_a_team_may_declare_does_not_change_them(self) -> None:
        one = found(dev(), "ValidatingAdmissionPolicy")
        other = found(plan_of(config_with("teams", {"another": {}})), "ValidatingAdmissionPolicy")
        assert one == other


class TestRelaxing:
    def test_a_relaxed_rule_is_gone_and_the_policy_says_why(self) -> None:
        plan = fenced(admission={"relaxed": {"host-ports": "appliances"}})
        manifest = found(plan, "ValidatingAdmissionPolicy")["egress-team-workloads"]
        assert "host-ports" not in str(manifest["spec"])
        assert manifest["metadata"]["annotations"] == {"gke-mesh-egress/relaxed.host-ports": "appliances"}

    def test_a_policy_without_rules_is_not_rendered(self) -> None:
        plan = fenced(admission={"relaxed": {"namespace-labels": "labels are managed elsewhere"}})
        assert "egress-namespaces" not in found(plan, "ValidatingAdmissionPolicy")
        assert "egress-namespaces" not in found(plan, "ValidatingAdmissionPolicyBinding")

    def test_an_exemption_is_an_annotation_of_that_teams_namespace_alone(self) -> None:
        plan = fenced(admission={"exemptions": {"team-x": {"host-ports": "appliance"}}})
        namespaces = found(plan, "Namespace")
        assert namespaces["team-x"]["metadata"]["annotations"] == {"gke-mesh-egress/exempt.host-ports": "appliance"}
        assert "annotations" not in namespaces["team-y"]["metadata"]
        assert found(plan, "ValidatingAdmissionPolicy") == found(dev(), "ValidatingAdmissionPolicy")

    def test_warn_accepts_and_tells(self) -> None:
        for manifest in found(fenced(admission={"action": "warn"}), "ValidatingAdmissionPolicyBinding").values():
            assert manifest["spec"]["validationActions"] == ["Warn", "Audit"]

    @pytest.mark.parametrize(
        ("fences", "path"),
        [
            ({"admission": {"relaxed": {"host-ports": " "}}}, "fences.admission.relaxed.host-ports"),
            ({"admission": {"relaxed": {"hostports": "x"}}}, "fences.admission.relaxed.hostports"),
            ({"admission": {"exemptions": {"team-q": {"host-ports": "x"}}}}, "fences.admission.exemptions.team-q"),
            (
                {"admission": {"exemptions": {"team-x": {"namespace-labels": "x"}}}},
                "fences.admission.exemptions.team-x.namespace-labels",
            ),
            ({"groups": {"teams": {"team-q": ["q@example.com"]}}}, "fences.groups.teams.team-q"),
            ({"groups": {"teams": {"team-x": ["system:authenticated"]}}}, "fences.groups.teams.team-x[0]"),
            ({"groups": {"platform": ["two words"]}}, "fences.groups.platform[0]"),
            ({"contact": ""}, "fences.contact"),
        ],
    )
    def test_what_would_not_hold_is_refused(self, fences: dict[str, Any], path: str) -> None:
        with pytest.raises(ConfigError) as refused:
            fenced(**fences)
        assert [problem.path for problem in refused.value.problems] == [f"gke-mesh-egress:{path}"]

    def test_a_team_cannot_write_the_platforms_label(self) -> None:
        with pytest.raises(ConfigError, match="gke-mesh-egress/team"):
            plan_of(config_with("teams/team-x/labels", {"gke-mesh-egress/team": "team-y"}))


class TestRoles:
    def test_without_groups_nobody_is_bound(self) -> None:
        assert set(found(dev(), "ClusterRole")) == {rbac.TEAM, rbac.SECURITY, rbac.PLATFORM}
        assert not found(dev(), "RoleBinding")
        assert not found(dev(), "ClusterRoleBinding")

    def test_a_teams_groups_are_bound_in_its_namespace(self) -> None:
        plan = fenced(groups={"teams": {"team-x": ["b@example.com", "a@example.com"]}})
        (binding,) = [item for item in render(plan) if item.kind == "RoleBinding"]
        assert (binding.namespace, binding.owner.name) == ("team-x", "team-x")
        assert [subject["name"] for subject in binding.manifest["subjects"]] == ["a@example.com", "b@example.com"]

    @pytest.mark.parametrize("name", [rbac.TEAM, rbac.SECURITY])
    def test_no_role_but_the_platforms_has_a_wildcard_verb_or_a_change_of_policies(self, name: str) -> None:
        for rule in found(dev(), "ClusterRole")[name]["rules"]:
            assert "*" not in rule["verbs"]
            assert "*" not in rule["apiGroups"]
            if any("istio.io" in group or group == "networking.k8s.io" for group in rule["apiGroups"]):
                assert set(rule["verbs"]) <= set(rbac.READ)


def test_security_md_has_a_section_for_every_rule() -> None:
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    assert [rule for rule in Rule if f"`{rule}`" not in page] == []
