"""Raw TCP through the gateway, port by port.

Each port of a host has a name of its own (names.port_name), by which sidecars ask the gateway for it: nothing
that is declared for the host besides, by this team or another, renames it or takes its place.

A port that is known by addresses is a destination of its own under that name. One that is known by its host's
name is a port of the host: pods get an address of the mesh for the name, and the gateway looks the name up.
Not every pod asks its proxy for names, so TLS to such a host, which is known by its server name, has a
destination besides that takes it at every address.

Source: Istio reference, Gateway, ServiceEntry, VirtualService and DestinationRule (networking.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from egress.common import names
from egress.common.objects import ISTIO_NETWORKING, Manifest, Object, manifest
from egress.common.ports import HTTPS_PORT
from egress.layers.mesh import host_traffic
from egress.layers.mesh.host_ports import tls_ports
from egress.plan.address_checks import known_addresses
from egress.plan.gateway import EgressGateway
from egress.plan.host import Host, TcpPort, TlsNames


def server(port: TcpPort, trust_domain: str) -> dict[str, Any]:
    """What the gateway listens for. It takes no other certificates: authorization would judge after the first
    byte, when the host has already been connected to and may have spoken first."""
    accounts = [
        names.spiffe_id(trust_domain, team, account) for team, accounts in port.uses for account in accounts
    ]
    return {
        "port": {"number": HTTPS_PORT, "name": names.server_port(port.outer_name), "protocol": "TLS"},
        "hosts": [port.outer_name],
        "tls": {"mode": "ISTIO_MUTUAL", "subjectAltNames": accounts},
    }


def of_host(gateway: EgressGateway, host: Host) -> Iterator[Manifest]:
    """Per port a VirtualService with its way out of the gateway, and for fixed addresses what sidecars know
    it by and how it leaves."""
    if known_beside(host):
        yield _tls_at_every_address(gateway, host)
    for port in host.tcp:
        if not port.by_name:
            yield _by_address(gateway, host, port)
            if port.upgraded:
                rule = names.origination_rule(port.outer_name)
                yield treatment(gateway, rule, port.outer_name, {port.number: origination(port)})
        # By name, the host's own VirtualService leads sidecars here.
        leads = None if port.by_name else to_gateway(gateway, port)
        yield way_out(gateway, port.outer_name, port.destination, port.number, leads, port.teams)


def known_beside(host: Host) -> bool:
    """Whether TLS to a host needs a name besides by which sidecars know it at every address."""
    return host.by_name and bool(host.tls_ports)


def in_order(host: Host, objects: list[Object]) -> Iterator[Object]:
    """The objects of a host, which may be in use when the host gets an address of the mesh: before it does,
    TLS at every other address is led and known."""
    entry, beside = (names.service_entry(name) for name in (host.name, names.tls_name(host.name)))
    chain = [names.virtual_service(host.name), beside, entry] if known_beside(host) else []
    before = [item.identity for name in chain for item in objects if item.name == name]
    for item in objects:
        at = before.index(item.identity) if item.identity in before else 0
        yield replace(item, after=tuple(before[:at]))


def no_address_made_up(host: Host) -> dict[str, str]:
    """The label by which Istio makes up no address for a host. Pods whose proxy answers DNS would be told it,
    and what is known by the host's own addresses would not be reached by the name."""
    known_by_address = any(not port.by_name for port in host.tcp) and not host.by_name
    return {"networking.istio.io/enable-autoallocate-ip": "false"} if known_by_address else {}


def port_of(port: TcpPort) -> dict[str, Any]:
    """The port of a ServiceEntry."""
    return {
        "number": port.number,
        "name": f"tcp-{port.number}",
        "protocol": "TCP",
        "targetPort": port.settings.leaves_on,
    }


def to_gateway(gateway: EgressGateway, port: TcpPort) -> dict[str, Any]:
    """The route of sidecars to the gateway."""
    subset = names.passthrough_subset(port.outer_name)
    to = {"host": gateway.service, "subset": subset, "port": {"number": HTTPS_PORT}}
    return {"match": [{"gateways": ["mesh"], "port": port.number}], "route": [{"destination": to}]}


def origination(port: TcpPort) -> dict[str, Any]:
    """How the gateway opens TLS where raw TCP leaves as TLS."""
    said = port.settings
    secret = said.credential or said.ca
    return {"tls": host_traffic.origination(port.host, said.upgrade, secret, TlsNames.of(said))}


def treatment(
    gateway: EgressGateway, name: str, host: str, treated: Mapping[int, Mapping[str, Any]]
) -> Manifest:
    """How the gateway alone treats ports of a host."""
    # Not exported: a sidecar that opened TLS itself would be speaking to the host, not to the gateway.
    return manifest(
        ISTIO_NETWORKING,
        "DestinationRule",
        name,
        gateway.namespace,
        spec={
            "host": host,
            "workloadSelector": {"matchLabels": gateway.labels},
            "trafficPolicy": {
                "portLevelSettings": [
                    {"port": {"number": number}, **policy} for number, policy in treated.items()
                ]
            },
            "exportTo": ["."],
        },
    )


def _by_address(gateway: EgressGateway, host: Host, port: TcpPort) -> Manifest:
    return manifest(
        ISTIO_NETWORKING,
        "ServiceEntry",
        names.service_entry(port.outer_name),
        gateway.namespace,
        spec={
            "hosts": [port.outer_name],
            "ports": [port_of(port)],
            "addresses": known_addresses(host, port),
            "endpoints": [{"address": str(address)} for address in port.settings.addresses or ()],
            "resolution": "STATIC",
            "location": "MESH_EXTERNAL",
            "exportTo": [gateway.namespace, *port.teams],
        },
    )


def way_out(
    gateway: EgressGateway,
    outer_name: str,
    destination: str,
    number: int,
    leads: Mapping[str, Any] | None = None,
    teams: Sequence[str] = (),
) -> Manifest:
    """How a gateway leads what comes under a server name to a port of a destination.

    Args:
        leads: how the sidecars of `teams` come here, where no other VirtualService says so.
    """
    here = f"{gateway.namespace}/{names.GATEWAY_CONFIG}"
    out = {"destination": {"host": destination, "port": {"number": number}}}
    leaves = {"match": [{"gateways": [here], "port": HTTPS_PORT}], "route": [out]}
    return manifest(
        ISTIO_NETWORKING,
        "VirtualService",
        names.virtual_service(outer_name),
        gateway.namespace,
        spec={
            "hosts": [outer_name],
            "gateways": ["mesh", here] if leads else [here],
            "exportTo": [gateway.namespace, *teams] if leads else ["."],
            "tcp": [*([leads] if leads else []), leaves],
        },
    )


def _tls_at_every_address(gateway: EgressGateway, host: Host) -> Manifest:
    return manifest(
        ISTIO_NETWORKING,
        "ServiceEntry",
        names.service_entry(names.tls_name(host.name)),
        gateway.namespace,
        spec={
            "hosts": [names.tls_name(host.name)],
            "ports": tls_ports(host),
            "resolution": "NONE",
            "location": "MESH_EXTERNAL",
            "exportTo": list(host.knowing_teams),
        },
    )
