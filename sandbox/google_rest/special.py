"""Requests that no two APIs have alike: what each of these answers is its own."""

from __future__ import annotations

from typing import Final

from sandbox.google.cloud import Resource
from sandbox.google.kinds import tail
from sandbox.google.nodes import NODE_POOL
from sandbox.google_rest import clusters, compute, container, generic, policies, project, refusal
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.others import OBJECT, record_name
from sandbox.google_rest.rows import NOW, links, place
from sandbox.google_rest.world import Handler, Request, World, operation

_POLICIES = generic.ROWS["compute.networkFirewallPolicies"]
_SUBNETS = generic.ROWS["compute.subnetworks"]
_RECORDS = generic.ROWS["dns.resourceRecordSets"]
_ZONES = generic.ROWS["dns.managedZones"]
_ACCOUNTS = generic.ROWS["iam.projects.serviceAccounts"]
_OBJECTS = generic.ROWS["storage.objects"]
_DATASETS = generic.ROWS["bigquery.datasets"]


# Compute Engine


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
    **project.ANSWERS,
}
