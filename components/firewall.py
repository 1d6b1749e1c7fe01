"""VPC firewall rules, one resource each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from egress import google_objects
from egress.layers.firewall import FirewallRule


@dataclass(frozen=True)
class FirewallArgs:
    network_id: pulumi.Input[str]
    rules: Sequence[FirewallRule]
    node_emails: Mapping[str, pulumi.Input[str]]
    """Service account of each kind of node that a rule may target."""


class Firewall(pulumi.ComponentResource):
    """The network's firewall rules. GKE adds rules of its own for what the cluster itself needs; those are not managed here."""

    rules: list[gcp.compute.Firewall]

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:network:Firewall", name, None, opts)
        self.rules = [
            gcp.compute.Firewall(
                f"{name}-{rule.name}",
                **google_objects.firewall_rule(rule, args.network_id, args.node_emails),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for rule in args.rules
        ]
        self.register_outputs({})
