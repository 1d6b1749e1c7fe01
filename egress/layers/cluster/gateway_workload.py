"""The gateways' pods: Deployments that only gateway nodes run, into which Istio injects the proxy.

Source: Istio, "Installing Gateways" (gateway injection template); Kubernetes Pod Security Standards,
restricted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egress.common import names
from egress.common.objects import Manifest, Object, Owner, manifest
from egress.common.ports import HTTP_PORT, HTTPS_PORT, TARGET_PORTS
from egress.plan.model import Plan
from egress.settings.mesh import Gateway, Replicas

TAINT_KEY = "dedicated"
INGRESS_LABELS = {"istio": "ingressgateway"}
INGRESS_NODES = "ingress"
PRIORITY = 1_000_000
"""Above every pod without a class, which has 0; far below Kubernetes' own (2,000,000,000)."""
MAX_CONNECTIONS = "ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS"
IDLE_TIMEOUT = "ISTIO_META_IDLE_TIMEOUT"
MESH_VERSION = f"{names.OWN_DOMAIN}/mesh-version"
VERSION_LABEL = "v1"
"""Istio's telemetry groups by the labels `app` and `version`, and warns where one is missing."""


@dataclass(frozen=True)
class Workload:
    """What one gateway's pods differ in from another's."""

    owner: Owner
    name: str
    namespace: str
    labels: Mapping[str, str]
    """What the mesh's objects select the pods by; they carry `app` besides."""
    nodes: str
    """The kind of node that it runs on: the value of the taint that keeps others away."""
    node_pool: str
    """The name of the pool of these nodes. Another one makes the pods anew, in the new pool, before the old
    one goes."""
    ports: Mapping[int, tuple[str, int]]
    """Port of the Service to its name and to the port of the pods."""
    settings: Replicas
    reads_secrets: bool
    service: Mapping[str, Any]
    """Further fields of the Service's spec."""
    service_annotations: Mapping[str, str] | None = None
    mesh_version: str | None = None
    """Version of the control plane, whose proxy its pods are given when they start; None: Google chooses."""

    @property
    def selector(self) -> dict[str, str]:
        return {"app": self.name, **self.labels}

    def render(self) -> Iterator[Object]:
        """ServiceAccount, Deployment, Service, HorizontalPodAutoscaler and PodDisruptionBudget; the right to
        read Secrets."""
        # Its proxy shows istiod a token of its own, made for that alone; nothing here speaks to the API
        # server.
        account = manifest(
            "v1", "ServiceAccount", self.name, self.namespace, automountServiceAccountToken=False
        )
        for item in (account, _deployment(self), _service(self), _autoscaler(self), _disruption_budget(self)):
            yield Object(self.owner, item)
        if self.reads_secrets:
            # istiod hands a Secret to a proxy only if the proxy's own account could read it.
            for item in _secret_reader(self):
                yield Object(self.owner, item)


def render(plan: Plan) -> Iterator[Object]:
    """Each egress gateway's pods and what belongs to them; the right to read Secrets where a host needs
    one."""
    yield Object(Owner.mesh(), _priority())
    for gateway in plan.gateways:
        yield from Workload(
            owner=Owner.egress_gateway(gateway.name),
            name=names.GATEWAY,
            namespace=gateway.namespace,
            labels=gateway.labels,
            nodes=gateway.nodes,
            node_pool=gateway.node_pool,
            ports={
                HTTP_PORT: ("http2", TARGET_PORTS[HTTP_PORT]),
                HTTPS_PORT: ("tls", TARGET_PORTS[HTTPS_PORT]),
            },
            settings=gateway.settings,
            reads_secrets=bool(gateway.secrets),
            service={"type": "ClusterIP"},
            service_annotations={"networking.istio.io/exportTo": ",".join([".", *gateway.teams])},
            mesh_version=plan.mesh_version,
        ).render()


def _priority() -> Manifest:
    return manifest(
        "scheduling.k8s.io/v1",
        "PriorityClass",
        names.PRIORITY_CLASS,
        value=PRIORITY,
        # Any pod may name a PriorityClass, so this one only moves pods up the queue and never preempts.
        preemptionPolicy="Never",
        description="Gateways: scheduled first, and the last that a node short of memory ends.",
    )


def taint(nodes: str) -> dict[str, str]:
    """What keeps every pod but one gateway's off its nodes."""
    return {"key": TAINT_KEY, "value": nodes, "effect": "NoSchedule"}


