"""The ingress gateway: its workload and its fences. What each team receives goes with the team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.credentials import let_read
from components.kubernetes_objects import KubernetesObject, deploy
from egress.common.objects import Object
from egress.layers.cluster.secret_sync import Reader


@dataclass(frozen=True)
class IngressGatewayArgs:
    objects: Sequence[Object]
    """Objects of the ingress gateway."""
    cluster: pulumi.Resource
    mesh: pulumi.Resource
    readers: Sequence[Reader]
    """Secrets of Secret Manager that its account may read."""
    project: str


class IngressGateway(pulumi.ComponentResource):
    """The gateway to which partners connect. Not managed: the names in DNS that lead to it, and what its
    Secrets hold."""

    namespaces: dict[str, KubernetesObject]

    def __init__(
        self, name: str, args: IngressGatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("gke-mesh-egress:ingress:Gateway", name, None, opts)
        self.namespaces = deploy(
            args.objects, parent=self, cluster=args.cluster, namespaces={}, mesh=args.mesh
        )
        let_read(args.readers, project=args.project, parent=self, cluster=args.cluster)
        self.register_outputs({})
