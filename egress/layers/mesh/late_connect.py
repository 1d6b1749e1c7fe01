"""No connection to a host before the client is known: on the gateway's TLS port the outside is connected to
late.

By itself Envoy connects upstream as soon as a client connects, and a host that speaks first - a database, or
whatever answers on port 443 - is heard by a client that has no right to it, for as long as that client says
nothing. For raw TCP the handshake
decides: certificates that the server does not take have ended the connection by then. For passed-through TLS
the client's first byte decides, because authorization is asked then.
Source: Envoy, TcpProxy.upstream_connect_mode; Istio, EnvoyFilter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from egress.common.objects import ISTIO_ENVOY_FILTER, Manifest, Object, Owner, manifest
from egress.common.ports import HTTPS_PORT, TARGET_PORTS
from egress.plan.model import Plan

TCP_PROXY = "envoy.filters.network.tcp_proxy"
ON_HANDSHAKE = "ON_DOWNSTREAM_TLS_HANDSHAKE"
ON_DATA = "ON_DOWNSTREAM_DATA"
EARLY_DATA = 65536
"""Bytes of the client that may wait for the connection to the host; Envoy demands the number with these
modes."""


def render(plan: Plan) -> Iterator[Object]:
    """One EnvoyFilter per gateway: for every host of raw TCP; for passed-through TLS unless the settings say
    otherwise."""
    port = TARGET_PORTS[HTTPS_PORT]
    for gateway in plan.gateways:
        patches: list[dict[str, Any]] = []
        if plan.connects_late(gateway) and any(host.tls_ports for host in gateway.hosts):
            patches.append(_patch(port, ON_DATA))
        # A host's own patch comes later and wins over the one for all.
        patches += [_patch(port, ON_HANDSHAKE, way.outer_name) for way in gateway.tcp]
        if patches:
            yield Object(
                Owner.egress_gateway(gateway.name), _connect_late(gateway.namespace, gateway.labels, patches)
            )


def connect_after_handshake(namespace: str, labels: Mapping[str, str], ports: Iterable[int]) -> Manifest:
    """The EnvoyFilter for all of one gateway's raw TCP; `ports` are those on which its pods listen."""
    return _connect_late(namespace, labels, [_patch(port, ON_HANDSHAKE) for port in ports])


def _connect_late(namespace: str, labels: Mapping[str, str], patches: list[dict[str, Any]]) -> Manifest:
    spec = {"workloadSelector": {"labels": dict(labels)}, "configPatches": patches}
    return manifest(ISTIO_ENVOY_FILTER, "EnvoyFilter", "connect-late", namespace, spec=spec)


def _patch(port: int, mode: str, sni: str | None = None) -> dict[str, Any]:
    chain: dict[str, Any] = {"filter": {"name": TCP_PROXY}, **({"sni": sni} if sni else {})}
    proxy = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "upstream_connect_mode": mode,
        "max_early_data_bytes": EARLY_DATA,
    }
    return {
        "applyTo": "NETWORK_FILTER",
        "match": {"context": "GATEWAY", "listener": {"portNumber": port, "filterChain": chain}},
        "patch": {"operation": "MERGE", "value": {"name": TCP_PROXY, "typed_config": proxy}},
    }
