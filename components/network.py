"""The VPC network and the cluster's subnet."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from egress.settings.network import Network as NetworkSettings

PODS_RANGE = "pods"
SERVICES_RANGE = "services"


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
        subnet, logs = args.settings.subnet, args.settings.flow_logs
        vpc = gcp.compute.Network(
            f"{name}-vpc", name=args.settings.name, auto_create_subnetworks=False, routing_mode="REGIONAL", opts=child
        )
        subnetwork = gcp.compute.Subnetwork(
            f"{name}-subnet",
            name=subnet.name,
            network=vpc.id,
            region=args.region,
            ip_cidr_range=str(subnet.nodes),
            secondary_ip_ranges=[
                {"range_name": PODS_RANGE, "ip_cidr_range": str(subnet.pods)},
                {"range_name": SERVICES_RANGE, "ip_cidr_range": str(subnet.services)},
            ],
            private_ip_google_access=True,
            log_config={
                "aggregation_interval": logs.interval.google_name,
                "flow_sampling": logs.sampling,
                "metadata": "INCLUDE_ALL_METADATA",
            },
            opts=child,
        )
        self.network_id = vpc.id
        self.subnet_id = subnetwork.id
        self.register_outputs({"network_id": self.network_id, "subnet_id": self.subnet_id})
