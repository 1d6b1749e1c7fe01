"""What the judges do not read: objects and fields that could let through or refuse something, and that no judge knows.

A field is read (egress/judge/shapes.py names those), decides neither who reaches what nor how (`HARMLESS`), has a value that is
what every proxy does anyway (`ONLY`), or is not understood. Kinds that change what proxies do, and that no judge reads, are
not understood as a whole. Nothing is proven beside such an object, and the flows of its namespace are "not understood".
Source: Istio reference, each kind's page (networking.istio.io, security.istio.io, extensions.istio.io), MeshConfig; Gateway API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from egress.judge.deployed import Deployed, Manifest, identity, listed, part
from egress.judge.filters import unread_of_extension, unread_of_filter
from egress.judge.flow import Layer, Verdict
from egress.judge.mesh_settings import unread_settings
from egress.judge.registry import ROOT_NAMESPACE
from egress.judge.shapes import KUBERNETES

Path = tuple[str, ...]
UNKNOWN_KINDS: Mapping[str, str] = {
    "WasmPlugin": "a program of its own in the proxies",
    "WorkloadEntry": "an address that stands for a Service",
    "WorkloadGroup": "addresses that stand for a Service",
    "RequestAuthentication": "tokens that requests are judged by",
    **dict.fromkeys(("HTTPRoute", "TLSRoute", "TCPRoute", "UDPRoute", "GRPCRoute"), "routes of another API"),
    **dict.fromkeys(("CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig"), "another proxy's configuration"),
    **dict.fromkeys(("CiliumLocalRedirectPolicy", "CiliumEgressGatewayPolicy"), "another way for packets"),
}
"""Kinds that change where something goes or what is asked about it, with what they are."""
_POOLS = ("connectionPool", "outlierDetection", "loadBalancer")
_POLICIES = ("spec.trafficPolicy", "spec.subsets.trafficPolicy")
HARMLESS: Mapping[str, frozenset[str]] = {
    "DestinationRule": frozenset(
        f"{policy}{level}.{field}" for policy in _POLICIES for level in ("", ".portLevelSettings") for field in _POOLS
    ),
    "VirtualService": frozenset(
        {
            *(f"spec.http.{field}" for field in ("name", "retries", "timeout", "match.name")),
            "spec.http.mirrors.percentage",
        }
    ),
    "ServiceEntry": frozenset({"spec.endpoints.weight", "spec.endpoints.locality"}),
    "Gateway": frozenset({"spec.servers.name", "spec.servers.tls.maxProtocolVersion"}),
}
"""By kind: fields that change how often, how fast and by which of equal endpoints, and nothing about who reaches what."""
ONLY: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "ServiceEntry": {"spec.location": ("MESH_EXTERNAL",)},
}
"""By kind: fields that are understood with these values alone. What is empty or false is as good as absent."""
_LAYERS = {
    "AuthorizationPolicy": Layer.AUTHORIZATION,
    "PeerAuthentication": Layer.AUTHORIZATION,
    "RequestAuthentication": Layer.AUTHORIZATION,
    "Gateway": Layer.GATEWAY,
    "EnvoyFilter": Layer.GATEWAY,
    "TrafficExtension": Layer.GATEWAY,
}
_WALKED = ("DestinationRule", "VirtualService", "ServiceEntry", "Gateway", "PeerAuthentication")


def unread(deployed: Deployed) -> dict[str, list[Verdict]]:
    """What is not understood, by the namespace whose pods it may concern; the root namespace's concerns everybody."""
    found: dict[str, list[Verdict]] = {}
    for manifest, field, reason in _all(deployed):
        layer = _LAYERS.get(manifest["kind"], Layer.SIDECAR)
        namespace = manifest["metadata"].get("namespace", ROOT_NAMESPACE)
        verdict = Verdict(layer, True, identity(manifest), field, reason, understood=False)
        found.setdefault(namespace, []).append(verdict)
    return found


def _all(deployed: Deployed) -> Iterator[tuple[Manifest, str, str]]:
    for kind, what in UNKNOWN_KINDS.items():
        yield from ((manifest, "spec", f"A {kind} is {what}, and is not read here.") for manifest in deployed.kind(kind))
    for kind, fields in _READERS.items():
        for manifest in deployed.kind(kind):
            yield from ((manifest, field, f"`{field.rpartition('.')[2]}` is not read here.") for field in fields(manifest))
    yield from unread_settings(deployed)
    yield from _wide(deployed)
    yield from _twice(deployed)


def _walk(manifest: Manifest) -> Iterator[str]:
    kind = manifest["kind"]
    yield from _beyond(manifest.get("spec"), KUBERNETES[kind], ("spec",), "spec", kind)


