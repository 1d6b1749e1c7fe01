"""The egress gateway's pods: a Deployment that only gateway nodes run, into which Istio injects the proxy.

Source: Istio, "Installing Gateways" (gateway injection template); Kubernetes Pod Security Standards, restricted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress import names
from egress.manifest import Object, Owner, manifest
from egress.plan import HTTP_PORT, HTTPS_PORT, Plan

LABELS = {"istio": "egressgateway"}
"""What Gateway, AuthorizationPolicy and NetworkPolicy select the gateway's pods by."""
TARGET_PORTS = {HTTP_PORT: 8080, HTTPS_PORT: 8443}
"""Port of the gateway's Service to port of its pods; the proxy is not root and binds no low port."""
NODE_POOL = "gateway"
TAINT = {"key": "dedicated", "value": "gateway", "effect": "NoSchedule"}
VERSION_LABEL = "v1"
"""Istio's telemetry groups by the labels `app` and `version`, and warns where one is missing."""


def render(plan: Plan) -> Iterator[Object]:
    """ServiceAccount, Deployment, Service, HorizontalPodAutoscaler and PodDisruptionBudget of the shared gateway; the right to
    read Secrets where a host needs one."""
    for item in (_service_account(), _deployment(plan), _service(), _autoscaler(plan), _disruption_budget()):
        yield Object(Owner.gateway(), item)
    if plan.gateway_secrets:
        # istiod hands a Secret to a proxy only if the proxy's own account could read it.
        for item in _secret_reader():
            yield Object(Owner.gateway(), item)


def _secret_reader() -> Iterator[dict[str, Any]]:
    name = f"{names.GATEWAY}-secrets"
    yield manifest(
        "rbac.authorization.k8s.io/v1",
        "Role",
        name,
        names.GATEWAY_NAMESPACE,
        rules=[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}],
    )
    yield manifest(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        name,
        names.GATEWAY_NAMESPACE,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        subjects=[{"kind": "ServiceAccount", "name": names.GATEWAY, "namespace": names.GATEWAY_NAMESPACE}],
    )


def _selector() -> dict[str, str]:
    return {"app": names.GATEWAY, **LABELS}


def _service_account() -> dict[str, Any]:
    return manifest("v1", "ServiceAccount", names.GATEWAY, names.GATEWAY_NAMESPACE)


def _deployment(plan: Plan) -> dict[str, Any]:
    # No `replicas`: the autoscaler owns that number, and a second owner would set it back at every update.
    return manifest(
        "apps/v1",
        "Deployment",
        names.GATEWAY,
        names.GATEWAY_NAMESPACE,
        labels=_selector(),
        spec={
            "selector": {"matchLabels": _selector()},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {
                    "labels": {**_selector(), "version": VERSION_LABEL, "sidecar.istio.io/inject": "true"},
                    "annotations": {"inject.istio.io/templates": "gateway"},
                },
                "spec": _pod(plan),
            },
        },
    )


def _pod(plan: Plan) -> dict[str, Any]:
    gateway = plan.settings.gateway
    return {
        "serviceAccountName": names.GATEWAY,
        "nodeSelector": {"cloud.google.com/gke-nodepool": NODE_POOL},
        "tolerations": [{"key": TAINT["key"], "operator": "Equal", "value": TAINT["value"], "effect": TAINT["effect"]}],
        "topologySpreadConstraints": [
            # Two nodes or none: the pool's autoscaler adds the second where there is only one.
            {**_spread("kubernetes.io/hostname", "DoNotSchedule"), "minDomains": 2},
            _spread("topology.kubernetes.io/zone", "ScheduleAnyway"),
        ],
        "terminationGracePeriodSeconds": 60,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "istio-proxy",
                # Injection fills in image, arguments, probes and volumes.
                "image": "auto",
                "ports": [
                    *({"containerPort": port, "protocol": "TCP"} for port in TARGET_PORTS.values()),
                    {"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"},
                ],
                "resources": {
                    "requests": {"cpu": gateway.cpu, "memory": gateway.memory},
                    "limits": {"memory": gateway.memory},
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


def _spread(topology: str, otherwise: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": topology,
        "whenUnsatisfiable": otherwise,
        "labelSelector": {"matchLabels": _selector()},
    }


def _service() -> dict[str, Any]:
    named = {HTTP_PORT: "http2", HTTPS_PORT: "tls"}
    return manifest(
        "v1",
        "Service",
        names.GATEWAY,
        names.GATEWAY_NAMESPACE,
        labels=_selector(),
        spec={
            "type": "ClusterIP",
            "selector": _selector(),
            "ports": [
                {"name": named[port], "port": port, "targetPort": target, "protocol": "TCP"}
                for port, target in TARGET_PORTS.items()
            ],
        },
    )


def _autoscaler(plan: Plan) -> dict[str, Any]:
    gateway = plan.settings.gateway
    return manifest(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        names.GATEWAY,
        names.GATEWAY_NAMESPACE,
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": names.GATEWAY},
            "minReplicas": gateway.min_replicas,
            "maxReplicas": gateway.max_replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                }
            ],
        },
    )


def _disruption_budget() -> dict[str, Any]:
    return manifest(
        "policy/v1",
        "PodDisruptionBudget",
        names.GATEWAY,
        names.GATEWAY_NAMESPACE,
        spec={"maxUnavailable": 1, "selector": {"matchLabels": _selector()}},
    )
