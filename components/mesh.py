"""The service mesh's control plane, in one of two flavors, and the mesh-wide defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp
from pulumi_kubernetes.helm.v3 import Release

from components.kubernetes_objects import KubernetesObject, deploy
from egress.common import names
from egress.common.objects import Object
from egress.layers.mesh import mesh_config as layer
from egress.plan.model import Plan

TIMEOUT = 600
"""Seconds that Helm waits for a chart's objects to be ready."""


@dataclass(frozen=True)
class MeshArgs:
    plan: Plan
    objects: Sequence[Object]
    """The mesh's own objects."""
    cluster: gcp.container.Cluster
    taking_over: pulumi.ProviderResource
    """The provider of objects that GKE makes itself."""


class Mesh(pulumi.ComponentResource):
    """istiod by Helm, or managed Cloud Service Mesh through the fleet; then STRICT mutual TLS and access
    logs."""

    namespaces: dict[str, KubernetesObject]
    ready: pulumi.Resource
    """What Istio's kinds and injected pods must wait for."""

    def __init__(self, name: str, args: MeshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:mesh:Mesh", name, None, opts)
        before = [item for item in args.objects if not item.is_istio]
        after = [item for item in args.objects if item.is_istio]
        self.namespaces = deploy(
            before, parent=self, cluster=args.cluster, namespaces={}, taking_over=args.taking_over
        )
        namespace = self.namespaces[names.MESH_NAMESPACE]
        self.ready = self._istio(args, namespace) if args.plan.in_cluster_mesh else self._managed(args)
        deploy(after, parent=self, cluster=args.cluster, namespaces=self.namespaces, mesh=self.ready)
        self.register_outputs({})

    def _istio(self, args: MeshArgs, namespace: pulumi.Resource) -> pulumi.Resource:
        base = self._chart(args, "base", layer.base_values(), namespace)
        before = base
        if layer.redirected_by_node(args.plan):
            # Before istiod injects proxies that count on it. In kube-system, where pods of a node may be
            # critical to it.
            before = self._chart(args, "cni", layer.cni_values(args.plan), base, "kube-system")
        return self._chart(args, "istiod", layer.istiod_values(args.plan), before)

    def _chart(
        self,
        args: MeshArgs,
        chart: str,
        values: dict[str, Any],
        after: pulumi.Resource,
        namespace: str = names.MESH_NAMESPACE,
    ) -> Release:
        istio = args.plan.settings.mesh.chart
        oci = istio.repository.startswith("oci://")
        return Release(
            f"istio-{chart}",
            name=f"istio-{chart}",
            chart=f"{istio.repository}/{chart}" if oci else chart,
            version=istio.version,
            repository_opts=None if oci else {"repo": istio.repository},
            namespace=namespace,
            values=values,
            timeout=TIMEOUT,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[after], deleted_with=args.cluster),
        )

    def _managed(self, args: MeshArgs) -> pulumi.Resource:
        feature = gcp.gkehub.Feature(
            "servicemesh",
            name="servicemesh",
            location="global",
            project=args.plan.project,
            opts=pulumi.ResourceOptions(parent=self),
        )
        fleet = args.cluster.fleet
        membership = gcp.gkehub.FeatureMembership(
            "servicemesh-membership",
            feature=feature.name,
            location="global",
            membership=fleet.apply(lambda fleet: (fleet.membership_id if fleet else "") or ""),
            membership_location=fleet.apply(lambda fleet: (fleet.membership_location if fleet else "") or ""),
            project=args.plan.project,
            mesh={"management": "MANAGEMENT_AUTOMATIC"},
            opts=pulumi.ResourceOptions(parent=self),
        )
        project = args.plan.project
        membership.id.apply(lambda id: say_that_it_takes_two_runs(id, project), run_with_unknowns=True)
        return membership


def say_that_it_takes_two_runs(membership: object, project: str) -> None:
    """Of a membership that an update will make, and whose id is therefore not known."""
    if not isinstance(membership, str):
        pulumi.log.warn(
            "This update switches managed Cloud Service Mesh on. Google then takes about ten minutes to "
            "define Istio's kinds in the cluster, and does not say when it is done. Where `pulumi up` stops "
            'before that with "no matches for kind", nothing is broken: wait until `gcloud container fleet '
            f"mesh describe --project {project}` says ACTIVE, and run `pulumi up` again."
        )
