"""No connection to a host before the client is known: on the gateway's TLS port, the outside is connected to only after the
client's TLS handshake, where certificates that the server does not take have already ended the connection.

Without it Envoy connects upstream as soon as a client connects, and a host that speaks first - a database - would be heard by
a client that is refused a moment later. Source: Envoy, TcpProxy.upstream_connect_mode; Istio, EnvoyFilter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from egress import names
from egress.layers.gateway_workload import LABELS, TARGET_PORTS
from egress.manifest import ISTIO_ENVOY_FILTER, Manifest, Object, Owner, manifest
from egress.plan import HTTPS_PORT, Plan

TCP_PROXY = "envoy.filters.network.tcp_proxy"
EARLY_DATA = 65536
"""Bytes of the client that may wait for the connection to the host; Envoy demands the number with this mode."""


def render(plan: Plan) -> Iterator[Object]:
    """One EnvoyFilter for the gateway, if any host is reached by raw TCP."""
    if any(host.tcp for host in plan.hosts):
        yield Object(Owner.gateway(), connect_after_handshake(names.GATEWAY_NAMESPACE, LABELS, [TARGET_PORTS[HTTPS_PORT]]))


def connect_after_handshake(namespace: str, labels: Mapping[str, str], ports: Iterable[int]) -> Manifest:
    """The EnvoyFilter for one gateway's pods; `ports` are those on which its pods listen."""
    return manifest(
        ISTIO_ENVOY_FILTER,
        "EnvoyFilter",
        "connect-after-handshake",
        namespace,
        spec={"workloadSelector": {"labels": dict(labels)}, "configPatches": [_patch(port) for port in ports]},
    )


def _patch(port: int) -> dict[str, Any]:
    return {
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": "GATEWAY",
            "listener": {"portNumber": port, "filterChain": {"filter": {"name": TCP_PROXY}}},
        },
        "patch": {
            "operation": "MERGE",
            "value": {
                "name": TCP_PROXY,
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                    "upstream_connect_mode": "ON_DOWNSTREAM_TLS_HANDSHAKE",
                    "max_early_data_bytes": EARLY_DATA,
                },
            },
        },
    }
