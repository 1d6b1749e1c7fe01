"""Extensions of proxies: the few patches and scripts whose every field is known to lead nothing anywhere
else.

Understood of EnvoyFilters: patches that connect later, keep a request's id, ignore offers of TLS, take
HTTP/1.0, keep encoded slashes, note a header for the access log, look up a name that a gateway's own listener
has judged, clean copies of requests, and tie connections to the network card (egress/judge/lookup/bound.py).
Of TrafficExtensions: the filter that refuses bodies, with a table in the one form that is written. Envoy goes
by types and not by names, so each patch is compared whole.
Source: Istio reference, EnvoyFilter and TrafficExtension; Envoy, the filters' own pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from egress.judge.fields.inspection_table import read, split
from egress.judge.lookup.bound import ties
from egress.judge.lookup.reading import HTTP_1_0, KEEPS, OFFERS, RECOGNISED
from egress.judge.model.snapshot import Manifest, listed, part

_TYPE = "type.googleapis.com/envoy.extensions."
_FILTERS = f"{_TYPE}filters."
_TCP_PROXY = "envoy.filters.network.tcp_proxy"
_MANAGER = "envoy.filters.network.http_connection_manager"
_NOTES = "gke-mesh-egress"
"""Metadata that no rule of authorization reads: those have namespaces of Istio's."""
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_MODES = ("IMMEDIATE", "ON_DOWNSTREAM_DATA", "ON_DOWNSTREAM_TLS_HANDSHAKE")

Test = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int)


def _switch(value: Any) -> bool:
    return isinstance(value, bool)


class Maybe:
    """A field that may be absent."""

    def __init__(self, shape: Any) -> None:
        self.shape = shape


def _is(value: Any, shape: Any) -> bool:
    """Whether a value is of a shape: a mapping of exactly these fields, a list of such entries, a test, or
    just this value."""
    if isinstance(shape, Mapping):
        if not isinstance(value, Mapping):
            return False
        fields, written = cast("Mapping[str, Any]", shape), cast("Mapping[str, Any]", value)
        if written.keys() - fields.keys():
            return False
        for key, of in fields.items():
            if key not in written:
                if not isinstance(of, Maybe):
                    return False
            elif not _is(written[key], of.shape if isinstance(of, Maybe) else of):
                return False
        return True
    if isinstance(shape, list):
        (entry,) = cast("list[Any]", shape)
        return isinstance(value, list) and all(_is(item, entry) for item in cast("list[Any]", value))
    if isinstance(shape, tuple):
        return value in shape
    return bool(shape(value) if callable(shape) else value == shape)


def _loopback(value: Any) -> bool:
    """The name of a listener at an address of the loopback network, as istiod names it: nobody outside the
    pod reaches it."""
    return isinstance(value, str) and re.fullmatch(r"127(\.\d{1,3}){3}_\d+", value) is not None


def _cleans(value: Any) -> bool:
    """A script that removes headers and names one host, and does nothing else."""
    return isinstance(value, str) and _CLEANS.fullmatch(value) is not None


_CLEANS = re.compile(
    r"function envoy_on_request\(request\)\n  local headers = request:headers\(\)\n"
    r'(?:  headers:remove\("[a-z0-9-]+"\)\n)*  headers:replace\(":authority", "[a-z0-9.-]+"\)\nend\n'
)
_OF_COPIES = (
    {
        "name": "envoy.filters.http.lua",
        "typed_config": {
            "@type": f"{_FILTERS}http.lua.v3.Lua",
            "default_source_code": {"inline_string": _cleans},
        },
    },
    {
        "name": "envoy.filters.http.upstream_codec",
        "typed_config": {"@type": f"{_FILTERS}http.upstream_codec.v3.UpstreamCodec"},
    },
)


def _of_copies(value: Any) -> bool:
    return any(_is(value, shape) for shape in _OF_COPIES)


