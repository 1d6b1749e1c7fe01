"""What the mesh knows: destinations (service_registry_destinations.py), who sees them, and the rules for
them.

Read: VirtualService, DestinationRule, Sidecar, ProxyConfig, the mesh's ConfigMap.
Source: Istio reference, each kind's page (networking.istio.io/v1) and MeshConfig.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from egress.common.names import port_of
from egress.common.normal_form import Normalization
from egress.judge.lookup.host_names import MESH, full_name, gateway_name, matches, patterns_above
from egress.judge.lookup.service_registry_destinations import Destination, are_mixed, entries, services
from egress.judge.lookup.subnets import CLUSTER
from egress.judge.model.documents import mesh_config
from egress.judge.model.flow import Misread
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

ROOT_NAMESPACE = "istio-system"


@dataclass(frozen=True, eq=False)
class Rule:
    """A VirtualService or DestinationRule with what decides where it holds."""

    manifest: Manifest
    namespace: str
    exported: frozenset[str]
    by: str
    hosts: tuple[str, ...]
    """Hosts in full: names without a dot are Services of the object's own namespace."""
    gateways: frozenset[str]
    """Of a VirtualService: the Gateways that it is for, as NAMESPACE/NAME, and `mesh` for sidecars."""

    @property
    def spec(self) -> Mapping[str, Any]:
        return part(self.manifest, "spec")


Sees = Callable[[str, str], bool]
"""Whether a namespace's Sidecar asks for a host of a namespace."""
_OF_DESTINATION_RULES = "defaultDestinationRuleExportTo"
_CAPTURES = "ISTIO_META_DNS_CAPTURE"
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
"""What Istio's programs, which read settings by Go's strconv.ParseBool, take for yes."""


