"""One team: its namespace, the fences around it, and its identities towards Google."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from components.kubernetes_objects import deploy
from egress.common.objects import Object
from egress.plan.identity import ResourceGrant, WorkloadIdentity
from egress.plan.team import TeamPlan
from egress.settings.google_apis import Resource


@dataclass(frozen=True)
class TeamArgs:
    plan: TeamPlan
    objects: Sequence[Object]
    cluster: gcp.container.Cluster
    mesh: pulumi.Resource
    namespaces: Mapping[str, pulumi.Resource]
    """Namespaces in which the team's objects may lie besides its own."""
    project: str
    workload_pool: str
    region: str
    protect: bool


class Team(pulumi.ComponentResource):
    """A team's objects, service accounts, buckets and grants. Not managed: what the team itself deploys."""

    def __init__(self, name: str, args: TeamArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:team:Team", name, None, opts)
        deploy(
            args.objects,
            parent=self,
            cluster=args.cluster,
            namespaces=args.namespaces,
            mesh=args.mesh,
            # With its namespace goes what the team itself has put there.
            protect_namespaces=args.protect,
        )
        for identity in args.plan.identities:
            self._identity(identity, args)
        self.register_outputs({})

    def _identity(self, identity: WorkloadIdentity, args: TeamArgs) -> None:
        # Slashes keep `a-b` of team `c` and `b` of team `c-a` apart; no team or account has one.
        name = f"{identity.team}/{identity.service_account}"
        child = pulumi.ResourceOptions(parent=self)
        after_cluster = pulumi.ResourceOptions(parent=self, depends_on=[args.cluster])
        account = gcp.serviceaccount.Account(
            f"{name}/account",
            account_id=identity.account_id,
            display_name=identity.account_id,
            description=f"{identity.service_account} in namespace {identity.team}",
            # An interrupted run may have made it. One whose id the config gives may be somebody's: the
            # team would get its rights, and whoever uses it the team's.
            create_ignore_already_exists=None if identity.account_given else True,
            # The cluster comes after the APIs are on; without IAM's there is no account.
            opts=after_cluster,
        )
        gcp.serviceaccount.IAMMember(
            f"{name}/workload-identity",
            service_account_id=account.name,
            role="roles/iam.workloadIdentityUser",
            member=f"serviceAccount:{args.workload_pool}[{identity.team}/{identity.service_account}]",
            # The workload pool comes with the project's first cluster that uses it.
            opts=after_cluster,
        )
        for grant in identity.buckets:
            bucket = self._bucket(grant.bucket, args) if grant.create else grant.bucket
            gcp.storage.BucketIAMMember(
                f"{name}/{grant.bucket}", bucket=bucket, role=grant.role, member=account.member, opts=child
            )

        for grant in identity.resources:
            resource = f"{name}/{grant.resource}/{grant.project}/{grant.name}"
            self._grant(resource, grant, account.member)
        for role, _ in identity.project_roles:
            gcp.projects.IAMMember(
                f"{name}/project/{role}", project=args.project, role=role, member=account.member, opts=child
            )

    def _grant(self, name: str, grant: ResourceGrant, member: pulumi.Output[str]) -> None:
        project, role, child = grant.project, grant.role, pulumi.ResourceOptions(parent=self)
        match grant.resource:
            case Resource.TOPIC:
                gcp.pubsub.TopicIAMMember(
                    name, topic=grant.name, project=project, role=role, member=member, opts=child
                )
            case Resource.SUBSCRIPTION:
                gcp.pubsub.SubscriptionIAMMember(
                    name, subscription=grant.name, project=project, role=role, member=member, opts=child
                )
            case Resource.SECRET:
                gcp.secretmanager.SecretIamMember(
                    name, secret_id=grant.name, project=project, role=role, member=member, opts=child
                )
            case Resource.DATASET:
                gcp.bigquery.DatasetIamMember(
                    name, dataset_id=grant.name, project=project, role=role, member=member, opts=child
                )

    def _bucket(self, name: str, args: TeamArgs) -> pulumi.Output[str]:
        return gcp.storage.Bucket(
            f"bucket-{name}",
            name=name,
            location=args.region.upper(),
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            versioning={"enabled": True},
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        ).name
