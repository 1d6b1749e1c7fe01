"""What the judges do not read: objects and fields that could let through or refuse something, and that no
judge knows.

Every object is one of three: of a kind that is read, of one that is harmless (egress/judge/model/kinds.py,
google_types.py), or not understood. So is every field of what is read: a judge reads it
(shapes.py and google_shapes.py name those), it is harmless or has one of the values that are known
(object_fields.py, google_fields.py with google_cluster_fields.py, pods.py, each with its reason), or it is
not understood. Nothing is proven beside what is not, and the flows of its namespace are "not understood";
everybody's, if it has none or is the root's.
Source: Istio reference, each kind's page (networking.istio.io, security.istio.io, extensions.istio.io),
MeshConfig; Gateway API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from egress.common.objects import Resource
from egress.judge.fields import google_fields, google_types, selecting
from egress.judge.fields.accepted import beyond
from egress.judge.fields.api_server import unread_definition, unread_service, unread_webhooks
from egress.judge.fields.filters import unread_of_extension, unread_of_filter
from egress.judge.fields.mesh_settings import unread_settings
from egress.judge.fields.object_fields import ACCEPTED, HARMLESS
from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model import metadata
from egress.judge.model.flow import Layer, Outcome, Verdict
from egress.judge.model.kinds import is_read, unknown
from egress.judge.model.shapes import KUBERNETES
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part
from egress.judge.pods import TEMPLATES, GatewayWorkloads, Present

Path = tuple[str, ...]
_Found = Iterator[tuple[str, str]]
"""Fields that are not understood, each with why."""
_LAYERS = {
    **dict.fromkeys(
        ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"), Layer.AUTHORIZATION
    ),
    **dict.fromkeys(("Gateway", "EnvoyFilter", "TrafficExtension"), Layer.GATEWAY),
    **dict.fromkeys(
        (
            *(
                "APIService",
                "CustomResourceDefinition",
                "MutatingWebhookConfiguration",
                "MutatingAdmissionPolicy",
            ),
            "MutatingAdmissionPolicyBinding",
        ),
        Layer.ADMISSION,
    ),
}
_GOOGLE_LAYERS = {"dns": Layer.DNS, "container": Layer.ADMISSION}
_WALKED = (
    *("DestinationRule", "PeerAuthentication", "ServiceEntry", "Sidecar", "Telemetry"),
    "VirtualService",
)


def unread(snapshot: Snapshot, present: Present) -> dict[str, list[Verdict]]:
    """What is not understood, by the namespace whose pods it may concern; the root namespace's concerns
    everybody."""
    found: dict[str, list[Verdict]] = {}
    for manifest, verdict in _all(snapshot, present):
        namespace = manifest["metadata"].get("namespace") or _concerned(manifest)
        found.setdefault(namespace, []).append(verdict)
    for resource in snapshot.google:
        if id(resource) not in snapshot.broken:
            found.setdefault(ROOT_NAMESPACE, []).extend(of_google(snapshot, resource))
    return {namespace: verdicts for namespace, verdicts in found.items() if verdicts}


def _concerned(manifest: Manifest) -> str:
    """A namespace concerns itself; what else is in none, everybody."""
    return str(manifest["metadata"]["name"]) if manifest["kind"] == "Namespace" else ROOT_NAMESPACE


def _all(snapshot: Snapshot, present: Present) -> Iterator[tuple[Manifest, Verdict]]:
    workloads = GatewayWorkloads(snapshot)
    for manifest in snapshot.kubernetes:
        if id(manifest) in snapshot.broken:
            continue
        for field, reason in _of_object(manifest, workloads):
            yield manifest, _verdict(manifest, field, reason)
        if manifest["kind"] in TEMPLATES and is_read(manifest):
            yield from ((manifest, verdict) for verdict in present.judge(manifest))
    for manifest, field, reason in (*unread_settings(snapshot), *_wide(snapshot), *_twice(snapshot)):
        yield manifest, _verdict(manifest, field, reason)


def _verdict(manifest: Manifest, field: str, reason: str) -> Verdict:
    layer = _LAYERS.get(manifest["kind"], Layer.SIDECAR)
    return Verdict(layer, Outcome.NOT_UNDERSTOOD, identity(manifest), field, reason)


def _of_object(manifest: Manifest, workloads: GatewayWorkloads) -> _Found:
    kind = manifest["kind"]
    if not is_read(manifest):
        if reason := unknown(manifest):
            yield "spec", reason
        return
    if reader := _READERS.get(kind):
        yield from ((field, f"`{field.rpartition('.')[2]}` is not read here.") for field in reader(manifest))
    if kind == "Service":
        yield from _before_gateway(manifest, workloads)
    elif kind in TEMPLATES:
        yield from workloads.unread(manifest)
    elif kind == "TrafficExtension":
        yield from _of_inspection(manifest, workloads)
    namespace = manifest["metadata"].get("namespace") or ""
    yield from selecting.unread(manifest, namespace == ROOT_NAMESPACE or workloads.are_in(namespace))
    yield from metadata.unread(manifest)


def of_google(snapshot: Snapshot, resource: Resource) -> Iterator[Verdict]:
    """What is not understood of a Google resource, or of a chart."""
    if resource.type in google_types.READ:
        fields = google_fields.unread(snapshot, resource)
    else:
        reason = google_types.unknown(resource.type)
        network = resource.properties.get("network")
        elsewhere = network is not None and not snapshot.in_our_network(network)
        fields = iter([("", reason)] if reason and not elsewhere else [])
    module = resource.type.partition("/")[0].removeprefix("gcp:")
    layer = _GOOGLE_LAYERS.get(module, Layer.FIREWALL)
    yield from (
        Verdict(layer, Outcome.NOT_UNDERSTOOD, resource.identity, field, why) for field, why in fields
    )


def _walk(manifest: Manifest) -> Iterator[str]:
    kind = manifest["kind"]
    yield from (f"spec.{field}" for field in beyond(manifest.get("spec"), KUBERNETES[kind], ACCEPTED[kind]))


def _of_service(manifest: Manifest) -> Iterator[str]:
    """A Service that leads elsewhere than to pods which its selector names."""
    metadata, spec = manifest["metadata"], part(manifest, "spec")
    if (metadata.get("namespace"), metadata["name"]) == _API_SERVER:
        return
    yield from _walk(manifest)
    if spec.get("externalIPs"):
        yield "spec.externalIPs"
    if spec.get("type") not in (None, "ClusterIP", "LoadBalancer"):
        yield "spec.type"
    if not spec.get("selector"):
        yield "spec.selector"


def _before_gateway(manifest: Manifest, workloads: GatewayWorkloads) -> _Found:
    spec = part(manifest, "spec")
    if not workloads.has(manifest["metadata"]["namespace"], part(spec, "selector")):
        return
    for at, port in enumerate(listed(spec, "ports")):
        if port.get("protocol") not in (None, "TCP"):
            yield f"spec.ports[{at}].protocol", "Gateways take TCP alone."
    if spec.get("clusterIP") == "None":
        yield (
            "spec.clusterIP",
            "A gateway's Service without an address of its own leads to addresses that clients choose.",
        )


def _of_inspection(manifest: Manifest, workloads: GatewayWorkloads) -> _Found:
    """A filter of bodies that is not on a gateway, or not on its way outside, where it would inspect
    nothing."""
    labels = part(manifest, "spec", "selector", "matchLabels")
    if not workloads.has_selector(manifest["metadata"]["namespace"], labels):
        yield "spec.selector", "It is on the pods of no gateway here."
    for at, match in enumerate(listed(manifest, "spec", "match")):
        ports = [port.get("number") for port in listed(match, "ports")]
        if match.get("mode") != "CLIENT" or not set(ports) <= workloads.ports(
            manifest["metadata"]["namespace"]
        ):
            yield (
                f"spec.match[{at}]",
                "It is on no port at which requests come to the gateway, as what they send outside.",
            )


def _of_gateway(manifest: Manifest) -> Iterator[str]:
    yield from _walk(manifest)
    for at, server in enumerate(listed(manifest, "spec", "servers")):
        tls = part(server, "tls")
        if not all(_labels(str(host).rpartition("/")[2]) for host in listed(server, "hosts")):
            yield f"spec.servers[{at}].hosts"
        # Proxies of the mesh have certificates of their own; Istio takes no others beside them.
        for field in ("credentialName", "caCertificates") if tls.get("mode") == "ISTIO_MUTUAL" else ():
            if tls.get(field):
                yield f"spec.servers[{at}].tls.{field}"


def _of_slice(manifest: Manifest) -> Iterator[str]:
    """Addresses that somebody wrote by hand; those of pods the cluster writes itself."""
    metadata = manifest["metadata"]
    labels = part(metadata, "labels")
    own = (metadata.get("namespace"), labels.get("kubernetes.io/service-name")) == _API_SERVER
    if not own and labels.get("endpointslice.kubernetes.io/managed-by") not in _CLUSTERS_OWN:
        yield "endpoints"


_CLUSTERS_OWN = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")
_API_SERVER = ("default", "kubernetes")
"""The Service by which pods find the API server, which writes its addresses itself."""


def _of_proxy(manifest: Manifest) -> Iterator[str]:
    """A ProxyConfig that says more than that the proxy answers DNS."""
    spec = part(manifest, "spec")
    known = {"environmentVariables", *HARMLESS["ProxyConfig"]}
    yield from (f"spec.{key}" for key in sorted(spec.keys() - known) if spec[key])
    for key in sorted(part(spec, "environmentVariables").keys() - {"ISTIO_META_DNS_CAPTURE"}):
        yield f"spec.environmentVariables.{key}"


_READERS: Mapping[str, Callable[[Manifest], Iterable[str]]] = {
    **dict.fromkeys(_WALKED, _walk),
    "EnvoyFilter": unread_of_filter,
    "Gateway": _of_gateway,
    "TrafficExtension": unread_of_extension,
    "ProxyConfig": _of_proxy,
    "Service": _of_service,
    "EndpointSlice": _of_slice,
    "MutatingWebhookConfiguration": unread_webhooks,
    "APIService": unread_service,
    "CustomResourceDefinition": unread_definition,
}


def _wide(snapshot: Snapshot) -> Iterator[tuple[Manifest, str, str]]:
    """Rules for more hosts or addresses than one: judges look a rule up by the host that a ServiceEntry
    has."""
    known = {host for manifest in snapshot.kind("ServiceEntry") for host in listed(manifest, "spec", "hosts")}
    for manifest in snapshot.kind("DestinationRule"):
        if (
            "*" in (host := str(manifest["spec"]["host"])) and not (host in known and _labels(host))
        ) or "." not in host:
            yield manifest, "spec.host", f"Which hosts {host} means is not read here."
    for kind in ("VirtualService", "ServiceEntry"):
        for manifest in snapshot.kind(kind):
            for host in map(str, listed(manifest, "spec", "hosts")):
                if "." not in host or ("*" in host and not (host in known and _labels(host))):
                    yield manifest, "spec.hosts", f"Which hosts {host} means is not read here."
    for manifest in snapshot.kind("ServiceEntry"):
        for address in map(str, listed(manifest, "spec", "addresses")):
            if "/" in address:
                yield manifest, "spec.addresses", f"A range, {address}, is not read here."


def _labels(host: str) -> bool:
    """Whether a pattern stands for whole labels; Istio takes `*-a.example.org` as well, which no judge looks
    up."""
    return host == "*" or "*" not in host.removeprefix("*.")


def _twice(snapshot: Snapshot) -> Iterator[tuple[Manifest, str, str]]:
    """Two objects of a namespace that say something about one host: which of them Istio takes is a matter of
    their age."""
    for kind, keys in _KEYS.items():
        seen: dict[object, str] = {}
        for manifest in snapshot.kind(kind):
            name = identity(manifest)
            for key in {(manifest["metadata"]["namespace"], *key) for key in keys(part(manifest, "spec"))}:
                other = seen.setdefault(key, name)
                if other != name:
                    reason = (
                        f"{other} is about the same host, {key[1]}: which of the two counts is not read here."
                    )
                    yield manifest, "spec", reason
                    break


def _of_rule(spec: Mapping[str, Any]) -> Iterator[Path]:
    selector = sorted(part(spec, "workloadSelector", "matchLabels").items())
    yield str(spec.get("host")), str(selector)


def _of_route(spec: Mapping[str, Any]) -> Iterator[Path]:
    for gateway in listed(spec, "gateways") or ("mesh",):
        yield from ((str(host), str(gateway)) for host in listed(spec, "hosts"))


def _of_entry(spec: Mapping[str, Any]) -> Iterator[Path]:
    for seen in listed(spec, "exportTo") or ("*",):
        yield from ((str(host), str(seen)) for host in listed(spec, "hosts"))


_KEYS: Mapping[str, Callable[[Mapping[str, Any]], Iterable[Path]]] = {
    "DestinationRule": _of_rule,
    "VirtualService": _of_route,
    "ServiceEntry": _of_entry,
}
