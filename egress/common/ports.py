"""TCP ports: those of the web, and those at which gateways' own pods and the nodes below them listen, to
which no name outside may lead."""

from __future__ import annotations

PROXY_PORTS = frozenset(range(15000, 15091))
"""Kept by the mesh for its proxies: admin, agent, health, metrics (Istio, "Ports used by Istio"), and all at
which the pods of an egress gateway listen. Nobody's name is left by one of them."""
HTTP_PORT, HTTPS_PORT = 80, 443
"""Those at which the world serves, and at which the gateways' Services do."""
GATEWAY_HTTP, GATEWAY_TLS = 15040, 15043
TARGET_PORTS = {HTTP_PORT: GATEWAY_HTTP, HTTPS_PORT: GATEWAY_TLS}
"""Port of a gateway's Service to port of its pods: none of Istio's own, and none at which hosts outside serve
(docs/adr/0042-ports-of-the-gateways-pods.md)."""
INNER_PORT = 15044
"""Port of the loopback addresses on which a gateway pod reads inner names; not among the Service's or the
pod's ports."""
_GOOGLES = frozenset(
    {1338, 2112, 4194, 4244, 6942, 8799, 8888, 9115, 9889, 9890, 9910, 9965, 9990, 11253, 47082, 47083, 48797}
    | {*range(987, 991), *range(2020, 2023), *range(8200, 8232), *range(10349, 10353)}
)
"""Agents of Google's on nodes (GKE, "Reserved hostPorts"). Not those of NodeLocal DNSCache, which is in a pod
of its own here, nor those from which clients of NFS send. Google may change the list without notice."""
NODE_PORTS = frozenset({22, 53, *range(10248, 10260), 20256, 20257, *_GOOGLES, *range(30000, 32768)})
"""SSH, the cluster's DNS, agents of Kubernetes and Google, and the node ports of Services. No NetworkPolicy
stands between a pod and the node that it runs on (Kubernetes, "Network Policies"; kubelet and kube-proxy,
`--port` and the like; Service, `nodePort`)."""


def listener(port: int) -> str | None:
    """Who listens on a port where a name that leads back would be answered; None: nobody."""
    if port in PROXY_PORTS:
        return "the gateway itself"
    return "the node that the gateway runs on" if port in NODE_PORTS else None
