"""Admission and roles as rendered objects: where they hold, what the config takes out of them, and what it
refuses."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common import names
from egress.common.errors import ConfigError
from egress.common.objects import Manifest
from egress.layers.admission import policies
from egress.layers.cluster import rbac
from egress.layers.render import render
from egress.plan.model import Plan
from egress.settings.fences import Rule
from tests.support import ROOT, config_with, dev_config, plan_of


def dev() -> Plan:
    return plan_of(dev_config())


def found(plan: Plan, kind: str) -> dict[str, Manifest]:
    return {item.name: item.manifest for item in render(plan) if item.kind == kind}


def fenced(**fences: Any) -> Plan:
    config = config_with("fences", fences)
    config["gke-mesh-egress:cluster"]["securityGroup"] = "gke-security-groups@example.com"
    return plan_of(config)


class TestPolicies:
    def test_every_rule_is_enforced_once(self) -> None:
        assert sorted(check.rule for policy in policies(dev()) for check in policy.checks) == sorted(Rule)

    def test_they_refuse_where_they_cannot_decide(self) -> None:
        for manifest in found(dev(), "ValidatingAdmissionPolicy").values():
            assert manifest["spec"]["failurePolicy"] == "Fail"
        for manifest in found(dev(), "ValidatingAdmissionPolicyBinding").values():
            assert manifest["spec"]["validationActions"] == ["Deny"]

    def test_they_hold_where_the_platforms_labels_are_or_everywhere(self) -> None:
        found_in: dict[str, list[str]] = {
            "teams": [],
            "platform": [],
            "but the system's": [],
            "everywhere": [],
        }
        for name, manifest in found(dev(), "ValidatingAdmissionPolicyBinding").items():
            assert manifest["spec"]["policyName"] == name
            selector = (
                manifest["spec"].get("matchResources", {}).get("namespaceSelector", {"matchExpressions": []})
            )
            match [(one["key"], one["operator"]) for one in selector["matchExpressions"]]:
                case [(names.TEAM_LABEL, "Exists")]:
                    found_in["teams"].append(name)
                case [(names.PLATFORM_LABEL, "Exists")]:
                    found_in["platform"].append(name)
                case [("kubernetes.io/metadata.name", "NotIn"), (names.PLATFORM_LABEL, "NotIn")]:
                    found_in["but the system's"].append(name)
                case _:
                    assert selector["matchExpressions"] == []
                    found_in["everywhere"].append(name)
        assert found_in == {
            "teams": [
                "egress-team-workloads",
                "egress-team-services",
                "egress-team-control-plane",
                "egress-team-boundaries",
            ],
            "platform": ["egress-platform-namespaces"],
            "but the system's": ["egress-gateway-nodes"],
            "everywhere": ["egress-platform-kinds", "egress-namespaces"],
        }

    def test_the_labels_are_on_teams_and_on_the_platforms_namespaces_alone(self) -> None:
        labels = {name: item["metadata"]["labels"] for name, item in found(dev(), "Namespace").items()}
        assert {name for name, of in labels.items() if names.TEAM_LABEL in of} == {"team-x", "team-y"}
        assert {
            name: of[names.PLATFORM_LABEL] for name, of in labels.items() if names.PLATFORM_LABEL in of
        } == {
            "istio-system": "control-plane",
            "istio-egress": "egress-gateway",
        }

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

    def test_an_exemption_is_in_the_text_of_that_rule_alone(self) -> None:
        """In something that the stack owns whole: an annotation of the namespace could be anybody's beside
        the program's own."""
        plan = fenced(
            admission={
                "exemptions": {"team-x": {"host-ports": "appliance"}},
                "namespaces": {"agents": {"gateway-nodes": "a"}},
            }
        )
        policies, before = found(plan, "ValidatingAdmissionPolicy"), found(dev(), "ValidatingAdmissionPolicy")
        workloads, nodes = policies["egress-team-workloads"], policies["egress-gateway-nodes"]
        named = [one for one in workloads["spec"]["validations"] if "'team-x'" in one["expression"]]
        assert [one["message"].partition(":")[0] for one in named] == ["host-ports"]
        assert workloads["metadata"]["annotations"] == {
            "gke-mesh-egress/exempt.host-ports": "team-x: appliance"
        }
        assert nodes["spec"]["validations"][0]["expression"].startswith(
            "request.?namespace.orValue('') in ['agents'] || ("
        )
        assert {name for name in policies if policies[name] != before[name]} == {
            "egress-team-workloads",
            "egress-gateway-nodes",
        }
        assert "annotations" not in found(plan, "Namespace")["team-x"]["metadata"]

    def test_warn_accepts_and_tells(self) -> None:
        for manifest in found(
            fenced(admission={"action": "warn"}), "ValidatingAdmissionPolicyBinding"
        ).values():
            assert manifest["spec"]["validationActions"] == ["Warn", "Audit"]

    @pytest.mark.parametrize(
        ("fences", "path"),
        [
            ({"admission": {"relaxed": {"host-ports": " "}}}, "fences.admission.relaxed.host-ports"),
            ({"admission": {"relaxed": {"hostports": "x"}}}, "fences.admission.relaxed.hostports"),
            (
                {"admission": {"exemptions": {"team-x": {"platform-namespaces": "x"}}}},
                "fences.admission.exemptions.team-x.platform-namespaces",
            ),
            (
                {"admission": {"namespaces": {"team-x": {"gateway-nodes": "x"}}}},
                "fences.admission.namespaces.team-x",
            ),
            (
                {"admission": {"namespaces": {"agents": {"host-ports": "x"}}}},
                "fences.admission.namespaces.agents.host-ports",
            ),
            (
                {"admission": {"namespaces": {"kube-system": {"gateway-nodes": "x"}}}},
                "fences.admission.namespaces.kube-system",
            ),
            (
                {"admission": {"namespaces": {"istio-egress": {"gateway-nodes": "x"}}}},
                "fences.admission.namespaces.istio-egress",
            ),
            (
                {"admission": {"namespaces": {"a b": {"gateway-nodes": "x"}}}},
                'fences.admission.namespaces["a b"]',
            ),
            (
                {"admission": {"exemptions": {"team-q": {"host-ports": "x"}}}},
                "fences.admission.exemptions.team-q",
            ),
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
        assert [subject["name"] for subject in binding.manifest["subjects"]] == [
            "a@example.com",
            "b@example.com",
        ]

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
