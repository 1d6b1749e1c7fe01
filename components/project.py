"""The APIs that a project must have switched on. They stay on when the stack goes: others may use them by
then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp


@dataclass(frozen=True)
class ProjectServicesArgs:
    services: Sequence[str]
    """API names, e.g. compute.googleapis.com."""


class ProjectServices(pulumi.ComponentResource):
    """Enabled APIs. Not managed: the project itself, its billing account, organisation policies."""

    def __init__(
        self, name: str, args: ProjectServicesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("gke-mesh-egress:project:Services", name, None, opts)
        for service in args.services:
            gcp.projects.Service(
                f"{name}-{service.removesuffix('.googleapis.com')}",
                service=service,
                disable_on_destroy=False,
                disable_dependent_services=False,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
