"""Pods that are there although admission refuses them, and what a gateway's pods may say.

Source: Kubernetes API reference, PodSpec, and each workload's page; Istio, "Installing Gateways"; Google,
"Node taints".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.layers.admission import Admission
from egress.judge.model.flow import Layer, Outcome, Verdict
from egress.judge.pods import GatewayWorkloads, Present
from tests.judge.objects import TAINT, node_pool, snapshot, written

APIS = {"Pod": "v1", "ReplicationController": "v1", "Job": "batch/v1", "CronJob": "batch/v1"}
EMAIL = "gateway@example.com"
POOL = "cloud.google.com/gke-nodepool"
TOLERATES = {"key": "dedicated", "value": "gateway", "effect": "NoSchedule"}
IN_TEMPLATE = "spec.template.spec"
SERVERS = [
    {
        "port": {"number": 443, "name": "tls", "protocol": "TLS"},
        "hosts": ["*"],
        "tls": {"mode": "PASSTHROUGH"},
    }
]
EDGE = written("Gateway", "out", "edge", selector={"istio": "egress"}, servers=SERVERS)


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


def gateways(*more: Mapping[str, Any]) -> GatewayWorkloads:
    return GatewayWorkloads(snapshot(EDGE, *more))


def unread(
    pod: Mapping[str, Any] | None = None,
    *,
    kind: str = "Deployment",
    namespace: str = "out",
    annotations: Mapping[str, str] | None = None,
    owner: Any = None,
    spec: Mapping[str, Any] | None = None,
) -> list[str]:
    """Fields of a gateway's workload that are not understood."""
    template = {
        "metadata": {"labels": {"istio": "egress", "app": "gateway"}, "annotations": dict(annotations or {})},
        "spec": {"containers": [{"name": "istio-proxy"}], **(pod or {})},
    }
    metadata = {"ownerReferences": [owner]} if owner else {}
    if kind == "Pod":
        item = written(kind, namespace, metadata={**metadata, **template["metadata"]}, **template["spec"])
    else:
        item = written(kind, namespace, metadata=metadata, template=template, **(spec or {}))
    return [field for field, _ in gateways().unread(item)]


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "istio-proxy", **fields}]}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "serviceAccountName",
            "priorityClassName",
            "nodeSelector",
            "hostNetwork",
            "hostAliases",
            "priority",
            "preemptionPolicy",
        ),
        *(
            "topologySpreadConstraints",
            "schedulerName",
            "overhead",
            "terminationGracePeriodSeconds",
            "restartPolicy",
        ),
        *(
            "securityContext",
            "serviceAccount",
            "automountServiceAccountToken",
            "imagePullSecrets",
            "enableServiceLinks",
        ),
        *("hostname", "subdomain", "setHostnameAsFQDN", "readinessGates", "resources"),
    ],
)
def test_what_is_read_or_decides_nothing_in_a_gateways_pod(name: str) -> None:
    assert unread({name: "said"}) == []
    assert unread({f"{name}Of": "said"}) == [f"{IN_TEMPLATE}.{name}Of"]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "securityContext",
            "readinessProbe",
            "livenessProbe",
            "startupProbe",
            "ports",
            "resources",
            "imagePullPolicy",
        ),
        *("terminationMessagePath", "terminationMessagePolicy"),
    ],
)
def test_what_decides_nothing_in_a_gateways_container(name: str) -> None:
    assert unread(container(**{name: "said"})) == []
    assert unread(container(**{f"{name}Of": "said"})) == [f"{IN_TEMPLATE}.containers[0].{name}Of"]


@pytest.mark.parametrize(
    "name",
    [
        "replicas",
        "strategy",
        "minReadySeconds",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
        "selector",
    ],
)
def test_what_decides_nothing_in_a_gateways_deployment(name: str) -> None:
    assert unread(spec={name: "said"}) == []
    assert unread(spec={f"{name}Of": "said"}) == [f"spec.{name}Of"]


