"""What a mirrored copy says to the host that it goes to: that host's own name, and nothing of the mesh.

By itself Envoy sends copies as a client of its own: after the route has taken internal headers out it adds
the gateway pod's address (x-forwarded-for) and x-envoy-internal, and the Host header stays the first host's.
Only a filter of the cluster that the copy leaves by comes later than that. It treats every request to the
second host alike; the others say the same already.
Source: Envoy, HttpProtocolOptions.http_filters and Lua; Istio, EnvoyFilter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common.lua import quoted
from egress.common.objects import ISTIO_ENVOY_FILTER, Object, Owner, manifest
from egress.common.ports import HTTP_PORT
from egress.layers.mesh.gateway import INTERNAL_HEADERS
from egress.plan.host import Host, Leaving
from egress.plan.model import Plan
from egress.settings.http import Protocol

OF_COPIES = "x-envoy-internal"
"""The header by which Envoy marks its own requests, and copies with them."""
_TYPE = "type.googleapis.com/envoy.extensions"
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def render(plan: Plan) -> Iterator[Object]:
    """One EnvoyFilter for each gateway that sends copies to any host."""
    for gateway in plan.gateways:
        targets = {host.leaving.mirror.host for host in gateway.hosts if host.leaving and host.leaving.mirror}
        patches = [
            _patch(host, host.leaving) for host in gateway.hosts if host.name in targets and host.leaving
        ]
        if patches:
            spec = {"workloadSelector": {"labels": gateway.labels}, "configPatches": patches}
            yield Object(
                Owner.egress_gateway(gateway.name),
                manifest(ISTIO_ENVOY_FILTER, "EnvoyFilter", "clean-copies", gateway.namespace, spec=spec),
            )


def _patch(host: Host, leaving: Leaving) -> dict[str, Any]:
    return {
        "applyTo": "CLUSTER",
        "match": {"context": "GATEWAY", "cluster": {"service": host.name, "portNumber": HTTP_PORT}},
        "patch": {
            "operation": "MERGE",
            "value": {"typed_extension_protocol_options": {_OPTIONS: _options(host.name, leaving)}},
        },
    }


def _options(host: str, leaving: Leaving) -> dict[str, Any]:
    """The cluster's HTTP options as a whole: Istio replaces its own ones with these, so they say again what
    it had set."""
    limit = leaving.traffic.limits.requests_per_connection if leaving.traffic else None
    version = "http_protocol_options" if leaving.protocol is Protocol.HTTP else "http2_protocol_options"
    return {
        "@type": f"{_TYPE}.upstreams.http.v3.HttpProtocolOptions",
        **({"common_http_protocol_options": {"max_requests_per_connection": limit}} if limit else {}),
        "explicit_http_config": {version: {}},
        "http_filters": [
            {
                "name": "envoy.filters.http.lua",
                "typed_config": {
                    "@type": f"{_TYPE}.filters.http.lua.v3.Lua",
                    "default_source_code": {"inline_string": _script(host)},
                },
            },
            {
                "name": "envoy.filters.http.upstream_codec",
                "typed_config": {"@type": f"{_TYPE}.filters.http.upstream_codec.v3.UpstreamCodec"},
            },
        ],
    }


def _script(host: str) -> str:
    # Lua, because Envoy's filter for headers refuses to change a request's host.
    removed = [f'  headers:remove("{header}")' for header in [*INTERNAL_HEADERS, OF_COPIES]]
    named = f'  headers:replace(":authority", {quoted(host.encode())})'
    return "\n".join(
        [
            "function envoy_on_request(request)",
            "  local headers = request:headers()",
            *removed,
            named,
            "end",
            "",
        ]
    )
