"""What somebody must be allowed to make each type of resource: the one table of permissions and roles.

Source: each API's "IAM permissions" page, and IAM, "Basic and predefined roles reference": the smallest
predefined role that has all permissions of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from egress.doctor import made


@dataclass(frozen=True)
class Right:
    """Permissions that go together, and a role that has all of them."""

    role: str
    permissions: tuple[str, ...]


def _right(role: str, prefix: str, *verbs: str) -> Right:
    return Right(f"roles/{role}", tuple(f"{prefix}.{verb}" for verb in verbs))


_LIFE = ("create", "delete", "get", "update")
_POLICY = ("getIamPolicy", "setIamPolicy")
_OF_NETWORK = _right("compute.networkAdmin", "compute.networks", "updatePolicy")

KUBERNETES = "kubernetes"
"""Stands for all objects in the cluster; GKE asks IAM for these as well, and Editor lacks them."""

RIGHTS: Mapping[str, tuple[Right, ...]] = {
    made.API: (_right("serviceusage.serviceUsageAdmin", "serviceusage.services", "enable", "get", "list"),),
    made.PROJECT_MEMBER: (_right("resourcemanager.projectIamAdmin", "resourcemanager.projects", *_POLICY),),
    made.ACCOUNT: (_right("iam.serviceAccountAdmin", "iam.serviceAccounts", *_LIFE),),
    made.ACCOUNT_MEMBER: (_right("iam.serviceAccountAdmin", "iam.serviceAccounts", *_POLICY),),
    made.NETWORK: (
        _right("compute.networkAdmin", "compute.networks", "create", "delete", "get", "updatePolicy"),
    ),
    made.SUBNETWORK: (
        _right("compute.networkAdmin", "compute.subnetworks", *_LIFE),
        _OF_NETWORK,
    ),
    made.ROUTER: (_right("compute.networkAdmin", "compute.routers", *_LIFE), _OF_NETWORK),
    made.NAT: (_right("compute.networkAdmin", "compute.routers", "get", "update"),),
    made.ADDRESS: (
        _right("compute.networkAdmin", "compute.addresses", "create", "delete", "get", "use"),
        _right("compute.networkAdmin", "compute.subnetworks", "use"),
    ),
    made.FIREWALL: (
        _right("compute.securityAdmin", "compute.firewalls", *_LIFE),
        _right("compute.securityAdmin", "compute.networks", "updatePolicy"),
    ),
    made.FIREWALL_POLICY: (_right("compute.securityAdmin", "compute.firewallPolicies", *_LIFE),),
    made.FIREWALL_ASSOCIATION: (
        _right("compute.securityAdmin", "compute.firewallPolicies", "use"),
        _right("compute.securityAdmin", "compute.networks", "setFirewallPolicy"),
    ),
    made.ZONE: (
        _right("dns.admin", "dns.managedZones", *_LIFE),
        _right("dns.admin", "dns.networks", "bindPrivateDNSZone", "targetWithPeeringZone"),
    ),
    made.RECORD: (
        _right("dns.admin", "dns.changes", "create", "get"),
        _right("dns.admin", "dns.resourceRecordSets", "create", "delete", "list", "update"),
    ),
    made.DNS_POLICY: (
        _right("dns.admin", "dns.policies", *_LIFE),
        _right("dns.admin", "dns.networks", "bindPrivateDNSPolicy"),
    ),
    made.CLUSTER: (
        _right("container.admin", "container.clusters", *_LIFE),
        _right("container.admin", "container.operations", "get"),
        _right("iam.serviceAccountUser", "iam.serviceAccounts", "actAs"),
    ),
    made.NODE_POOL: (
        _right("container.admin", "container.clusters", "update"),
        _right("iam.serviceAccountUser", "iam.serviceAccounts", "actAs"),
    ),
    KUBERNETES: (
        _right("container.admin", "container.clusters", "connect"),
        _right("container.admin", "container.clusterRoles", "bind", "create", "escalate"),
        _right("container.admin", "container.clusterRoleBindings", "create"),
        _right("container.admin", "container.customResourceDefinitions", "create"),
        _right("container.admin", "container.thirdPartyObjects", "create"),
    ),
    made.FEATURE: (_right("gkehub.admin", "gkehub.features", *_LIFE),),
    made.MEMBERSHIP: (
        _right("gkehub.admin", "gkehub.features", "get", "update"),
        _right("gkehub.admin", "gkehub.memberships", "create", "get"),
    ),
    made.PERIMETER: (
        _right("accesscontextmanager.policyEditor", "accesscontextmanager.servicePerimeters", *_LIFE),
    ),
    made.REPOSITORY: (_right("artifactregistry.admin", "artifactregistry.repositories", *_LIFE),),
    made.BUCKET: (_right("storage.admin", "storage.buckets", *_LIFE),),
    # Who makes a bucket may say who reads it; one that is there already is asked by itself (expected.py).
    made.BUCKET_MEMBER: (),
    made.TOPIC_MEMBER: (_right("pubsub.admin", "pubsub.topics", *_POLICY),),
    made.SUBSCRIPTION_MEMBER: (_right("pubsub.admin", "pubsub.subscriptions", *_POLICY),),
    made.SECRET_MEMBER: (_right("secretmanager.admin", "secretmanager.secrets", *_POLICY),),
    made.DATASET_MEMBER: (_right("bigquery.dataOwner", "bigquery.datasets", "get", "update"),),
}
OF_ORGANIZATION = frozenset({made.PERIMETER})
"""What lies above the project, in the organization's access policy."""
