"""The gateway's configuration: what it listens for, and where each host's traffic goes from there.

Source: Istio reference, Gateway, ServiceEntry, VirtualService and DestinationRule (networking.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egress.common import names
from egress.common.ip_space import virtual
from egress.common.normal_form import AMBIGUOUS
from egress.common.objects import ISTIO_NETWORKING, Manifest, Object, Owner, manifest
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.layers.mesh import host_traffic, passed_tls, raw_tcp
from egress.layers.mesh.host_ports import web_ports
from egress.plan.gateway import EgressGateway
from egress.plan.host import Host
from egress.plan.model import Plan

INTERNAL_HEADERS = [
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-external-address",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
]
"""Headers by which proxies speak of pods, identities and themselves; none of them is the outside's
business."""


def render(plan: Plan) -> Iterator[Object]:
    """Per gateway one Gateway; per host of it, in its namespace and exported to exactly its teams that use
    the host: a ServiceEntry, a VirtualService with both legs of the way, and - where plain HTTP leaves as TLS
    or is treated specially - a DestinationRule for the gateway alone. Raw TCP: egress/layers/mesh/raw_tcp.py.
    """
    for gateway in plan.gateways:
        servers = list(_servers(gateway, plan.trust_domain))
        if servers:
            spec = {"selector": gateway.labels, "servers": servers}
            yield Object(
                Owner.egress_gateway(gateway.name),
                manifest(ISTIO_NETWORKING, "Gateway", names.GATEWAY_CONFIG, gateway.namespace, spec=spec),
            )
        for host in gateway.hosts:
            if not host.pattern:  # egress/layers/mesh/wildcard.py
                owner = Owner.host(host.name, gateway.name)
                made = _host(gateway, host, plan.guards(host))
                yield from raw_tcp.in_order(host, [Object(owner, item) for item in made])


def _host(gateway: EgressGateway, host: Host, guarded: bool) -> Iterator[Manifest]:
    if host.knowing_teams:
        yield _service_entry(gateway, host)
        yield _virtual_service(gateway, host, guarded)
    treatment = host_traffic.traffic_policy(host.name, host.leaving) if host.leaving else None
    treated = {HTTP_PORT: treatment} if treatment else {}
    treated |= {port.number: raw_tcp.origination(port) for port in host.tcp if port.by_name and port.upgraded}
    if treated:
        yield _treatment(gateway, host, treated)
    yield from raw_tcp.of_host(gateway, host)
    yield from passed_tls.of_host(gateway, host)


def _servers(gateway: EgressGateway, trust_domain: str) -> Iterator[dict[str, Any]]:
    if any(host.leaving for host in gateway.hosts):
        # Any host: the routes decide, and there is a route for declared hosts alone.
        yield {
            "port": {"number": HTTP_PORT, "name": "https", "protocol": "HTTPS"},
            "hosts": ["*"],
            "tls": {"mode": "ISTIO_MUTUAL"},
        }
    for host in gateway.hosts:
        if host.keeps_slashes:
            # Paths are read in another way here: which way is chosen by the server name.
            yield {
                "port": {"number": HTTP_PORT, "name": names.kept_port(host.name), "protocol": "HTTPS"},
                "hosts": [host.name],
                "tls": {"mode": "ISTIO_MUTUAL"},
            }
        for outer in map(host.tls_name, host.tls_ports if not host.pattern else ()):
            # One server per host and port: the outer SNI then chooses the one route of this, and no other.
            yield {
                "port": {"number": HTTPS_PORT, "name": names.server_port(outer), "protocol": "TLS"},
                "hosts": [outer],
                "tls": {"mode": "ISTIO_MUTUAL"},
            }
        yield from (raw_tcp.server(port, trust_domain) for port in host.tcp)


def _service_entry(gateway: EgressGateway, host: Host) -> Manifest:
    ports = web_ports(host)
    ports += [raw_tcp.port_of(port) for port in host.tcp if port.by_name]
    # With raw TCP known by name, pods have an address for it that means this host and no other; without
    # `addresses` such a port would listen on 0.0.0.0 and take every connection there.
    known = {"addresses": [virtual(host.name)]} if host.by_name else {}
    return manifest(
        ISTIO_NETWORKING,
        "ServiceEntry",
        names.service_entry(host.name),
        gateway.namespace,
        labels={**canonical_name(host.name), **raw_tcp.no_address_made_up(host)},
        spec={
            "hosts": [host.name],
            "ports": ports,
            **known,
            "resolution": "DNS",
            "location": "MESH_EXTERNAL",
            "exportTo": [gateway.namespace, *host.knowing_teams],
        },
    )


def canonical_name(host: str) -> dict[str, str]:
    """The label by which consoles group telemetry; a label's value has at most 63 characters."""
    return {"service.istio.io/canonical-name": host} if len(host) <= names.DNS_LABEL else {}


