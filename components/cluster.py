"""The private GKE cluster with its node pools, and the way for Pulumi to talk to its API server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as kubernetes

from egress.common.google_cloud import SECRET_SYNC_INTERVAL, workload_pool
from egress.layers.google import resources
from egress.layers.google.firewall import Nodes
from egress.layers.google.node_pools import Pool
from egress.settings.cluster import Cluster as ClusterSettings


@dataclass(frozen=True)
class ClusterArgs:
    settings: ClusterSettings
    project: str
    region: str
    network_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    gateway_subnet_ids: Mapping[str, pulumi.Input[str]]
    """Subnets beside the cluster's, by name."""
    control_plane_range: str
    """A /28 in CIDR notation."""
    pools: Sequence[Pool]
    node_emails: Mapping[str, pulumi.Input[str]]
    """Service account of each kind of node."""
    fleet: bool
    """Whether the cluster joins the project's fleet, as managed Cloud Service Mesh needs."""
    subsetting: bool
    """Whether internal load balancers lead to the nodes that serve them alone. It cannot be turned off
    again."""
    protect: bool


class Cluster(pulumi.ComponentResource):
    """GKE with private nodes, VPC-native addresses, Dataplane V2 and Workload Identity Federation.

    Every gateway has a pool of its own, which a taint keeps free of other pods (dedicated=POOL:NoSchedule).
    Not managed: node auto-provisioning, backup, and anything inside the cluster.
    """

    resource: gcp.container.Cluster
    endpoint: pulumi.Output[str]
    """URL of the Kubernetes API server."""
    ca_certificate: pulumi.Output[str]
    """Base64 of the PEM certificate authority of the IP endpoint; public information, so not a secret."""
    kubernetes: kubernetes.Provider
    """Creates objects, and stops where one is there already."""
    taking_over: kubernetes.Provider
    """Applies objects over those that GKE made itself; for these alone."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:cluster:Cluster", name, None, opts)
        settings = args.settings
        location = settings.zone or args.region
        self.resource = self._cluster(name, args, location)
        node_pools = [self._pool(name, args, location, pool) for pool in args.pools]
        by_name = settings.control_plane.dns_endpoint
        self.endpoint = pulumi.Output.concat(
            "https://",
            self.resource.control_plane_endpoints_config.apply(
                lambda config: (
                    (config.dns_endpoint_config.endpoint if config and config.dns_endpoint_config else "")
                    or ""
                )
            )
            if by_name
            else self.resource.endpoint,
        )
        self.ca_certificate = pulumi.Output.unsecret(
            self.resource.master_auth.apply(lambda auth: auth.cluster_ca_certificate or "")
        )
        kubeconfig = pulumi.Output.all(self.endpoint, self.ca_certificate).apply(
            lambda values: _kubeconfig(settings.name, values[0], None if by_name else values[1])
        )
        self.kubernetes = self._access(f"{name}-kubernetes", kubeconfig, node_pools)
        self.taking_over = self._access(
            f"{name}-kubernetes-taking-over", kubeconfig, node_pools, upsert_existing_objects=True
        )
        self.register_outputs({"endpoint": self.endpoint, "ca_certificate": self.ca_certificate})

    def _access(
        self,
        name: str,
        kubeconfig: pulumi.Output[str],
        node_pools: Sequence[pulumi.Resource],
        *,
        upsert_existing_objects: bool = False,
    ) -> kubernetes.Provider:
        return kubernetes.Provider(
            name,
            kubeconfig=kubeconfig,
            # Without it another endpoint or authority in the kubeconfig would be taken for another cluster,
            # and everything in it replaced.
            cluster_identifier=self.resource.id,
            enable_server_side_apply=True,
            # A fence that somebody widened by hand is narrowed again by the next update, instead of stopping
            # it.
            enable_patch_force=True,
            upsert_existing_objects=upsert_existing_objects or None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=node_pools),
        )

    def _cluster(self, name: str, args: ClusterArgs, location: str) -> gcp.container.Cluster:
        settings = args.settings
        authorized = settings.control_plane.authorized_networks
        return gcp.container.Cluster(
            name,
            name=settings.name,
            location=location,
            **resources.addressing(args.network_id, args.subnet_id, args.pools, args.gateway_subnet_ids),
            datapath_provider=resources.DATAPATH,
            dns_config={"cluster_dns": resources.CLUSTER_DNS},
            enable_intranode_visibility=True,
            enable_l4_ilb_subsetting=True if args.subsetting else None,
            private_cluster_config={
                "enable_private_nodes": True,
                "enable_private_endpoint": not authorized,
                "master_ipv4_cidr_block": args.control_plane_range,
            },
            control_plane_endpoints_config={
                "dns_endpoint_config": {"allow_external_traffic": settings.control_plane.dns_endpoint}
            },
            master_authorized_networks_config={
                "cidr_blocks": [
                    {"display_name": display_name, "cidr_block": str(network)}
                    for display_name, network in sorted(authorized.items())
                ]
            },
            authenticator_groups_config={"security_group": settings.security_group}
            if settings.security_group
            else None,
            workload_identity_config={"workload_pool": workload_pool(args.project)},
            fleet={"project": args.project} if args.fleet else None,
            # Said in so many words, because its default depends on the version and NetworkPolicies must name
            # its pods.
            addons_config={"dns_cache_config": {"enabled": True}},
            release_channel={"channel": settings.release_channel.value.upper()},
            maintenance_policy={"daily_maintenance_window": {"start_time": settings.maintenance_start}},
            secret_sync_config={
                "enabled": True,
                "rotation_config": {"enabled": True, "rotation_interval": SECRET_SYNC_INTERVAL},
            }
            if settings.secret_sync
            else None,
            enable_shielded_nodes=True,
            deletion_protection=settings.deletion_protection,
            # Pools of our own replace the one that every cluster is born with. Even for its few minutes it
            # must not run as the project's default service account.
            remove_default_node_pool=True,
            initial_node_count=1,
            # Nor without secure boot, which an organization may demand of every machine.
            node_config={
                "service_account": args.node_emails[Nodes.APPLICATION],
                "shielded_instance_config": {"enable_secure_boot": True, "enable_integrity_monitoring": True},
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                ignore_changes=[
                    "nodeConfig",
                    "initialNodeCount",
                    # Set by hand, for a time in which nothing is to change, and taken away by hand.
                    "maintenancePolicy.maintenanceExclusions",
                ],
                # A change that replaces the cluster makes the new one beside it, under another name, or is
                # refused by Google with both untouched (ADR 25).
                delete_before_replace=False,
            ),
        )

    def _pool(self, name: str, args: ClusterArgs, location: str, pool: Pool) -> gcp.container.NodePool:
        return gcp.container.NodePool(
            f"{name}-{pool.key}",
            **resources.node_pool(
                pool, self.resource.name, location, args.node_emails, args.gateway_subnet_ids
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                # The autoscaler owns the count from the first minute on.
                ignore_changes=["initialNodeCount"],
                # With the cluster its nodes go at once. Drained one by one, by budgets, pods would wait for
                # places that no node has any more.
                deleted_with=self.resource,
            ),
        )


def _kubeconfig(name: str, server: str, ca_certificate: str | None) -> str:
    """A kubeconfig (JSON, which is YAML) that asks Google for a token at each use: no credential is in it."""
    # The DNS-based endpoint shows a publicly trusted certificate; the IP endpoint one of the cluster's own
    # authority.
    trust = {"certificate-authority-data": ca_certificate} if ca_certificate else {}
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "gke-gcloud-auth-plugin",
            "installHint": "Install gke-gcloud-auth-plugin: "
            "https://cloud.google.com/kubernetes-engine/docs/how-to/"
            "cluster-access-for-kubectl#install_plugin",
            "provideClusterInfo": True,
            "interactiveMode": "Never",
        }
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server, **trust}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
