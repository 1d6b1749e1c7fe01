"""What the mesh knows: destinations (Services and ServiceEntries), who sees them, and the rules for them.

Read: Service, ServiceEntry, VirtualService, DestinationRule, Sidecar, the mesh's ConfigMap.
Source: Istio reference, each kind's page (networking.istio.io/v1) and MeshConfig; "Protocol Selection" for names of ports.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import yaml

from egress.judge.deployed import Deployed, Manifest, identity, listed, part
from egress.judge.flow import Misread
from egress.normal_form import Normalization

HTTP_PROTOCOLS = {"HTTP", "HTTP2", "GRPC", "GRPC-WEB"}
TLS_PROTOCOLS = {"TLS", "HTTPS"}
ROOT_NAMESPACE = "istio-system"
CLUSTER = "gcp:container/cluster:Cluster"


@dataclass(frozen=True)
class Port:
    """One port of a destination. `protocol` is HTTP, TLS or TCP: what a proxy reads of it."""

    number: int
    protocol: str
    target: int


@dataclass(frozen=True)
class Destination:
    """One host that proxies may know."""

    host: str
    namespace: str
    ports: Mapping[int, Port]
    exported: frozenset[str]
    """Namespaces, or `*`."""
    by: str
    addresses: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    resolution: str = "DNS"
    selector: Mapping[str, str] | None = None
    """Of a Service: which pods it leads to. None: it is a ServiceEntry."""

    @property
    def inside(self) -> bool:
        return self.selector is not None


@dataclass(frozen=True)
class Rule:
    """A VirtualService or DestinationRule with what decides where it holds."""

    manifest: Manifest
    namespace: str
    exported: frozenset[str]
    by: str

    @property
    def spec(self) -> Mapping[str, Any]:
        return part(self.manifest, "spec")


def matches(pattern: str, host: str) -> bool:
    """Whether a host pattern of Istio (`*`, `*.example.org`, a full name) covers a name."""
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) and host != pattern[1:] if pattern.startswith("*") else host == pattern


def patterns_above(host: str) -> Iterator[str]:
    """`*.` patterns that cover the name, the closest first."""
    labels = host.split(".")
    for start in range(1, len(labels)):
        yield "*." + ".".join(labels[start:])


class Registry:
    """The mesh's destinations and rules, found by host in constant time."""

    def __init__(self, deployed: Deployed) -> None:
        self._deployed = deployed
        self.destinations: dict[str, list[Destination]] = {}
        self._by_address: dict[str, list[Destination]] = {}
        for destination in (*self._services(), *self._entries()):
            self.destinations.setdefault(destination.host, []).append(destination)
            for address in destination.addresses:
                self._by_address.setdefault(address, []).append(destination)
        self.virtual_services = _by_host(self._rules("VirtualService", lambda spec: listed(spec, "hosts")))
        self._destination_rules: dict[tuple[str, str], list[Rule]] = {}
        for host, rule in self._rules("DestinationRule", lambda spec: [spec["host"]]):
            for namespace in rule.exported:
                self._destination_rules.setdefault((host, namespace), []).append(rule)

    @cached_property
    def mesh_config(self) -> Mapping[str, Any]:
        """MeshConfig as the control plane reads it; empty where no ConfigMap holds it."""
        found = mesh_configs(self._deployed)
        return found[0][1] if found else {}

    @cached_property
    def trust_domain(self) -> str:
        """The first part of identities: what the mesh says, else with the managed mesh the cluster's workload pool."""
        said = self.mesh_config.get("trustDomain")
        if said is None and self._managed:
            pools = (
                part(item.properties, "workloadIdentityConfig").get("workloadPool") for item in self._deployed.resources(CLUSTER)
            )
            said = next((pool for pool in pools if pool), None)
        return str(said or "cluster.local")

    @property
    def _managed(self) -> bool:
        return any(manifest["metadata"]["name"].startswith("istio-asm") for manifest in self._deployed.kind("ConfigMap"))

    @cached_property
    def captures_dns(self) -> bool:
        """Whether sidecars answer DNS, so that a name without addresses of its own gets one that no other name has."""
        metadata = part(self.mesh_config, "defaultConfig", "proxyMetadata")
        return str(metadata.get("ISTIO_META_DNS_CAPTURE", "")).lower() == "true"

    @property
    def normalization(self) -> Normalization:
        """How proxies bring paths into normal form before a rule is asked.

        Raises:
            Misread: in a way that is not known here.
        """
        said = str(part(self.mesh_config, "pathNormalization").get("normalization") or "DEFAULT")
        found = next((one for one in Normalization if one == said), Normalization.BASE if said == "DEFAULT" else None)
        if found is None:
            why = f"paths are brought into a normal form that is not read here, {said}"
            raise Misread("configmap/istio", "pathNormalization.normalization", why)
        return found

    @cached_property
    def sidecars(self) -> dict[str, list[Manifest]]:
        """Sidecar objects by namespace."""
        found: dict[str, list[Manifest]] = {}
        for manifest in self._deployed.kind("Sidecar"):
            found.setdefault(manifest["metadata"]["namespace"], []).append(manifest)
        return found

    def destination_rules(self, host: str, namespace: str) -> list[Rule]:
        """The DestinationRules for a host that a namespace's proxies see."""
        return self._destination_rules.get((host, namespace), []) + self._destination_rules.get((host, "*"), [])

    def at_address(self, address: str) -> Sequence[Destination]:
        return self._by_address.get(address, ())

    def named(self, host: str) -> Iterator[Destination]:
        """Destinations for a name: those of exactly this name, then patterns above it, the closest first."""
        yield from self.destinations.get(host, ())
        for pattern in patterns_above(host):
            yield from self.destinations.get(pattern, ())

    def exported(self, given: Sequence[str] | None, namespace: str, default: str) -> frozenset[str]:
        """Whom an object of a namespace is for, by what it says itself or by the mesh's default; `*` is everybody."""
        to = given or self.mesh_config.get(default) or ["*"]
        return frozenset(namespace if name == "." else name for name in to if name != "~")

    def _services(self) -> Iterator[Destination]:
        for manifest in self._deployed.kind("Service"):
            metadata, spec = manifest["metadata"], manifest["spec"]
            annotation = part(metadata, "annotations").get("networking.istio.io/exportTo")
            given = [name.strip() for name in annotation.split(",")] if annotation else None
            ports = {
                port["port"]: Port(port["port"], _of_service_port(port), _number(port.get("targetPort"), port["port"]))
                for port in listed(spec, "ports")
            }
            yield Destination(
                f"{metadata['name']}.{metadata['namespace']}.svc.cluster.local",
                metadata["namespace"],
                ports,
                self.exported(given, metadata["namespace"], "defaultServiceExportTo"),
                identity(manifest),
                selector=part(spec, "selector"),
            )

    def _entries(self) -> Iterator[Destination]:
        for manifest in self._deployed.kind("ServiceEntry"):
            spec, namespace = manifest["spec"], manifest["metadata"]["namespace"]
            ports = {
                port["number"]: Port(port["number"], _protocol(port["protocol"]), port.get("targetPort", port["number"]))
                for port in listed(spec, "ports")
            }
            exported = self.exported(spec.get("exportTo"), namespace, "defaultServiceExportTo")
            endpoints = tuple(endpoint["address"] for endpoint in listed(spec, "endpoints"))
            for host in spec["hosts"]:
                yield Destination(
                    host,
                    namespace,
                    ports,
                    exported,
                    identity(manifest),
                    tuple(listed(spec, "addresses")),
                    endpoints,
                    spec.get("resolution", "NONE"),
                )

    def _rules(self, kind: str, hosts: Callable[[Mapping[str, Any]], Sequence[str]]) -> Iterator[tuple[str, Rule]]:
        for manifest in self._deployed.kind(kind):
            spec, namespace = part(manifest, "spec"), manifest["metadata"]["namespace"]
            exported = self.exported(spec.get("exportTo"), namespace, f"default{kind}ExportTo")
            rule = Rule(manifest, namespace, exported, identity(manifest))
            for host in hosts(spec):
                yield host, rule


