"""The VPC network and the cluster's subnet."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from egress import google_objects
from egress.settings.network import Network as NetworkSettings


@dataclass(frozen=True)
class NetworkArgs:
    settings: NetworkSettings
    region: str
    protect: bool


class Network(pulumi.ComponentResource):
    """A custom-mode VPC network and one subnet with the secondary ranges `pods` and `services`.

    Not managed: peerings, VPN, shared VPC. The network's default route to the internet stays; firewall and Cloud NAT decide
    who may use it.
    """

    network_id: pulumi.Output[str]
    subnet_id: pulumi.Output[str]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:network:Network", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, protect=args.protect)
        vpc = gcp.compute.Network(
            f"{name}-vpc", name=args.settings.name, auto_create_subnetworks=False, routing_mode="REGIONAL", opts=child
        )
        subnetwork = gcp.compute.Subnetwork(
            f"{name}-subnet", **google_objects.subnetwork(args.settings, args.region, vpc.id), opts=child
        )
        self.network_id = vpc.id
        self.subnet_id = subnetwork.id
        self.register_outputs({"network_id": self.network_id, "subnet_id": self.subnet_id})
