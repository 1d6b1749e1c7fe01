"""Kubernetes objects as plain dictionaries, each with the part of the house it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from egress.common.names import SHARED_GATEWAY

Manifest = dict[str, Any]

ISTIO_NETWORKING = "networking.istio.io/v1"
ISTIO_PROXY_CONFIG = "networking.istio.io/v1beta1"
"""ProxyConfig has no later version."""
ISTIO_ENVOY_FILTER = "networking.istio.io/v1alpha3"
"""EnvoyFilter has no later version."""
ISTIO_EXTENSIONS = "extensions.istio.io/v1alpha1"
"""TrafficExtension has no later version."""
ISTIO_SECURITY = "security.istio.io/v1"
ISTIO_TELEMETRY = "telemetry.istio.io/v1"
SECRET_STORE = "secrets-store.csi.x-k8s.io/v1"
SECRET_SYNC = "secret-sync.gke.io/v1"
"""What GKE copies from Secret Manager, and where to. Source: Google Cloud, "Synchronize secrets to Kubernetes
Secrets"."""


class Part(StrEnum):
    """What an object comes and goes with."""

    MESH = "mesh"
    GATEWAY = "gateway"
    INGRESS = "ingress"
    HOST = "host"
    TEAM = "team"


@dataclass(frozen=True)
class Owner:
    """The thing whose removal removes the object: the mesh, a gateway, one host or one team."""

    part: Part
    name: str
    gateway: str = SHARED_GATEWAY
    """Which egress gateway it belongs to, of a gateway or a host."""

    @classmethod
    def mesh(cls) -> Owner:
        return cls(Part.MESH, "mesh")

    @classmethod
    def egress_gateway(cls, name: str = SHARED_GATEWAY) -> Owner:
        part = "egress-gateway" if name == SHARED_GATEWAY else f"egress-gateway-{name}"
        return cls(Part.GATEWAY, part, name)

    @classmethod
    def ingress(cls) -> Owner:
        return cls(Part.INGRESS, "ingress-gateway")

    @classmethod
    def host(cls, name: str, gateway: str = SHARED_GATEWAY) -> Owner:
        return cls(Part.HOST, name, gateway)

    @classmethod
    def team(cls, name: str) -> Owner:
        return cls(Part.TEAM, name)


@dataclass(frozen=True)
class Object:
    """One rendered object and its owner."""

    owner: Owner
    manifest: Manifest
    made_by_gke: bool = False
    """Whether GKE makes it itself, so that it is there before the program, which takes it over."""
    after: tuple[str, ...] = ()
    """Identities of objects of the same owner that are applied before it, those before these included."""

    @property
    def kind(self) -> str:
        return self.manifest["kind"]

    @property
    def name(self) -> str:
        return self.manifest["metadata"]["name"]

    @property
    def namespace(self) -> str | None:
        return self.manifest["metadata"].get("namespace")

    @property
    def identity(self) -> str:
        """`[namespace/]kind/name`, unique in a cluster for the kinds rendered here; stable, so it is also the
        logical name."""
        return "/".join(filter(None, (self.namespace, self.kind.lower(), self.name)))

    @property
    def is_istio(self) -> bool:
        return "istio.io/" in self.manifest["apiVersion"]

    @property
    def has_load_balancer(self) -> bool:
        """Whether Google Cloud has something for it that outlives the cluster."""
        return self.kind == "Service" and self.manifest["spec"].get("type") == "LoadBalancer"

    @property
    def is_of_secret_sync(self) -> bool:
        """Whether GKE defines its kind itself, some time after it has made the cluster."""
        return self.manifest["apiVersion"] in (SECRET_STORE, SECRET_SYNC)


def by_owner(objects: Iterable[Object], part: Part) -> dict[Owner, list[Object]]:
    """The objects of one part, by owner, order kept."""
    owned: dict[Owner, list[Object]] = {}
    for item in objects:
        if item.owner.part is part:
            owned.setdefault(item.owner, []).append(item)
    return owned


def manifest(
    api_version: str,
    kind: str,
    name: str,
    namespace: str | None = None,
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **body: Any,
) -> Manifest:
    """A Kubernetes object; `body` holds its other top-level fields (`spec`, `data` ...)."""
    metadata: dict[str, Any] = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    metadata["labels"] = {"app.kubernetes.io/managed-by": "gke-mesh-egress", **(labels or {})}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


@dataclass(frozen=True)
class Resource:
    """One Google resource as a Pulumi stack export has it: type token, physical name, properties in
    camelCase."""

    type: str
    name: str
    properties: Mapping[str, Any]

    @property
    def identity(self) -> str:
        """`firewall/NAME` and the like: the last part of the type, in lower case, and the name."""
        return f"{self.type.rsplit(':', 1)[-1].lower()}/{self.name}"
