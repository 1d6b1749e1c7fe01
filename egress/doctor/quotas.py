"""Quotas against what the plan needs on top of what this stack has already.

Source: Compute Engine, "Allocation quotas" (which machine series count as CPUS); GKE, "Quotas and limits".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from egress.doctor import made
from egress.doctor.case import Case
from egress.doctor.finding import Finding, NotKnown, judged, some, unknown
from egress.doctor.google import Absent, Api, Json, entries, pages, part, texts
from egress.layers.google import dns, node_pools
from egress.layers.google.firewall import Nodes
from egress.layers.google.node_pools import Pool

ZONES = 3
"""In how many zones a regional cluster has nodes."""
BY_SERIES = {
    **dict.fromkeys(("e2", "n1", "f1", "g1"), "CPUS"),
    **{
        series: f"{series.upper()}_CPUS"
        for series in ("a2", "c2", "c2d", "c3", "m3", "n2", "n2d", "t2a", "t2d")
    },
}
"""Quota of vCPUs by machine series. Newer series have quotas of their own, which a region does not list."""
SURGE = 1
"""Nodes that a pool has on top while it is upgraded; one pool at a time."""


@dataclass(frozen=True)
class Need:
    metric: str
    amount: int
    why: str


def machine_types(case: Case) -> Iterator[Finding]:
    wanted = sorted({pool.settings.machine_type for pool in node_pools.render(case.plan)})
    zone = case.plan.settings.cluster.zone
    for machine_type in wanted:
        offered = [name for name in _zones(case) if _vcpus(case, name, machine_type) is not None]
        enough = zone in offered if zone else len(offered) >= ZONES
        needed = f"in {zone}" if zone else f"in {ZONES} zones of {case.region}"
        fix = (
            f"gcloud compute machine-types list --project {case.project} --filter='name={machine_type}'\n"
            "Then set machineType of the node pools, or another zone."
        )
        yield judged(
            "machines", f"machine type {machine_type}", enough, some(offered) or "nowhere", needed, fix
        )


def quotas(case: Case) -> Iterator[Finding]:
    region = case.google.get(Api.COMPUTE, f"projects/{case.project}/regions/{case.region}")
    whole = case.google.get(Api.COMPUTE, f"projects/{case.project}")
    for where, limits, needs in (
        (f"in {case.region}", _limits(region), _regional(case)),
        ("in the project", _limits(whole), _global(case)),
    ):
        for need in needs:
            what, needed = f"quota {need.metric} {where}", f"{need.amount} more, for {need.why}"
            if need.metric not in limits:
                why = NotKnown(f"Google does not list this quota {where}")
                yield unknown("quotas", what, needed, why)
                continue
            limit, usage = limits[need.metric]
            fix = (
                "Ask for more at https://console.cloud.google.com/iam-admin/quotas?project="
                f"{case.project} or plan for less."
            )
            enough = limit - usage >= need.amount
            yield judged("quotas", what, enough, f"{limit - usage} of {limit} free", needed, fix)
    yield from _zones_of_dns(case)


def _limits(answer: Json) -> dict[str, tuple[int, int]]:
    return {
        str(quota.get("metric")): (int(quota.get("limit", 0)), int(quota.get("usage", 0)))
        for quota in entries(answer, "quotas")
    }


def _nodes(case: Case, pool: Pool) -> int:
    """How many a pool has after the first `up`: two pods of a gateway are on two nodes."""
    zones = 1 if case.plan.settings.cluster.zone else ZONES
    start = max(1, pool.settings.min_nodes) * zones
    return start if pool.nodes == Nodes.APPLICATION else max(start, 2)


def _regional(case: Case) -> Iterator[Need]:
    cpus: dict[str, list[tuple[int, int]]] = {}
    disks: list[tuple[int, int]] = []
    for pool in node_pools.render(case.plan):
        nodes = 0 if case.own.has(made.NODE_POOL, pool.name) else _nodes(case, pool)
        metric, each = _cpus(case, pool)
        cpus.setdefault(metric, []).append((nodes, each))
        disks.append((nodes, pool.settings.disk_gb))
    for metric, pools in sorted(cpus.items()):
        yield Need(metric, _most(pools), "the nodes, and one more while a pool is upgraded")
    yield Need("SSD_TOTAL_GB", _most(disks), "the nodes' disks, and one more while a pool is upgraded")
    yield Need("INSTANCES", _most([(nodes, 1) for nodes, _ in disks]), "the nodes")
    own = case.own.has
    reserved = [name for name in made.external_addresses(case.plan) if not own(made.ADDRESS, name)]
    automatic = [one for one in made.made(case.plan) if one.kind == made.NAT and not own(made.NAT, one.name)]
    if leaving := max(len(reserved), len(automatic)):
        yield Need("IN_USE_ADDRESSES", leaving, "Cloud NAT")
    if reserved:
        yield Need("STATIC_ADDRESSES", len(reserved), "the reserved addresses")


def _global(case: Case) -> Iterator[Need]:
    new_pools = [pool for pool in node_pools.render(case.plan) if not case.own.has(made.NODE_POOL, pool.name)]
    if new_pools:
        cpus = _most([(_nodes(case, pool), _cpus(case, pool)[1]) for pool in new_pools])
        yield Need("CPUS_ALL_REGIONS", cpus, "the nodes, and one more while a pool is upgraded")
    for metric, kind, why in (
        ("NETWORKS", made.NETWORK, "the network, and the empty one in whose place names are resolved"),
        ("SUBNETWORKS", made.SUBNETWORK, "the subnets"),
        ("ROUTERS", made.ROUTER, "Cloud NAT"),
        ("FIREWALLS", made.FIREWALL, "the firewall rules"),
        ("NETWORK_FIREWALL_POLICIES", made.FIREWALL_POLICY, "the firewall policy"),
    ):
        new = sum(one.kind == kind and not case.own.has(kind, one.name) for one in made.made(case.plan))
        if new:
            yield Need(metric, new, why)


def _most(pools: list[tuple[int, int]]) -> int:
    """What all nodes need together, with one more of the largest pool."""
    return sum(nodes * each for nodes, each in pools) + SURGE * max(each for _, each in pools)


def _cpus(case: Case, pool: Pool) -> tuple[str, int]:
    machine_type = pool.settings.machine_type
    series = machine_type.partition("-")[0]
    for zone in _zones(case):
        count = _vcpus(case, zone, machine_type)
        if count is not None:
            return BY_SERIES.get(series, f"of the series {series}"), count
    raise NotKnown(f"there is no machine type {machine_type} in {case.location}")


def _zones(case: Case) -> list[str]:
    """Where nodes may be."""
    if zone := case.plan.settings.cluster.zone:
        return [zone]
    try:
        answer = case.google.get(Api.COMPUTE, f"projects/{case.project}/regions/{case.region}")
    except Absent:
        raise NotKnown(f"there is no region {case.region}") from None
    return [str(link).rpartition("/")[2] for link in texts(answer, "zones")]


def _vcpus(case: Case, zone: str, machine_type: str) -> int | None:
    path = f"projects/{case.project}/zones/{zone}/machineTypes/{machine_type}"
    try:
        return int(case.google.get(Api.COMPUTE, path).get("guestCpus") or 0)
    except Absent:
        return None


def _zones_of_dns(case: Case) -> Iterator[Finding]:
    """Cloud DNS has quotas of its own, for zones altogether, of a network and of one peered with."""
    quota: Mapping[str, int] = part(case.google.get(Api.DNS, f"projects/{case.project}"), "quota")
    zones = list(dns.render(case.plan))
    new = [zone for zone in zones if not case.own.has(made.ZONE, zone.name)]
    there = sum(
        1 for _ in pages(case.google, Api.DNS, f"projects/{case.project}/managedZones", "managedZones")
    )
    for metric, free, amount, why in (
        ("managedZones", quota.get("managedZones", 0) - there, len(new), "names that mean something"),
        ("managedZonesPerNetwork", quota.get("managedZonesPerNetwork", 0), len(zones), "the network's zones"),
        (
            "peeringZonesPerTargetNetwork",
            quota.get("peeringZonesPerTargetNetwork", 0),
            sum(zone.resolved for zone in zones),
            "declared names",
        ),
    ):
        what, needed = f"quota {metric} of Cloud DNS", f"{amount}, for {why}"
        if metric not in quota:
            yield unknown("quotas", what, needed, NotKnown("Google does not list this quota"))
            continue
        fix = (
            f"Ask for more at https://console.cloud.google.com/iam-admin/quotas?project={case.project} "
            "(Cloud DNS), or declare fewer hosts."
        )
        yield judged("quotas", what, free >= amount, f"{free} of {quota[metric]} free", needed, fix)
