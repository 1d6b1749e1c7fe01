"""What comes in from outside: which clients a gateway lets in, at which name and port, and to which Service they are led.

Read: Gateway (servers that do not ask for the mesh's own certificates), VirtualService, and the Services of type LoadBalancer
before them. Not read: NetworkPolicies, AuthorizationPolicies and firewall rules on that way, which narrow it further.
Source: Istio, "Secure Gateways"; GKE, "LoadBalancer Service parameters".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egress.judge.deployed import Deployed, identity, listed, part

ANYBODY = "anybody, without a certificate,"
ANY_CERTIFICATE = "whoever has a certificate of the authority"
ANYWHERE = "0.0.0.0/0"
_INTERNAL = "networking.gke.io/load-balancer-type"
_MESH = "ISTIO_MUTUAL"


@dataclass(frozen=True)
class Door:
    """One name and port at which somebody outside is let in."""

    namespace: str
    """Whose Service it leads to."""
    to: str
    """The Service and its port; `nothing` where no route leads on."""
    host: str
    port: int
    protocol: str
    clients: tuple[str, ...]
    """Subject alternative names, or in words who else."""
    by: str


@dataclass(frozen=True, order=True)
class Exposure:
    """From where a gateway can be connected to at all."""

    gateway: str
    words: str
    by: str = ""


def doors(deployed: Deployed) -> Iterator[Door]:
    """Every way in."""
    routes = list(_routes(deployed))
    balanced = {service["metadata"].get("namespace") for service in deployed.kind("Service") if _balances(service)}
    for gateway in deployed.kind("Gateway"):
        namespace = gateway["metadata"]["namespace"]
        if namespace not in balanced:
            continue
        named = {f"{namespace}/{gateway['metadata']['name']}", gateway["metadata"]["name"]}
        for server in listed(gateway, "spec", "servers"):
            tls = part(server, "tls")
            if tls.get("mode") == _MESH:
                continue
            number, protocol = server["port"]["number"], str(server["port"]["protocol"])
            for host in map(str, server["hosts"]):
                led = [
                    to for gateways, hosts, port, to in routes if gateways & named and host in hosts and port in (None, number)
                ]
                for to in led or [("", "nothing")]:
                    yield Door(*to, host, number, protocol, _clients(tls), identity(gateway))


def _clients(tls: Mapping[str, Any]) -> tuple[str, ...]:
    if tls.get("mode") != "MUTUAL":
        return (ANYBODY,)
    return tuple(sorted(set(map(str, listed(tls, "subjectAltNames"))))) or (ANY_CERTIFICATE,)


def _routes(deployed: Deployed) -> Iterator[tuple[set[str], set[str], int | None, tuple[str, str]]]:
    """Of each route behind a gateway: gateways, hosts, port (None: every one), and whose Service it leads to."""
    for service in deployed.kind("VirtualService"):
        spec = part(service, "spec")
        gateways, hosts = set(map(str, listed(spec, "gateways"))), set(map(str, listed(spec, "hosts")))
        for section in ("http", "tls", "tcp"):
            for route in listed(spec, section):
                ports = [match.get("port") for match in listed(route, "match")] or [None]
                for destination in (part(leg, "destination") for leg in listed(route, "route")):
                    name, _, rest = str(destination["host"]).partition(".")
                    number = part(destination, "port").get("number")
                    namespace = rest.partition(".")[0] or service["metadata"]["namespace"]
                    for port in ports:
                        yield gateways, hosts, port, (namespace, f"{name}:{number}" if number else name)


def exposures(deployed: Deployed) -> Iterator[Exposure]:
    """Ranges from which load balancers take connections."""
    for service in deployed.kind("Service"):
        if not _balances(service):
            continue
        inside = part(service, "metadata", "annotations").get(_INTERNAL) == "Internal"
        reach = "the VPC and networks connected to it" if inside else "the internet"
        name = f"the gateway in {service['metadata']['namespace']}"
        for cidr in map(str, listed(service, "spec", "loadBalancerSourceRanges") or [ANYWHERE]):
            yield Exposure(name, f"{cidr} by way of {reach}", identity(service))


def _balances(service: Mapping[str, Any]) -> bool:
    return part(service, "spec").get("type") == "LoadBalancer"
