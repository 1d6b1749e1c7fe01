"""Patches of EnvoyFilters that are understood, as the program writes them."""

from __future__ import annotations

from typing import Any

FILTERS = "type.googleapis.com/envoy.extensions.filters."
TCP_PROXY = "envoy.filters.network.tcp_proxy"
MANAGER = "envoy.filters.network.http_connection_manager"
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
LUA = (
    "function envoy_on_request(request)\n  local headers = request:headers()\n{}  "
    'headers:replace(":authority", "{}")\nend\n'
)
SCRIPT = LUA.format('  headers:remove("x-request-id")\n  headers:remove("cookie")\n', "copy.example")


def of_listener(
    apply: str, operation: str, listener: dict[str, Any], value: dict[str, Any], context: str = "GATEWAY"
) -> dict[str, Any]:
    patch = {"operation": operation, "value": value}
    return {"applyTo": apply, "match": {"context": context, "listener": listener}, "patch": patch}


LATE = of_listener(
    "NETWORK_FILTER",
    "MERGE",
    {"portNumber": 8443, "filterChain": {"filter": {"name": TCP_PROXY}, "sni": "a.example"}},
    {
        "name": TCP_PROXY,
        "typed_config": {
            "@type": f"{FILTERS}network.tcp_proxy.v3.TcpProxy",
            "upstream_connect_mode": "ON_DOWNSTREAM_TLS_HANDSHAKE",
            "max_early_data_bytes": 65536,
        },
    },
)
IDS = of_listener(
    "NETWORK_FILTER",
    "MERGE",
    {"portNumber": 8080, "filterChain": {"filter": {"name": MANAGER}}},
    {
        "name": MANAGER,
        "typed_config": {
            "@type": f"{FILTERS}network.http_connection_manager.v3.HttpConnectionManager",
            "preserve_external_request_id": True,
        },
    },
)
OFFERS = of_listener(
    "NETWORK_FILTER",
    "MERGE",
    {"filterChain": {"filter": {"name": MANAGER}}},
    {
        "name": MANAGER,
        "typed_config": {
            "@type": f"{FILTERS}network.http_connection_manager.v3.HttpConnectionManager",
            "http_protocol_options": {
                "ignore_http_11_upgrade": [{"prefix": "TLS/", "ignore_case": True}],
            },
        },
    },
    context="ANY",
)


HTTP_1_0 = of_listener(
    "NETWORK_FILTER",
    "MERGE",
    {"filterChain": {"filter": {"name": MANAGER}}},
    {
        "name": MANAGER,
        "typed_config": {
            "@type": f"{FILTERS}network.http_connection_manager.v3.HttpConnectionManager",
            "http_protocol_options": {"accept_http_10": True},
        },
    },
    context="SIDECAR_OUTBOUND",
)


RECOGNISED = {
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


def keeping(context: str, **chain: Any) -> dict[str, Any]:
    return of_listener(
        "NETWORK_FILTER",
        "MERGE",
        {"portNumber": 8080, "filterChain": {"filter": {"name": MANAGER}, **chain}},
        {
            "name": MANAGER,
            "typed_config": {
                "@type": f"{FILTERS}network.http_connection_manager.v3.HttpConnectionManager",
                "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            },
        },
        context=context,
    )


NOTES = of_listener(
    "HTTP_FILTER",
    "INSERT_FIRST",
    {"portNumber": 8080, "filterChain": {"filter": {"name": MANAGER}}},
    {
        "name": "envoy.filters.http.header_to_metadata",
        "typed_config": {
            "@type": f"{FILTERS}http.header_to_metadata.v3.Config",
            "request_rules": [
                {
                    "header": "x-request-id",
                    "on_header_present": {
                        "metadata_namespace": "gke-mesh-egress",
                        "key": "asked",
                        "type": "STRING",
                    },
                    "remove": True,
                }
            ],
        },
    },
)
LOOKS_UP = of_listener(
    "NETWORK_FILTER",
    "INSERT_BEFORE",
    {"name": "127.0.0.1_9443", "filterChain": {"filter": {"name": TCP_PROXY}}},
    {
        "name": "envoy.filters.network.sni_dynamic_forward_proxy",
        "typed_config": {
            "@type": f"{FILTERS}network.sni_dynamic_forward_proxy.v3.FilterConfig",
            "port_value": 443,
            "dns_cache_config": {"name": "any_dns_cache", "dns_lookup_family": "V4_ONLY"},
        },
    },
)
COPIES = {
    "applyTo": "CLUSTER",
    "match": {"context": "GATEWAY", "cluster": {"service": "copy.example", "portNumber": 443}},
    "patch": {
        "operation": "MERGE",
        "value": {
            "typed_extension_protocol_options": {
                OPTIONS: {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "common_http_protocol_options": {"max_requests_per_connection": 1},
                    "explicit_http_config": {"http_protocol_options": {}, "http2_protocol_options": {}},
                    "http_filters": [
                        {
                            "name": "envoy.filters.http.lua",
                            "typed_config": {
                                "@type": f"{FILTERS}http.lua.v3.Lua",
                                "default_source_code": {"inline_string": SCRIPT},
                            },
                        },
                        {
                            "name": "envoy.filters.http.upstream_codec",
                            "typed_config": {"@type": f"{FILTERS}http.upstream_codec.v3.UpstreamCodec"},
                        },
                    ],
                }
            }
        },
    },
}
