"""The VPC network and the cluster's subnet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from egress.layers.google import resources
from egress.plan.gateway import GatewaySubnet
from egress.settings.firewall import Form
from egress.settings.network import Network as NetworkSettings


@dataclass(frozen=True)
class NetworkArgs:
    settings: NetworkSettings
    region: str
    gateways: Sequence[GatewaySubnet]
    """Subnets beside the cluster's own, for gateways that leave by addresses of their own."""
    protect: bool


class Network(pulumi.ComponentResource):
    """A custom-mode VPC network and one subnet with the secondary ranges `pods` and `services`; one more with
    a range for Pods for each gateway that leaves by addresses of its own.

    Not managed: peerings, VPN, shared VPC. The network's default route to the internet stays; firewall and
    Cloud NAT decide who may use it.
    """

    network_id: pulumi.Output[str]
    subnet_id: pulumi.Output[str]
    gateway_subnet_ids: dict[str, pulumi.Output[str]]
    """By the subnet's name."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:network:Network", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, protect=args.protect)
        by_policy = args.settings.firewall.form is Form.POLICY
        vpc = gcp.compute.Network(
            f"{name}-vpc",
            name=args.settings.name,
            auto_create_subnetworks=False,
            routing_mode="REGIONAL",
            network_firewall_policy_enforcement_order="BEFORE_CLASSIC_FIREWALL" if by_policy else None,
            opts=child,
        )
        self.network_id = vpc.id
        self.subnet_id = gcp.compute.Subnetwork(
            f"{name}-subnet", **resources.subnetwork(args.settings, args.region, vpc.id), opts=child
        ).id
        self.gateway_subnet_ids = {
            own.name: gcp.compute.Subnetwork(
                f"{name}-{own.name}",
                **resources.subnetwork(args.settings, args.region, vpc.id, own),
                opts=child,
            ).id
            for own in args.gateways
        }
        self.register_outputs({"network_id": self.network_id, "subnet_id": self.subnet_id})
