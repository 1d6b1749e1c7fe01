"""Who may read which secret of Secret Manager. The secrets themselves, and what is in them, are made
elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi
import pulumi_gcp as gcp

from egress.layers.cluster.secret_sync import Reader


def let_read(
    readers: Iterable[Reader], *, project: str, parent: pulumi.Resource, cluster: pulumi.Resource
) -> None:
    """One grant per secret. They come after the cluster, with which the accounts become known to IAM."""
    for reader in readers:
        gcp.secretmanager.SecretIamMember(
            f"{reader.namespace}/reads/{reader.secret}",
            project=project,
            secret_id=reader.secret,
            role="roles/secretmanager.secretAccessor",
            member=reader.member,
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[cluster]),
        )
