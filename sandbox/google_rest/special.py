"""Requests that no two APIs have alike: what each of these answers is its own."""

from __future__ import annotations

from typing import Final

from sandbox.google.cloud import ENABLED_API, Resource
from sandbox.google.identity import ALWAYS_ON
from sandbox.google.kinds import LINK, number, tail
from sandbox.google.nodes import NODE_POOL
from sandbox.google_rest import clusters, compute, container, generic, policies, refusal
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.others import OBJECT, record_name
from sandbox.google_rest.rows import NOW, links, place
from sandbox.google_rest.world import Handler, Request, World, operation

REGIONS: Final = (
    "asia-east1",
    *(f"europe-west{number}" for number in (1, 2, 3, 4, 6, 8, 9)),
    *("us-central1", "us-east1", "us-west1"),
)
_POLICIES = generic.ROWS["compute.networkFirewallPolicies"]
_SUBNETS = generic.ROWS["compute.subnetworks"]
_RECORDS = generic.ROWS["dns.resourceRecordSets"]
_ZONES = generic.ROWS["dns.managedZones"]
_ACCOUNTS = generic.ROWS["iam.projects.serviceAccounts"]
_OBJECTS = generic.ROWS["storage.objects"]
_DATASETS = generic.ROWS["bigquery.datasets"]


# Projects, and the APIs that are on in them


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


