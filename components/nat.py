"""Cloud NAT: the only way from private nodes to the internet, for the cluster's subnet and those of gateways
only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from egress.common.google_names import GoogleNames
from egress.plan.gateway import GatewaySubnet
from egress.settings.duration import seconds
from egress.settings.network import Nat as NatSettings
from egress.settings.network import NatLogging


@dataclass(frozen=True)
class CloudNatArgs:
    names: GoogleNames
    settings: NatSettings
    region: str
    network_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    gateways: Sequence[GatewaySubnet]
    gateway_subnet_ids: Mapping[str, pulumi.Input[str]]
    """By the subnet's name."""
    protect: bool


class CloudNat(pulumi.ComponentResource):
    """Cloud Router, Cloud NAT and - where the settings name them - reserved addresses that partners can
    allow-list.

    Cloud NAT knows nodes by their subnet: a gateway with addresses of its own has a subnet and a NAT of its
    own.
    """

    addresses: pulumi.Output[Mapping[str, Any]]
    """Reserved addresses of the cluster's subnet by name; empty where Cloud NAT takes automatic ones."""
    gateway_addresses: dict[str, pulumi.Output[Mapping[str, Any]]]
    """The same for each gateway's subnet, by the subnet's name."""

    def __init__(self, name: str, args: CloudNatArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:network:CloudNat", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._router = gcp.compute.Router(
            f"{name}-router",
            name=args.names.router,
            network=args.network_id,
            region=args.region,
            opts=self._child,
        )
        self._name = name
        self.addresses = self._nat(
            f"{name}-config", args.names.nat, args, args.subnet_id, args.settings.addresses
        )
        self.gateway_addresses = {
            own.name: self._nat(
                f"{name}-{own.name}", own.name, args, args.gateway_subnet_ids[own.name], own.addresses
            )
            for own in args.gateways
        }
        self.register_outputs({"addresses": self.addresses})

    def _nat(
        self,
        logical_name: str,
        nat_name: str,
        args: CloudNatArgs,
        subnet_id: pulumi.Input[str],
        reserved: Mapping[str, str],
    ) -> pulumi.Output[Mapping[str, Any]]:
        """One subnet's way out; gives its reserved addresses by name."""
        settings = args.settings
        # No two subnets have an address of one name: config that says so is refused.
        addresses = {
            address: gcp.compute.Address(
                f"{self._name}-address-{address}",
                name=args.names.own(address),
                description=description,
                address_type="EXTERNAL",
                region=args.region,
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
            )
            for address, description in reserved.items()
        }
        gcp.compute.RouterNat(
            logical_name,
            name=nat_name,
            router=self._router.name,
            region=args.region,
            source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
            subnetworks=[{"name": subnet_id, "source_ip_ranges_to_nats": ["ALL_IP_RANGES"]}],
            nat_ip_allocate_option="MANUAL_ONLY" if addresses else "AUTO_ONLY",
            nat_ips=[address.self_link for address in addresses.values()] or None,
            min_ports_per_vm=settings.min_ports_per_vm,
            max_ports_per_vm=settings.ports if settings.dynamic_port_allocation else None,
            enable_dynamic_port_allocation=settings.dynamic_port_allocation,
            tcp_time_wait_timeout_sec=seconds(settings.tcp_time_wait),
            tcp_established_idle_timeout_sec=seconds(settings.tcp_established_idle),
            tcp_transitory_idle_timeout_sec=seconds(settings.tcp_transitory_idle),
            # Dynamic port allocation excludes it, and outbound connections have no use for it.
            enable_endpoint_independent_mapping=False,
            log_config={
                "enable": settings.logging is not NatLogging.NONE,
                "filter": settings.logging.google_name,
            },
            opts=self._child,
        )
        by_name: Mapping[str, Any] = {key: address.address for key, address in addresses.items()}
        return pulumi.Output.from_input(by_name)
