"""The cluster's control plane: a real API server with Istio's definitions, the stack's objects, and the pods
we run.

What a real cluster's controllers would write is written here: pods, their status, EndpointSlices.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import yaml

from egress.layers.google.firewall import Nodes
from sandbox.apiserver import ApiServer
from sandbox.home import Home
from sandbox.kubernetes.cluster import Cluster
from sandbox.tools import istio_crds
from tests.mesh.filters import Endpoint, Manifest

_CONFINED: dict[str, Any] = {
    "securityContext": {
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [
        {
            "name": "app",
            "image": "app",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}
"""A pod with one container that any admission lets in."""
CLUSTER_DNS = "10.2.0.10"
"""Address of the cluster's DNS Service; GKE takes the tenth of the Service range."""


@dataclass(frozen=True)
class Pod(Endpoint):
    """One pod that really runs."""

    name: str
    service_account: str
    proxy: str | None = None
    """`sidecar`, `router` (a gateway), or None for a pod without a proxy."""
    admitted: bool = True
    """Whether the API server knows it; False: it runs all the same."""
    spec: Mapping[str, Any] | None = None
    """The pod's spec as its Deployment states it; None: one plain container."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    """What an annotation of the pod adds to its proxy's `proxyMetadata`."""


def node_of(pod: Pod) -> str:
    """The one node of each kind."""
    return f"{pod.nodes}-node"


class ControlPlane:
    """The API server of one mesh."""

    def __init__(self, home: Home) -> None:
        self.server = ApiServer(home)

    def start(self) -> None:
        """Start it and teach it Istio's kinds."""
        self.server.start()
        self._cluster = Cluster(self.server.url, self.server.token, self.server.ca_pem, force=True)
        self._scheduler = Cluster(
            self.server.url, self.server.token, self.server.ca_pem, user="system:kube-scheduler"
        )
        with istio_crds().open(encoding="utf-8") as file:
            self.apply([item for item in yaml.load_all(file, Loader=yaml.CSafeLoader) if item])

    def stop(self) -> None:
        self.server.wipe()

    def apply(self, manifests: Iterable[Manifest]) -> None:
        """Namespaces first, then everything else at the same time; a field that a schema does not know is an
        error."""
        items = [dict(item) for item in manifests]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._apply, [item for item in items if item["kind"] == "Namespace"]))
            list(pool.map(self._apply, [item for item in items if item["kind"] != "Namespace"]))

    def path(self, manifest: Manifest) -> str:
        """Of the collection that the object belongs to, in its namespace."""
        return self._cluster.kind(manifest["apiVersion"], manifest["kind"]).path(
            manifest["metadata"].get("namespace")
        )

    def delete(self, manifest: Manifest) -> None:
        kind = self._cluster.kind(manifest["apiVersion"], manifest["kind"])
        self._cluster.delete(kind, manifest["metadata"].get("namespace"), manifest["metadata"]["name"])

    def _apply(self, manifest: dict[str, Any]) -> None:
        kind = self._cluster.kind(manifest["apiVersion"], manifest["kind"])
        self._cluster.apply(kind, manifest["metadata"].get("namespace"), manifest)

    # What kubelet and controllers would write

    def register(self, pods: Sequence[Pod]) -> None:
        """Make the pods exist, running and ready."""
        self.apply(
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
            for name in sorted({node_of(pod) for pod in pods})
        )
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._register, pods))

    def _register(self, pod: Pod) -> None:
        spec = {**(pod.spec or _CONFINED), "serviceAccountName": pod.service_account}
        identity = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
        }
        self._apply(
            {**identity, "metadata": {**identity["metadata"], "labels": dict(pod.labels)}, "spec": spec}
        )
        # Bound as the scheduler binds, and by it: nobody else may, nor ask for a node by name.
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.name}}
        target = {"apiVersion": "v1", "kind": "Node", "name": node_of(pod)}
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        self._scheduler.request("POST", f"{path}/binding", {**binding, "target": target})
        status = {
            "phase": "Running",
            "podIP": pod.address,
            "podIPs": [{"ip": pod.address}],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        }
        self._cluster.request(
            "PATCH", f"{path}/status", {**identity, "status": status}, fieldManager="kubelet", force="true"
        )

    def endpoints(self, pods: Sequence[Pod]) -> dict[tuple[str, str, int], list[tuple[str, int]]]:
        """Write the EndpointSlice of every Service, and return where each Service's address leads."""
        led: dict[tuple[str, str, int], list[tuple[str, int]]] = {}
        for service in self._cluster.request("GET", "/api/v1/services")["items"]:
            namespace, spec = service["metadata"]["namespace"], service["spec"]
            selector = spec.get("selector") or {}
            behind = [
                pod
                for pod in pods
                if selector and pod.namespace == namespace and selector.items() <= pod.labels.items()
            ]
            self._slice(service, behind)
            for port in spec["ports"]:
                led[spec["clusterIP"], port["protocol"], port["port"]] = [
                    (pod.address, port["targetPort"]) for pod in behind
                ]
        return led

    def _slice(self, service: Mapping[str, Any], behind: Sequence[Pod]) -> None:
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        ports = service["spec"]["ports"]
        self._apply(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "labels": {"kubernetes.io/service-name": name},
                },
                "addressType": "IPv4",
                "endpoints": [
                    {
                        "addresses": [pod.address],
                        "conditions": {"ready": True, "serving": True, "terminating": False},
                        "nodeName": node_of(pod),
                        "targetRef": {"kind": "Pod", "name": pod.name, "namespace": pod.namespace},
                    }
                    for pod in behind
                ],
                "ports": [
                    {"name": port.get("name"), "port": port["targetPort"], "protocol": port["protocol"]}
                    for port in ports
                ],
            }
        )

    # What programs in pods need

    def namespace_labels(self) -> dict[str, dict[str, str]]:
        items = self._cluster.request("GET", "/api/v1/namespaces")["items"]
        return {item["metadata"]["name"]: dict(item["metadata"].get("labels") or {}) for item in items}

    def service_names(self) -> dict[str, tuple[str, ...]]:
        """The DNS names of every Service, with its address."""
        named: dict[str, tuple[str, ...]] = {}
        for item in self._cluster.request("GET", "/api/v1/services")["items"]:
            meta = item["metadata"]
            named[f"{meta['name']}.{meta['namespace']}.svc.cluster.local"] = (item["spec"]["clusterIP"],)
        return named

    def token(self, namespace: str, service_account: str) -> str:
        """A token by which a proxy shows Istio's certificate authority whose it is."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": ["istio-ca"], "expirationSeconds": 43200},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        return self._cluster.request("POST", path, body)["status"]["token"]

    def mesh_root(self, namespace: str, seconds: float = 30.0) -> str:
        """The mesh's root certificate (PEM), once the control plane has put it into the namespace."""
        kind = self._cluster.kind("v1", "ConfigMap")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self._cluster.get(kind, namespace, "istio-ca-root-cert")
            if found:
                return found["data"]["root-cert.pem"]
            time.sleep(0.05)
        raise RuntimeError(f"istiod wrote no istio-ca-root-cert into {namespace} within {seconds:.0f} s")


