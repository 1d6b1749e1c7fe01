"""What Google says of a project and its places: which APIs are on, quotas, policies of the organisation."""

from __future__ import annotations

import re
from typing import Final

from sandbox.google.address import ADDRESS
from sandbox.google.cloud import ENABLED_API, Cloud, Resource
from sandbox.google.firewall import FIREWALL_KIND
from sandbox.google.identity import ALWAYS_ON
from sandbox.google.kinds import LINK, number, tail
from sandbox.google.nat import ROUTER
from sandbox.google.network import NETWORK, SUBNETWORK
from sandbox.google_rest import refusal
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.rows import NOW
from sandbox.google_rest.world import Handler, Request, World, operation

REGIONS: Final = (
    "asia-east1",
    *(f"europe-west{number}" for number in (1, 2, 3, 4, 6, 8, 9)),
    *("us-central1", "us-east1", "us-west1"),
)


def _project(_world: World, request: Request) -> Json:
    project = tail(request.name)
    return {
        "projectId": project,
        "projectNumber": str(number(project, 12)),
        "name": project if request.method.document.version == "v1" else f"projects/{number(project, 12)}",
        "createTime": NOW,
        **(
            {"lifecycleState": "ACTIVE"}
            if request.method.document.version == "v1"
            else {"state": "ACTIVE", "displayName": project}
        ),
    }


def _billing(world: World, request: Request) -> Json:
    project = request.name.split("/")[1]
    pays = project not in world.faults.unbilled()
    return {
        "name": f"projects/{project}/billingInfo",
        "projectId": project,
        "billingAccountName": "billingAccounts/000000-000000-000000" if pays else "",
        "billingEnabled": pays,
    }


def _service(project: str, api: str, on: bool) -> Json:
    return {
        "name": f"projects/{number(project, 12)}/services/{api}",
        "parent": f"projects/{number(project, 12)}",
        "config": {"name": api},
        "state": "ENABLED" if on else "DISABLED",
    }


def _services(world: World, request: Request) -> Json:
    project = request.name.split("/")[1]
    on = {
        resource.id.partition("/")[2]
        for resource in world.store.cloud.of_type(ENABLED_API)
        if resource.id.startswith(f"{project}/")
    }
    return {"services": [_service(project, api, True) for api in sorted(on | ALWAYS_ON | world.switched_on)]}


def enable(world: World, project: str, api: str) -> None:
    """Switch an API on in a project."""
    state = {"project": project, "service": api, "disableOnDestroy": True}
    world.store.cloud.put(Resource(f"{project}/{api}", ENABLED_API, "", {}, state, acknowledged=True))


def _enable(world: World, request: Request) -> Json:
    project = request.name.split("/")[1]
    apis = request.body.get("serviceIds") or [tail(request.name)]
    for api in apis:
        enable(world, project, api)
    return operation(
        world, request, request.name, {"services": [_service(project, api, True) for api in apis]}
    )


def _disable(world: World, request: Request) -> Json:
    project, api = request.name.split("/")[1], tail(request.name)
    with world.store.cloud.locked():
        world.store.cloud.drop(f"{project}/{api}")
    return operation(world, request, request.name, {"service": _service(project, api, False)})


def _one_service(world: World, request: Request) -> Json:
    project, api = request.name.split("/")[1], tail(request.name)
    on = api in world.switched_on or world.store.cloud.find(f"{project}/{api}") is not None
    return _service(project, api, on)


# Places


def _regions(world: World, request: Request) -> Json:
    project = request.name.split("/")[1]
    return {"kind": "compute#regionList", "items": [_region_of(world, project, name) for name in REGIONS]}


def _region(world: World, request: Request) -> Json:
    if tail(request.name) not in REGIONS:
        raise refusal.not_found(request.name)
    return _region_of(world, request.name.split("/")[1], tail(request.name))


def _region_of(world: World, project: str, name: str) -> Json:
    link = f"{LINK}projects/{project}"
    zones = [f"{link}/zones/{name}-{letter}" for letter in "bcd"]
    quotas = _quotas(world, REGIONAL, f"projects/{project}/regions/{name}/")
    here = {"name": name, "status": "UP", "selfLink": f"{link}/regions/{name}"}
    return {**here, "zones": zones, "quotas": quotas}


def _zones(world: World, request: Request) -> Json:
    project = request.name.split("/")[1]
    items = [
        {"name": tail(zone), "status": "UP", "selfLink": zone, "region": region["selfLink"]}
        for region in (_region_of(world, project, name) for name in REGIONS)
        for zone in region["zones"]
    ]
    return {"kind": "compute#zoneList", "items": items}


# Quotas, and policies of the organisation


