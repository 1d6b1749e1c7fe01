"""The reserved address at which partners connect: it outlives the Service that uses it, so partners need not
be told again."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from egress.settings.ingress import Exposure


@dataclass(frozen=True)
class IngressAddressArgs:
    name: str
    exposure: Exposure
    region: str
    subnet_id: pulumi.Input[str]
    protect: bool


class IngressAddress(pulumi.ComponentResource):
    """One regional address, of the subnet or of the internet. GKE finds it by the name that the Service
    states."""

    address: pulumi.Output[str]

    def __init__(
        self, name: str, args: IngressAddressArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("gke-mesh-egress:network:IngressAddress", name, None, opts)
        internal = args.exposure is Exposure.INTERNAL
        self.address = gcp.compute.Address(
            name,
            name=args.name,
            region=args.region,
            address_type="INTERNAL" if internal else "EXTERNAL",
            subnetwork=args.subnet_id if internal else None,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        ).address
        self.register_outputs({"address": self.address})