def _virtual_service(gateway: EgressGateway, host: Host, guarded: bool) -> Manifest:
    here = f"{gateway.namespace}/{names.GATEWAY_CONFIG}"
    # Where the host has an address of the mesh, not every pod gets it: TLS is known at every address by
    # another name (raw_tcp.py), for which this rule has to be as well.
    beside = [names.tls_name(host.name)] if raw_tcp.known_beside(host) else []
    spec: dict[str, Any] = {
        "hosts": [host.name, *beside],
        "gateways": ["mesh", here] if host.leaving or host.passthrough else ["mesh"],
        "exportTo": [gateway.namespace, *host.knowing_teams],
    }
    if host.leaving:
        spec["http"] = [
            {
                "match": [{"gateways": ["mesh"], "port": HTTP_PORT}],
                "route": [_to_gateway(gateway, _http_subset(host), HTTP_PORT)],
                # The gateway repeats; a sidecar that repeated as well would multiply.
                "retries": {"attempts": 0},
            },
            *([_refusing(here)] if guarded else []),
            *host_traffic.routes(
                {"gateways": [here], "port": HTTP_PORT},
                {
                    **host_traffic.destinations(host.name, host.leaving),
                    "headers": {"request": {"remove": INTERNAL_HEADERS}},
                },
                host.leaving,
            ),
        ]
    if host.tls_ports:
        spec["tls"] = [
            {
                "match": [{"gateways": ["mesh"], "port": port, "sniHosts": [host.name]}],
                "route": [_to_gateway(gateway, names.passthrough_subset(host.tls_name(port)), HTTPS_PORT)],
            }
            for port in host.tls_ports
        ]
    if host.passthrough:
        spec["tcp"] = [
            {
                "match": [{"gateways": [here], "port": HTTPS_PORT}],
                "route": [_to_outside(host, HTTPS_PORT)],
            }
        ]
    to_ports = [raw_tcp.to_gateway(gateway, port) for port in host.tcp if port.by_name]
    if to_ports:
        spec["tcp"] = [*spec.get("tcp", ()), *to_ports]
    return manifest(
        ISTIO_NETWORKING, "VirtualService", names.virtual_service(host.name), gateway.namespace, spec=spec
    )


def _http_subset(host: Host) -> str:
    return names.kept_subset(host.name) if host.keeps_slashes else names.HTTP_SUBSET


def _refusing(gateway: str) -> dict[str, Any]:
    """First of the gateway's routes, for paths that the host may read as others than the rules did."""
    match = {"gateways": [gateway], "port": HTTP_PORT, "uri": {"regex": AMBIGUOUS}}
    return {"match": [match], "directResponse": {"status": 403}}


def _to_gateway(gateway: EgressGateway, subset: str, port: int) -> dict[str, Any]:
    return {"destination": {"host": gateway.service, "subset": subset, "port": {"number": port}}}


def _to_outside(host: Host, port: int) -> dict[str, Any]:
    return {"destination": {"host": host.name, "port": {"number": port}}}


def _treatment(gateway: EgressGateway, host: Host, treated: Mapping[int, dict[str, Any]]) -> Manifest:
    opens = host.upgraded or set(treated) != {HTTP_PORT}
    name = names.origination_rule(host.name) if opens else names.treatment_rule(host.name)
    return raw_tcp.treatment(gateway, name, host.name, treated)
