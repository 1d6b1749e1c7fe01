"""An egress gateway: its workload, its configuration, and the way to each outside host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.credentials import let_read
from components.kubernetes_objects import KubernetesObject, deploy
from egress.common.objects import Object
from egress.layers.cluster.secret_sync import Reader


@dataclass(frozen=True)
class EgressGatewayArgs:
    objects: Sequence[Object]
    """Objects of the gateway and of the hosts."""
    cluster: pulumi.Resource
    mesh: pulumi.Resource
    readers: Sequence[Reader]
    """Secrets of Secret Manager that its account may read."""
    project: str


class EgressGateway(pulumi.ComponentResource):
    """The gateway and the hosts it leads to: shared objects, made once and exported to their teams.

    Hosts are no components of their own: each would be one more resource to wait for, and names tell them
    apart.
    """

    namespaces: dict[str, KubernetesObject]

    def __init__(
        self, name: str, args: EgressGatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("gke-mesh-egress:egress:Gateway", name, None, opts)
        self.namespaces = deploy(
            args.objects, parent=self, cluster=args.cluster, namespaces={}, mesh=args.mesh
        )
        let_read(args.readers, project=args.project, parent=self, cluster=args.cluster)
        self.register_outputs({})
