"""Reserved addresses (compute.googleapis.com). External ones come from 203.0.113.0/24, the range for
documentation."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.google import checks
from sandbox.google.kinds import Context, Kind, Problem, Reference, Values, named, never_changes, number, path
from sandbox.google.network import API, NETWORK, SUBNETWORK, link, network_named, subnetwork_named

ADDRESS = "gcp:compute/address:Address"
address_named = named("projects/{project}/regions/{region}/addresses/{name}")


def _documentation_address(context: Context) -> str:
    """An address of 203.0.113.0/24, always the same for the same name unless another has it already."""
    taken = {
        resource.state.get("address")
        for resource in context.cloud.of_type(ADDRESS)
        if resource.id != context.id
    }
    start = number(context.id, 9)
    for step in range(254):
        candidate = f"203.0.113.{(start + step) % 254 + 1}"
        if candidate not in taken:
            return candidate
    return ""


def _internal_address(context: Context) -> str:
    """The first free address of the subnet, after the four that are Google's."""
    subnet = context.cloud.find(subnetwork_named(str(context.new.get("subnetwork", "default")), context.new))
    own = checks.network(subnet.state.get("ipCidrRange")) if subnet else None
    if own is None:
        return ""
    taken = {
        resource.state.get("address")
        for resource in context.cloud.of_type(ADDRESS)
        if resource.id != context.id
    }
    limit = min(own.num_addresses - 2, 1024)
    return next((str(own[index]) for index in range(2, limit) if str(own[index]) not in taken), "")


def _address_computed(context: Context) -> Values:
    internal = context.new.get("addressType") == "INTERNAL"
    labels = {"goog-pulumi-provisioned": "true", **context.new.get("labels", {})}
    return link(context) | {
        "address": _internal_address(context) if internal else _documentation_address(context),
        "addressId": str(number(context.id, 19)),
        "networkTier": "PREMIUM",
        "prefixLength": 0,
        "purpose": "GCE_ENDPOINT" if internal else "",
        "subnetwork": "",
        "users": [],
        "labelFingerprint": "42WmSpB8rSM=",
        "effectiveLabels": labels,
        "pulumiLabels": labels,
    }


def _address_left(context: Context) -> Iterator[Problem]:
    internal = context.new.get("addressType") == "INTERNAL"
    if not context.new.get("address") and not (
        _internal_address(context) if internal else _documentation_address(context)
    ):
        yield Problem(
            "address",
            None,
            "no address is left: this stand-in has the 254 of 203.0.113.0/24, or those of the subnet",
        )


def _tier(values: Values) -> Iterator[Problem]:
    if values.get("addressType") == "INTERNAL" and values.get("networkTier"):
        yield Problem("networkTier", values["networkTier"], "only EXTERNAL addresses have a network tier")
    if values.get("addressType", "EXTERNAL") == "EXTERNAL" and values.get("subnetwork"):
        yield Problem("subnetwork", values["subnetwork"], "only INTERNAL addresses come from a subnet")


ADDRESS_KIND = Kind(
    token=ADDRESS,
    schema="compute.Address",
    id=path("projects/{project}/regions/{region}/addresses/{name}"),
    api=API,
    place=("project", "region"),
    checks={
        "name": checks.NAME,
        "region": checks.REGION,
        "address": checks.ipv4,
        "addressType": checks.one_of("INTERNAL", "EXTERNAL"),
        "networkTier": checks.one_of("PREMIUM", "STANDARD"),
        "labels.*": checks.LABEL,
    },
    rules=(_tier,),
    defaults={"addressType": "EXTERNAL"},
    replaces=never_changes(
        "name",
        "project",
        "region",
        "address",
        "addressType",
        "description",
        "ipCollection",
        "ipVersion",
        "ipv6EndpointType",
        "network",
        "networkTier",
        "prefixLength",
        "purpose",
        "subnetwork",
    ),
    references=(
        Reference("network", NETWORK, network_named, holds=True, output="link"),
        Reference("subnetwork", SUBNETWORK, subnetwork_named, holds=True, output="link"),
    ),
    cloud_rules=(_address_left,),
    computed=_address_computed,
)


KINDS = (ADDRESS_KIND,)
