"""Private DNS zones by which Google's names mean Private Google Access inside the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from egress.layers.dns import TTL, PrivateZone


@dataclass(frozen=True)
class PrivateDnsArgs:
    network_id: pulumi.Input[str]
    zones: Sequence[PrivateZone]


class PrivateDns(pulumi.ComponentResource):
    """One managed zone and its records per Google domain, visible to this network only."""

    def __init__(self, name: str, args: PrivateDnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:network:PrivateDns", name, None, opts)
        for zone in args.zones:
            managed = gcp.dns.ManagedZone(
                f"{name}-{zone.name}",
                name=zone.name,
                dns_name=zone.dns_name,
                description=f"{zone.dns_name} answers with the addresses of Private Google Access.",
                visibility="private",
                private_visibility_config={"networks": [{"network_url": args.network_id}]},
                opts=pulumi.ResourceOptions(parent=self),
            )
            for record in zone.records:
                gcp.dns.RecordSet(
                    f"{name}-{zone.name}-{record.type.lower()}",
                    managed_zone=managed.name,
                    name=record.name,
                    type=record.type,
                    ttl=TTL,
                    rrdatas=list(record.data),
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.register_outputs({})
