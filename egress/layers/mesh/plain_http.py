"""Plain HTTP as clients write it: how proxies read it where Istio has no word for it.

Some libraries (Apache HttpClient 5.4 by default) write `Upgrade: TLS/1.2` into each request without TLS. A
server may ignore that; Envoy by itself answers 403, which reads as if somebody were not allowed. So no proxy
takes offence.

Proxies of the mesh decode `%2F` in paths before any rule is asked, and send the path on like that. For a host
that takes it for a part of a name both proxies keep it: the sidecars of its teams on the port of plain HTTP,
which is no loss, because every proxy that asks a rule decodes for itself; and the gateway where the server
name says that a request is for this host.
Sidecars take HTTP/1.0 for no HTTP, and end the connection. Where a team says so its sidecars read it, and
speak HTTP/1.1 to the gateway, which needs to know nothing of it.
Source: RFC 2817, RFC 9110 (Upgrade); Envoy, Http1ProtocolOptions.ignore_http_11_upgrade and
accept_http_10, HttpConnectionManager.path_with_escaped_slashes_action; Istio, EnvoyFilter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common import names
from egress.common.objects import ISTIO_ENVOY_FILTER, Manifest, Object, Owner, manifest
from egress.common.ports import HTTP_PORT, TARGET_PORTS
from egress.plan.model import Plan

MANAGER = "envoy.filters.network.http_connection_manager"
NAME, KEPT, HTTP_1_0 = "plain-http", "kept-slashes", "http10"
_KEEPS = {"path_with_escaped_slashes_action": "KEEP_UNCHANGED"}


def render(plan: Plan) -> Iterator[Object]:
    """One EnvoyFilter for all proxies of the mesh; where slashes are kept, one for each gateway and each team
    besides, and one for each team whose apps speak HTTP/1.0. The managed mesh takes none."""
    if not plan.in_cluster_mesh:
        return
    offers = [{"prefix": "TLS/", "ignore_case": True}]
    ignores = {"http_protocol_options": {"ignore_http_11_upgrade": offers}}
    yield Object(Owner.mesh(), _filter(NAME, names.MESH_NAMESPACE, [_patch("ANY", {}, {}, ignores)]))
    for gateway in plan.gateways:
        port = {"portNumber": TARGET_PORTS[HTTP_PORT]}
        patches = [
            _patch("GATEWAY", port, {"sni": host.name}, _KEEPS)
            for host in gateway.hosts
            if host.keeps_slashes
        ]
        if patches:
            selector = {"workloadSelector": {"labels": dict(gateway.labels)}}
            yield Object(
                Owner.egress_gateway(gateway.name), _filter(KEPT, gateway.namespace, patches, **selector)
            )
    for team in plan.teams:
        if team.settings.http10:
            taken = {"http_protocol_options": {"accept_http_10": True}}
            patches = [_recognised(), _patch("SIDECAR_OUTBOUND", {}, {}, taken)]
            yield Object(Owner.team(team.name), _filter(HTTP_1_0, team.name, patches))
        if team.keeps_slashes:
            patch = _patch("SIDECAR_OUTBOUND", {"portNumber": HTTP_PORT}, {}, _KEEPS)
            yield Object(Owner.team(team.name), _filter(KEPT, team.name, [patch]))


def _filter(name: str, namespace: str, patches: list[dict[str, Any]], **spec: Any) -> Manifest:
    return manifest(
        ISTIO_ENVOY_FILTER, "EnvoyFilter", name, namespace, spec={**spec, "configPatches": patches}
    )


def _recognised() -> dict[str, Any]:
    """By itself a sidecar takes what begins as HTTP/1.0 for no HTTP, and for no destination that it knows."""
    return {
        "applyTo": "FILTER_CHAIN",
        "match": {
            "context": "SIDECAR_OUTBOUND",
            "listener": {"filterChain": {"applicationProtocols": "http/1.1,h2c"}},
        },
        "patch": {
            "operation": "MERGE",
            "value": {"filter_chain_match": {"application_protocols": ["http/1.0"]}},
        },
    }


def _patch(
    context: str, listener: dict[str, Any], chain: dict[str, Any], config: dict[str, Any]
) -> dict[str, Any]:
    """A change of what reads HTTP in some listeners."""
    kind = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
    return {
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": context,
            "listener": {**listener, "filterChain": {**chain, "filter": {"name": MANAGER}}},
        },
        "patch": {
            "operation": "MERGE",
            "value": {
                "name": MANAGER,
                "typed_config": {"@type": f"{kind}HttpConnectionManager", **config},
            },
        },
    }
