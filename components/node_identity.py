"""Service accounts of the kinds of node. Firewall rules tell nodes apart by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from egress.common.google_names import GoogleNames


@dataclass(frozen=True)
class NodeServiceAccountsArgs:
    names: GoogleNames
    kinds: Sequence[str]
    roles: Sequence[str]


class NodeServiceAccounts(pulumi.ComponentResource):
    """One service account per kind of node with the same few roles.

    Bindings are single members (IAMMember): members that others granted stay.
    """

    emails: dict[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: NodeServiceAccountsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("gke-mesh-egress:iam:NodeServiceAccounts", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.emails = {}
        for nodes in args.kinds:
            account = gcp.serviceaccount.Account(
                f"{name}-{nodes}",
                account_id=args.names.node_account(nodes),
                display_name=args.names.node_account(nodes),
                description=f"SA for {nodes} nodes",
                opts=child,
            )
            for role in args.roles:
                gcp.projects.IAMMember(
                    f"{name}-{nodes}-{role.removeprefix('roles/')}",
                    project=args.names.project,
                    role=role,
                    member=account.member,
                    opts=child,
                )
            self.emails[nodes] = account.email
        self.register_outputs({"emails": self.emails})
