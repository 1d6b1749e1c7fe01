"""Settings of the GKE cluster and its two node pools."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from egress.settings.model import Model, Range, ResourceName, refusal


class ReleaseChannel(StrEnum):
    RAPID = "rapid"
    REGULAR = "regular"
    STABLE = "stable"
    EXTENDED = "extended"


class NodePool(Model):
    """One node pool. Counts are per zone: a regional cluster has as many in each of its zones."""

    machine_type: str = Field(default="e2-standard-4", pattern=r"^[a-z0-9]+-[a-z0-9-]+$")
    min_nodes: int = Field(default=1, ge=0, le=1000)
    max_nodes: int = Field(default=3, ge=1, le=1000)
    disk_gb: int = Field(default=100, ge=20, le=65536, description="Boot disk in GB.")

    @model_validator(mode="after")
    def counts_ordered(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise refusal(
                f"The autoscaler cannot keep at least {self.min_nodes} and at most {self.max_nodes} nodes.",
                "Raise maxNodes or lower minNodes.",
                ("minNodes",),
            )
        return self


def _start(value: str) -> str:
    if not re.match(r"^([01]\d|2[0-3]):[0-5]\d$", value):
        raise refusal("GKE takes the start of the daily maintenance window as HH:MM in UTC.", 'Write e.g. "03:00".')
    return value


class ControlPlaneAccess(Model):
    """Who may talk to the Kubernetes API server from outside the cluster."""

    dns_endpoint: bool = Field(
        default=True, description="Reach the control plane by its DNS name, guarded by IAM instead of addresses."
    )
    authorized_networks: dict[str, Range] = Field(
        default={}, description="Display name to range. Any entry opens the public IP endpoint, for these ranges only."
    )

    @model_validator(mode="after")
    def reachable(self) -> Self:
        if not self.dns_endpoint and not self.authorized_networks:
            raise refusal(
                "Nobody could reach the control plane, this program included: every Kubernetes object would fail.",
                "Set dnsEndpoint: true, or name an authorized network.",
                ("dnsEndpoint",),
            )
        for name, network in self.authorized_networks.items():
            if network.prefixlen == 0:
                raise refusal(
                    "This opens the control plane's IP endpoint to the whole internet.",
                    "Name the ranges of your office, VPN or CI, or use dnsEndpoint.",
                    ("authorizedNetworks", name),
                )
        return self


class Cluster(Model):
    """The private GKE cluster."""

    name: Annotated[ResourceName, Field(max_length=40)] = "cluster1"
    zone: str | None = Field(
        default=None, pattern=r"^[a-z]+-[a-z]+\d+-[a-z]$", description="Zonal cluster in this zone; absent: regional."
    )
    control_plane: ControlPlaneAccess = ControlPlaneAccess()
    release_channel: Annotated[ReleaseChannel, Field(strict=False)] = ReleaseChannel.REGULAR
    maintenance_start: Annotated[str, AfterValidator(_start)] = Field(
        default="03:00", description="Start of the daily maintenance window, HH:MM in UTC."
    )
    security_group: str | None = Field(
        default=None,
        pattern=r"^gke-security-groups@[a-z0-9.-]+\.[a-z]+$",
        description="Google Group that holds the groups of fences.groups: gke-security-groups@ your domain.",
    )
    secret_sync: bool = Field(
        default=False,
        description="GKE copies secrets of Secret Manager into Kubernetes Secrets, for the credentials of gateways.",
    )
    deletion_protection: bool = Field(default=True, description="GKE refuses to delete the cluster while this is true.")
    default_pool: NodePool = NodePool()
    gateway_pool: NodePool = Field(default=NodePool(), description="Nodes for egress gateways alone, by taint.")
    ingress_pool: NodePool = Field(
        default=NodePool(), description="Nodes for the ingress gateway alone, by taint; none while no team receives."
    )