def system_objects(mesh_namespace: str) -> list[dict[str, Any]]:
    """What the cluster and Istio's chart bring along: the Services of DNS and of the control plane, and their
    accounts."""

    def service(
        name: str, namespace: str, selector: dict[str, str], *ports: dict[str, Any], **more: Any
    ) -> dict[str, Any]:
        named = [
            {"name": f"{port['protocol'].lower()}-{port['port']}", "targetPort": port["port"], **port}
            for port in ports
        ]
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": selector, "ports": named, **more},
        }

    dns = ({"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP"))
    return [
        service("kube-dns", "kube-system", {"k8s-app": "kube-dns"}, *dns, clusterIP=CLUSTER_DNS),
        service(
            "istiod",
            mesh_namespace,
            {"app": "istiod"},
            *({"port": port, "protocol": "TCP"} for port in (15010, 15012, 15014)),
            {"port": 443, "targetPort": 15017, "protocol": "TCP"},
        ),
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "istiod", "namespace": mesh_namespace},
        },
    ]


def stack_pods(manifests: Iterable[Manifest], addresses: Mapping[str, Iterable[str]]) -> list[Pod]:
    """One pod of each Deployment of the stack, on the nodes that it asks for, with what injection would give
    it."""
    items = list(manifests)
    injected = {
        item["metadata"]["name"]
        for item in items
        if item["kind"] == "Namespace"
        and item["metadata"].get("labels", {}).get("istio-injection") == "enabled"
    }
    free = {nodes: iter(given) for nodes, given in addresses.items()}
    pods: list[Pod] = []
    for item in items:
        if item["kind"] != "Deployment":
            continue
        template, namespace, name = (
            item["spec"]["template"],
            item["metadata"]["namespace"],
            item["metadata"]["name"],
        )
        labels, spec = template["metadata"]["labels"], template["spec"]
        annotations = template["metadata"].get("annotations", {})
        gateway = annotations.get("inject.istio.io/templates") == "gateway"
        nodes: str = next((one["value"] for one in spec.get("tolerations", ())), Nodes.APPLICATION)
        proxied = namespace in injected
        pods.append(
            Pod(
                key=interface_name(nodes if gateway else f"{name}-{namespace}"),
                namespace=namespace,
                address=next(free[nodes]),
                labels={
                    **labels,
                    "service.istio.io/canonical-name": labels["app"],
                    **({"security.istio.io/tlsMode": "istio"} if proxied else {}),
                },
                nodes=nodes,
                name=f"{name}-0",
                service_account=spec["serviceAccountName"],
                proxy=("router" if gateway else "sidecar") if proxied else None,
                spec=spec,
                metadata=json.loads(annotations.get("proxy.istio.io/config", "{}")).get("proxyMetadata", {}),
            )
        )
    return pods


def interface_name(text: str) -> str:
    """A name for a cable: the kernel allows 15 characters; a longer one keeps its head and gets a hash
    tail."""
    return text if len(text) <= 15 else f"{text[:8]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def default_account(namespace: str) -> dict[str, Any]:
    """The account that a controller makes in every namespace."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": namespace},
    }
