"""Everything below Kubernetes: project, network, nodes' identities, firewall, cluster."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.cluster import Cluster, ClusterArgs
from components.firewall import Firewall, FirewallArgs
from components.ingress_address import IngressAddress, IngressAddressArgs
from components.nat import CloudNat, CloudNatArgs
from components.network import Network, NetworkArgs
from components.node_identity import NodeServiceAccounts, NodeServiceAccountsArgs
from components.private_dns import PrivateDns, PrivateDnsArgs
from components.project import ProjectServices, ProjectServicesArgs
from components.registries import Registries, RegistriesArgs
from components.service_perimeter import ServicePerimeter, ServicePerimeterArgs
from egress.common.google_cloud import NODE_ROLES
from egress.layers.google import apis, dns, firewall, node_pools, service_perimeter
from egress.plan.model import Plan
from egress.settings.ingress import Exposure


@dataclass(frozen=True)
class FoundationArgs:
    plan: Plan


class Foundation(pulumi.ComponentResource):
    """The part of a stack that teams never change."""

    network: Network
    nat: CloudNat
    cluster: Cluster
    ingress_address: pulumi.Output[str] | None
    """Where partners connect; None where no team receives."""

    def __init__(self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:foundation:Foundation", name, None, opts)
        plan, settings = args.plan, args.plan.settings
        google = settings.google_names
        boundary = service_perimeter.render(plan)
        services = ProjectServices(
            "apis", ProjectServicesArgs(apis.needed(plan)), pulumi.ResourceOptions(parent=self)
        )
        child = pulumi.ResourceOptions(parent=self, depends_on=[services])
        if boundary:
            ServicePerimeter("perimeter", ServicePerimeterArgs(boundary), child)
        subnets = [gateway.subnet for gateway in plan.gateways if gateway.subnet]
        self.network = Network(
            "network", NetworkArgs(settings.network, settings.region, subnets, settings.protect), child
        )
        self.nat = CloudNat(
            "nat",
            CloudNatArgs(
                google,
                settings.network.nat,
                settings.region,
                self.network.network_id,
                self.network.subnet_id,
                subnets,
                self.network.gateway_subnet_ids,
                settings.protect,
            ),
            child,
        )
        self.ingress_address = None
        if plan.receptions and settings.ingress:
            name = google.ingress_address
            address = IngressAddressArgs(
                name, settings.ingress.exposure, settings.region, self.network.subnet_id, settings.protect
            )
            self.ingress_address = IngressAddress("ingress-address", address, child).address
        private_dns = PrivateDns(
            "dns",
            PrivateDnsArgs(
                self.network.network_id,
                list(dns.render(plan)),
                google,
                settings.network.dns.query_logging,
                settings.protect,
            ),
            child,
        )
        accounts = NodeServiceAccounts(
            "nodes", NodeServiceAccountsArgs(google, firewall.nodes(plan), NODE_ROLES), child
        )
        rules = Firewall(
            "firewall",
            FirewallArgs(
                self.network.network_id,
                list(firewall.render(plan)),
                accounts.emails,
                settings.network.firewall.form,
                google.firewall_policy,
            ),
            child,
        )
        images = Registries("registries", RegistriesArgs(settings.region, plan.registries), child)
        self.cluster = Cluster(
            "cluster",
            ClusterArgs(
                settings.cluster,
                plan.project,
                settings.region,
                self.network.network_id,
                self.network.subnet_id,
                self.network.gateway_subnet_ids,
                plan.addresses.control_plane,
                list(node_pools.render(plan)),
                accounts.emails,
                fleet=not plan.in_cluster_mesh,
                subsetting=settings.ingress is not None and settings.ingress.exposure is Exposure.INTERNAL,
                protect=settings.protect,
            ),
            # Nodes register, pull images and write logs as soon as they start: the ways and the fences are
            # there first.
            pulumi.ResourceOptions(parent=self, depends_on=[accounts, rules, private_dns, self.nat, images]),
        )
        self.register_outputs({})
