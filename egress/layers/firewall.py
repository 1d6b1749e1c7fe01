"""VPC firewall: what nodes may connect to, whatever runs on them. Rules of the tutorial, from the address plan and the plan.

Source: Google Cloud, "VPC firewall rules"; GKE, "Automatically created firewall rules".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from egress.addresses import ANYWHERE
from egress.google_cloud import KUBELET_PORT, LOAD_BALANCER_HEALTH_PORT, WEBHOOK_PORT
from egress.plan import HTTP_PORT, HTTPS_PORT, Plan

KONNECTIVITY_PORT = 8132
"""Where node agents open the tunnel through which the control plane reaches nodes."""


class Nodes(StrEnum):
    """Which nodes a rule applies to: those that run as this pool's service account."""

    APPLICATION = "application"
    GATEWAY = "gateway"
    INGRESS = "ingress"
    """Only where a team receives."""


def nodes(plan: Plan) -> tuple[Nodes, ...]:
    """The kinds of node that the plan has."""
    return tuple(Nodes) if plan.receptions else (Nodes.APPLICATION, Nodes.GATEWAY)


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
    addresses, every_node = plan.addresses, nodes(plan)
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
        targets=every_node,
    )
    if plan.in_cluster_mesh:
        yield FirewallRule(
            "allow-ingress-api-server-to-webhook",
            "The control plane reaches istiod's injection and validation webhooks.",
            egress=False,
            ranges=(addresses.control_plane,),
            protocol="tcp",
            ports=(WEBHOOK_PORT,),
            targets=every_node,
        )
    yield FirewallRule(
        "allow-egress-nodes-and-pods",
        "Nodes and Pods reach each other.",
        egress=True,
        ranges=(addresses.nodes, addresses.pods),
        protocol="all",
        targets=every_node,
    )
    yield FirewallRule(
        "allow-egress-gcp-apis",
        "Nodes and Pods reach Google APIs through Private Google Access.",
        egress=True,
        ranges=(addresses.google_apis.range,),
        protocol="tcp",
        ports=(HTTPS_PORT,),
        targets=every_node,
    )
    yield FirewallRule(
        "allow-ingress-gcp-health-checker",
        "Google's health checkers reach workloads.",
        egress=False,
        ranges=addresses.health_checks,
        protocol="tcp",
        ports=(HTTP_PORT, HTTPS_PORT),
        targets=every_node,
    )
    yield from _for_partners(plan)


def _for_partners(plan: Plan) -> Iterator[FirewallRule]:
    """What opens the ingress nodes, and them alone, to partners and to the load balancer's health checks.

    GKE makes rules of its own for a LoadBalancer Service, from the same ranges and ports; these are there from the first
    minute, and say it in the stack's own words.
    """
    ingress = plan.settings.ingress
    if not plan.receptions or ingress is None:
        return
    yield FirewallRule(
        "ingress-allow-partners",
        "Partners reach the ingress gateway.",
        egress=False,
        ranges=tuple(sorted({str(network) for network in ingress.source_ranges.values()})),
        protocol="tcp",
        ports=tuple(sorted({reception.wanted.port for reception in plan.receptions})),
        targets=(Nodes.INGRESS,),
        log=True,
    )
    yield FirewallRule(
        "ingress-allow-health-checks",
        "The load balancer learns which nodes run the ingress gateway.",
        egress=False,
        ranges=plan.addresses.health_checks,
        protocol="tcp",
        ports=(LOAD_BALANCER_HEALTH_PORT,),
        targets=(Nodes.INGRESS,),
    )
