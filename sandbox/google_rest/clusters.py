"""Requests of Kubernetes Engine that are its own: a cluster's and a node pool's many ways to be changed."""

from __future__ import annotations

from typing import Any, Final

from sandbox.google.cluster_outputs import membership_id
from sandbox.google.machines import VERSION
from sandbox.google.state import merge
from sandbox.google_rest import container, generic
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.world import Handler, Request, World, operation

_CLUSTERS = generic.ROWS["container.projects.locations.clusters"]
_POOLS = generic.ROWS["container.projects.locations.clusters.nodePools"]
_MEMBERSHIPS = generic.ROWS["gkehub.projects.locations.memberships"]


def _create_cluster(world: World, request: Request) -> Json:
    answer = generic.create(world, request)
    cluster = request.body["cluster"]
    name = f"{request.name}/{cluster['name']}"
    pools = cluster.get("nodePools") or [{"name": "default-pool", "config": cluster.get("nodeConfig", {})}]
    for pool in pools:
        asked = {"initialNodeCount": cluster.get("initialNodeCount", 1), **pool}
        world.store.create("container", _POOLS, f"{name}/nodePools/{pool['name']}", asked)
    return answer


def _update_cluster(world: World, request: Request) -> Json:
    update = dict(request.body.get("update", {}))
    pool, scaling = update.pop("desiredNodePoolId", ""), update.pop("desiredNodePoolAutoscaling", None)
    if pool and scaling is not None:
        _change_pool(world, f"{request.name}/nodePools/{pool}", {"autoscaling": scaling})
    wanted = container.updated(_cluster(world, request), update)
    answer = _change_cluster(world, request, wanted)
    if wanted.get("fleet", {}).get("project"):
        _join_fleet(world, request.name, wanted)
    return answer


def _join_fleet(world: World, name: str, cluster: Json) -> None:
    """A cluster that is told its fleet after it was made registers itself then."""
    member = membership_id(name)
    fleet = {**cluster["fleet"], "membership": f"//gkehub.googleapis.com/{member}"}
    world.store.change(_CLUSTERS, name, {**cluster, "fleet": fleet})
    if world.store.cloud.find(member) is None:
        world.store.create("gkehub", _MEMBERSHIPS, member, {})


def _set_in_cluster(field: str, whole: bool = True) -> Handler:
    def handler(world: World, request: Request) -> Json:
        cluster = _cluster(world, request)
        value: Any = request.body.get(field, {}) if whole else request.body
        if field == "maintenancePolicy":
            value = merge({"resourceVersion": "e3b0c443"}, value)
        return _change_cluster(world, request, {**cluster, field: value})

    return handler


def _cluster(world: World, request: Request) -> Json:
    return world.store.kept(_CLUSTERS, request.name)


def _change_cluster(world: World, request: Request, wanted: Json) -> Json:
    return operation(world, request, request.name, world.store.change(_CLUSTERS, request.name, wanted))


def _change_pool(world: World, name: str, changes: Json) -> Json:
    pool = world.store.kept(_POOLS, name)
    return world.store.change(_POOLS, name, {**pool, **changes})


def _update_pool(world: World, request: Request) -> Json:
    pool = world.store.kept(_POOLS, request.name)
    wanted = container.updated_pool(pool, request.body)
    return operation(world, request, request.name, world.store.change(_POOLS, request.name, wanted))


def _set_in_pool(field: str, given: str = "") -> Handler:
    def handler(world: World, request: Request) -> Json:
        changes = {field: request.body.get(given or field, {})}
        return operation(world, request, request.name, _change_pool(world, request.name, changes))

    return handler


def _versions(_world: World, _request: Request) -> Json:
    channels = [
        {"channel": channel, "defaultVersion": VERSION, "validVersions": [VERSION]}
        for channel in ("RAPID", "REGULAR", "STABLE", "EXTENDED")
    ]
    return {
        "defaultClusterVersion": VERSION,
        "validMasterVersions": [VERSION],
        "validNodeVersions": [VERSION],
        "channels": channels,
    }


_C = "container.projects.locations"
ANSWERS: Final[dict[str, Handler]] = {
    f"{_C}.getServerConfig": _versions,
    f"{_C}.clusters.create": _create_cluster,
    f"{_C}.clusters.update": _update_cluster,
    f"{_C}.clusters.setMaintenancePolicy": _set_in_cluster("maintenancePolicy"),
    f"{_C}.clusters.setResourceLabels": _set_in_cluster("resourceLabels"),
    f"{_C}.clusters.setNetworkPolicy": _set_in_cluster("networkPolicy"),
    f"{_C}.clusters.setLegacyAbac": _set_in_cluster("legacyAbac", whole=False),
    f"{_C}.clusters.nodePools.update": _update_pool,
    f"{_C}.clusters.nodePools.setManagement": _set_in_pool("management"),
    f"{_C}.clusters.nodePools.setAutoscaling": _set_in_pool("autoscaling"),
    f"{_C}.clusters.nodePools.setSize": _set_in_pool("initialNodeCount", "nodeCount"),
}
