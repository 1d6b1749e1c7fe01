"""The shared egress gateway: its workload, its configuration, and one component per outside host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes_objects import KubernetesObject, deploy
from egress.manifest import Object, Part, by_owner


@dataclass(frozen=True)
class EgressGatewayArgs:
    objects: Sequence[Object]
    """Objects of the gateway and of the hosts."""
    cluster: pulumi.Resource
    mesh: pulumi.Resource


class EgressGateway(pulumi.ComponentResource):
    """The gateway and, below it, the hosts it leads to: shared objects, made once and exported to their teams."""

    namespaces: dict[str, KubernetesObject]

    def __init__(self, name: str, args: EgressGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gke-mesh-egress:egress:Gateway", name, None, opts)
        own = [item for item in args.objects if item.owner.part is Part.GATEWAY]
        self.namespaces = deploy(own, parent=self, cluster=args.cluster, namespaces={}, mesh=args.mesh)
        for owner, objects in by_owner(args.objects, Part.HOST).items():
            ExternalHost(owner.name, objects, self.namespaces, args, pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


class ExternalHost(pulumi.ComponentResource):
    """One outside host."""

    def __init__(
        self,
        host: str,
        objects: Sequence[Object],
        namespaces: Mapping[str, pulumi.Resource],
        args: EgressGatewayArgs,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("gke-mesh-egress:egress:ExternalHost", host, None, opts)
        deploy(objects, parent=self, cluster=args.cluster, namespaces=namespaces, mesh=args.mesh)
        self.register_outputs({})