@pytest.mark.parametrize(
    ("pod", "fields"),
    [
        (container(image="auto"), []),
        (container(image="mine"), ["containers[0].image"]),
        ({"dnsPolicy": "ClusterFirst"}, []),
        ({"dnsPolicy": "None"}, ["dnsPolicy"]),
        ({"affinity": {"podAffinity": {"a": 1}, "podAntiAffinity": {"a": 1}}}, []),
        ({"affinity": {"nodeAffinity": {"a": 1}}}, ["affinity.nodeAffinity"]),
        ({"tolerations": [{**TOLERATES, "operator": "Equal", "tolerationSeconds": 3}]}, []),
        ({"tolerations": [{"else": 3}]}, ["tolerations[0].else"]),
        ({"containers": [{"name": "istio-proxy"}, {"name": "second"}]}, ["containers[1]"]),
        ({"initContainers": [{"name": "first"}]}, ["initContainers"]),
    ],
)
def test_what_more_a_gateways_pod_says_is_named(pod: dict[str, Any], fields: list[str]) -> None:
    assert unread(pod) == [f"{IN_TEMPLATE}.{field}" for field in fields]
    assert unread(pod, namespace="elsewhere") == []


PROXY = "proxy.istio.io/config"


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ("", []),
        (
            "concurrency: 2\ndrainDuration: 5s\nterminationDrainDuration: "
            "5s\nholdApplicationUntilProxyStarts: true",
            [],
        ),
        ("proxyMetadata: {ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS: '9'}", []),
        ("proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}", ["proxyMetadata.ISTIO_META_DNS_CAPTURE"]),
        ("discoveryAddress: elsewhere", ["discoveryAddress"]),
        ("some words", ['"some words"']),
        ("[", ['"["']),
        ("2026-01-31", ['"2026-01-31"']),
        ("a: 1\n---\nb: 2", [r'"a: 1\n---\nb: 2"']),
        ("[" * 200 + "]" * 200, ['"' + "[" * 200 + "]" * 200 + '"']),
    ],
)
def test_the_proxys_own_settings_at_a_gateway(config: str, names: list[str]) -> None:
    at = f"spec.template.metadata.annotations[{PROXY}]"
    assert unread(annotations={PROXY: config}) == [f"{at}.{name}" for name in names]


def test_istios_annotations_at_a_gateways_pod_are_known_or_named() -> None:
    name = "traffic.sidecar.istio.io/excludeOutboundPorts"
    assert unread(annotations={name: "443"}) == [f"spec.template.metadata.annotations[{name}]"]


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet", "Job", "ReplicaSet", "Pod"])
def test_other_workloads_with_a_gateways_labels_are_named_unless_another_object_made_them(kind: str) -> None:
    assert unread(kind=kind) == ["metadata"]
    assert unread(kind=kind, namespace="elsewhere") == []
    assert unread(kind=kind, owner={"kind": "Deployment", "name": "gateway"}) == []


def test_a_workload_that_says_no_namespace_is_in_the_one_called_default() -> None:
    edge = written("Gateway", "default", "edge", selector={"istio": "egress"}, servers=SERVERS)
    daemons = written("DaemonSet", None, template={"metadata": {"labels": {"istio": "egress"}}, "spec": {}})
    assert [field for field, _ in GatewayWorkloads(snapshot(edge)).unread(daemons)] == ["metadata"]


def test_a_gateways_pods_have_all_labels_of_a_gateways_selector() -> None:
    second = written("Gateway", "out", "second", selector={"app": "a", "tier": "b"}, servers=SERVERS)
    bare = written("Gateway", "bare", "third", servers=SERVERS)
    of = gateways(second, bare)
    asked = (
        {"istio": "egress", "more": "x"},
        {"app": "a", "tier": "b"},
        {"app": "a"},
        {"istio": "other"},
        {},
    )
    assert [of.has("out", labels) for labels in asked] == [True, True, False, False, False]
    assert [of.has_selector("out", labels) for labels in asked] == [False, True, True, False, True]
    assert not of.has("bare", {"istio": "egress"})
    assert not of.has("nowhere", {"istio": "egress"})
    assert not of.has_selector("bare", {})


def test_the_ports_of_pods_are_those_to_which_services_lead() -> None:
    leads = written("Service", "out", "a", ports=[{"port": 80, "targetPort": 8080}, {"port": 443}])
    named = written("Service", "out", "b", ports=[{"port": 80, "targetPort": "http"}])
    of = gateways(leads, named, written("Service", "other", "c", ports=[{"port": 1}]))
    assert (of.ports("out"), of.ports("other"), of.ports("none")) == ({8080, 443, "http"}, {1}, set())