class Registry:
    """The mesh's destinations and rules, found by host in constant time."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.destinations: dict[str, list[Destination]] = {}
        self._by_address: dict[str, list[Destination]] = {}
        self._patterns: dict[tuple[int, str], list[str]] = {}
        self.by_port: dict[tuple[int, str], list[Destination]] = {}
        """What stands for raw TCP to one port of a host, by port and host."""
        for destination in (*services(snapshot, self.exported), *entries(snapshot, self.exported)):
            self.destinations.setdefault(destination.host, []).append(destination)
            if of := port_of(destination.host):
                self.by_port.setdefault(of, []).append(destination)
            for address in destination.addresses:
                self._by_address.setdefault(address, []).append(destination)
        self.virtual_services = _by_host(self._rules("VirtualService", lambda spec: listed(spec, "hosts")))
        self._destination_rules: dict[str, dict[str, list[Rule]]] = {}
        for host, rule in self._rules("DestinationRule", lambda spec: [spec["host"]]):
            self._destination_rules.setdefault(rule.namespace, {}).setdefault(host, []).append(rule)

    @cached_property
    def mesh_config(self) -> Mapping[str, Any]:
        """MeshConfig as the control plane reads it; empty where no ConfigMap holds it."""
        found = mesh_configs(self._snapshot)
        return found[0][1] if found else {}

    @cached_property
    def trust_domain(self) -> str:
        """The first part of identities: what the mesh says, else with the managed mesh the cluster's workload
        pool."""
        said = self.mesh_config.get("trustDomain")
        if said is None and self._managed:
            pools = (
                part(item.properties, "workloadIdentityConfig").get("workloadPool")
                for item in self._snapshot.resources(CLUSTER)
            )
            said = next((pool for pool in pools if pool), None)
        return str(said or "cluster.local")

    @property
    def _managed(self) -> bool:
        return any(
            manifest["metadata"]["name"].startswith("istio-asm")
            for manifest in self._snapshot.kind("ConfigMap")
        )

    @cached_property
    def captures_dns(self) -> bool:
        """Whether sidecars answer DNS, so that a name without addresses of its own gets one that no other
        name has."""
        return str(part(self.mesh_config, "defaultConfig", "proxyMetadata").get(_CAPTURES)) in _TRUE

    def answers_dns(self, namespace: str) -> bool:
        """Whether the sidecars of a namespace do: its own ProxyConfig says so, else the mesh's, else
        MeshConfig."""
        said = next(
            (self._proxies[home] for home in (namespace, ROOT_NAMESPACE) if home in self._proxies), None
        )
        return self.captures_dns if said is None else said

    @cached_property
    def _proxies(self) -> dict[str, bool]:
        """What ProxyConfigs for all pods of a namespace say about it."""
        found: dict[str, bool] = {}
        for manifest in self._snapshot.kind("ProxyConfig"):
            said = part(manifest, "spec", "environmentVariables").get(_CAPTURES)
            if said is not None and not part(manifest, "spec", "selector"):
                found.setdefault(str(manifest["metadata"].get("namespace")), str(said) in _TRUE)
        return found

    @property
    def normalization(self) -> Normalization:
        """How proxies bring paths into normal form before a rule is asked.

        Raises:
            Misread: in a way that is not known here.
        """
        said = str(part(self.mesh_config, "pathNormalization").get("normalization") or "DEFAULT")
        found = next(
            (one for one in Normalization if one == said), Normalization.BASE if said == "DEFAULT" else None
        )
        if found is None:
            why = f"Paths are brought into a normal form that is not read here, {said}."
            raise Misread("configmap/istio", "pathNormalization.normalization", why)
        return found

    @cached_property
    def sidecars(self) -> dict[str, list[Manifest]]:
        """Sidecar objects by namespace."""
        found: dict[str, list[Manifest]] = {}
        for manifest in self._snapshot.kind("Sidecar"):
            found.setdefault(manifest["metadata"]["namespace"], []).append(manifest)
        return found

    def destination_rules(self, namespace: str) -> Mapping[str, Sequence[Rule]]:
        """The DestinationRules that lie in a namespace, by host."""
        return self._destination_rules.get(namespace, {})

    def chosen(
        self,
        host: str,
        namespace: str,
        sees: Callable[[str, str], bool] | None = None,
        *,
        gateway: bool = False,
        led: bool = False,
    ) -> Destination | None:
        """The destination that proxies of a namespace take a host for, if they are given to know one.

        Args:
            host: a name or pattern as a Service or ServiceEntry writes it.
            sees: whether a namespace's Sidecar asks for a host of a namespace; what it asks for comes before
            the rest.
            gateway: whether they are gateways, which take their own namespace's for no better.
            led: whether a route leads there, for which sidecars know all that lies in their own namespace.

        Raises:
            Misread: more than one could be it.
        """
        every = self.destinations.get(host, ())
        found = [item for item in every if visible(item, namespace) or (led and item.namespace == namespace)]
        if not found:
            return None
        asked = [item for item in found if sees(item.namespace, host)] if sees else found

        def rank(item: Destination) -> tuple[bool, bool, bool]:
            foreign = gateway or item.namespace != namespace
            return foreign, not item.inside, bool(asked) and "*" in item.exported

        first, *others = sorted(asked or found, key=rank)
        rival = next((item for item in others if rank(item) == rank(first)), None)
        # Endpoints of one namespace are known by their host alone, whomever they are exported to, and so is
        # what routes lead to.
        beside = [item for item in every if item.namespace == first.namespace and item is not first]
        unsure = (
            item
            for item in beside
            if are_mixed(first, item) or (led and not asked and first.inside <= item.inside)
        )
        rival = rival or next(unsure, None)
        if rival:
            reason = f"{rival.by} is about the same host, {host}: which of the two counts is not read here."
            raise Misread(first.by, "spec.hosts", reason)
        return first

    def mesh_rules(self, host: str, namespace: str) -> list[Rule]:
        """The VirtualServices that name a host and that sidecars of a namespace are given, in the order in
        which they count.

        Those that a namespace keeps for itself come first, then those that others export to it by name, then
        everybody's.
        """
        found = [
            rule
            for rule in self.virtual_services.get(host, ())
            if MESH in rule.gateways and visible(rule, namespace)
        ]
        return sorted(found, key=lambda rule: rank_of(rule, namespace))

    @cached_property
    def _speaking(self) -> dict[tuple[int, str, str], list[Destination]]:
        found: dict[tuple[int, str, str], list[Destination]] = {}
        for destinations in self.destinations.values():
            for item in destinations:
                for port in item.ports.values():
                    for namespace in item.exported:
                        found.setdefault((port.number, port.protocol, namespace), []).append(item)
        return found

    def speaking(self, number: int, protocol: str, namespace: str) -> Iterator[Destination]:
        """The destinations with a port of a protocol that are exported to a namespace."""
        for to in (namespace, "*"):
            yield from self._speaking.get((number, protocol, to), ())

    def known_below(self, pattern: str) -> Sequence[str]:
        """Hosts of destinations that a pattern covers."""
        return self._below(self.destinations, pattern)

    def ruled_below(self, pattern: str) -> Sequence[str]:
        """Hosts of VirtualServices that a pattern covers."""
        return self._below(self.virtual_services, pattern)

    def _below(self, hosts: Mapping[str, object], pattern: str) -> Sequence[str]:
        key = (id(hosts), pattern)
        if key not in self._patterns:
            self._patterns[key] = [host for host in hosts if matches(pattern, host)]
        return self._patterns[key]

    def at_address(self, address: str) -> Sequence[Destination]:
        return self._by_address.get(address, ())

    def named(self, host: str) -> Iterator[Destination]:
        """Destinations for a name: those of exactly this name, of ports of it, then patterns above it, the
        closest first."""
        yield from self.destinations.get(host, ())
        yield from self._ports.get(host, ())
        for pattern in patterns_above(host):
            yield from self.destinations.get(pattern, ())

    @cached_property
    def _ports(self) -> dict[str, list[Destination]]:
        found: dict[str, list[Destination]] = {}
        for (_, host), destinations in self.by_port.items():
            found.setdefault(host, []).extend(destinations)
        return found

    def exported(self, given: Sequence[str] | None, namespace: str, default: str) -> frozenset[str]:
        """Whom an object of a namespace is for, by what it says itself or by the mesh's default; `*` is
        everybody."""
        to = given or self.mesh_config.get(default) or ["*"]
        if "*" in to:
            return frozenset("*")
        if "~" in to and default != _OF_DESTINATION_RULES:
            return frozenset()
        if not given and default == _OF_DESTINATION_RULES:
            # Of this default proxies know two values alone.
            return frozenset({namespace if "." in to else "*"})
        return frozenset(namespace if name == "." else name for name in to if name != "~")

    def _rules(
        self, kind: str, hosts: Callable[[Mapping[str, Any]], Sequence[str]]
    ) -> Iterator[tuple[str, Rule]]:
        for manifest in self._snapshot.kind(kind):
            spec, namespace = part(manifest, "spec"), manifest["metadata"]["namespace"]
            # What is for some pods is for those of its own namespace.
            given = ["."] if "workloadSelector" in spec else spec.get("exportTo")
            exported = self.exported(given, namespace, f"default{kind}ExportTo")
            names = tuple(full_name(str(host).lower(), namespace) for host in hosts(spec))
            gateways = frozenset(
                gateway_name(name, namespace) for name in listed(spec, "gateways") or (MESH,)
            )
            rule = Rule(manifest, namespace, exported, identity(manifest), names, gateways)
            for host in dict.fromkeys(names):
                yield host, rule


def mesh_configs(snapshot: Snapshot) -> list[tuple[Manifest, Mapping[str, Any]]]:
    """MeshConfig as the control plane reads it, with the ConfigMap that holds it; there may be one for each
    revision."""
    found: list[tuple[Manifest, Mapping[str, Any]]] = []
    for manifest in snapshot.kind("ConfigMap"):
        metadata = manifest["metadata"]
        theirs = metadata.get("namespace") == ROOT_NAMESPACE and metadata["name"].partition("-")[0] == "istio"
        if theirs and "mesh" in part(manifest, "data"):
            found.append((manifest, mesh_config(manifest["data"]["mesh"]) or {}))
    return found


def visible(thing: Destination | Rule, namespace: str) -> bool:
    """Whether what lies in one namespace is exported to another."""
    return "*" in thing.exported or namespace in thing.exported


def _by_host(rules: Iterator[tuple[str, Rule]]) -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    for host, rule in rules:
        found.setdefault(host, []).append(rule)
    return found


def rank_of(thing: Rule, namespace: str) -> int:
    """0: what a namespace keeps for itself, 1: what is exported to it by name, 2: what is everybody's."""
    if "*" in thing.exported:
        return 2
    return 0 if thing.namespace == namespace else 1
