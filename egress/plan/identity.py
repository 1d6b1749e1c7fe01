"""Service accounts of teams that act as Google service accounts, and what these may do."""

from __future__ import annotations

from dataclasses import dataclass

from egress.settings.google_apis import Resource


@dataclass(frozen=True)
class BucketGrant:
    bucket: str
    role: str
    create: bool
    """Whether this stack makes the bucket; False: it is there already."""


@dataclass(frozen=True)
class ResourceGrant:
    """A role on one resource that this stack does not make."""

    resource: Resource
    name: str
    project: str
    role: str


@dataclass(frozen=True)
class WorkloadIdentity:
    """A Kubernetes service account that acts as a Google service account."""

    team: str
    service_account: str
    account_id: str
    account_given: bool
    """Whether the config gives the id; one that the program gives is nobody else's."""
    email: str
    buckets: tuple[BucketGrant, ...]
    resources: tuple[ResourceGrant, ...] = ()
    project_roles: tuple[tuple[str, str], ...] = ()
    """Roles on the whole project, each with its reason."""
