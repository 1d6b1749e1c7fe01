"""Node pools (container.googleapis.com). They have no machines, only the outputs that a program reads."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.google import checks
from sandbox.google.cluster import API, NODE_POOL, cluster_named
from sandbox.google.kinds import (
    Context,
    Kind,
    Problem,
    Reference,
    Values,
    first,
    never_changes,
    number,
    path,
    tail,
    walk,
)
from sandbox.google.machines import (
    NAME,
    NODE_ACCOUNT,
    NODE_CHANGES,
    NODE_CHECKS,
    NODE_DEFAULTS,
    NODE_SETS,
    VERSION,
)
from sandbox.google.network import CLUSTER, SUBNETWORK, subnetwork_named


def _autoscaling(values: Values) -> Iterator[Problem]:
    scaling = values.get("autoscaling")
    if not isinstance(scaling, dict):
        return
    per_zone = [name for name in ("minNodeCount", "maxNodeCount") if scaling.get(name)]
    total = [name for name in ("totalMinNodeCount", "totalMaxNodeCount") if scaling.get(name)]
    if per_zone and total:
        yield Problem("autoscaling", sorted(per_zone + total), "limits are per zone or in total, not both")
    for low, high in (("minNodeCount", "maxNodeCount"), ("totalMinNodeCount", "totalMaxNodeCount")):
        least, most = scaling.get(low), scaling.get(high)
        if isinstance(least, int) and isinstance(most, int) and least > most:
            yield Problem(f"autoscaling.{low}", least, f"it must not be greater than {high} ({most})")
    if not any(scaling.get(name) for name in ("maxNodeCount", "totalMaxNodeCount")):
        yield Problem(
            "autoscaling.maxNodeCount",
            scaling.get("maxNodeCount"),
            "a pool that scales needs its upper limit, at least 1",
        )


def _upgrade(values: Values) -> Iterator[Problem]:
    settings = values.get("upgradeSettings")
    if (
        isinstance(settings, dict)
        and settings.get("maxSurge") == 0
        and settings.get("maxUnavailable", 0) == 0
    ):
        yield Problem(
            "upgradeSettings.maxSurge",
            0,
            "maxSurge and maxUnavailable cannot both be 0; no node could ever be upgraded",
        )


def _drain(values: Values) -> Iterator[Problem]:
    """Source: the Google provider's test TestAccContainerNodePool_withNodeDrainConfig."""
    for at, config in walk(values, "nodeDrainConfigs.*"):
        for name in ("graceTerminationDuration", "pdbTimeoutDuration"):
            if config.get(name):
                yield Problem(
                    f"{at}.{name}",
                    config[name],
                    "customized node drain timeout is not enabled for this project, please contact your "
                    "account manager or open a support case to enable it",
                )


def _cluster_fits(context: Context) -> Iterator[Problem]:
    cluster = context.cloud.find(cluster_named(context.new["cluster"], context.new))
    if cluster is None:
        return
    if cluster.state.get("enableAutopilot"):
        yield Problem(
            "cluster", cluster.id, "an Autopilot cluster manages its nodes itself and takes no node pools"
        )
    mode = first(context.new, "nodeConfig.workloadMetadataConfig.mode")
    if mode == "GKE_METADATA" and not first(cluster.state, "workloadIdentityConfig.workloadPool"):
        yield Problem(
            "nodeConfig.workloadMetadataConfig.mode",
            mode,
            f"'{cluster.id}' has no workload pool; give it workloadIdentityConfig",
        )
    own = subnetwork_named(cluster.state.get("subnetwork") or "default", cluster.state)
    further = walk(cluster.state, "ipAllocationPolicy.additionalIpRangesConfigs.*.subnetwork")
    subnets = {own, *(subnetwork_named(named, cluster.state) for _, named in further)}
    wanted = first(context.new, "networkConfig.subnetwork")
    subnet_id = subnetwork_named(wanted, cluster.state) if wanted else own
    if subnet_id not in subnets:
        yield Problem(
            "networkConfig.subnetwork",
            wanted,
            f"'{cluster.id}' does not have this subnet; name it among "
            "ipAllocationPolicy.additionalIpRangesConfigs",
        )
    subnet = context.cloud.find(subnet_id) if subnet_id else None
    names = [name for _, name in walk(subnet.state if subnet else {}, "secondaryIpRanges.*.rangeName")]
    pods = first(context.new, "networkConfig.podRange")
    if pods and not first(context.new, "networkConfig.createPodRange") and pods not in names:
        yield Problem(
            "networkConfig.podRange",
            pods,
            f"the pool's subnet has no secondary range of this name; it has {', '.join(names) or 'none'}",
        )