def _billing(_world: World, request: Request) -> Json:
    return {
        "name": f"{request.name}/billingInfo",
        "projectId": tail(request.name),
        "billingAccountName": "billingAccounts/000000-000000-000000",
        "billingEnabled": True,
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
    return {"services": [_service(project, api, True) for api in sorted(on | ALWAYS_ON)]}


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
    return _service(project, api, world.store.cloud.find(f"{project}/{api}") is not None)


# Compute Engine


def _regions(_world: World, request: Request) -> Json:
    project = request.name.split("/")[1]
    return {"kind": "compute#regionList", "items": [_region_of(project, name) for name in REGIONS]}


def _region(_world: World, request: Request) -> Json:
    if tail(request.name) not in REGIONS:
        raise refusal.not_found(request.name)
    return _region_of(request.name.split("/")[1], tail(request.name))


def _region_of(project: str, name: str) -> Json:
    link = f"{LINK}projects/{project}"
    zones = [f"{link}/zones/{name}-{letter}" for letter in "bcd"]
    return {"name": name, "status": "UP", "selfLink": f"{link}/regions/{name}", "zones": zones}


def _zones(_world: World, request: Request) -> Json:
    project = request.name.split("/")[1]
    items = [
        {"name": tail(zone), "status": "UP", "selfLink": zone, "region": region["selfLink"]}
        for region in (_region_of(project, name) for name in REGIONS)
        for zone in region["zones"]
    ]
    return {"kind": "compute#zoneList", "items": items}


def _instance_groups(world: World, request: Request) -> Json:
    where = place(f"{request.name}/")
    pools = [pool.rest for pool in world.store.cloud.of_type(NODE_POOL)]
    items = container.instance_groups(pools, where["project"], where["zone"])
    return {"kind": "compute#instanceGroupManagerList", **({"items": items} if items else {})}


def _private_access(world: World, request: Request) -> Json:
    field = "privateIpGoogleAccess"
    wanted = {**world.store.kept(_SUBNETS, request.name), field: request.body.get(field, False)}
    return operation(world, request, request.name, world.store.change(_SUBNETS, request.name, wanted))


def _grow(world: World, request: Request) -> Json:
    wanted = {**world.store.kept(_SUBNETS, request.name), "ipCidrRange": request.body["ipCidrRange"]}
    return operation(world, request, request.name, world.store.change(_SUBNETS, request.name, wanted))


def _associate(world: World, request: Request) -> Json:
    world.store.get(_POLICIES, request.name)
    name = f"{request.name}/associations/{request.body['name']}"
    asked = {**links(request.body), "firewallPolicy": tail(request.name), "shortName": tail(request.name)}
    made = world.store.create("compute", compute.ASSOCIATIONS, name, asked)
    return operation(world, request, request.name, made)


def _association(world: World, request: Request) -> Json:
    name = f"{request.name}/associations/{request.query.get('name', '')}"
    found = world.store.find(compute.ASSOCIATIONS, name)
    if found is None:
        raise refusal.Refused(
            400,
            "Invalid value for field 'name': the association does not exist in the firewall policy.",
        )
    return {key: found[key] for key in ("name", "attachmentTarget", "shortName")}


def _dissociate(world: World, request: Request) -> Json:
    name = f"{request.name}/associations/{request.query.get('name', '')}"
    world.store.delete(compute.ASSOCIATIONS, name)
    return operation(world, request, request.name, {})


# Names


def _records(world: World, request: Request) -> Json:
    zone = request.name.removesuffix("/rrsets")
    about = world.store.get(_ZONES, zone)
    apex, servers = about["dnsName"], about["nameServers"]
    found = [
        {"name": apex, "type": "NS", "ttl": 21600, "rrdatas": servers},
        {
            "name": apex,
            "type": "SOA",
            "ttl": 21600,
            "rrdatas": [f"{servers[0]} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"],
        },
        *(
            resource.rest
            for resource in world.store.cloud.of_type(_RECORDS.token)
            if resource.id.startswith(f"{zone}/rrsets/")
        ),
    ]
    wanted = {field: request.query[field] for field in ("name", "type") if request.query.get(field)}
    return {"rrsets": [one for one in found if all(one[key] == value for key, value in wanted.items())]}


def _change_records(world: World, request: Request) -> Json:
    zone = request.name.removesuffix("/changes")
    world.store.get(_ZONES, zone)
    apex = ("NS", "SOA")  # of the zone itself, and its own
    away = [record for record in request.body.get("deletions", []) if record["type"] not in apex]
    new = [record for record in request.body.get("additions", []) if record["type"] not in apex]
    with world.store.cloud.locked():
        before = [world.store.cloud.require(id) for id in _known(world, zone, away)]
        made: list[str] = []
        try:
            for record in away:
                world.store.delete(_RECORDS, record_name(zone, record))
            for record in new:
                world.store.create("dns", _RECORDS, record_name(zone, record), record)
                made.append(record_name(zone, record))
        except refusal.Refused:  # all of a change or nothing
            for id in made:
                world.store.cloud.drop(id)
            for resource in before:
                world.store.cloud.put(resource)
            raise
    return {"kind": "dns#change", "id": "1", "status": "done", "startTime": NOW, **request.body}


def _known(world: World, zone: str, records: list[Json]) -> list[str]:
    names = [record_name(zone, record) for record in records]
    return [name for name in names if world.store.cloud.find(name) is not None]


def _change(_world: World, request: Request) -> Json:
    return {"kind": "dns#change", "id": tail(request.name), "status": "done", "startTime": NOW}


# Accounts, buckets, datasets


def _account(world: World, request: Request) -> Json:
    name = request.name
    if name.startswith("projects/-/"):
        project = tail(name).partition("@")[2].partition(".")[0]
        name = name.replace("projects/-/", f"projects/{project}/", 1)
    found = world.store.find(_ACCOUNTS, name)
    if found is None:
        raise refusal.Refused(404, f"Unknown service account: {tail(name)}")
    return found


def _switch_account(world: World, request: Request) -> Json:
    wanted = {**world.store.kept(_ACCOUNTS, request.name), "disabled": request.method.verb == "disable"}
    world.store.change(_ACCOUNTS, request.name, wanted)
    return {}


def _delete_bucket(world: World, request: Request) -> Json:
    if any(True for _ in world.store.list(_OBJECTS, f"{request.name}/o")):
        raise refusal.Refused(409, "The bucket you tried to delete is not empty.", reason="conflict")
    return generic.delete(world, request)


def put_object(world: World, bucket: str, name: str) -> None:
    """Lay an object into a bucket."""
    rest = {"kind": "storage#object", "bucket": bucket, "name": name, "generation": "1", "size": "1"}
    world.store.cloud.put(
        Resource(f"b/{bucket}/o/{name}", OBJECT, "", {}, rest, acknowledged=True, rest=rest)
    )


def _dataset(world: World, request: Request) -> Json:
    before = world.store.get(_DATASETS, request.name)
    given: list[Json] | None = request.body.get("access")
    if given is not None:
        request.body["access"] = policies.access(world, request.name, before["access"], given)
    return generic.VERBS[request.method.verb](world, request)


ANSWERS: Final[dict[str, Handler]] = {
    "cloudresourcemanager.projects.get": _project,
    "cloudbilling.projects.getBillingInfo": _billing,
    "serviceusage.services.list": _services,
    "serviceusage.services.get": _one_service,
    "serviceusage.services.enable": _enable,
    "serviceusage.services.batchEnable": _enable,
    "serviceusage.services.disable": _disable,
    "compute.regions.list": _regions,
    "compute.regions.get": _region,
    "compute.zones.list": _zones,
    "compute.instanceGroupManagers.list": _instance_groups,
    "compute.subnetworks.setPrivateIpGoogleAccess": _private_access,
    "compute.subnetworks.expandIpCidrRange": _grow,
    "compute.networkFirewallPolicies.addAssociation": _associate,
    "compute.networkFirewallPolicies.getAssociation": _association,
    "compute.networkFirewallPolicies.removeAssociation": _dissociate,
    "dns.resourceRecordSets.list": _records,
    "dns.changes.create": _change_records,
    "dns.changes.get": _change,
    "iam.projects.serviceAccounts.get": _account,
    "iam.projects.serviceAccounts.enable": _switch_account,
    "iam.projects.serviceAccounts.disable": _switch_account,
    "storage.buckets.delete": _delete_bucket,
    "bigquery.datasets.patch": _dataset,
    "bigquery.datasets.update": _dataset,
    **clusters.ANSWERS,
}
