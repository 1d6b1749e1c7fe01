"""The tutorial's own objects, as a person writes them: what the stack's are held against.

Source: Google, "Using Cloud Service Mesh egress gateways on GKE clusters": its final state, the API versions
of today.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from egress.common.objects import Manifest
from egress.common.ports import GATEWAY_HTTP, GATEWAY_TLS

GATEWAY_NAMESPACE = "istio-egress"
_SERVICE = f"istio-egressgateway.{GATEWAY_NAMESPACE}.svc.cluster.local"
_GATEWAY = f"{GATEWAY_NAMESPACE}/egress-gateway"
_MUTUAL, _PASSED = "target-egress-gateway-mTLS", "target-egress-gateway-TLS-passthrough"
_REPLACED = ("networking.istio.io/", "security.istio.io/")
_KEPT = ("PeerAuthentication", "ProxyConfig")

MESH_CONFIG = {"accessLogFile": "/dev/stdout", "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}


def instead(rendered: Iterable[Manifest]) -> Iterator[Manifest]:
    """The stack's objects, but the tutorial's in place of all that Istio reads of hosts; mutual TLS is STRICT
    in both."""
    for item in rendered:
        if not item["apiVersion"].startswith(_REPLACED) or item["kind"] in _KEPT:
            yield item
    yield from _shared(["team-x", "team-y"])
    yield from host("example.com", ["team-x"], upgraded=True)
    yield from host("httpbin.org", ["team-x", "team-y"], upgraded=False)
    yield _allowed("egress-team-x-to-example-com", "team-x", {"hosts": ["example.com"]})
    yield _allowed(
        "egress-team-y-to-httpbin-teapot", "team-y", {"hosts": ["httpbin.org"], "paths": ["/status/418"]}
    )


def others(team: str, hosts: Iterable[str]) -> Iterator[Manifest]:
    """Another team's hosts."""
    names = list(hosts)
    yield _sidecar(team)
    for name in names:
        yield from host(name, [team], upgraded=True)
    yield _allowed(f"egress-{team}", team, {"hosts": names})


def host(name: str, teams: list[str], upgraded: bool) -> Iterator[Manifest]:
    """ServiceEntry, VirtualService and - where TLS is opened at the gateway - DestinationRule of one host."""
    key, export = name.replace(".", "-"), [GATEWAY_NAMESPACE, *teams]
    entry = {
        "hosts": [name],
        "ports": [
            {"number": 80, "name": "http", "protocol": "HTTP"},
            {"number": 443, "name": "tls", "protocol": "TLS"},
        ],
        "resolution": "DNS",
        "location": "MESH_EXTERNAL",
        "exportTo": export,
    }
    yield _object("ServiceEntry", f"{key}-ext", entry)
    outside: dict[str, Any] = {"host": name, "port": {"number": 443 if upgraded else 80}}
    if upgraded:
        outside["subset"] = f"{key}-originate-TLS"
        tls = {"port": {"number": 443}, "tls": {"mode": "SIMPLE", "sni": name}}
        subset = {"name": f"{key}-originate-TLS", "trafficPolicy": {"portLevelSettings": [tls]}}
        yield _object("DestinationRule", f"{key}-originate-tls", {"host": name, "subsets": [subset]})
    routes = {
        "hosts": [name],
        "gateways": ["mesh", _GATEWAY],
        "http": [
            {"match": [{"gateways": ["mesh"], "port": 80}], "route": [_to(_MUTUAL, 80)]},
            {
                "match": [{"gateways": [_GATEWAY], "port": 80}],
                "route": [{"destination": outside, "weight": 100}],
            },
        ],
        "tls": [
            {
                "match": [{"gateways": ["mesh"], "port": 443, "sniHosts": [name]}],
                "route": [_to(_PASSED, 443)],
            },
            {
                "match": [{"gateways": [_GATEWAY], "port": 443, "sniHosts": [name]}],
                "route": [{"destination": {"host": name, "port": {"number": 443}}, "weight": 100}],
            },
        ],
        "exportTo": export,
    }
    yield _object("VirtualService", f"{key}-through-egress-gateway", routes)


def _shared(teams: list[str]) -> Iterator[Manifest]:
    servers = [
        {
            "port": {"number": 80, "name": "https", "protocol": "HTTPS"},
            "hosts": ["*"],
            "tls": {"mode": "ISTIO_MUTUAL"},
        },
        {
            "port": {"number": 443, "name": "tls", "protocol": "TLS"},
            "hosts": ["*"],
            "tls": {"mode": "PASSTHROUGH"},
        },
    ]
    yield _object("Gateway", "egress-gateway", {"selector": {"istio": "egressgateway"}, "servers": servers})
    mutual = {"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "ISTIO_MUTUAL"}}]}
    subsets = [
        {"name": _MUTUAL, "trafficPolicy": mutual},
        {"name": _PASSED, "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
    ]
    yield _object("DestinationRule", "target-egress-gateway", {"host": _SERVICE, "subsets": subsets})
    for team in teams:
        yield _sidecar(team)
    every = [{"when": [{"key": "destination.port", "values": [str(GATEWAY_TLS)]}]}]
    yield _object(
        "AuthorizationPolicy", "egress-all-443", {"action": "ALLOW", "rules": every}, "security.istio.io/v1"
    )


def _sidecar(team: str) -> Manifest:
    egress = [{"hosts": [f"{GATEWAY_NAMESPACE}/*", f"{team}/*"]}]
    return _object(
        "Sidecar",
        "default",
        {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, "egress": egress},
        namespace=team,
    )


def _allowed(name: str, team: str, operation: dict[str, Any]) -> Manifest:
    rule = {
        "from": [{"source": {"namespaces": [team]}}],
        "to": [{"operation": operation}],
        "when": [{"key": "destination.port", "values": [str(GATEWAY_HTTP)]}],
    }
    return _object("AuthorizationPolicy", name, {"action": "ALLOW", "rules": [rule]}, "security.istio.io/v1")


def _to(subset: str, port: int) -> dict[str, Any]:
    return {"destination": {"host": _SERVICE, "subset": subset, "port": {"number": port}}, "weight": 100}


def _object(
    kind: str,
    name: str,
    spec: dict[str, Any],
    version: str = "networking.istio.io/v1",
    namespace: str = GATEWAY_NAMESPACE,
) -> Manifest:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
