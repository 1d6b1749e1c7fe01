"""No connection to a host before the client is known: on the gateway's TLS port, the outside is connected to only after the
client's TLS handshake, where certificates that the server does not take have already ended the connection.

Without it Envoy connects upstream as soon as a client connects, and a host that speaks first - a database - would be heard by
a client that is refused a moment later. Source: Envoy, TcpProxy.upstream_connect_mode; Istio, EnvoyFilter.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress import names
from egress.layers.gateway_workload import LABELS, TARGET_PORTS
from egress.manifest import ISTIO_ENVOY_FILTER, Object, Owner, manifest
from egress.plan import HTTPS_PORT, Plan

TCP_PROXY = "envoy.filters.network.tcp_proxy"
EARLY_DATA = 65536
"""Bytes of the client that may wait for the connection to the host; Envoy demands the number with this mode."""


def render(plan: Plan) -> Iterator[Object]:
    """One EnvoyFilter for the gateway, if any host is reached by raw TCP."""
    if not any(host.tcp for host in plan.hosts):
        return
    patch = {
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": "GATEWAY",
            "listener": {"portNumber": TARGET_PORTS[HTTPS_PORT], "filterChain": {"filter": {"name": TCP_PROXY}}},
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
    yield Object(
        Owner.gateway(),
        manifest(
            ISTIO_ENVOY_FILTER,
            "EnvoyFilter",
            "connect-after-handshake",
            names.GATEWAY_NAMESPACE,
            spec={"workloadSelector": {"labels": LABELS}, "configPatches": [patch]},
        ),
    )
