"""What Google Cloud prescribes: ranges, names and roles that are the same for every customer. Sources beside
each."""

from __future__ import annotations

from enum import StrEnum


class Vip(StrEnum):
    """Which address set answers for Google APIs. Source: Private Google Access, "Domain options"."""

    PRIVATE = "private"
    """All Google APIs, whether VPC Service Controls protects them or not."""
    RESTRICTED = "restricted"
    """Only the APIs that VPC Service Controls supports."""

    @property
    def range(self) -> str:
        return {Vip.PRIVATE: "199.36.153.8/30", Vip.RESTRICTED: "199.36.153.4/30"}[self]

    @property
    def addresses(self) -> tuple[str, ...]:
        first = {Vip.PRIVATE: 8, Vip.RESTRICTED: 4}[self]
        return tuple(f"199.36.153.{first + i}" for i in range(4))

    @property
    def domain(self) -> str:
        return f"{self.value}.googleapis.com"


PRIVATE_ZONES = ("googleapis.com", "gcr.io", "pkg.dev", "gke.goog")
"""Domains answered by private DNS zones with the VIP: the APIs, both homes of container images at Google, and
the DNS-based endpoint of GKE control planes."""

HEALTH_CHECK_RANGES = ("35.191.0.0/16", "130.211.0.0/22", "209.85.152.0/22", "209.85.204.0/22")
"""Where Google's health checkers come from. Source: Cloud Load Balancing, "Probe IP ranges and firewall
rules"."""

METADATA_HOST = "metadata.google.internal"
METADATA_ADDRESS = "169.254.169.254"
"""The metadata server; with Dataplane V2, GKE's own metadata server answers here on port 80."""

KUBELET_PORT = 10250
WEBHOOK_PORT = 15017
"""istiod's injection and validation webhooks."""

LOAD_BALANCER_HEALTH_PORT = 30021
"""TCP port of a node that tells load balancers whether the ingress gateway runs there. Said, so that the
firewall can name it; from the node ports that Kubernetes gives to nobody by itself first (30000 to 30085).
Source: Kubernetes, "Virtual IPs"."""

NODE_ROLES = ("roles/container.defaultNodeServiceAccount", "roles/artifactregistry.reader")
"""What a node needs: logs, metrics and its own registration in one role made for it, and images of the
project's repositories, those included that fetch from registries outside.

The tutorial's four roles (logging.logWriter, monitoring.metricWriter, monitoring.viewer,
storage.objectViewer) gave every node the right to read every bucket of the project; images no longer live in
buckets.
"""

SERVICES = (
    "artifactregistry.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "storage.googleapis.com",
)
"""APIs that every stack needs."""

MANAGED_MESH_SERVICES = (
    "gkehub.googleapis.com",
    "mesh.googleapis.com",
    "meshconfig.googleapis.com",
    "networksecurity.googleapis.com",
    "networkservices.googleapis.com",
    "trafficdirector.googleapis.com",
)
"""APIs that managed Cloud Service Mesh needs on top."""

PERIMETER_SERVICES = ("accesscontextmanager.googleapis.com",)
"""APIs that a service perimeter needs on top."""

WITHIN_PERIMETER = ("sts.googleapis.com",)
"""APIs that a perimeter's network must be able to call besides: where nodes exchange a pod's token for one of
Google's. Source: GKE, "About Workload Identity Federation for GKE"."""

SECRET_SERVICES = ("secretmanager.googleapis.com",)
"""APIs that gateways' credentials from Secret Manager need on top."""
SECRET_SYNC_INTERVAL = "120s"
"""How often GKE looks for changed secrets; its own default."""


def workload_principal(project: str, number: str, namespace: str, service_account: str) -> str:
    """How IAM names a Kubernetes service account itself, with no account of Google between. Source:
    "Principal identifiers"."""
    pool = f"projects/{number}/locations/global/workloadIdentityPools/{workload_pool(project)}"
    return f"principal://iam.googleapis.com/{pool}/subject/ns/{namespace}/sa/{service_account}"


def workload_pool(project: str) -> str:
    """The identity namespace of a project's clusters; also the mesh's trust domain with managed Cloud Service
    Mesh."""
    return f"{project}.svc.id.goog"
