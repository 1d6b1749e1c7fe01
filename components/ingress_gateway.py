"""The ingress gateway: its workload and its fences. What each team receives goes with the team."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes_objects import KubernetesObject, deploy
from egress.manifest import Object


@dataclass(frozen=True)
class IngressGatewayArgs:
    objects: Sequence[Object]
    """Objects of the ingress gateway."""
    cluster: pulumi.Resource
    mesh: pulumi.Resource


class IngressGateway(pulumi.ComponentResource):
    """The gateway to which partners connect. Not managed: the names in DNS that lead to it, and the Secrets it shows."""

    namespaces: dict[str, KubernetesObject]

    def __init__(self, name: str, args: IngressGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:ingress:Gateway", name, None, opts)
        self.namespaces = deploy(args.objects, parent=self, cluster=args.cluster, namespaces={}, mesh=args.mesh)
        self.register_outputs({})
