"""Pods that are there although admission refuses them. What a gateway's pods may say is in
test_pods_of_gateways.py.

Source: Kubernetes API reference, PodSpec, and each workload's page; Google, "Node taints".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.layers.admission import Admission
from egress.judge.model.flow import Layer, Outcome, Verdict
from egress.judge.pods import Present
from tests.judge.objects import IN_TEMPLATE, TAINT, TOLERATES, node_pool, snapshot, written

APIS = {"Pod": "v1", "ReplicationController": "v1", "Job": "batch/v1", "CronJob": "batch/v1"}
EMAIL = "gateway@example.com"
POOL = "cloud.google.com/gke-nodepool"


class Refuses(Admission):
    """Admission that keeps the pods of `team` off its nodes' namespaces and off the gateway's nodes, and
    nobody else's."""

    def __init__(self) -> None:
        super().__init__(snapshot())

    def judge(self, namespace: str, rule: str) -> Verdict:
        return Verdict(
            Layer.ADMISSION, Outcome.of((namespace, rule) != ("team", "host-namespaces")), "policy", "", ""
        )

    def placed(self, namespace: str, pool: str) -> Verdict:
        return Verdict(Layer.ADMISSION, Outcome.of((namespace, pool) != ("team", EMAIL)), "policy", "", "")


def workload(kind: str, pod: Mapping[str, Any], namespace: str | None = "team") -> dict[str, Any]:
    """A workload of a kind, with its pod where the API has it."""
    template = {"template": {"spec": dict(pod)}}
    spec = {"Pod": pod, "CronJob": {"jobTemplate": {"spec": template}}}.get(kind, template)
    return {**written(kind, namespace, **spec), "apiVersion": APIS.get(kind, "apps/v1")}


