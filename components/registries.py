"""Repositories of Artifact Registry by which nodes pull images from registries outside Google Cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pulumi
import pulumi_gcp as gcp

from egress.plan.registries import RemoteRegistry


@dataclass(frozen=True)
class RegistriesArgs:
    region: str
    registries: Sequence[RemoteRegistry]


class Registries(pulumi.ComponentResource):
    """One remote repository for each registry: it fetches an image when the first node asks, and keeps it.

    Nodes need no more rights and no more ways for it: they read the project's repositories through Private
    Google Access. Not managed: credentials for registries, and whether a service perimeter lets
    repositories fetch (docs/security.md#google-apis).
    """

    def __init__(self, name: str, args: RegistriesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:images:Registries", name, None, opts)
        for registry in args.registries:
            upstream: dict[str, Any] = (
                {"docker_repository": {"public_repository": "DOCKER_HUB"}}
                if registry.is_docker_hub
                else {"common_repository": {"uri": f"https://{registry.upstream}"}}
            )
            gcp.artifactregistry.Repository(
                f"{name}-{registry.name}",
                repository_id=registry.repository,
                location=args.region,
                format="DOCKER",
                mode="REMOTE_REPOSITORY",
                description=f"Images of {registry.upstream}, as nodes ask for them.",
                remote_repository_config=cast(
                    "gcp.artifactregistry.RepositoryRemoteRepositoryConfigArgsDict",
                    {"description": registry.upstream, **upstream},
                ),
                # Another upstream is another repository, which has the old one's name.
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
        self.register_outputs({})