def _computed(context: Context) -> Values:
    location = str(context.new["location"])
    zones = [location] if location[-2] == "-" else [f"{location}-{letter}" for letter in "bcd"]
    name = f"gke-{tail(context.new['cluster'])}-{context.new['name']}-{number(context.id, 8):x}-grp"
    groups = [
        f"projects/{context.project}/zones/{zone}" for zone in context.new.get("nodeLocations") or zones
    ]
    root = "https://www.googleapis.com/compute/v1/"
    count = first(context.new, "autoscaling.minNodeCount") or 1
    return {
        "instanceGroupUrls": [f"{root}{group}/instanceGroupManagers/{name}" for group in groups],
        "managedInstanceGroupUrls": [f"{root}{group}/instanceGroups/{name}" for group in groups],
        "version": VERSION,
        "initialNodeCount": context.new.get("nodeCount") or count,
        "nodeCount": context.new.get("initialNodeCount") or count,
        "maxPodsPerNode": 110,
        "nodeLocations": zones,
        "management": {"autoRepair": True, "autoUpgrade": True},
        "upgradeSettings": {"maxSurge": 1, "maxUnavailable": 0, "strategy": "SURGE"},
        "namePrefix": "",
    }


NODE_POOL_KIND = Kind(
    token=NODE_POOL,
    schema="container.NodePool",
    id=path("projects/{project}/locations/{location}/clusters/{cluster}/nodePools/{name}"),
    api=API,
    autoname_length=40,
    place=("project", "location"),
    checks={
        "name": NAME,
        "location": checks.LOCATION,
        "nodeLocations.*": checks.LOCATION,
        "nodeCount": checks.between(0, 15000),
        "initialNodeCount": checks.between(0, 15000),
        "maxPodsPerNode": checks.between(8, 256),
        "autoscaling.minNodeCount": checks.between(0, 15000),
        "autoscaling.maxNodeCount": checks.between(0, 15000),
        "autoscaling.totalMinNodeCount": checks.between(0, 15000),
        "autoscaling.totalMaxNodeCount": checks.between(0, 15000),
        "autoscaling.locationPolicy": checks.one_of("BALANCED", "ANY"),
        "upgradeSettings.strategy": checks.one_of("SURGE", "BLUE_GREEN"),
        **NODE_CHECKS,
    },
    rules=(_autoscaling, _upgrade, _drain),
    defaults={
        "management.autoRepair": True,
        "management.autoUpgrade": True,
        "upgradeSettings.strategy": "SURGE",
        **NODE_DEFAULTS,
    },
    replaces={
        **never_changes(
            "name",
            "namePrefix",
            "project",
            "cluster",
            "location",
            "initialNodeCount",
            "maxPodsPerNode",
            "placementPolicy",
            "queuedProvisioning",
            "networkConfig.createPodRange",
            "networkConfig.podRange",
            "networkConfig.podIpv4CidrBlock",
            "networkConfig.additionalNodeNetworkConfigs",
            "networkConfig.additionalPodNetworkConfigs",
            "networkConfig.podCidrOverprovisionConfig",
            "networkConfig.subnetwork",
            "networkConfig.acceleratorNetworkProfile",
        ),
        **NODE_CHANGES,
    },
    sets=frozenset({"nodeLocations"}) | NODE_SETS,
    kept=frozenset(
        {"upgradeSettings.maxSurge", "upgradeSettings.maxUnavailable", "autoscaling.locationPolicy"}
    ),
    references=(
        Reference("cluster", CLUSTER, cluster_named),
        Reference("networkConfig.subnetwork", SUBNETWORK, subnetwork_named, holds=True),
        NODE_ACCOUNT,
    ),
    cloud_rules=(_cluster_fits,),
    computed=_computed,
)


KINDS = (NODE_POOL_KIND,)
