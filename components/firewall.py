"""The firewall: VPC firewall rules, one resource each, or one network firewall policy that holds them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from egress.layers.google import resources
from egress.layers.google.firewall import FirewallRule
from egress.settings.firewall import Form


@dataclass(frozen=True)
class FirewallArgs:
    network_id: pulumi.Input[str]
    rules: Sequence[FirewallRule]
    node_emails: Mapping[str, pulumi.Input[str]]
    """Service account of each kind of node that a rule may target."""
    form: Form
    policy_name: str
    """Of the policy, in that form."""


class Firewall(pulumi.ComponentResource):
    """The network's firewall rules. GKE adds rules of its own for what the cluster itself needs; those are
    not managed here."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:network:Firewall", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        if args.form is Form.POLICY:
            policy = gcp.compute.NetworkFirewallPolicyWithRules(
                f"{name}-policy",
                **resources.firewall_policy(args.policy_name, args.rules, args.node_emails),
                opts=child,
            )
            gcp.compute.NetworkFirewallPolicyAssociation(
                f"{name}-association",
                name=args.policy_name,
                firewall_policy=policy.name,
                attachment_target=args.network_id,
                opts=child,
            )
        else:
            for rule in args.rules:
                arguments = resources.firewall_rule(rule, args.network_id, args.node_emails)
                gcp.compute.Firewall(f"{name}-{rule.name}", **arguments, opts=child)
        self.register_outputs({})
