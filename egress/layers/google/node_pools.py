"""Node pools: which machines the cluster has, one pool for each kind of node. The only layer that renders
machines.

Source: GKE, "About node pools" and "Node taints".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from egress.common import names
from egress.layers.cluster.gateway_workload import taint
from egress.layers.google.firewall import Nodes
from egress.plan.gateway import GatewaySubnet
from egress.plan.model import Plan
from egress.settings.cluster import NodePool

APPLICATIONS = "default-pool"


@dataclass(frozen=True)
class Pool:
    key: str
    """What the stack calls it, whatever its name is."""
    name: str
    """Another one where what it cannot change is another: Pulumi makes the new pool first."""
    nodes: str
    """The kind of its nodes: the service account that they run as."""
    settings: NodePool
    taint: Mapping[str, str] | None = None
    """None: every pod may run there."""
    subnet: GatewaySubnet | None = None
    """None: the cluster's."""


def render(plan: Plan) -> Iterator[Pool]:
    """A pool for applications; one for each egress gateway alone; one for the ingress gateway alone, where a
    team receives."""
    cluster = plan.settings.cluster
    yield Pool(APPLICATIONS, APPLICATIONS, Nodes.APPLICATION, cluster.default_pool)
    for gateway in plan.gateways:
        nodes, subnet = gateway.nodes, gateway.subnet
        yield Pool(nodes, gateway.node_pool, nodes, gateway.pool, taint(nodes), subnet)
    if plan.receptions:
        nodes = Nodes.INGRESS
        yield Pool(nodes, names.node_pool(nodes), nodes, cluster.ingress_pool, taint(nodes))
