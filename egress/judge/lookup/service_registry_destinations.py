"""Destinations: the hosts that Services and ServiceEntries make known to proxies.

Source: Istio reference, ServiceEntry (networking.istio.io/v1); "Protocol Selection" for names of ports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egress.judge.lookup.host_names import SERVICES
from egress.judge.model.metadata import AUTOALLOCATE
from egress.judge.model.ports import Port, of_service, protocol_of
from egress.judge.model.snapshot import Snapshot, identity, listed, part


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
    allocated: bool = False
    """Whether Istio makes up addresses for it, which pods are told where their proxy answers DNS."""
    unread: str = ""
    """What it says of its addresses that no judge reads."""

    @property
    def inside(self) -> bool:
        return self.selector is not None


def services(
    snapshot: Snapshot, exported_to: Callable[[Sequence[str] | None, str, str], frozenset[str]]
) -> Iterator[Destination]:
    """Services, with their TCP ports.

    Args:
        exported_to: whom an object is for, by what it says itself, its namespace and the name of the mesh's
        default.
    """
    for manifest in snapshot.kind("Service"):
        metadata, spec = manifest["metadata"], manifest["spec"]
        annotation = part(metadata, "annotations").get("networking.istio.io/exportTo")
        given = [name.strip() for name in annotation.split(",")] if annotation else None
        ports = {
            port["port"]: of_service(port)
            for port in listed(spec, "ports")
            if port.get("protocol") in (None, "", "TCP")
        }
        yield Destination(
            f"{metadata['name']}.{metadata['namespace']}{SERVICES}",
            metadata["namespace"],
            ports,
            exported_to(given, metadata["namespace"], "defaultServiceExportTo"),
            identity(manifest),
            _addresses(spec),
            selector=part(spec, "selector"),
        )


def entries(
    snapshot: Snapshot, exported_to: Callable[[Sequence[str] | None, str, str], frozenset[str]]
) -> Iterator[Destination]:
    """The hosts of ServiceEntries, each with all ports of its object.

    Args:
        exported_to: as of Services.
    """
    for manifest in snapshot.kind("ServiceEntry"):
        spec, namespace = manifest["spec"], manifest["metadata"]["namespace"]
        ports = {
            port["number"]: Port(
                port["number"], protocol_of(port["protocol"]), port.get("targetPort") or port["number"]
            )
            for port in listed(spec, "ports")
        }
        exported = exported_to(spec.get("exportTo"), namespace, "defaultServiceExportTo")
        endpoints = tuple(endpoint["address"] for endpoint in listed(spec, "endpoints"))
        for host in spec["hosts"]:
            yield Destination(
                host,
                namespace,
                ports,
                exported,
                identity(manifest),
                tuple(str(address).removesuffix("/32") for address in listed(spec, "addresses")),
                endpoints,
                spec.get("resolution") or "NONE",
                allocated=_is_allocated(manifest),
                unread=_unread(spec),
            )


def are_mixed(one: Destination, other: Destination) -> bool:
    """Whether what is sent to one of two about the same host in one namespace may come to an endpoint of the
    other."""
    if one.inside is other.inside:
        return bool(one.endpoints or other.endpoints)
    return "NONE" not in (one.resolution, other.resolution)


def _is_allocated(manifest: Mapping[str, Any]) -> bool:
    spec, labels = manifest["spec"], part(manifest, "metadata", "labels")
    out = str(labels.get(AUTOALLOCATE)).lower() == "false"
    return spec.get("resolution") not in (None, "NONE") and not spec.get("addresses") and not out


def _unread(spec: Mapping[str, Any]) -> str:
    if "workloadSelector" in spec:
        return "workloadSelector"
    for index, endpoint in enumerate(listed(spec, "endpoints")):
        if endpoint.get("ports"):
            return f"endpoints[{index}].ports"
        if str(endpoint["address"]).startswith("unix:"):
            return f"endpoints[{index}].address"
    return ""


def _addresses(spec: Mapping[str, Any]) -> tuple[str, ...]:
    found = listed(spec, "clusterIPs") or [spec.get("clusterIP")]
    return tuple(str(address) for address in found if address and address != "None")
