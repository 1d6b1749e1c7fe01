"""Objects of a team's own, as somebody would write them to get round the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.mesh.mesh import WEBSITES
from tests.mesh.redteam.hosts import HTTPBIN, OTHER
from tests.mesh.redteam.rights import TEAM

Object = dict[str, Any]
NOBODYS = "198.51.100.7"


def manifest(kind: str, spec: Object, group: str = "networking.istio.io/v1", name: str = "own") -> Object:
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": TEAM}, "spec": spec}


def service_entry(*export: str, host: str = OTHER, address: str = WEBSITES[OTHER]) -> Object:
    ports = [
        {"number": 80, "name": "http", "protocol": "HTTP"},
        {"number": 443, "name": "tls", "protocol": "TLS"},
    ]
    found = {"resolution": "STATIC", "endpoints": [{"address": address}], "location": "MESH_EXTERNAL"}
    return manifest("ServiceEntry", {"hosts": [host], "ports": ports, **found, "exportTo": list(export)})


def virtual_service(gateways: Sequence[str], host: str, to: Object) -> Object:
    return manifest(
        "VirtualService",
        {"hosts": [host], "gateways": list(gateways), "http": [{"route": [{"destination": to}]}]},
    )


def gateway() -> Object:
    server = {
        "port": {"number": 80, "name": "own", "protocol": "HTTPS"},
        "hosts": [HTTPBIN],
        "tls": {"mode": "ISTIO_MUTUAL"},
    }
    return manifest("Gateway", {"selector": {"istio": "egressgateway"}, "servers": [server]})
