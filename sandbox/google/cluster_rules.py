"""What Google refuses in a cluster, at preview and in the cloud."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sandbox.google.kinds import Context, Problem, Values, first, region_of, tail, walk
from sandbox.google.network import network_named, overlaps, subnetwork_named

MOST_SUBNETS = 8
"""Beside the cluster's own. Source: GKE, "Add subnets to clusters"."""


def ranges_named_once(values: Values) -> Iterator[Problem]:
    """Pods and services get their ranges either by name or by address."""
    policy = values.get("ipAllocationPolicy")
    if not isinstance(policy, dict):
        return
    for named_range, block in (
        ("clusterSecondaryRangeName", "clusterIpv4CidrBlock"),
        ("servicesSecondaryRangeName", "servicesIpv4CidrBlock"),
    ):
        if policy.get(named_range) and policy.get(block):
            yield Problem(
                f"ipAllocationPolicy.{block}",
                policy[block],
                f"give the range by {named_range} or by its addresses, not both",
            )
    if values.get("clusterIpv4Cidr"):
        yield Problem(
            "clusterIpv4Cidr",
            values["clusterIpv4Cidr"],
            "it cannot be given together with ipAllocationPolicy",
        )


def dataplane(values: Values) -> Iterator[Problem]:
    """Dataplane V2 enforces network policies itself, so no other provider may be turned on."""
    policy = values.get("networkPolicy")
    if (
        values.get("datapathProvider") == "ADVANCED_DATAPATH"
        and isinstance(policy, dict)
        and policy.get("enabled") is True
    ):
        yield Problem(
            "networkPolicy.enabled",
            True,
            "Dataplane V2 enforces network policies itself and refuses the Calico add-on; leave "
            "networkPolicy out",
        )


def nodes(values: Values) -> Iterator[Problem]:
    """A cluster is created with nodes, unless it is an Autopilot cluster."""
    autopilot = values.get("enableAutopilot") is True
    if autopilot:
        for name in (
            "removeDefaultNodePool",
            "nodePools",
            "networkPolicy",
            "enableIntranodeVisibility",
            "defaultMaxPodsPerNode",
        ):
            if values.get(name):
                yield Problem(
                    name, values[name], "an Autopilot cluster manages its nodes itself; leave it out"
                )
    elif not values.get("nodePools") and not values.get("initialNodeCount"):
        yield Problem(
            "initialNodeCount",
            values.get("initialNodeCount"),
            "it must be at least 1: a cluster is born with a node pool, even when removeDefaultNodePool "
            "takes it away again",
        )


def _when(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)) if "T" in str(value) else None
    except ValueError:
        return None


def maintenance(values: Values) -> Iterator[Problem]:
    """There is exactly one maintenance window, and its times are in order."""
    policy = values.get("maintenancePolicy")
    if not isinstance(policy, dict):
        return
    windows = [
        name
        for name in ("dailyMaintenanceWindow", "recurringWindow", "recurringMaintenanceWindow")
        if policy.get(name)
    ]
    if len(windows) != 1:
        yield Problem(
            "maintenancePolicy",
            windows,
            "exactly one of dailyMaintenanceWindow, recurringWindow and recurringMaintenanceWindow is "
            "required",
        )
    for at, window in (*walk(policy, "recurringWindow"), *walk(policy, "maintenanceExclusions.*")):
        start, end = window.get("startTime"), window.get("endTime")
        for name, given in (("startTime", start), ("endTime", end)):
            if isinstance(given, str) and _when(given) is None:
                yield Problem(
                    f"maintenancePolicy.{at}.{name}",
                    given,
                    "a time is written like 2026-01-03T02:00:00Z (RFC 3339)",
                )
        starts, ends = _when(start), _when(end)
        if starts and ends and starts >= ends:
            yield Problem(
                f"maintenancePolicy.{at}.endTime", end, f"it must be later than startTime ({start})"
            )


