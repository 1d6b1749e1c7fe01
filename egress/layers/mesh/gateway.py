"""The gateway's configuration: what it listens for, and where each host's traffic goes from there.

Source: Istio reference, Gateway, ServiceEntry, VirtualService and DestinationRule (networking.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common import names
from egress.common.ip_space import virtual
from egress.common.normal_form import AMBIGUOUS
from egress.common.objects import ISTIO_NETWORKING, Manifest, Object, Owner, manifest
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.layers.mesh import host_traffic
from egress.plan.gateway import EgressGateway
from egress.plan.host import Host, TlsNames
from egress.plan.model import Plan
from egress.settings.tcp import Tcp

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
    or is treated specially - a DestinationRule for the gateway alone.
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
                for item in _host(gateway, host, plan.guards(host)):
                    yield Object(Owner.host(host.name, gateway.name), item)


def _host(gateway: EgressGateway, host: Host, guarded: bool) -> Iterator[Manifest]:
    yield _service_entry(gateway, host)
    yield _virtual_service(gateway, host, guarded)
    treatment = host_traffic.traffic_policy(host.name, host.leaving) if host.leaving else None
    if treatment:
        yield _treatment(gateway, host, HTTP_PORT, treatment)
    if host.tcp and host.upgraded:
        secret = host.tcp.credential or host.tcp.ca
        tls = host_traffic.origination(host.name, host.tcp.upgrade, secret, TlsNames.of(host.tcp))
        yield _treatment(gateway, host, host.tcp.port, {"tls": tls})


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
        if (host.passthrough or host.tcp) and not host.pattern:
            # One server per host: the outer SNI then chooses the one route of this host, and no other.
            yield {
                "port": {"number": HTTPS_PORT, "name": names.server_port(host.name), "protocol": "TLS"},
                "hosts": [host.name],
                "tls": {"mode": "ISTIO_MUTUAL", **_admitted(host, trust_domain)},
            }


def _admitted(host: Host, trust_domain: str) -> dict[str, Any]:
    """For raw TCP, the only certificates that the server takes at all: authorization would judge after the
    first byte, when the host has already been connected to and may have spoken first."""
    accounts = [
        names.spiffe_id(trust_domain, use.team, account)
        for use in host.uses
        if use.tcp
        for account in use.tcp.service_accounts
    ]
    return {"subjectAltNames": accounts} if accounts else {}


def _export(gateway: EgressGateway, host: Host) -> list[str]:
    return [gateway.namespace, *host.teams]


def web_ports(host: Host) -> list[dict[str, Any]]:
    """A ServiceEntry's ports for HTTP and TLS to a host."""
    ports: list[dict[str, Any]] = []
    if host.leaving:
        # Upgraded, the service port stays 80 and the connection goes to 443. There is no routable port 443
        # for a sidecar to use directly, around the gateway, unless the host is passed through as well - and
        # then its route is the gateway.
        upgrade = {"targetPort": HTTPS_PORT} if host.upgraded else {}
        protocol = host.leaving.protocol
        ports.append(
            {
                "number": HTTP_PORT,
                "name": protocol.value,
                "protocol": host_traffic.SERVICE_PROTOCOLS[protocol],
                **upgrade,
            }
        )
    if host.passthrough:
        ports.append({"number": HTTPS_PORT, "name": "tls", "protocol": "TLS"})
    return ports


def _service_entry(gateway: EgressGateway, host: Host) -> Manifest:
    ports = web_ports(host)
    if host.tcp:
        ports.append(
            {"number": host.tcp.port, "name": "tcp", "protocol": "TCP", "targetPort": host.tcp.leaves_on}
        )
    return manifest(
        ISTIO_NETWORKING,
        "ServiceEntry",
        names.service_entry(host.name),
        gateway.namespace,
        labels=canonical_name(host.name),
        spec={
            "hosts": [host.name],
            "ports": ports,
            **(_known_by_address(host.name, host.tcp) if host.tcp else {"resolution": "DNS"}),
            "location": "MESH_EXTERNAL",
            "exportTo": _export(gateway, host),
        },
    )


def _known_by_address(host: str, tcp: Tcp) -> dict[str, Any]:
    """Without `addresses` the port would listen on 0.0.0.0 and take every connection there. A host that is
    known by its name has one that only pods know; the gateway looks the name up."""
    if tcp.by_name:
        return {"addresses": [virtual(host)], "resolution": "DNS"}
    addresses = [str(address) for address in tcp.addresses or ()]
    return {
        "addresses": addresses,
        "endpoints": [{"address": address} for address in addresses],
        "resolution": "STATIC",
    }


def canonical_name(host: str) -> dict[str, str]:
    """The label by which consoles group telemetry; a label's value has at most 63 characters."""
    return {"service.istio.io/canonical-name": host} if len(host) <= names.DNS_LABEL else {}


def _virtual_service(gateway: EgressGateway, host: Host, guarded: bool) -> Manifest:
    here = f"{gateway.namespace}/{names.GATEWAY_CONFIG}"
    spec: dict[str, Any] = {
        "hosts": [host.name],
        "gateways": ["mesh", here],
        "exportTo": _export(gateway, host),
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
    if host.passthrough:
        spec["tls"] = [
            {
                "match": [{"gateways": ["mesh"], "port": HTTPS_PORT, "sniHosts": [host.name]}],
                "route": [_to_gateway(gateway, names.passthrough_subset(host.name), HTTPS_PORT)],
            }
        ]
        spec["tcp"] = [
            {
                "match": [{"gateways": [here], "port": HTTPS_PORT}],
                "route": [_to_outside(host, HTTPS_PORT)],
            }
        ]
    if host.tcp:
        spec["tcp"] = [
            {
                "match": [{"gateways": ["mesh"], "port": host.tcp.port}],
                "route": [_to_gateway(gateway, names.passthrough_subset(host.name), HTTPS_PORT)],
            },
            {
                "match": [{"gateways": [here], "port": HTTPS_PORT}],
                "route": [_to_outside(host, host.tcp.port)],
            },
        ]
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


def _treatment(gateway: EgressGateway, host: Host, port: int, policy: dict[str, Any]) -> Manifest:
    # Not exported: a sidecar that opened TLS itself would be speaking to the host, not to the gateway.
    return manifest(
        ISTIO_NETWORKING,
        "DestinationRule",
        names.origination_rule(host.name) if host.upgraded else names.treatment_rule(host.name),
        gateway.namespace,
        spec={
            "host": host.name,
            "workloadSelector": {"matchLabels": gateway.labels},
            "trafficPolicy": {"portLevelSettings": [{"port": {"number": port}, **policy}]},
            "exportTo": ["."],
        },
    )
