"""Private DNS zones: what names mean inside the network, and which names mean nothing there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from egress.common.google_names import GoogleNames
from egress.layers.google import resources
from egress.layers.google.dns import ROOT, PrivateZone


@dataclass(frozen=True)
class PrivateDnsArgs:
    network_id: pulumi.Input[str]
    zones: Sequence[PrivateZone]
    """In the order in which they are made: what refuses comes after what it would refuse otherwise."""
    names: GoogleNames
    query_logging: bool
    protect: bool


class PrivateDns(pulumi.ComponentResource):
    """Managed zones and their records, visible to this network only.

    The resolving network has no subnet: no machine can be in it, and it has no private zones, so that a zone
    peered with it answers as the internet does.
    """

    def __init__(self, name: str, args: PrivateDnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:network:PrivateDns", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        target: gcp.compute.Network | None = None
        if any(zone.resolved for zone in args.zones):
            target = gcp.compute.Network(
                f"{name}-resolving-network",
                name=args.names.resolving_network,
                description="Empty: declared names are resolved in its place.",
                auto_create_subnetworks=False,
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
            )
        made: list[pulumi.Resource] = []
        for zone in args.zones:
            managed = gcp.dns.ManagedZone(
                f"{name}-{zone.name}",
                **resources.managed_zone(zone, args.network_id, target.id if target else None),
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(made))
                if zone.dns_name == ROOT
                else child,
            )
            made.append(managed)
            for record in zone.records:
                gcp.dns.RecordSet(
                    f"{name}-{zone.name}-{record.type.lower()}",
                    **resources.record_set(record, managed.name),
                    opts=child,
                )
        if args.query_logging:
            gcp.dns.Policy(
                f"{name}-query-logging",
                name=args.names.query_logging,
                description="Every question of the network is logged.",
                enable_logging=True,
                networks=[{"network_url": args.network_id}],
                opts=child,
            )
        self.register_outputs({})
