"""VPC firewall rules, one resource each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

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
        self.rules = [self._rule(f"{name}-{rule.name}", args, rule) for rule in args.rules]
        self.register_outputs({})

    def _rule(self, logical_name: str, args: FirewallArgs, rule: FirewallRule) -> gcp.compute.Firewall:
        what = {"protocol": rule.protocol, **({"ports": [str(port) for port in rule.ports]} if rule.ports else {})}
        return gcp.compute.Firewall(
            logical_name,
            name=rule.name,
            description=rule.description,
            network=args.network_id,
            direction="EGRESS" if rule.egress else "INGRESS",
            priority=rule.priority,
            destination_ranges=list(rule.ranges) if rule.egress else None,
            source_ranges=None if rule.egress else list(rule.ranges),
            target_service_accounts=[args.node_emails[nodes] for nodes in rule.targets] or None,
            allows=[what] if rule.allow else None,  # pyright: ignore[reportArgumentType]
            denies=None if rule.allow else [what],  # pyright: ignore[reportArgumentType]
            log_config={"metadata": "INCLUDE_ALL_METADATA"} if rule.log else None,
            opts=pulumi.ResourceOptions(parent=self),
        )
