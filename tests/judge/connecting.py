"""What tests ask of a cluster's connections: small clusters, and which ports lead from whom to whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from egress.common.objects import Resource
from egress.judge.cluster_connections import ClusterConnection, ClusterConnections
from egress.judge.distinctions import Distinctions
from egress.judge.trace import Judges
from tests.judge.asking import GATEWAY_PODS, gateway, server
from tests.judge.objects import node_pool, snapshot, written

Written = dict[str, Any]
SHOP, BANK, FARM, GATEWAY, ROOT = "shop", "bank", "farm", "gw", "istio-system"
EDGE = (GATEWAY_PODS, gateway(server("a.example", port=8443)))


def policy(namespace: str, name: str = "policy", **spec: Any) -> Written:
    types = [kind.capitalize() for kind in spec if kind in ("ingress", "egress")]
    return written("NetworkPolicy", namespace, name, **{"podSelector": {}, "policyTypes": types, **spec})


LIVE = {"namespaceSelector": {"matchLabels": {"stage": "live"}}}


def judges(*objects: Written, google: tuple[Resource, ...] = ()) -> Judges:
    return Judges(snapshot(*objects, google=google))


def connections(*objects: Written, google: tuple[Resource, ...] = ()) -> ClusterConnections:
    return ClusterConnections(Distinctions([judges(*objects, google=google)]))


def ports(found: Iterable[ClusterConnection]) -> dict[str, list[str]]:
    """By `SOURCE -> TARGET`."""
    told: dict[str, list[str]] = {}
    for one in found:
        told.setdefault(f"{one.source.words} -> {one.target.words}", []).append(f"{one.transport} {one.port}")
    return told


def usual(*tcp: int, udp: tuple[int, ...] = ()) -> list[str]:
    """Ports that are always asked about between pods, and more."""
    more = [*(("TCP", port) for port in (6667, 8080, 15000, *tcp)), *(("UDP", port) for port in (6667, *udp))]
    return [f"{transport} {port}" for transport, port in sorted(set(more))]


ISTIOD = usual(443, 15010, 15012, 15014, 15017)
DOORS = usual(8443, 15004, 15014, 15020, 15021, 15090)
PLATFORM = usual(443, 15012, 53)
DNS = usual(53, udp=(53,))
TO_PLATFORM = {
    "istiod": ISTIOD,
    "kube-dns": DNS,
    "node-local-dns": DNS,
    "other pods of istio-system": PLATFORM,
    "other pods of kube-system": PLATFORM,
}


def of(source: str, told: dict[str, list[str]]) -> dict[str, list[str]]:
    """What one source connects to."""
    start = f"{source} -> "
    return {key.removeprefix(start): found for key, found in told.items() if key.startswith(start)}


def into(target: str, told: dict[str, list[str]]) -> dict[str, list[str]]:
    end = f" -> {target}"
    return {key.removesuffix(end): found for key, found in told.items() if key.endswith(end)}


OF_POOLS = (
    node_pool("app", "app@p"),
    node_pool("edge", "edge@p", {"key": "x", "value": "y", "effect": "NO_SCHEDULE"}),
)
