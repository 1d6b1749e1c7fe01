"""`egress drift`: objects that nobody rendered, and what a difference to the config counts."""

from __future__ import annotations

import copy

import pytest

from egress.answers.diff import difference
from egress.answers.diff.mending import mendings
from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot, identity
from tests.answers.drifting import Manifest, found, live, planned


def test_a_fence_that_nobody_rendered_is_named_and_its_deletion_proposed() -> None:
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "open", "namespace": "istio-egress", "uid": "1"},
        "spec": {"rules": [{}]},
    }
    policy["metadata"]["creationTimestamp"] = "2026-11-27T10:00:00Z"
    policy["metadata"]["managedFields"] = [{"manager": "kubectl-create", "fieldsV1": {"f:spec": {}}}]
    told = found([*live(), policy])
    (item,) = told.objects
    assert list(item.lines) == [
        "istio-egress/authorizationpolicy/open is in no config; "
        "made by kubectl-create at 2026-11-27T10:00:00Z"
    ]
    assert any(change.widening for change in told.changes)
    assert [mending.command for mending in mendings(told.objects, "dev")] == [
        "kubectl delete authorizationpolicy.security.istio.io open --namespace istio-egress"
    ]


BESIDE: dict[str, tuple[Manifest, bool]] = {
    # what else lives in a cluster: the object, and whether it is somebody's addition
    "a team's own workload": (
        {"kind": "Deployment", "metadata": {"name": "a", "namespace": "team-x"}},
        False,
    ),
    "a workload beside the gateway": (
        {"kind": "Deployment", "metadata": {"name": "a", "namespace": "istio-egress"}},
        True,
    ),
    "the chart's": (
        {
            "kind": "Deployment",
            "metadata": {
                "name": "istiod",
                "namespace": "istio-system",
                "annotations": {"meta.helm.sh/release-name": "istio-istiod"},
            },
        },
        False,
    ),
    "a fence that claims to be the chart's": (
        {
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": "EnvoyFilter",
            "metadata": {
                "name": "a",
                "namespace": "istio-system",
                "annotations": {"meta.helm.sh/release-name": "istio-istiod"},
            },
        },
        True,
    ),
    "a controller's": (
        {
            "kind": "Service",
            "metadata": {"name": "a", "namespace": "istio-egress", "ownerReferences": [{"name": "b"}]},
        },
        False,
    ),
    "a fence that claims to be a controller's": (
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "a", "namespace": "team-y", "ownerReferences": [{"name": "b"}]},
            "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
        },
        True,
    ),
    "a fence that is called like Kubernetes' own": (
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": "system-open",
                "namespace": "team-y",
                "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
            },
            "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
        },
        True,
    ),
    "another namespace's": (
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "a", "namespace": "shop"},
        },
        False,
    ),
    "another kind of network policy": (
        {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "a"}},
        True,
    ),
    "another team": (
        {"kind": "Namespace", "metadata": {"name": "a", "labels": {"gke-mesh-egress/team": "a"}}},
        True,
    ),
    "a hand-given right": (
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "a"},
            "roleRef": {"kind": "ClusterRole", "name": "egress-platform"},
        },
        True,
    ),
}


@pytest.mark.parametrize("what", BESIDE)
def test_an_addition_is_what_only_the_program_should_write(what: str) -> None:
    item, is_addition = BESIDE[what]
    item = {"apiVersion": "v1", **copy.deepcopy(item)}
    if item["kind"] == "Deployment":
        item |= {
            "apiVersion": "apps/v1",
            "spec": {
                "selector": {"matchLabels": {"a": "a"}},
                "template": {"metadata": {"labels": {"a": "a"}}},
            },
        }
    item["metadata"]["uid"] = "1"
    assert [one.object for one in found([*live(), item]).objects] == ([identity(item)] if is_addition else [])


def test_a_difference_to_the_config_counts_what_somebody_added_where_nothing_was_said() -> None:
    """A policy without `rules` allows nothing; a key that is added is a difference, though the config is
    silent."""

    def opened(objects: dict[str, Manifest]) -> None:
        objects["istio-egress/authorizationpolicy/allow-nothing"]["spec"]["rules"] = [{}]

    told = difference(planned(), Snapshot.of(live(opened), planned().google))
    assert told.objects == ("istio-egress/authorizationpolicy/allow-nothing",)
    assert told.widens


@pytest.mark.parametrize("name", ["system:open", "system-open"])
def test_a_difference_to_the_config_counts_a_fence_whatever_it_is_called(name: str) -> None:
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "team-y", "uid": "2"},
        "spec": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
    }
    told = difference(planned(), Snapshot.of([*live(), policy], planned().google))
    assert told.objects == (f"team-y/networkpolicy/{name}",)
    assert told.widens


def test_every_namespace_in_a_peer_of_a_network_policy_is_no_default() -> None:
    def opened(objects: dict[str, Manifest]) -> None:
        peer = objects["team-y/networkpolicy/team-boundary"]["spec"]["ingress"][0]["from"][0]
        assert peer == {"podSelector": {}}, "pods of the same namespace"
        peer["namespaceSelector"] = {}

    told = difference(planned(), Snapshot.of(live(opened), planned().google))
    assert told.objects == ("team-y/networkpolicy/team-boundary",)
    assert told.widens
    (item,) = found(live(opened)).objects
    assert [field.name for field in item.fields] == ["spec.ingress[0].from[0].namespaceSelector"]


def test_a_firewall_rule_in_an_export_is_held_against_the_config() -> None:
    google = list(planned().google)
    at = next(at for at, item in enumerate(google) if item.name == "gateway-allow-egress-web")
    rule = google[at]
    opened = {**rule.properties, "allows": [{"protocol": "all"}]}
    google[at] = Resource(rule.type, rule.name, opened)
    told = found(live(), tuple(google))
    assert [item.object for item in told.objects] == ["firewall/gateway-allow-egress-web"]
    assert any(change.widening for change in told.changes)
    assert [mending.command for mending in mendings(told.objects, "dev")] == [
        "pulumi up --stack dev --refresh"
    ]