def there(
    pod: Mapping[str, Any],
    kind: str = "Deployment",
    namespace: str | None = "team",
    *taints: Mapping[str, str],
) -> list[str]:
    """Fields because of which a pod is one that admission refuses."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {POOL: "gateway"}}}
    bare = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n2"}}
    item = workload(kind, pod, namespace)
    pools = (node_pool("gateway", EMAIL, *(taints or (TAINT,))), node_pool("apps"))
    found = list(Present(snapshot(item, node, bare, google=pools), Refuses()).judge(item))
    assert all(one.layer is Layer.ADMISSION and one.allowed and not one.understood for one in found)
    assert all(
        one.decided_by == "/".join(filter(None, (namespace, kind.lower(), "somebodys"))) for one in found
    )
    return [one.field for one in found]


@pytest.mark.parametrize(
    ("kind", "at"),
    [
        ("Pod", "spec"),
        ("CronJob", "spec.jobTemplate.spec.template.spec"),
        *(
            (kind, IN_TEMPLATE)
            for kind in (
                "DaemonSet",
                "Deployment",
                "Job",
                "ReplicaSet",
                "ReplicationController",
                "StatefulSet",
            )
        ),
    ],
)
def test_the_pod_of_every_kind_of_workload_is_found(kind: str, at: str) -> None:
    assert there({"hostNetwork": True}, kind) == [f"{at}.hostNetwork"]
    assert there({}, kind) == []


@pytest.mark.parametrize("name", ["hostNetwork", "hostPID", "hostIPC"])
@pytest.mark.parametrize(
    ("namespace", "refused"), [("team", True), ("other", False), (None, False), ("kube-system", False)]
)
def test_a_process_of_its_node_is_said_where_admission_refuses_it(
    name: str, namespace: str | None, refused: bool
) -> None:
    assert there({name: True}, namespace=namespace) == [f"{IN_TEMPLATE}.{name}"] * refused
    assert there({name: False}, namespace=namespace) == []


def test_every_namespace_of_the_node_is_said() -> None:
    assert len(there({"hostNetwork": True, "hostPID": True, "hostIPC": True})) == 3


def test_a_system_namespace_is_asked_nothing() -> None:
    class RefusesAll(Refuses):
        def judge(self, namespace: str, rule: str) -> Verdict:
            return super().judge("team", rule)

    def said(namespace: str | None) -> int:
        item = workload("Deployment", {"hostPID": True}, namespace)
        return len(list(Present(snapshot(item), RefusesAll()).judge(item)))

    assert (said("kube-system"), said("kube-systems"), said(None)) == (0, 1, 1)


def test_an_object_without_a_namespace_is_in_the_one_called_default() -> None:
    asked: list[str] = []

    class Asked(Refuses):
        def judge(self, namespace: str, rule: str) -> Verdict:
            asked.append(namespace)
            return super().judge(namespace, rule)

    item = workload("Deployment", {"hostPID": True}, None)
    assert list(Present(snapshot(item), Asked()).judge(item)) == []
    assert asked == ["default"]


@pytest.mark.parametrize(
    ("pod", "where"),
    [
        ({"nodeSelector": {POOL: "gateway"}}, "nodeSelector"),
        ({"nodeSelector": {POOL: "apps"}}, None),
        ({"nodeSelector": {"disk": "gateway"}}, None),
        ({"nodeName": "n1"}, "nodeName"),
        ({"nodeName": "n2"}, None),
        ({"nodeName": "nobodys"}, None),
        ({"tolerations": [TOLERATES]}, "tolerations"),
        ({"tolerations": [{"operator": "Exists"}]}, "tolerations"),
        ({"tolerations": [{**TOLERATES, "operator": "Gt"}]}, "tolerations"),
        ({"tolerations": [{**TOLERATES, "value": "other"}]}, None),
        ({"tolerations": [{**TOLERATES, "key": "other"}, TOLERATES]}, "tolerations"),
        ({"tolerations": [TOLERATES], "nodeSelector": {POOL: "apps"}}, None),
        ({"tolerations": [TOLERATES], "nodeSelector": {"disk": "ssd"}}, "tolerations"),
        ({"tolerations": [TOLERATES], "nodeSelector": {POOL: "gateway"}}, "nodeSelector"),
        ({}, None),
    ],
)
def test_a_pod_that_may_be_on_the_gateways_nodes_is_said(pod: dict[str, Any], where: str | None) -> None:
    assert there(pod) == ([f"{IN_TEMPLATE}.{where}"] if where else [])
    assert there(pod, namespace="other") == []


def test_one_of_several_taints_that_a_pod_tolerates_is_enough_to_ask() -> None:
    other = {"key": "other", "value": "x", "effect": "NO_SCHEDULE"}
    assert there({"tolerations": [TOLERATES]}, "Deployment", "team", other, TAINT) == [
        f"{IN_TEMPLATE}.tolerations"
    ]


def test_nodes_without_a_taint_are_anybodys() -> None:
    item = workload("Deployment", {"nodeSelector": {POOL: "gateway"}})
    assert list(Present(snapshot(item, google=(node_pool("gateway", EMAIL),)), Refuses()).judge(item)) == []


@pytest.mark.parametrize(
    ("properties", "name"), [({"name": "gateway"}, "of-pulumi"), ({}, "gateway"), ({"name": ""}, "gateway")]
)
def test_a_node_pool_is_known_by_the_name_that_google_has_for_it(
    properties: dict[str, Any], name: str
) -> None:
    nodes = {"serviceAccount": EMAIL, "taints": [TAINT]}
    pool = Resource("gcp:container/nodePool:NodePool", name, {**properties, "nodeConfig": nodes})
    item = workload("Deployment", {"nodeSelector": {POOL: "gateway"}})
    found = Present(snapshot(item, google=(pool,)), Refuses()).judge(item)
    assert [one.field for one in found] == [f"{IN_TEMPLATE}.nodeSelector"]


def test_nodes_that_run_as_no_account_of_their_own_are_asked_for_without_one() -> None:
    asked: list[str] = []

    class Asked(Refuses):
        def placed(self, namespace: str, pool: str) -> Verdict:
            asked.append(pool)
            return super().placed(namespace, EMAIL)

    pool = Resource("gcp:container/nodePool:NodePool", "gateway", {"nodeConfig": {"taints": [TAINT]}})
    item = workload("Deployment", {"nodeSelector": {POOL: "gateway"}})
    assert len(list(Present(snapshot(item, google=(pool,)), Asked()).judge(item))) == 1
    assert asked == [""]