def _secret_reader(workload: Workload) -> Iterator[Manifest]:
    name = f"{workload.name}-secrets"
    yield manifest(
        "rbac.authorization.k8s.io/v1",
        "Role",
        name,
        workload.namespace,
        rules=[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}],
    )
    yield manifest(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        name,
        workload.namespace,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        subjects=[{"kind": "ServiceAccount", "name": workload.name, "namespace": workload.namespace}],
    )


def _deployment(workload: Workload) -> Manifest:
    # No `replicas`: the autoscaler owns that number, and a second owner would set it back at every update.
    return manifest(
        "apps/v1",
        "Deployment",
        workload.name,
        workload.namespace,
        labels=workload.selector,
        spec={
            "selector": {"matchLabels": workload.selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {
                    "labels": {
                        **workload.selector,
                        "version": VERSION_LABEL,
                        "sidecar.istio.io/inject": "true",
                    },
                    "annotations": {
                        "inject.istio.io/templates": "gateway",
                        "proxy.istio.io/config": _proxy_config(workload),
                        # Another version makes the pods anew: a proxy is as old as its pod.
                        **({MESH_VERSION: workload.mesh_version} if workload.mesh_version else {}),
                    },
                },
                "spec": _pod(workload),
            },
        },
    )


def _proxy_config(workload: Workload) -> str:
    """What Istio adds to the proxy's configuration: the overload manager's bound, which the agent writes into
    the bootstrap, and when istiod lets connections end on which nothing is sent.

    Its own listeners for probes and metrics are not bound by it, so a full gateway stays ready.
    Source: Istio 1.30, pkg/bootstrap/config.go.
    """
    settings = workload.settings
    told = {MAX_CONNECTIONS: str(settings.max_connections)}
    if isinstance(settings, Gateway) and settings.idle_timeout:
        told[IDLE_TIMEOUT] = settings.idle_timeout
    return json.dumps({"proxyMetadata": told})


def _pod(workload: Workload) -> dict[str, Any]:
    settings, kept_away = workload.settings, taint(workload.nodes)
    return {
        "serviceAccountName": workload.name,
        "automountServiceAccountToken": False,
        "priorityClassName": names.PRIORITY_CLASS,
        "nodeSelector": {"cloud.google.com/gke-nodepool": workload.node_pool},
        "tolerations": [
            {
                "key": kept_away["key"],
                "operator": "Equal",
                "value": kept_away["value"],
                "effect": kept_away["effect"],
            }
        ],
        "topologySpreadConstraints": [
            # Two nodes or none: the pool's autoscaler adds the second where there is only one.
            {**_spread(workload, "kubernetes.io/hostname", "DoNotSchedule"), "minDomains": 2},
            _spread(workload, "topology.kubernetes.io/zone", "ScheduleAnyway"),
        ],
        "terminationGracePeriodSeconds": 60,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "istio-proxy",
                # Injection fills in image, arguments, probes and volumes.
                "image": "auto",
                "ports": [
                    *({"containerPort": port, "protocol": "TCP"} for _, port in workload.ports.values()),
                    {"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"},
                ],
                "resources": {
                    "requests": {"cpu": settings.cpu, "memory": settings.memory},
                    "limits": {"memory": settings.memory},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "privileged": False,
                    "readOnlyRootFilesystem": True,
                    "runAsNonRoot": True,
                },
            }
        ],
    }


def _spread(workload: Workload, topology: str, otherwise: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": topology,
        "whenUnsatisfiable": otherwise,
        "labelSelector": {"matchLabels": workload.selector},
        # Pods of one revision are spread among themselves: counted with those that go, all new ones might
        # land on one node, and nothing moves them later.
        "matchLabelKeys": ["pod-template-hash"],
    }


def _service(workload: Workload) -> Manifest:
    ports = [
        {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}
        for port, (name, target) in workload.ports.items()
    ]
    return manifest(
        "v1",
        "Service",
        workload.name,
        workload.namespace,
        labels=workload.selector,
        annotations=dict(workload.service_annotations) if workload.service_annotations else None,
        spec={**workload.service, "selector": workload.selector, "ports": ports},
    )


def _autoscaler(workload: Workload) -> Manifest:
    return manifest(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        workload.name,
        workload.namespace,
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name},
            "minReplicas": workload.settings.min_replicas,
            "maxReplicas": workload.settings.max_replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                }
            ],
        },
    )


def _disruption_budget(workload: Workload) -> Manifest:
    return manifest(
        "policy/v1",
        "PodDisruptionBudget",
        workload.name,
        workload.namespace,
        spec={
            "maxUnavailable": 1,
            "selector": {"matchLabels": workload.selector},
            # A gateway that is not ready serves nobody, and must not hold up the node's upgrade.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    )
