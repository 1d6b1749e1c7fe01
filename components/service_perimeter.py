"""A VPC Service Controls perimeter around the project."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from egress.layers.google.service_perimeter import OWN_SERVICES, Perimeter


@dataclass(frozen=True)
class ServicePerimeterArgs:
    perimeter: Perimeter


class ServicePerimeter(pulumi.ComponentResource):
    """One perimeter. Not managed: the organisation's access policy and its access levels, which are others'
    to give."""

    def __init__(
        self, name: str, args: ServicePerimeterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("gke-mesh-egress:project:ServicePerimeter", name, None, opts)
        wanted = args.perimeter
        rules = {
            "resources": [wanted.project],
            "restricted_services": list(wanted.services),
            "access_levels": list(wanted.access_levels),
            "vpc_accessible_services": {"enable_restriction": True, "allowed_services": [OWN_SERVICES]},
        }
        gcp.accesscontextmanager.ServicePerimeter(
            name,
            name=wanted.name,
            parent=wanted.parent,
            title=wanted.title,
            description="Google APIs of this project, and from its network no others.",
            use_explicit_dry_run_spec=True if wanted.dry_run else None,
            spec=rules if wanted.dry_run else None,  # pyright: ignore[reportArgumentType]
            status=None if wanted.dry_run else rules,  # pyright: ignore[reportArgumentType]
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
