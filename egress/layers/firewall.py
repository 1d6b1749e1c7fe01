"""VPC firewall: what nodes may connect to, whatever runs on them. Rules of the tutorial, from the address plan and the plan.

Source: Google Cloud, "VPC firewall rules"; GKE, "Automatically created firewall rules".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from egress.addresses import ANYWHERE
from egress.google_cloud import KUBELET_PORT, WEBHOOK_PORT
from egress.plan import HTTP_PORT, HTTPS_PORT, Plan

KONNECTIVITY_PORT = 8132
"""Where node agents open the tunnel through which the control plane reaches nodes."""


class Nodes(StrEnum):
    """Which nodes a rule applies to: those that run as this pool's service account."""

    APPLICATION = "application"
    GATEWAY = "gateway"


ALL_NODES = (Nodes.APPLICATION, Nodes.GATEWAY)


@dataclass(frozen=True)
class FirewallRule:
    """One VPC firewall rule. A lower priority number wins; `targets` empty: every machine of the network."""

    name: str
    description: str
    egress: bool
    ranges: tuple[str, ...]
    protocol: str
    """`tcp`, or `all`."""
    ports: tuple[int, ...] = ()
    """Empty: every port."""
    targets: tuple[Nodes, ...] = ()
    allow: bool = True
    priority: int = 1000
    log: bool = False


def render(plan: Plan) -> Iterator[FirewallRule]:
    """The rules, most general first: deny everything, then the few things that nodes need."""
    addresses = plan.addresses
    yield FirewallRule(
        "global-deny-egress-all",
        "Nothing leaves the network unless another rule allows it.",
        egress=True,
        ranges=(ANYWHERE,),
        protocol="all",
        allow=False,
        priority=65535,
        log=True,
    )
    if plan.gateway_ports:
        yield FirewallRule(
            "gateway-allow-egress-web",
            "Gateway nodes reach the internet, on the ports that declared hosts need.",
            egress=True,
            ranges=(ANYWHERE,),
            protocol="tcp",
            ports=plan.gateway_ports,
            targets=(Nodes.GATEWAY,),
        )
    for port, ranges in sorted(plan.tcp_ranges.items()):
        yield FirewallRule(
            f"gateway-allow-egress-tcp-{port}",
            f"Gateway nodes reach the declared hosts of raw TCP on port {port}, at their addresses.",
            egress=True,
            ranges=ranges,
            protocol="tcp",
            ports=(port,),
            targets=(Nodes.GATEWAY,),
        )
    yield FirewallRule(
        "allow-egress-to-api-server",
        "Nodes reach the Kubernetes control plane.",
        egress=True,
        ranges=(addresses.control_plane,),
        protocol="tcp",
        ports=(HTTPS_PORT, KONNECTIVITY_PORT, KUBELET_PORT),
        targets=ALL_NODES,
    )
    if plan.in_cluster_mesh:
        yield FirewallRule(
            "allow-ingress-api-server-to-webhook",
            "The control plane reaches istiod's injection and validation webhooks.",
            egress=False,
            ranges=(addresses.control_plane,),
            protocol="tcp",
            ports=(WEBHOOK_PORT,),
            targets=ALL_NODES,
        )
    yield FirewallRule(
        "allow-egress-nodes-and-pods",
        "Nodes and Pods reach each other.",
        egress=True,
        ranges=(addresses.nodes, addresses.pods),
        protocol="all",
        targets=ALL_NODES,
    )
    yield FirewallRule(
        "allow-egress-gcp-apis",
        "Nodes and Pods reach Google APIs through Private Google Access.",
        egress=True,
        ranges=(addresses.google_apis.range,),
        protocol="tcp",
        ports=(HTTPS_PORT,),
        targets=ALL_NODES,
    )
    yield FirewallRule(
        "allow-ingress-gcp-health-checker",
        "Google's health checkers reach workloads.",
        egress=False,
        ranges=addresses.health_checks,
        protocol="tcp",
        ports=(HTTP_PORT, HTTPS_PORT),
        targets=ALL_NODES,
    )
