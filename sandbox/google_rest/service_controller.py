"""GKE's part of a Service of type LoadBalancer, for a real API server that no provider of ours stands before.

It finds Services by asking, gives each the finalizer that keeps it until its load balancer is gone, writes
the address into its status, and takes the load balancer away when the Service is deleted.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Protocol, Self

from sandbox.google.address import ADDRESS, address_named
from sandbox.google.cloud import Cloud
from sandbox.google.cluster import CLUSTER
from sandbox.google.kinds import region_of
from sandbox.kubernetes.cluster import Cluster, ClusterError
from sandbox.load_balancers import LoadBalancers

FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
_ADDRESS = "networking.gke.io/load-balancer-ip-addresses"
_WITHOUT_ADDRESS = "203.0.113.254"
_PAUSE = 0.3


class HasApiServer(Protocol):
    """A running API server."""

    @property
    def url(self) -> str: ...

    @property
    def token(self) -> str: ...

    @property
    def ca_pem(self) -> str: ...

    def running(self) -> bool: ...


class HasCloud(Protocol):
    """The cloud that load balancers are made in."""

    @property
    def cloud(self) -> Cloud: ...


class ServiceController:
    """Runs while the `with` block does."""

    def __init__(self, google: HasCloud, apiserver: HasApiServer) -> None:
        self._cloud = google.cloud
        self._apiserver = apiserver
        self._balancers = LoadBalancers(google.cloud)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(10)

    def once(self) -> None:
        """Look at every Service once. ClusterError when the API server does not answer."""
        cluster = Cluster(self._apiserver.url, self._apiserver.token, self._apiserver.ca_pem)
        for service in cluster.request("GET", "/api/v1/services").get("items", []):
            self._look(cluster, service)

    def _run(self) -> None:
        while not self._over.wait(_PAUSE):
            if not self._apiserver.running() or next(self._cloud.of_type(CLUSTER), None) is None:
                continue
            try:
                self.once()
            except ClusterError:
                continue  # it starts, ends, or an object changed meanwhile: the next look finds out

    def _look(self, cluster: Cluster, service: dict[str, Any]) -> None:
        metadata = service["metadata"]
        at = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}"
        finalizers = metadata.get("finalizers", [])
        balanced = service["spec"].get("type") == "LoadBalancer"
        if metadata.get("deletionTimestamp") or not balanced:
            if FINALIZER in finalizers:
                self._balancers.gone(metadata["namespace"], metadata["name"], self._cluster)
                metadata["finalizers"] = [one for one in finalizers if one != FINALIZER]
                cluster.request("PUT", at, service)
            return
        if FINALIZER not in finalizers:
            metadata["finalizers"] = [*finalizers, FINALIZER]
            service = cluster.request("PUT", at, service)
        self._balancers.follow(service, self._cluster)
        if not service.get("status", {}).get("loadBalancer", {}).get("ingress"):
            service["status"] = {"loadBalancer": {"ingress": [{"ip": self._address(metadata)}]}}
            cluster.request("PUT", f"{at}/status", service)

    @property
    def _cluster(self) -> str:
        """The id of the cluster whose API server it is."""
        cluster = next(self._cloud.of_type(CLUSTER), None)
        return cluster.id if cluster else ""

    def _address(self, metadata: dict[str, Any]) -> str:
        """The reserved address that the Service names, or one of Google's."""
        name = (metadata.get("annotations") or {}).get(_ADDRESS)
        cluster = next(self._cloud.of_type(CLUSTER), None)
        if name is None or cluster is None:
            return _WITHOUT_ADDRESS
        values = {"project": cluster.state["project"], "region": region_of(cluster.state)}
        found = self._cloud.find(address_named(name, values) or "")
        known = found is not None and found.type == ADDRESS
        return str(found.state["address"]) if found is not None and known else _WITHOUT_ADDRESS
