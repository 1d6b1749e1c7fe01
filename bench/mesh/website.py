"""A website that costs next to nothing: Envoy, which answers by itself, at the address of one of the mesh's
sites."""

from __future__ import annotations

import json
from typing import Any

from tests.mesh.mesh import Mesh
from tests.mesh.processes import Process
from tests.mesh.websites import Site

_BODY = "x" * 1000
_TYPES = "type.googleapis.com/envoy.extensions"


def open_instead(mesh: Mesh, site: Site) -> Process:
    """Close the site that writes down what arrives, and answer fast at its address."""
    site.close()
    folder = mesh.folder / f"fast-{site.name}"
    folder.mkdir()
    certificate = {
        "certificate_chain": {"inline_string": site.certificate.chain.read_text(encoding="utf-8")},
        "private_key": {"inline_string": site.certificate.key.read_text(encoding="utf-8")},
    }
    tls = {
        "name": "tls",
        "typed_config": {
            "@type": f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"tls_certificates": [certificate], "alpn_protocols": ["http/1.1"]},
        },
    }
    listeners = [
        _listener(address, port, tls if port == 443 else None)
        for address in site.addresses
        for port in site.ports
    ]
    (folder / "config.json").write_text(
        json.dumps({"static_resources": {"listeners": listeners}}), encoding="utf-8"
    )
    envoy = mesh.folder / "programs" / "envoy"
    words = [
        str(envoy),
        "-c",
        "config.json",
        "--disable-hot-restart",
        "--concurrency",
        "1",
        "--log-level",
        "error",
    ]
    return Process(f"website-{site.name}", mesh.fabric.outside, words, folder, {})


def _listener(address: str, port: int, tls: dict[str, Any] | None) -> dict[str, Any]:
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": _BODY}}}
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "website",
        "route_config": {"virtual_hosts": [{"name": "every", "domains": ["*"], "routes": [answer]}]},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"}}
        ],
    }
    chain = {
        "filters": [{"name": "http", "typed_config": manager}],
        **({"transport_socket": tls} if tls else {}),
    }
    return {"address": {"socket_address": {"address": address, "port_value": port}}, "filter_chains": [chain]}
