"""Wildcard hosts: every name below a domain, as the app's own TLS through the gateway, to nowhere outside the
pattern.

The way of one connection: the sidecar opens mutual TLS to the gateway under the pattern's own server name,
which says which pattern and which team. The gateway hands what is inside to itself, at an address of the
loopback network that belongs to this pattern alone. There the app's own TLS is seen closed: its server name
has to match the pattern, is looked up, and is connected to.

So the outer name cannot allow one pattern and the inner one ask for another: each pattern has its own
listener, with its own names. Nothing outside is looked up or connected to before both were judged.

Source: Envoy, "SNI dynamic forward proxy"; Istio reference, ServiceEntry (DYNAMIC_DNS) and EnvoyFilter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from egress.common import names
from egress.common.ip_space import loopback
from egress.common.objects import (
    ISTIO_ENVOY_FILTER,
    ISTIO_NETWORKING,
    ISTIO_SECURITY,
    Manifest,
    Object,
    Owner,
    manifest,
)
from egress.common.ports import HTTPS_PORT, INNER_PORT
from egress.plan.gateway import EgressGateway
from egress.plan.host import Host
from egress.plan.model import Plan

TCP_PROXY = "envoy.filters.network.tcp_proxy"
RESOLVER = "envoy.filters.network.sni_dynamic_forward_proxy"
_TLS = {"name": "tls", "protocol": "TLS"}


def render(plan: Plan) -> Iterator[Object]:
    """Per gateway and pattern a Gateway, a VirtualService and three ServiceEntries; for all of them together
    what a gateway needs to judge and to look up inner names."""
    for gateway in plan.gateways:
        patterns = [host for host in gateway.hosts if host.pattern]
        for host in patterns:
            for item in _pattern(gateway, host):
                yield Object(Owner.host(host.name, gateway.name), item)
        if patterns:
            yield Object(Owner.egress_gateway(gateway.name), _authorization(gateway, patterns))
            yield Object(Owner.egress_gateway(gateway.name), _resolver(gateway, patterns))


def _pattern(gateway: EgressGateway, host: Host) -> Iterator[Manifest]:
    yield _gateway(gateway, host)
    yield _known_to_sidecars(gateway, host)
    yield _loopback(gateway, host)
    yield _looked_up(gateway, host)
    yield _virtual_service(gateway, host)


def _gateway(gateway: EgressGateway, host: Host) -> Manifest:
    # One Gateway per pattern: with overlapping patterns in one Gateway, the route of one would be found for
    # the other.
    return manifest(
        ISTIO_NETWORKING,
        "Gateway",
        names.pattern_gateway(host.name),
        gateway.namespace,
        spec={
            "selector": gateway.labels,
            "servers": [
                {
                    "port": {"number": HTTPS_PORT, "name": names.server_port(host.name), "protocol": "TLS"},
                    "hosts": [host.outer_name],
                    "tls": {"mode": "ISTIO_MUTUAL"},
                },
                {
                    "port": {"number": INNER_PORT, "name": names.inner_port(host.name), "protocol": "TLS"},
                    "bind": loopback(host.name),
                    "hosts": [host.name],
                    "tls": {"mode": "PASSTHROUGH"},
                },
            ],
        },
    )


def _known_to_sidecars(gateway: EgressGateway, host: Host) -> Manifest:
    """What makes port 443 of these names known in the teams' pods; the route is the gateway, whatever address
    the app found."""
    port = {"number": HTTPS_PORT, **_TLS}
    return _entry(gateway, names.service_entry(host.name), host.name, host.teams, port, resolution="NONE")


def _loopback(gateway: EgressGateway, host: Host) -> Manifest:
    here = [{"address": loopback(host.name)}]
    port = {"number": INNER_PORT, **_TLS}
    return _entry(
        gateway,
        names.loopback_entry(host.name),
        host.outer_name,
        ["."],
        port,
        resolution="STATIC",
        endpoints=here,
    )


def _looked_up(gateway: EgressGateway, host: Host) -> Manifest:
    port = {"number": HTTPS_PORT, **_TLS}
    return _entry(gateway, names.resolved_entry(host.name), host.name, ["."], port, resolution="DYNAMIC_DNS")


def _entry(
    gateway: EgressGateway, name: str, host: str, export: Sequence[str], port: dict[str, Any], **how: Any
) -> Manifest:
    return manifest(
        ISTIO_NETWORKING,
        "ServiceEntry",
        name,
        gateway.namespace,
        spec={"hosts": [host], "ports": [port], **how, "location": "MESH_EXTERNAL", "exportTo": list(export)},
    )


def _virtual_service(gateway: EgressGateway, host: Host) -> Manifest:
    here = f"{gateway.namespace}/{names.pattern_gateway(host.name)}"
    to_gateway = {
        "host": gateway.service,
        "subset": names.passthrough_subset(host.name),
        "port": {"number": HTTPS_PORT},
    }
    return manifest(
        ISTIO_NETWORKING,
        "VirtualService",
        names.virtual_service(host.name),
        gateway.namespace,
        spec={
            "hosts": [host.name, host.outer_name],
            "gateways": ["mesh", here],
            "exportTo": [gateway.namespace, *host.teams],
            "tls": [
                {
                    "match": [{"gateways": ["mesh"], "port": HTTPS_PORT, "sniHosts": [host.name]}],
                    "route": [{"destination": to_gateway}],
                },
                {
                    "match": [{"gateways": [here], "port": INNER_PORT, "sniHosts": [host.name]}],
                    "route": [{"destination": {"host": host.name, "port": {"number": HTTPS_PORT}}}],
                },
            ],
            "tcp": [
                {
                    "match": [{"gateways": [here], "port": HTTPS_PORT}],
                    "route": [{"destination": {"host": host.outer_name, "port": {"number": INNER_PORT}}}],
                }
            ],
        },
    )


def _authorization(gateway: EgressGateway, patterns: Sequence[Host]) -> Manifest:
    """What the gateway may say to itself. The team was judged before, by the outer name; here there is no
    identity left."""
    rules = [
        {
            "when": [
                {"key": "destination.ip", "values": [loopback(host.name)]},
                {"key": "destination.port", "values": [str(INNER_PORT)]},
                {"key": "connection.sni", "values": [host.name]},
            ]
        }
        for host in patterns
    ]
    return manifest(
        ISTIO_SECURITY,
        "AuthorizationPolicy",
        "wildcard-inner-names",
        gateway.namespace,
        spec={"selector": {"matchLabels": gateway.labels}, "action": "ALLOW", "rules": rules},
    )


def _resolver(gateway: EgressGateway, patterns: Sequence[Host]) -> Manifest:
    """The filter that looks up the inner name, last before the connection is made: after authorization."""
    return manifest(
        ISTIO_ENVOY_FILTER,
        "EnvoyFilter",
        "wildcard-look-up",
        gateway.namespace,
        spec={
            "workloadSelector": {"labels": gateway.labels},
            # After every filter that says nothing: it has to find the last one of the chain.
            "priority": 10,
            "configPatches": [_look_up(host) for host in patterns],
        },
    )


def _look_up(host: Host) -> dict[str, Any]:
    return {
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": "GATEWAY",
            "listener": {
                "name": f"{loopback(host.name)}_{INNER_PORT}",
                "filterChain": {"filter": {"name": TCP_PROXY}},
            },
        },
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {
                "name": RESOLVER,
                "typed_config": {
                    "@type": (
                        "type.googleapis.com/"
                        "envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig"
                    ),
                    "port_value": HTTPS_PORT,
                    # The cache that istiod gives the cluster of the pattern. What the two say about it has to
                    # be the same.
                    "dns_cache_config": {
                        "name": f"{host.name}_dfp_dns_cache",
                        "dns_lookup_family": "V4_ONLY",
                    },
                },
            },
        },
    }