def ranges_exist(context: Context) -> Iterator[Problem]:
    """The subnet is of this network and region, and has the ranges that the cluster names."""
    subnet = context.cloud.find(subnetwork_named(context.new.get("subnetwork") or "default", context.new))
    if subnet is None:
        return
    if network_named(subnet.state["network"], subnet.state) != network_named(
        context.new["network"], context.new
    ):
        yield Problem(
            "subnetwork",
            context.new["subnetwork"],
            f"it belongs to {tail(subnet.state['network'])}, not to the cluster's network "
            f"{tail(context.new['network'])}",
        )
    if f"/regions/{region_of(context.new)}/" not in subnet.id:
        yield Problem(
            "subnetwork",
            context.new["subnetwork"],
            f"it lies outside the cluster's region {region_of(context.new)}",
        )
    names = [name for _, name in walk(subnet.state, "secondaryIpRanges.*.rangeName")]
    for field in ("clusterSecondaryRangeName", "servicesSecondaryRangeName"):
        name = first(context.new, f"ipAllocationPolicy.{field}")
        if name and name not in names:
            yield Problem(
                f"ipAllocationPolicy.{field}",
                name,
                f"'{subnet.id}' has no secondary range of this name; it has {', '.join(names) or 'none'}",
            )


def further_ranges(context: Context) -> Iterator[Problem]:
    """Subnets beside the cluster's own: at most MOST_SUBNETS, in the same network, with the ranges that
    are named. None is removed while a node pool uses it."""
    field = "ipAllocationPolicy.additionalIpRangesConfigs"
    further = list(walk(context.new, f"{field}.*"))
    if len(further) > MOST_SUBNETS:
        yield Problem(field, len(further), f"a cluster takes at most {MOST_SUBNETS} subnets beside its own")
    kept = {subnetwork_named(context.new.get("subnetwork") or "default", context.new)}
    for at, config in further:
        subnet = context.cloud.find(subnetwork_named(config["subnetwork"], context.new))
        if subnet is None:
            continue  # said already, as a reference
        if subnet.id in kept:
            yield Problem(
                f"{at}.subnetwork",
                config["subnetwork"],
                "the cluster has this subnet already; name each once",
            )
        kept.add(subnet.id)
        if network_named(subnet.state["network"], subnet.state) != network_named(
            context.new["network"], context.new
        ):
            yield Problem(
                f"{at}.subnetwork", config["subnetwork"], "it belongs to another network than the cluster"
            )
        names = [name for _, name in walk(subnet.state, "secondaryIpRanges.*.rangeName")]
        for place, name in walk(config, "podIpv4RangeNames.*"):
            if name not in names:
                yield Problem(
                    f"{at}.{place}",
                    name,
                    f"'{subnet.id}' has no secondary range of this name; it has {', '.join(names) or 'none'}",
                )
    for pool in context.cloud.of_type("gcp:container/nodePool:NodePool") if context.old is not None else ():
        used = first(pool.state, "networkConfig.subnetwork")
        if (
            used
            and pool.id.startswith(f"{context.id}/nodePools/")
            and subnetwork_named(used, context.new) not in kept
        ):
            yield Problem(
                field, tail(used), f"node pool '{tail(pool.id)}' is in this subnet; delete the pool first"
            )


def control_plane_apart(context: Context) -> Iterator[Problem]:
    """A new control plane's range is free in the network."""
    if context.old is None:
        block = walk(context.new, "privateClusterConfig.masterIpv4CidrBlock")
        yield from overlaps(context, block, network_named(context.new["network"], context.new))


def own_pool(context: Context) -> Iterator[Problem]:
    """The workload pool is that of the cluster's own project."""
    pool = first(context.new, "workloadIdentityConfig.workloadPool")
    if pool and pool != f"{context.project}.svc.id.goog":
        yield Problem(
            "workloadIdentityConfig.workloadPool",
            pool,
            f"a cluster's workload pool is its own project's: {context.project}.svc.id.goog",
        )


def protected(context: Context) -> Iterator[Problem]:
    """A protected cluster is not deleted."""
    if context.new.get("deletionProtection", True) is not False:
        yield Problem(
            "deletionProtection",
            True,
            "the cluster refuses to be destroyed; deploy deletionProtection = false first, then delete",
        )


def turned_off(old: Any, new: Any) -> bool:
    """Whether a switch was turned off that can only be turned on in place."""
    return old is True and new is not True
