"""Every resource of Google's that a stack makes: its type, as Pulumi has it, and its physical name.

A test holds this list against what the program registers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from egress.common.google_cloud import NODE_ROLES
from egress.layers.cluster import secret_sync
from egress.layers.google import apis, dns, firewall, node_pools, service_perimeter
from egress.plan.identity import WorkloadIdentity
from egress.plan.model import Plan
from egress.settings.firewall import Form
from egress.settings.google_apis import Resource

API = "gcp:projects/service:Service"
PROJECT_MEMBER = "gcp:projects/iAMMember:IAMMember"
ACCOUNT = "gcp:serviceaccount/account:Account"
ACCOUNT_MEMBER = "gcp:serviceaccount/iAMMember:IAMMember"
NETWORK = "gcp:compute/network:Network"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
ROUTER = "gcp:compute/router:Router"
NAT = "gcp:compute/routerNat:RouterNat"
ADDRESS = "gcp:compute/address:Address"
FIREWALL = "gcp:compute/firewall:Firewall"
FIREWALL_POLICY = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
FIREWALL_ASSOCIATION = "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation"
ZONE = "gcp:dns/managedZone:ManagedZone"
RECORD = "gcp:dns/recordSet:RecordSet"
DNS_POLICY = "gcp:dns/policy:Policy"
CLUSTER = "gcp:container/cluster:Cluster"
NODE_POOL = "gcp:container/nodePool:NodePool"
FEATURE = "gcp:gkehub/feature:Feature"
MEMBERSHIP = "gcp:gkehub/featureMembership:FeatureMembership"
PERIMETER = "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
BUCKET = "gcp:storage/bucket:Bucket"
BUCKET_MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"
TOPIC_MEMBER = "gcp:pubsub/topicIAMMember:TopicIAMMember"
SUBSCRIPTION_MEMBER = "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember"
SECRET_MEMBER = "gcp:secretmanager/secretIamMember:SecretIamMember"
DATASET_MEMBER = "gcp:bigquery/datasetIamMember:DatasetIamMember"

GRANTS = {
    Resource.TOPIC: TOPIC_MEMBER,
    Resource.SUBSCRIPTION: SUBSCRIPTION_MEMBER,
    Resource.SECRET: SECRET_MEMBER,
    Resource.DATASET: DATASET_MEMBER,
}


@dataclass(frozen=True)
class Made:
    kind: str
    """Pulumi's type token."""
    name: str
    """Of a member of a policy: the thing that it is given."""
    project: str


def made(plan: Plan) -> Iterator[Made]:
    """What `pulumi up` makes of a plan, in Google Cloud."""
    for kind, name in (*_foundation(plan), *_cluster(plan), *_teams(plan)):
        yield Made(kind, name, plan.project)
    for team in plan.teams:
        for identity in team.identities:
            for grant in identity.resources:
                yield Made(GRANTS[grant.resource], grant.name, grant.project)
    for reader in secret_sync.readers(plan):
        yield Made(SECRET_MEMBER, reader.secret, plan.project)


def _foundation(plan: Plan) -> Iterator[tuple[str, str]]:
    settings, google = plan.settings, plan.settings.google_names
    for api in apis.needed(plan):
        yield API, api
    if perimeter := service_perimeter.render(plan):
        yield PERIMETER, perimeter.name
    subnets = [gateway.subnet for gateway in plan.gateways if gateway.subnet]
    yield NETWORK, settings.network.name
    yield SUBNETWORK, settings.network.subnet.name
    yield ROUTER, google.router
    yield NAT, google.nat
    for own in subnets:
        yield SUBNETWORK, own.name
        yield NAT, own.name
    for address in external_addresses(plan):
        yield ADDRESS, address
    if plan.receptions and settings.ingress:
        yield ADDRESS, google.ingress_address
    zones = list(dns.render(plan))
    if any(zone.resolved for zone in zones):
        yield NETWORK, google.resolving_network
    for zone in zones:
        yield ZONE, zone.name
        for record in zone.records:
            yield RECORD, record.name
    if settings.network.dns.query_logging:
        yield DNS_POLICY, google.query_logging
    for registry in plan.registries:
        yield REPOSITORY, registry.repository
    for nodes in firewall.nodes(plan):
        yield ACCOUNT, google.node_account(nodes)
        for role in NODE_ROLES:
            yield PROJECT_MEMBER, role
    if settings.network.firewall.form is Form.POLICY:
        yield FIREWALL_POLICY, google.firewall_policy
        yield FIREWALL_ASSOCIATION, google.firewall_policy
    else:
        for rule in firewall.render(plan):
            yield FIREWALL, rule.name


def external_addresses(plan: Plan) -> tuple[str, ...]:
    """Names of the addresses that are reserved for what leaves."""
    of_gateways = (gateway.subnet.addresses for gateway in plan.gateways if gateway.subnet)
    google = plan.settings.google_names
    return tuple(
        google.own(name) for of in (plan.settings.network.nat.addresses, *of_gateways) for name in of
    )


def _cluster(plan: Plan) -> Iterator[tuple[str, str]]:
    yield CLUSTER, plan.settings.cluster.name
    for pool in node_pools.render(plan):
        yield NODE_POOL, pool.name
    if not plan.in_cluster_mesh:
        yield FEATURE, "servicemesh"
        yield MEMBERSHIP, "servicemesh"


def _teams(plan: Plan) -> Iterator[tuple[str, str]]:
    for team in plan.teams:
        for identity in team.identities:
            yield from _identity(identity)


def _identity(identity: WorkloadIdentity) -> Iterator[tuple[str, str]]:
    yield ACCOUNT, identity.account_id
    yield ACCOUNT_MEMBER, identity.account_id
    for grant in identity.buckets:
        if grant.create:
            yield BUCKET, grant.bucket
        yield BUCKET_MEMBER, grant.bucket
    for role, _ in identity.project_roles:
        yield PROJECT_MEMBER, role
