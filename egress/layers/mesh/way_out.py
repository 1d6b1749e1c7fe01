"""No gateway connects to itself: what it opens to a host leaves by its pod's network card, whatever address a
name gave.

Whoever answers for a host's name says where the gateway connects to, and the gateway's pod has ports of its
own: the proxy's admin, its agent's, the inner ones of patterns. No NetworkPolicy and no firewall sees a pod's
traffic to itself. So the sockets of every cluster that leads outside by name are tied to the pod's network
card. A packet to 127.0.0.0/8 then goes out by it and is lost; it arrives at nothing of the pod's own. The
pod's own address is not stopped by this: there nothing listens on a port by which a name is left
(egress/common/ports.py, egress/proof/answers.py).

Source: Envoy, BindConfig.socket_options; Linux, socket(7), SO_BINDTODEVICE, which since 5.7 needs no
capability; the Kubernetes container runtime interface, by which the first network card of a pod is `eth0`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from egress.common.objects import ISTIO_ENVOY_FILTER, Manifest, Object, Owner, manifest
from egress.common.ports import HTTP_PORT
from egress.plan.gateway import EgressGateway
from egress.plan.model import Plan

NETWORK_CARD = "eth0"
BOUND: dict[str, Any] = {
    "upstream_bind_config": {
        "socket_options": [
            {
                "description": "by the pod's network card alone",
                "level": 1,  # SOL_SOCKET
                "name": 25,  # SO_BINDTODEVICE
                "buf_value": b64encode(NETWORK_CARD.encode()).decode(),
                "state": "STATE_PREBIND",
            }
        ]
    }
}
"""What is merged into a cluster."""
NAME = "never-to-itself"


def render(plan: Plan) -> Iterator[Object]:
    """One EnvoyFilter for each egress gateway that leads anywhere. The managed mesh takes none; there no
    gateway listens on a port by which a host is left. The ingress gateway has no use for
    it: it leads to Services alone, whose addresses the cluster says (verify asks that,
    egress/proof/answers.py)."""
    if not plan.in_cluster_mesh:
        return
    for gateway in plan.gateways:
        if clusters := list(_clusters(gateway)):
            yield Object(
                Owner.egress_gateway(gateway.name), _filter(gateway.namespace, gateway.labels, clusters)
            )


def _clusters(gateway: EgressGateway) -> Iterator[dict[str, Any]]:
    """By port, so that there are few; addresses that the config names are none of ours. The port by which a
    gateway hands patterns to itself is no host's."""
    ports = {HTTP_PORT for host in gateway.hosts if host.leaving} | {
        port for host in gateway.hosts for port in host.tls_ports
    }
    ports |= {way.number for way in gateway.tcp if way.by_name}
    yield from ({"portNumber": port} for port in sorted(ports))


def _filter(namespace: str, labels: Mapping[str, str], clusters: Sequence[Mapping[str, Any]]) -> Manifest:
    spec = {
        "workloadSelector": {"labels": dict(labels)},
        "configPatches": [_patch(cluster) for cluster in clusters],
    }
    return manifest(ISTIO_ENVOY_FILTER, "EnvoyFilter", NAME, namespace, spec=spec)


def _patch(cluster: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "applyTo": "CLUSTER",
        "match": {"context": "GATEWAY", "cluster": dict(cluster)},
        "patch": {"operation": "MERGE", "value": BOUND},
    }