def _beyond(value: Any, shape: Any, path: Path, field: str, kind: str) -> Iterator[str]:
    """Fields of a value of which the shape knows nothing. `path` is where it lies, without the numbers of entries."""
    if isinstance(shape, list) and isinstance(value, (list, tuple)):
        for index, entry in enumerate(cast("list[Any]", value)):
            yield from _beyond(entry, shape[0], path, f"{field}[{index}]", kind)
    elif isinstance(shape, Mapping) and isinstance(value, Mapping):
        known = cast("Mapping[str, Any]", shape)
        for key, below in cast("Mapping[str, Any]", value).items():
            at, name = (*path, key), f"{field}.{key}"
            if key in known:
                yield from _beyond(below, known[key], at, name, kind)
            elif not _harmless(kind, ".".join(at), below):
                yield name


def _harmless(kind: str, path: str, value: object) -> bool:
    return not value or path in HARMLESS.get(kind, ()) or value in ONLY.get(kind, {}).get(path, ())


def _of_service(manifest: Manifest) -> Iterator[str]:
    """A Service that leads elsewhere than to pods which its selector names."""
    spec = part(manifest, "spec")
    if spec.get("type") == "ExternalName" or spec.get("externalName"):
        yield "spec.externalName"
    if spec.get("externalIPs"):
        yield "spec.externalIPs"
    if spec.get("internalTrafficPolicy") not in (None, "Cluster"):
        yield "spec.internalTrafficPolicy"
    if not spec.get("selector") and spec.get("type") != "ExternalName":
        yield "spec.selector"


def _of_slice(manifest: Manifest) -> Iterator[str]:
    """Addresses that somebody wrote by hand; those of pods the cluster writes itself."""
    labels = part(manifest, "metadata", "labels")
    if labels.get("endpointslice.kubernetes.io/managed-by") not in _CLUSTERS_OWN:
        yield "endpoints"


_CLUSTERS_OWN = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")


def _of_proxy(manifest: Manifest) -> Iterator[str]:
    """A ProxyConfig that says more than that the proxy answers DNS."""
    spec = part(manifest, "spec")
    yield from (f"spec.{key}" for key in sorted(spec.keys() - {"environmentVariables"}) if spec[key])
    for key in sorted(part(spec, "environmentVariables").keys() - {"ISTIO_META_DNS_CAPTURE"}):
        yield f"spec.environmentVariables.{key}"


_READERS: Mapping[str, Callable[[Manifest], Iterable[str]]] = {
    **dict.fromkeys(_WALKED, _walk),
    "EnvoyFilter": unread_of_filter,
    "TrafficExtension": unread_of_extension,
    "ProxyConfig": _of_proxy,
    "Service": _of_service,
    "EndpointSlice": _of_slice,
}


def _wide(deployed: Deployed) -> Iterator[tuple[Manifest, str, str]]:
    """Rules for more hosts or addresses than one: judges look a rule up by the host that a ServiceEntry has."""
    known = {host for manifest in deployed.kind("ServiceEntry") for host in listed(manifest, "spec", "hosts")}
    for manifest in deployed.kind("DestinationRule"):
        if ("*" in (host := str(manifest["spec"]["host"])) and host not in known) or "." not in host:
            yield manifest, "spec.host", f"Which hosts {host} means is not read here."
    for kind in ("VirtualService", "ServiceEntry"):
        for manifest in deployed.kind(kind):
            for host in map(str, listed(manifest, "spec", "hosts")):
                if host == "*" or "." not in host or ("*" in host and host not in known):
                    yield manifest, "spec.hosts", f"Which hosts {host} means is not read here."
    for manifest in deployed.kind("ServiceEntry"):
        for address in map(str, listed(manifest, "spec", "addresses")):
            if "/" in address:
                yield manifest, "spec.addresses", f"A range, {address}, is not read here."


def _twice(deployed: Deployed) -> Iterator[tuple[Manifest, str, str]]:
    """Two objects of a namespace that say something about one host: which of them Istio takes is a matter of their age."""
    for kind, keys in _KEYS.items():
        seen: dict[object, str] = {}
        for manifest in deployed.kind(kind):
            for key in {(manifest["metadata"]["namespace"], *key) for key in keys(part(manifest, "spec"))}:
                other = seen.setdefault(key, identity(manifest))
                if other != identity(manifest):
                    reason = f"{other} is about the same host, {key[1]}: which of the two counts is not read here."
                    yield manifest, "spec", reason
                    break


def _of_rule(spec: Mapping[str, Any]) -> Iterator[Path]:
    selector = sorted(part(spec, "workloadSelector", "matchLabels").items())
    yield str(spec.get("host")), str(selector)


def _of_route(spec: Mapping[str, Any]) -> Iterator[Path]:
    for gateway in listed(spec, "gateways") or ("mesh",):
        yield from ((str(host), str(gateway)) for host in listed(spec, "hosts"))


def _of_entry(spec: Mapping[str, Any]) -> Iterator[Path]:
    for seen in listed(spec, "exportTo") or ("",):
        yield from ((str(host), str(seen)) for host in listed(spec, "hosts"))


_KEYS: Mapping[str, Callable[[Mapping[str, Any]], Iterable[Path]]] = {
    "DestinationRule": _of_rule,
    "VirtualService": _of_route,
    "ServiceEntry": _of_entry,
}
