"""Settings of the GKE cluster and its two node pools."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from egress.common import grammar
from egress.settings import sources
from egress.settings.base import Form, Model, Range, ResourceName, Words, refusal, refusals


class ReleaseChannel(StrEnum):
    RAPID = "rapid"
    REGULAR = "regular"
    STABLE = "stable"
    EXTENDED = "extended"


Start = Annotated[
    str,
    Form(
        "([01][0-9]|2[0-3]):[0-5][0-9]",
        "GKE takes the start of the daily maintenance window as HH:MM in UTC.",
        'Write e.g. "03:00".',
    ),
]
MachineType = Annotated[
    str,
    Form(
        "[a-z][a-z0-9]*(-[a-z0-9]+)+",
        "Compute Engine has no machine type of this form.",
        "Write e.g. e2-standard-4.",
    ),
]
Zone = Annotated[
    str,
    Form("[a-z]+-[a-z]+[0-9]+-[a-z]", "Google Cloud has no zone of this form.", "Write e.g. europe-west1-b."),
]
SecurityGroup = Annotated[
    str,
    Form(
        rf"gke-security-groups@{grammar.SUBDOMAIN}\.[a-z]+",
        "GKE reads the members of one group only, and in every domain its name is gke-security-groups.",
        "Write gke-security-groups@YOUR_DOMAIN.",
    ),
]


class NodePool(Model):
    """One node pool. Counts are per zone: a regional cluster has as many in each of its zones."""

    machine_type: MachineType = Field(
        default="e2-standard-4", description="Machine type. Refused: Not of the form of a machine type."
    )
    min_nodes: int = Field(
        default=1, ge=0, le=1000, description="Fewest nodes per zone. Refused: More than `maxNodes`."
    )
    max_nodes: int = Field(default=3, ge=1, le=1000, description="Most nodes per zone.")
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


MOST_NETWORKS = 100
"""Authorized networks of a private cluster. Source: GKE, "Authorized networks"."""


class ControlPlaneAccess(Model):
    """Who may talk to the Kubernetes API server from outside the cluster."""

    dns_endpoint: bool = Field(
        default=True,
        description="The API server is reached by its DNS name, guarded by IAM instead of addresses. "
        "This program uses that way as well. Refused: False while no authorized network is named: nobody "
        "could reach it.",
    )
    authorized_networks: dict[Words, Range] = Field(
        default={},
        description="Display name to range. Any entry opens the public IP endpoint, for these ranges "
        "only. Refused: Wider than /4, or all together more than a sixteenth of the internet. Addresses "
        "of the cluster itself. More than 100.",
    )

    @model_validator(mode="after")
    def reachable(self) -> Self:
        if not self.dns_endpoint and not self.authorized_networks:
            raise refusal(
                "Nobody could reach the control plane, this program included: every Kubernetes object would "
                "fail.",
                "Set dnsEndpoint: true, or name an authorized network.",
                ("dnsEndpoint",),
            )
        found = [
            (("authorizedNetworks", *at), consequence, fix)
            for at, consequence, fix in sources.too_wide(
                self.authorized_networks,
                "This opens the control plane's IP endpoint to the whole internet, or to a large part of it.",
                "Name the ranges of your office, VPN or CI, or use dnsEndpoint.",
            )
        ]
        if len(self.authorized_networks) > MOST_NETWORKS:
            found.append(
                (
                    ("authorizedNetworks",),
                    f"GKE takes at most {MOST_NETWORKS} authorized networks.",
                    "Name fewer, as wider ranges.",
                )
            )
        if found:
            raise refusals(found)
        return self


class Cluster(Model):
    """The private GKE cluster."""

    name: Annotated[ResourceName, Field(max_length=40)] = Field(
        default_factory=str,
        description="Name of the cluster. Absent: `cluster` behind the stack's prefix. Refused: Not a "
        "Compute Engine name.",
    )
    zone: Zone | None = Field(
        default=None,
        description="A zonal cluster in this zone. Absent: regional, three zones. While the control plane "
        "of a zonal cluster is upgraded, for some minutes no pod is injected, placed or scaled; connections "
        "go on. Refused: Not a zone. Not in `region`.",
    )
    control_plane: ControlPlaneAccess = Field(
        default=ControlPlaneAccess(), description="Who may talk to the API server from outside."
    )
    release_channel: Annotated[ReleaseChannel, Field(strict=False)] = Field(
        default=ReleaseChannel.REGULAR,
        description="GKE's release channel: how soon the cluster gets new versions.",
    )
    maintenance_start: Start = Field(
        default="03:00",
        description="Start of the daily maintenance window, HH:MM in UTC. Refused: Not HH:MM.",
    )
    security_group: SecurityGroup | None = Field(
        default=None,
        description="Google Group of which the groups in `fences.groups` are members: "
        "gke-security-groups@ and your domain. Refused: Not gke-security-groups@DOMAIN. Absent although "
        "`fences.groups` names somebody.",
    )
    secret_sync: bool = Field(
        default=False,
        description="GKE copies secrets of Secret Manager into Kubernetes Secrets, for the credentials "
        "of gateways: docs/credentials.md. Needs GKE 1.34. Refused: False although there are "
        "`credentials`.",
    )
    deletion_protection: bool = Field(
        default=True,
        description="GKE refuses to delete the cluster. To destroy: set it to false and `pulumi up` first.",
    )
    default_pool: NodePool = Field(
        default=NodePool(), description="Node pool `default-pool`, for applications."
    )
    gateway_pool: NodePool = Field(
        default=NodePool(),
        description="Node pool `gateway`, for egress gateways alone (taint `dedicated=gateway:NoSchedule`).",
    )
    ingress_pool: NodePool = Field(
        default=NodePool(),
        description="Node pool for the ingress gateway alone; none while no team receives.",
    )