_CHAIN = {"filter": {"name": _TCP_PROXY}, "sni": Maybe(_text)}
_IN_MANAGER = {
    "context": ("GATEWAY",),
    "listener": {"portNumber": _number, "filterChain": {"filter": {"name": _MANAGER}}},
}
_OF_MANAGER = {"filterChain": {"filter": {"name": _MANAGER}}}
_VERSIONS = {"http_protocol_options": Maybe({}), "http2_protocol_options": Maybe({})}
PATCHES: tuple[Mapping[str, Any], ...] = (
    {
        "applyTo": "NETWORK_FILTER",
        "match": {"context": _text, "listener": {"portNumber": Maybe(_number), "filterChain": _CHAIN}},
        "patch": {
            "operation": "MERGE",
            "value": {
                "name": _TCP_PROXY,
                "typed_config": {
                    "@type": f"{_FILTERS}network.tcp_proxy.v3.TcpProxy",
                    "upstream_connect_mode": Maybe(_MODES),
                    "max_early_data_bytes": Maybe(_number),
                },
            },
        },
    },
    {
        "applyTo": "NETWORK_FILTER",
        "match": _IN_MANAGER,
        "patch": {
            "operation": "MERGE",
            "value": {
                "name": _MANAGER,
                "typed_config": {
                    "@type": f"{_FILTERS}network.http_connection_manager.v3.HttpConnectionManager",
                    "preserve_external_request_id": _switch,
                },
            },
        },
    },
    {
        "applyTo": "NETWORK_FILTER",
        "match": {"context": ("ANY",), "listener": _OF_MANAGER},
        "patch": {
            "operation": "MERGE",
            "value": {
                "name": _MANAGER,
                "typed_config": {
                    "@type": f"{_FILTERS}network.http_connection_manager.v3.HttpConnectionManager",
                    "http_protocol_options": OFFERS,
                },
            },
        },
    },
    RECOGNISED,
    {
        "applyTo": "NETWORK_FILTER",
        "match": {"context": ("SIDECAR_OUTBOUND",), "listener": _OF_MANAGER},
        "patch": {
            "operation": "MERGE",
            "value": {
                "name": _MANAGER,
                "typed_config": {
                    "@type": f"{_FILTERS}network.http_connection_manager.v3.HttpConnectionManager",
                    "http_protocol_options": HTTP_1_0,
                },
            },
        },
    },
    *(
        {
            "applyTo": "NETWORK_FILTER",
            "match": {
                "context": (context,),
                "listener": {"portNumber": _number, "filterChain": {"filter": {"name": _MANAGER}, **named}},
            },
            "patch": {
                "operation": "MERGE",
                "value": {
                    "name": _MANAGER,
                    "typed_config": {
                        "@type": f"{_FILTERS}network.http_connection_manager.v3.HttpConnectionManager",
                        **KEEPS,
                    },
                },
            },
        }
        for context, named in (("SIDECAR_OUTBOUND", {}), ("GATEWAY", {"sni": _text}))
    ),
    {
        "applyTo": "HTTP_FILTER",
        "match": _IN_MANAGER,
        "patch": {
            "operation": "INSERT_FIRST",
            "value": {
                "name": "envoy.filters.http.header_to_metadata",
                "typed_config": {
                    "@type": f"{_FILTERS}http.header_to_metadata.v3.Config",
                    "request_rules": [
                        {
                            "header": _text,
                            "on_header_present": {
                                "metadata_namespace": _NOTES,
                                "key": _text,
                                "type": "STRING",
                            },
                            "remove": Maybe(_switch),
                        }
                    ],
                },
            },
        },
    },
    {
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": "GATEWAY",
            "listener": {"name": _loopback, "filterChain": {"filter": {"name": _TCP_PROXY}}},
        },
        "patch": {
            "operation": "INSERT_BEFORE",
            "value": {
                "name": "envoy.filters.network.sni_dynamic_forward_proxy",
                "typed_config": {
                    "@type": f"{_FILTERS}network.sni_dynamic_forward_proxy.v3.FilterConfig",
                    "port_value": 443,
                    "dns_cache_config": {"name": _text, "dns_lookup_family": "V4_ONLY"},
                },
            },
        },
    },
    {
        "applyTo": "CLUSTER",
        "match": {"context": "GATEWAY", "cluster": {"service": _text, "portNumber": _number}},
        "patch": {
            "operation": "MERGE",
            "value": {
                "typed_extension_protocol_options": {
                    _OPTIONS: {
                        "@type": f"{_TYPE}upstreams.http.v3.HttpProtocolOptions",
                        "common_http_protocol_options": Maybe({"max_requests_per_connection": _number}),
                        "explicit_http_config": _VERSIONS,
                        "http_filters": [_of_copies],
                    }
                }
            },
        },
    },
)
"""Every patch that is understood, with all that it may say."""


def unread_of_filter(manifest: Manifest) -> Iterator[str]:
    """Fields of an EnvoyFilter that are not understood."""
    spec = part(manifest, "spec")
    yield from (
        f"spec.{key}" for key in sorted(spec.keys() - {"workloadSelector", "priority", "configPatches"})
    )
    for index, patch in enumerate(listed(spec, "configPatches")):
        if not ties(patch) and not (any(_is(patch, shape) for shape in PATCHES) and _names_its_own(patch)):
            yield f"spec.configPatches[{index}]"


def removed_from_copies(patch: Mapping[str, Any]) -> Iterator[str]:
    """Headers that a patch takes off copies of requests; of a filter that is understood."""
    for script in _scripts(patch):
        yield from re.findall(r'headers:remove\("([a-z0-9-]+)"\)', script)


def _scripts(patch: Mapping[str, Any]) -> list[str]:
    """Scripts for copies. What ties clusters to the network card has none."""
    options = part(patch, "patch", "value", "typed_extension_protocol_options", _OPTIONS)
    return [
        str(entry["typed_config"]["default_source_code"]["inline_string"])
        for entry in listed(options, "http_filters")
        if entry["name"].endswith(".lua")
    ]


def _names_its_own(patch: Mapping[str, Any]) -> bool:
    """Whether copies are told the name of the very host that they go to; of a patch that is understood
    otherwise."""
    return all(
        script.endswith(f'headers:replace(":authority", "{patch["match"]["cluster"]["service"]}")\nend\n')
        for script in _scripts(patch)
    )


@cache
def _refusing() -> str:
    """The filter that refuses bodies, as it is shipped; it answers 403 or lets go on, and changes nothing."""
    return (Path(__file__).parents[2] / "plan" / "inspect.lua").read_text(encoding="utf-8")


def unread_of_extension(manifest: Manifest) -> Iterator[str]:
    """Fields of a TrafficExtension that are not understood."""
    spec = part(manifest, "spec")
    yield from (f"spec.{key}" for key in sorted(spec.keys() - {"selector", "match", "lua"}))
    if [*part(spec, "lua")] != ["inlineCode"]:
        yield "spec.lua"
        return
    table, rest = split(str(spec["lua"]["inlineCode"]))
    if rest != _refusing() or read(table) is None:
        yield "spec.lua.inlineCode"