#: what a region, and the project as a whole, may have unless a test says otherwise; what Google gives a new
#: project differs, and nothing promises how much
REGIONAL: Final = {
    "CPUS": 72.0,
    "N2_CPUS": 72.0,
    "INSTANCES": 72.0,
    "SSD_TOTAL_GB": 500.0,
    "DISKS_TOTAL_GB": 4096.0,
    "IN_USE_ADDRESSES": 8.0,
    "STATIC_ADDRESSES": 8.0,
}
WHOLE: Final = {
    "CPUS_ALL_REGIONS": 72.0,
    "NETWORKS": 15.0,
    "SUBNETWORKS": 175.0,
    "FIREWALLS": 200.0,
    "ROUTERS": 20.0,
    "NETWORK_FIREWALL_POLICIES": 30.0,
    "IN_USE_ADDRESSES": 69.0,
}
_COUNTED: Final = {
    "NETWORKS": NETWORK,
    "SUBNETWORKS": SUBNETWORK,
    "FIREWALLS": FIREWALL_KIND.token,
    "ROUTERS": ROUTER,
    "STATIC_ADDRESSES": ADDRESS,
}
_COLLECTIONS: Final = {
    "compute.networks": "NETWORKS",
    "compute.subnetworks": "SUBNETWORKS",
    "compute.firewalls": "FIREWALLS",
    "compute.routers": "ROUTERS",
    "compute.addresses": "STATIC_ADDRESSES",
}


def _used(cloud: Cloud, metric: str, start: str) -> float:
    token = _COUNTED.get(metric)
    return float(sum(1 for one in cloud.of_type(token) if one.id.startswith(start))) if token else 0.0


def _quotas(world: World, limits: dict[str, float], start: str) -> list[Json]:
    return [
        {
            "metric": metric,
            "limit": world.quotas.get(metric, limit),
            "usage": _used(world.store.cloud, metric, start),
        }
        for metric, limit in limits.items()
    ]


def within_quota(world: World, request: Request) -> None:
    """Refused when something new would be more than the project, or the region, may have."""
    metric = _COLLECTIONS.get(request.method.collection)
    if metric is None or request.method.verb != "insert":
        return
    parts = request.name.split("/")
    where = "/".join(parts[:4] if metric in REGIONAL else parts[:2]) + "/"
    limit = world.quotas.get(metric, REGIONAL.get(metric, WHOLE.get(metric, 0.0)))
    if _used(world.store.cloud, metric, where) + 1 > limit:
        place = f"in region {parts[3]}" if metric in REGIONAL else "globally"
        raise refusal.Refused(
            403,
            f"Quota '{metric}' exceeded.  Limit: {limit} {place}.",
            reason="quotaExceeded",
            status="RESOURCE_EXHAUSTED",
        )


def _compute_project(world: World, request: Request) -> Json:
    project = tail(request.name)
    return {
        "kind": "compute#project",
        "name": project,
        "id": str(number(project, 19)),
        "selfLink": f"{LINK}projects/{project}",
        "defaultServiceAccount": f"{number(project, 12)}-compute@developer.gserviceaccount.com",
        "quotas": _quotas(world, WHOLE, f"projects/{project}/"),
    }


def _dns_project(_world: World, request: Request) -> Json:
    quota = {"managedZones": 10000, "managedZonesPerNetwork": 10000, "networksPerManagedZone": 100}
    quota |= {"peeringZonesPerTargetNetwork": 1000, "rrsetsPerManagedZone": 10000, "policies": 100}
    return {
        "kind": "dns#project",
        "id": tail(request.name),
        "number": str(number(tail(request.name), 12)),
        "quota": {"kind": "dns#quota", **quota},
    }


def _machine_type(_world: World, request: Request) -> Json:
    name = tail(request.name)
    size = re.fullmatch(r"[a-z][a-z0-9]*-[a-z]+-(\d+)", name)
    if size is None:
        raise refusal.not_found(request.name)
    return {"kind": "compute#machineType", "name": name, "guestCpus": int(size[1])}


def _ancestry(_world: World, request: Request) -> Json:
    return {"ancestor": [{"resourceId": {"type": "project", "id": tail(request.name)}}]}


def _org_policy(world: World, request: Request) -> Json:
    constraint = str(request.body.get("constraint", ""))
    lists = ("resourceLocations", "restrict", "Domains")
    free = {"listPolicy": {"allValues": "ALLOW"}} if any(word in constraint for word in lists) else {}
    return {"constraint": constraint, **world.policies.get(constraint, free or {"booleanPolicy": {}})}


ANSWERS: Final[dict[str, Handler]] = {
    "cloudresourcemanager.projects.get": _project,
    "cloudresourcemanager.projects.getAncestry": _ancestry,
    "cloudresourcemanager.projects.getEffectiveOrgPolicy": _org_policy,
    "cloudbilling.projects.getBillingInfo": _billing,
    "serviceusage.services.list": _services,
    "serviceusage.services.get": _one_service,
    "serviceusage.services.enable": _enable,
    "serviceusage.services.batchEnable": _enable,
    "serviceusage.services.disable": _disable,
    "compute.projects.get": _compute_project,
    "compute.regions.list": _regions,
    "compute.regions.get": _region,
    "compute.zones.list": _zones,
    "compute.machineTypes.get": _machine_type,
    "dns.projects.get": _dns_project,
}
