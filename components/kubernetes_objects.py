"""Rendered Kubernetes objects as Pulumi resources: one resource per object, the manifest as it was
rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from egress.common.objects import Object


class KubernetesObject(pulumi.CustomResource):
    """One object; its inputs are the manifest itself, so that what was judged is what is applied."""

    def __init__(self, item: Object, opts: pulumi.ResourceOptions) -> None:
        api_version: str = item.manifest["apiVersion"]
        token_version = api_version if "/" in api_version else f"core/{api_version}"
        properties: dict[str, Any] = item.manifest
        super().__init__(f"kubernetes:{token_version}:{item.kind}", item.identity, properties, opts)


def deploy(
    objects: Sequence[Object],
    *,
    parent: pulumi.Resource,
    cluster: pulumi.Resource,
    namespaces: Mapping[str, pulumi.Resource],
    mesh: pulumi.Resource | None = None,
    taking_over: pulumi.ProviderResource | None = None,
    protect_namespaces: bool = False,
) -> dict[str, KubernetesObject]:
    """Deploy objects below `parent`, each after its namespace and what it says itself.

    Args:
        cluster: the GKE cluster; deleting it deletes everything in it, as deleting a namespace does, so
            nothing is then deleted one by one: a namespace's fences would be gone before its pods. All but
            what has a load balancer, which holds its address and network until its Service is deleted.
        namespaces: Namespaces deployed elsewhere, by name; those among `objects` are added for this call.
        mesh: what must be there before Istio's own kinds exist and before proxies are injected. Its pods run
            on nodes, so GKE has by then defined its own kinds as well.
        taking_over: the provider of objects that GKE makes itself, where some of these are.
        protect_namespaces: whether Pulumi refuses to delete the Namespaces among `objects`.

    Returns:
        The deployed Namespaces among `objects`, by name.
    """
    own: dict[str, KubernetesObject] = {}
    made: dict[str, KubernetesObject] = {}
    for item in sorted(objects, key=lambda item: (item.kind != "Namespace", len(item.after))):
        required: list[pulumi.Resource] = [made[before] for before in item.after]
        around = cluster
        if item.namespace is not None:
            around = own.get(item.namespace) or namespaces[item.namespace]
            required.append(around)
        if mesh is not None and (item.is_istio or item.is_of_secret_sync or item.kind == "Deployment"):
            required.append(mesh)
        gone_with = None if item.has_load_balancer else around
        options = pulumi.ResourceOptions(parent=parent, depends_on=required, deleted_with=gone_with)
        if item.kind == "Namespace" and protect_namespaces:
            options.protect = True
        if item.made_by_gke:
            assert taking_over is not None
            options.provider = taking_over
            # One that another provider holds is deleted before this one applies it, never after.
            options.delete_before_replace = True
        made[item.identity] = resource = KubernetesObject(item, options)
        if item.kind == "Namespace":
            own[item.name] = resource
    return own
