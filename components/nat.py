"""Cloud NAT: the only way from private nodes to the internet, for the cluster's subnet only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from egress.settings.network import Nat as NatSettings


@dataclass(frozen=True)
class CloudNatArgs:
    settings: NatSettings
    region: str
    network_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    protect: bool


class CloudNat(pulumi.ComponentResource):
    """Cloud Router, Cloud NAT and - where the settings name them - reserved addresses that partners can allow-list."""

    addresses: pulumi.Output[Mapping[str, Any]]
    """Reserved addresses by name; empty where Cloud NAT takes automatic ones."""

    def __init__(self, name: str, args: CloudNatArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:network:CloudNat", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings
        router = gcp.compute.Router(f"{name}-router", name="nat-router", network=args.network_id, region=args.region, opts=child)
        addresses = {
            address: gcp.compute.Address(
                f"{name}-address-{address}",
                name=address,
                description=description,
                address_type="EXTERNAL",
                region=args.region,
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
            )
            for address, description in settings.addresses.items()
        }
        gcp.compute.RouterNat(
            f"{name}-config",
            name="nat-config",
            router=router.name,
            region=args.region,
            source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
            subnetworks=[{"name": args.subnet_id, "source_ip_ranges_to_nats": ["ALL_IP_RANGES"]}],
            nat_ip_allocate_option="MANUAL_ONLY" if addresses else "AUTO_ONLY",
            nat_ips=[address.self_link for address in addresses.values()] or None,
            min_ports_per_vm=settings.min_ports_per_vm,
            max_ports_per_vm=settings.max_ports_per_vm,
            enable_dynamic_port_allocation=settings.dynamic_port_allocation,
            # Dynamic port allocation excludes it, and outbound connections have no use for it.
            enable_endpoint_independent_mapping=False,
            log_config={"enable": True, "filter": "ERRORS_ONLY"},
            opts=child,
        )
        by_name: Mapping[str, Any] = {key: address.address for key, address in addresses.items()}
        self.addresses = pulumi.Output.from_input(by_name)
        self.register_outputs({"addresses": self.addresses})