def mesh_configs(deployed: Deployed) -> list[tuple[Manifest, Mapping[str, Any]]]:
    """MeshConfig as the control plane reads it, with the ConfigMap that holds it; there may be one for each revision."""
    found: list[tuple[Manifest, Mapping[str, Any]]] = []
    for manifest in deployed.kind("ConfigMap"):
        metadata = manifest["metadata"]
        theirs = metadata.get("namespace") == ROOT_NAMESPACE and (metadata["name"] + "-").startswith("istio-")
        if theirs and "mesh" in part(manifest, "data"):
            text = manifest["data"]["mesh"]
            read = json.loads(text) if text.startswith("{") else yaml.safe_load(text)
            found.append((manifest, cast("dict[str, Any]", read or {})))
    return found


def visible(thing: Destination | Rule, namespace: str) -> bool:
    """Whether what lies in one namespace is exported to another."""
    return "*" in thing.exported or namespace in thing.exported


def _by_host(rules: Iterator[tuple[str, Rule]]) -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    for host, rule in rules:
        found.setdefault(host, []).append(rule)
    return found


def _of_service_port(port: Mapping[str, Any]) -> str:
    return _protocol((port.get("appProtocol") or port.get("name") or "tcp").partition("-")[0].upper())


def _protocol(name: str) -> str:
    name = name.upper()
    if name in HTTP_PROTOCOLS:
        return "HTTP"
    return "TLS" if name in TLS_PROTOCOLS else "TCP"


def _number(target: Any, otherwise: int) -> int:
    return target if isinstance(target, int) else otherwise
