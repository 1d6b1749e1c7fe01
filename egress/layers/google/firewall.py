"""VPC firewall: what nodes may connect to, whatever runs on them. Rules of the tutorial, from the address
plan and the plan.

Source: Google Cloud, "VPC firewall rules", "Network firewall policies"; GKE, "Automatically created firewall
rules".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from egress.common.google_cloud import KUBELET_PORT, LOAD_BALANCER_HEALTH_PORT, WEBHOOK_PORT
from egress.common.ip_space import ANYWHERE, ANYWHERE_IPV6
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.plan.gateway import EgressGateway
from egress.plan.model import Plan
from egress.settings.firewall import Ipv6, Logging

KONNECTIVITY_PORT = 8132
"""Where node agents open the tunnel through which the control plane reaches nodes."""


LAST = 65535
"""The priority after every other: of the rules that deny everything."""


class Nodes(StrEnum):
    """The kinds of node that every stack may have, each with a service account of its own, by which rules
    tell them apart."""

    APPLICATION = "application"
    GATEWAY = "gateway"
    """Those of the shared egress gateway; a team's own gateway has a kind of its own."""
    INGRESS = "ingress"
    """Only where a team receives."""


def nodes(plan: Plan) -> tuple[str, ...]:
    """The kinds of node that the plan has."""
    ingress = (Nodes.INGRESS,) if plan.receptions else ()
    return (Nodes.APPLICATION, *(gateway.nodes for gateway in plan.gateways), *ingress)


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
    targets: tuple[str, ...] = ()
    allow: bool = True
    priority: int = 1000
    log: bool = False


def render(plan: Plan) -> Iterator[FirewallRule]:
    """The rules, most general first: deny everything, then the few things that nodes need."""
    wanted, addresses = plan.settings.network.firewall.logging, plan.addresses
    inside = {addresses.nodes, addresses.pods, addresses.control_plane, addresses.google_apis.range}
    for rule in _rules(plan):
        leaves = rule.egress and rule.allow and not inside.issuperset(rule.ranges)
        yield replace(
            rule,
            name=plan.settings.google_names.own(rule.name),
            log=wanted is not Logging.NONE and (rule.log or (wanted is Logging.ALL and leaves)),
        )


def _rules(plan: Plan) -> Iterator[FirewallRule]:
    addresses, every_node = plan.addresses, nodes(plan)
    yield FirewallRule(
        "global-deny-egress-all",
        "Nothing leaves the network unless another rule allows it.",
        egress=True,
        ranges=(ANYWHERE,),
        protocol="all",
        allow=False,
        priority=LAST,
        log=True,
    )
    if plan.settings.network.firewall.ipv6 is Ipv6.DENY:
        # A rule for IPv4 says nothing about IPv6, and Google's implied rule lets it out wherever a subnet has
        # it.
        yield FirewallRule(
            "global-deny-egress-all-ipv6",
            "Nothing leaves the network over IPv6.",
            egress=True,
            ranges=(ANYWHERE_IPV6,),
            protocol="all",
            allow=False,
            priority=LAST,
            log=True,
        )
    for gateway in plan.gateways:
        yield from _to_hosts(gateway)
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
        ranges=(addresses.nodes, addresses.pods, *addresses.gateways),
        protocol="all",
        targets=every_node,
    )
    if addresses.gateways:
        yield FirewallRule(
            "allow-ingress-nodes-and-pods",
            "Nodes and Pods reach each other, also between the cluster's subnet and those of gateways.",
            egress=False,
            ranges=(addresses.nodes, addresses.pods, *addresses.gateways),
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
    yield from _direct_egress(plan)
    yield from _for_partners(plan)


def _to_hosts(gateway: EgressGateway) -> Iterator[FirewallRule]:
    """What opens the nodes of one egress gateway, and them alone, to the outside: what its own hosts need."""
    if gateway.ports:
        yield FirewallRule(
            f"{gateway.nodes}-allow-egress-web",
            "Gateway nodes reach the internet, on the ports that declared hosts need.",
            egress=True,
            ranges=(ANYWHERE,),
            protocol="tcp",
            ports=gateway.ports,
            targets=(gateway.nodes,),
        )
    for port, ranges in sorted(gateway.tcp_ranges.items()):
        yield FirewallRule(
            f"{gateway.nodes}-allow-egress-tcp-{port}",
            f"Gateway nodes reach the declared hosts of raw TCP on port {port}, "
            + ("wherever their names lead." if ranges == (ANYWHERE,) else "at their addresses."),
            egress=True,
            ranges=ranges,
            protocol="tcp",
            ports=(port,),
            targets=(gateway.nodes,),
        )


def _direct_egress(plan: Plan) -> Iterator[FirewallRule]:
    """What opens application nodes where the config says so: the internet on the named ports, and nothing
    that is not the internet. Behind every rule for what nodes need themselves."""
    opened = plan.settings.fences.application_nodes
    if opened is None:
        return
    yield FirewallRule(
        "application-deny-egress-not-outside",
        "What application nodes may leave on leads to the internet alone, not into other private networks.",
        egress=True,
        ranges=plan.addresses.not_outside,
        protocol="all",
        targets=(Nodes.APPLICATION,),
        allow=False,
        priority=1900,
    )
    yield FirewallRule(
        "application-allow-egress-outside",
        "Application nodes, whichever team's Pods are on them, reach the internet past the gateway: "
        f"{opened.reason}",
        egress=True,
        ranges=(ANYWHERE,),
        protocol="tcp",
        ports=plan.application_ports,
        targets=(Nodes.APPLICATION,),
        priority=2000,
        log=True,
    )


def _for_partners(plan: Plan) -> Iterator[FirewallRule]:
    """What opens the ingress nodes, and them alone, to partners and to the load balancer's health checks.

    GKE makes rules of its own for a LoadBalancer Service, from the same ranges and ports; these are there
    from the first minute, and say it in the stack's own words.
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


def in_order(rules: Iterable[FirewallRule]) -> list[tuple[int, FirewallRule]]:
    """The same rules for a network firewall policy, where no two share a priority, which comes first."""
    ordered = sorted(rules, key=lambda rule: (rule.priority, rule.allow, rule.name))
    return list(enumerate(ordered, start=1000))
