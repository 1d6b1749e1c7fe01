"""Plain HTTP as clients write it: no proxy takes offence at an offer of TLS.

Some libraries (Apache HttpClient 5.4 by default) write `Upgrade: TLS/1.2` into each request without TLS. A
server may ignore that; Envoy by itself answers 403, which reads as if somebody were not allowed.
Source: RFC 2817, RFC 9110 (Upgrade); Envoy, Http1ProtocolOptions.ignore_http_11_upgrade; Istio, EnvoyFilter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common import names
from egress.common.objects import ISTIO_ENVOY_FILTER, Object, Owner, manifest
from egress.plan.model import Plan

MANAGER = "envoy.filters.network.http_connection_manager"
NAME = "plain-http"


def render(plan: Plan) -> Iterator[Object]:
    """One EnvoyFilter for all proxies of the mesh. The managed mesh takes none."""
    if plan.in_cluster_mesh:
        offers = [{"prefix": "TLS/", "ignore_case": True}]
        patch = _patch({"context": "ANY"}, {"http_protocol_options": {"ignore_http_11_upgrade": offers}})
        yield Object(
            Owner.mesh(),
            manifest(
                ISTIO_ENVOY_FILTER,
                "EnvoyFilter",
                NAME,
                names.MESH_NAMESPACE,
                spec={"configPatches": [patch]},
            ),
        )


def _patch(match: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """A change of what reads HTTP, in the listeners that `match` names."""
    chain = {**match.pop("chain", {}), "filter": {"name": MANAGER}}
    listener = {**match.pop("listener", {}), "filterChain": chain}
    kind = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
    return {
        "applyTo": "NETWORK_FILTER",
        "match": {**match, "listener": listener},
        "patch": {
            "operation": "MERGE",
            "value": {
                "name": MANAGER,
                "typed_config": {"@type": f"{kind}HttpConnectionManager", **config},
            },
        },
    }
