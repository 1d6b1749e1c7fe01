"""Names and ranges that somebody has already: a resource of the same name stops `up` half way, with 409."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Any

from egress.doctor import made
from egress.doctor.case import Case
from egress.doctor.finding import Finding, NotKnown, State, judged, some, unknown
from egress.doctor.google import Absent, Api, Json, entries, pages, texts


@dataclass(frozen=True)
class Listing:
    """Where Google lists what there is of one type, and how an entry is called there."""

    noun: str
    api: Api
    path: str
    key: str = "items"
    field: str = "name"


_GLOBAL, _REGION = "projects/{project}/global", "projects/{project}/regions/{region}"
LISTINGS = {
    made.NETWORK: Listing("network", Api.COMPUTE, f"{_GLOBAL}/networks"),
    made.SUBNETWORK: Listing("subnet", Api.COMPUTE, f"{_REGION}/subnetworks"),
    made.ROUTER: Listing("router", Api.COMPUTE, f"{_REGION}/routers"),
    made.ADDRESS: Listing("address", Api.COMPUTE, f"{_REGION}/addresses"),
    made.FIREWALL: Listing("firewall rule", Api.COMPUTE, f"{_GLOBAL}/firewalls"),
    made.FIREWALL_POLICY: Listing("firewall policy", Api.COMPUTE, f"{_GLOBAL}/firewallPolicies"),
    made.ZONE: Listing("DNS zone", Api.DNS, "projects/{project}/managedZones", "managedZones"),
    made.DNS_POLICY: Listing("DNS policy", Api.DNS, "projects/{project}/policies", "policies"),
    made.ACCOUNT: Listing(
        "service account", Api.IAM, "projects/{project}/serviceAccounts", "accounts", "email"
    ),
    made.CLUSTER: Listing(
        "cluster", Api.CONTAINER, "projects/{project}/locations/{location}/clusters", "clusters"
    ),
    made.REPOSITORY: Listing(
        "repository",
        Api.ARTIFACTS,
        "projects/{project}/locations/{region}/repositories",
        "repositories",
    ),
    made.FEATURE: Listing(
        "fleet feature", Api.FLEET, "projects/{project}/locations/global/features", "resources"
    ),
}
BUCKET = Listing("bucket", Api.STORAGE, "b/{name}")
"""Buckets have one space of names for the whole world, so each is asked for by its name."""
FREE = (
    "Write another names.prefix, or another name in the config; if it is to become this stack's: "
    "pulumi import TYPE NAME ID"
)


def names(case: Case) -> Iterator[Finding]:
    planned = [one for one in made.made(case.plan) if one.kind in LISTINGS or one.kind == made.BUCKET]
    needed = f"{len(planned)} names that nobody has, or this stack has"
    taken: list[str] = []
    silent: list[NotKnown] = []
    for kind, listing in LISTINGS.items():
        wanted = {one.name for one in planned if one.kind == kind and not case.own.has(kind, one.name)}
        try:
            there = _there(case, listing) if wanted else set[str]()
        except NotKnown as why:
            silent.append(why)
            continue
        taken += (f"{listing.noun} {name}" for name in sorted(wanted & there))
    for one in planned:
        if one.kind == made.BUCKET and not case.own.has(one.kind, one.name):
            try:
                taken += [f"bucket {one.name}"] if _has_bucket(case, one.name) else []
            except NotKnown as why:
                silent.append(why)
    found = f"there already: {some(taken)}"
    if taken and case.own.problem:
        why = f"{found}; whether this stack made them is not known, because {case.own.problem}"
        yield Finding("names", "names", State.UNKNOWN, why, needed, case.own.problem.fix)
    elif taken:
        yield judged("names", "names", False, f"{found}; not made by this stack", needed, FREE)
    elif silent:
        yield unknown("names", "names", needed, silent[0])
    else:
        yield judged("names", "names", True, "none is taken", needed, "")


def _there(case: Case, listing: Listing) -> set[str]:
    path = listing.path.format(project=case.project, region=case.region, location=case.location)
    try:
        entries = list(pages(case.google, listing.api, path, listing.key))
    except Absent as error:
        raise NotKnown(str(error)) from None
    return {str(entry.get(listing.field, "")).rpartition("/")[2].partition("@")[0] for entry in entries}


def _has_bucket(case: Case, name: str) -> bool:
    try:
        case.google.get(Api.STORAGE, f"b/{name}")
    except Absent:
        return False
    except NotKnown as why:
        if "may not ask" not in str(why):
            raise
    return True  # somebody's, also where this account may not look at it


def ranges(case: Case) -> Iterator[Finding]:
    what, needed = "ranges", "no overlap with what the network has already"
    name = case.plan.settings.network.name
    try:
        network = case.google.get(Api.COMPUTE, f"projects/{case.project}/global/networks/{name}")
    except Absent:
        yield judged("ranges", what, True, f"the network {name} is new", needed, "")
        return
    planned = _planned(case)
    clashes = [
        f"{ours} {range} with {theirs} {other}"
        for theirs, other in _used(case, name, network)
        for ours, range in planned.items()
        if range.overlaps(other)
    ]
    fix = "Choose other ranges under gke-mesh-egress:network, or another network.name."
    yield judged("ranges", what, not clashes, some(clashes, 2) or "no overlap", needed, fix)


def _planned(case: Case) -> dict[str, IPv4Network]:
    network = case.plan.settings.network
    subnet = network.subnet
    planned = {
        "network.subnet.nodes": subnet.nodes,
        "network.subnet.pods": subnet.pods,
        "network.subnet.services": subnet.services,
        "network.controlPlane": network.control_plane,
    }
    for gateway in case.plan.gateways:
        if gateway.subnet:
            planned[f"gateways.{gateway.name}.nat.nodes"] = IPv4Network(gateway.subnet.nodes)
            planned[f"gateways.{gateway.name}.nat.pods"] = IPv4Network(gateway.subnet.pods)
    return planned


def _used(case: Case, name: str, network: Json) -> Iterator[tuple[str, IPv4Network]]:
    """Ranges of others in the network: subnets of every region, routes, and ranges for services."""
    for link in texts(network, "subnetworks"):
        path = link[link.index("projects/") :]
        subnet = case.google.get(Api.COMPUTE, path)
        if not case.own.has(made.SUBNETWORK, str(subnet.get("name"))):
            yield from _of_subnet(subnet)
    for route in pages(case.google, Api.COMPUTE, f"projects/{case.project}/global/routes", "items"):
        beyond = any(
            field in route for field in ("nextHopPeering", "nextHopVpnTunnel", "nextHopIp", "nextHopIlb")
        )
        if beyond and _is_of(route, name):
            yield from _parsed(f"route {route.get('name')}", route.get("destRange"))
    for address in pages(case.google, Api.COMPUTE, f"projects/{case.project}/global/addresses", "items"):
        if address.get("purpose") == "VPC_PEERING" and _is_of(address, name):
            block = f"{address.get('address')}/{address.get('prefixLength')}"
            yield from _parsed(f"allocated range {address.get('name')}", block)


def _of_subnet(subnet: Json) -> Iterator[tuple[str, IPv4Network]]:
    called = f"subnet {subnet.get('name')}"
    yield from _parsed(called, subnet.get("ipCidrRange"))
    for secondary in entries(subnet, "secondaryIpRanges"):
        yield from _parsed(called, secondary.get("ipCidrRange"))


def _is_of(entry: Json, network: str) -> bool:
    return str(entry.get("network", "")).endswith(f"/networks/{network}")


def _parsed(called: str, text: Any) -> Iterator[tuple[str, IPv4Network]]:
    try:
        block = ip_network(str(text), strict=False)
    except ValueError:
        return
    if isinstance(block, IPv4Network) and block.prefixlen:  # the default route is no range of anybody's
        yield called, block
