"""Labels of Pod Security on team namespaces, what the charts are told, and what pods of this stack carry."""

from __future__ import annotations

from typing import Any

import pytest

from egress.layers.mesh.mesh_config import cni_values, istiod_values, redirected_by_node
from egress.layers.render import render
from egress.plan.model import Plan
from tests.support import config_with, dev_config, plan_of

ENFORCE, WARN = "pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn"


def level(plan: Plan, team: str = "team-x") -> dict[str, str]:
    (namespace,) = [item.manifest for item in render(plan) if item.identity == f"namespace/{team}"]
    return {
        key: value for key, value in namespace["metadata"]["labels"].items() if key.startswith("pod-security")
    }


def fenced(**fences: Any) -> Plan:
    return plan_of(config_with("fences", fences))


def enforced(level: str) -> dict[str, str]:
    """Pods are refused, and what makes them is warned of."""
    return {ENFORCE: level, WARN: level}


def test_a_teams_namespace_is_restricted() -> None:
    assert level(plan_of(dev_config())) == enforced("restricted")


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("confined-process", "baseline"),
        ("host-ports", "privileged"),
        ("capabilities", "privileged"),
        ("service-types", "restricted"),
    ],
)
def test_an_exemption_is_not_taken_back_by_pod_security(rule: str, left: str) -> None:
    exempted = fenced(admission={"exemptions": {"team-x": {rule: "an appliance"}}})
    assert (level(exempted), level(exempted, "team-y")) == (enforced(left), enforced("restricted"))
    everybody = fenced(admission={"relaxed": {rule: "images of old"}})
    assert (level(everybody), level(everybody, "team-y")) == (enforced(left), enforced(left))


def test_while_admission_warns_so_does_pod_security() -> None:
    assert level(fenced(admission={"action": "warn"})) == {WARN: "restricted"}


def test_it_comes_with_the_nodes_redirection_and_both_are_relaxed_together() -> None:
    plan = plan_of(dev_config())
    assert istiod_values(plan)["pilot"]["cni"] == {"enabled": True}
    assert cni_values(plan)["global"]["platform"] == "gke", "by it the chart finds where plugins lie"
    relaxed = fenced(relaxed={"pod-security": "nodes that take no plugin"})
    assert level(relaxed) == {}
    assert istiod_values(relaxed)["pilot"]["cni"] == {"enabled": False}
    (namespace,) = [item.manifest for item in render(relaxed) if item.identity == "namespace/team-x"]
    assert namespace["metadata"]["annotations"] == {
        "gke-mesh-egress/relaxed.pod-security": "nodes that take no plugin"
    }


def test_with_the_managed_mesh_it_is_not_put_up() -> None:
    managed = plan_of(config_with("mesh", {"flavor": "cloud-service-mesh"}))
    assert not redirected_by_node(managed)
    assert level(managed) == {}


def test_no_pod_or_account_of_this_stack_mounts_a_token() -> None:
    for item in render(plan_of(dev_config())):
        if item.kind == "ServiceAccount":
            assert item.manifest["automountServiceAccountToken"] is False
        if item.kind == "Deployment":
            assert item.manifest["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_gateways_are_scheduled_first_and_end_nobody_elses_pods() -> None:
    rendered = render(plan_of(dev_config()))
    (priority,) = [item for item in rendered if item.kind == "PriorityClass"]
    assert (priority.manifest["value"], priority.manifest["preemptionPolicy"]) == (1_000_000, "Never")
    workloads = [item for item in rendered if item.kind == "Deployment"]
    using = [item.name for item in workloads if priority.name in str(item.manifest["spec"])]
    assert using == ["istio-egressgateway"]
