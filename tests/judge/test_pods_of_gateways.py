"""What a gateway's pods may say, which pods are a gateway's, and to which of their ports Services lead.

Source: Kubernetes API reference, PodSpec; Istio, "Installing Gateways".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from egress.judge.pods import GatewayWorkloads
from tests.judge.objects import IN_TEMPLATE, TOLERATES, snapshot, written

SERVERS = [
    {
        "port": {"number": 443, "name": "tls", "protocol": "TLS"},
        "hosts": ["*"],
        "tls": {"mode": "PASSTHROUGH"},
    }
]
EDGE = written("Gateway", "out", "edge", selector={"istio": "egress"}, servers=SERVERS)


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
