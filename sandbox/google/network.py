"""Networks and subnets (compute.googleapis.com)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.google import checks
from sandbox.google.kinds import (
    LINK,
    Context,
    Kind,
    Problem,
    Reference,
    Values,
    first,
    named,
    never_changes,
    number,
    path,
    walk,
)

API = "compute.googleapis.com"
NETWORK = "gcp:compute/network:Network"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
CLUSTER = "gcp:container/cluster:Cluster"

network_named = named("projects/{project}/global/networks/{name}")
subnetwork_named = named("projects/{project}/regions/{region}/subnetworks/{name}")


def link(context: Context) -> dict[str, Any]:
    """What every compute object says of itself."""
    return {"selfLink": LINK + context.id, "creationTimestamp": "2026-01-01T00:00:00.000-00:00"}


# Networks


def _network_computed(context: Context) -> Values:
    numeric = str(number(context.id, 19))
    return {
        "selfLink": LINK + context.id,
        "networkId": numeric,
        "numericId": numeric,
        "gatewayIpv4": "",
        "mtu": 1460,
        "routingMode": "REGIONAL",
        "internalIpv6Range": "",
        "bgpAlwaysCompareMed": False,
        "bgpBestPathSelectionMode": "LEGACY",
        "bgpInterRegionCost": "",
    }


NETWORK_KIND = Kind(
    token=NETWORK,
    schema="compute.Network",
    id=path("projects/{project}/global/networks/{name}"),
    api=API,
    checks={
        "name": checks.NAME,
        "mtu": checks.between(1300, 8896),
        "routingMode": checks.one_of("REGIONAL", "GLOBAL"),
        "networkFirewallPolicyEnforcementOrder": checks.one_of(
            "BEFORE_CLASSIC_FIREWALL", "AFTER_CLASSIC_FIREWALL"
        ),
        "bgpBestPathSelectionMode": checks.one_of("LEGACY", "STANDARD"),
        "bgpInterRegionCost": checks.one_of("DEFAULT", "ADD_COST_TO_MED"),
    },
    defaults={
        "autoCreateSubnetworks": True,
        "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
        "deleteDefaultRoutesOnCreate": False,
        "deleteBgpAlwaysCompareMed": False,
    },
    replaces=never_changes(
        "name",
        "project",
        "autoCreateSubnetworks",
        "description",
        "internalIpv6Range",
        "networkProfile",
        "params",
    ),
    computed=_network_computed,
)


# Subnets


def ranges(state: Values) -> Iterator[tuple[str, str]]:
    """Every range of a subnet with its field's path: the primary and the secondary ones."""
    for at in ("ipCidrRange", "secondaryIpRanges.*.ipCidrRange"):
        yield from walk(state, at)


def _overlap(value: str, other: str) -> bool:
    first_range, second_range = checks.network(value), checks.network(other)
    return bool(first_range and second_range and first_range.overlaps(second_range))


def overlaps(context: Context, wanted: Iterator[tuple[str, str]], network: str) -> Iterator[Problem]:
    """Each of the `wanted` ranges that is already in use in the network: by a subnet or a control plane."""
    taken: list[tuple[str, str]] = []
    for subnet in context.cloud.of_type(SUBNETWORK):
        if subnet.id != context.id and network_named(subnet.state["network"], subnet.state) == network:
            taken += [(subnet.id, value) for _, value in ranges(subnet.state)]
    for cluster in context.cloud.of_type(CLUSTER):
        block = first(cluster.state, "privateClusterConfig.masterIpv4CidrBlock")
        if (
            block
            and cluster.id != context.id
            and network_named(cluster.state["network"], cluster.state) == network
        ):
            taken.append((cluster.id, block))
    for at, value in wanted:
        for owner, other in taken:
            if _overlap(value, other):
                yield Problem(
                    at,
                    value,
                    f"it overlaps {other} of '{owner}' in the same network, so packets for it would have two "
                    "destinations; choose a range that nothing else in the network has",
                )


def _own_ranges_apart(values: Values) -> Iterator[Problem]:
    seen: list[tuple[str, str]] = []
    for at, value in ranges(values):
        for other_at, other in seen:
            if _overlap(value, other):
                yield Problem(
                    at,
                    value,
                    f"it overlaps {other} at {other_at} of the same subnet; give each its own range",
                )
        seen.append((at, value))
    names = [name for _, name in walk(values, "secondaryIpRanges.*.rangeName")]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(
            "secondaryIpRanges",
            name,
            "two secondary ranges have this name; a cluster could not tell them apart",
        )


def _has_range(values: Values) -> Iterator[Problem]:
    given = any(values.get(name) for name in ("ipCidrRange", "reservedInternalRange", "ipCollection"))
    if not given and values.get("stackType") != "IPV6_ONLY":
        yield Problem("ipCidrRange", None, "a subnet with IPv4 needs its range")


def _ranges_free(context: Context) -> Iterator[Problem]:
    yield from overlaps(context, ranges(context.new), network_named(context.new["network"], context.new))


def _shrinks(old: Any, new: Any) -> bool:
    before, after = checks.network(old), checks.network(new)
    if not before or not after or before.version != after.version:
        return True
    return not before.subnet_of(after)  # type: ignore[arg-type]


def _subnet_computed(context: Context) -> Values:
    own = checks.network(context.new.get("ipCidrRange"))
    return link(context) | {
        "gatewayAddress": str(own[1]) if own else "",
        "fingerprint": f"{number(context.id, 12):x}",
        "subnetworkId": number(context.id, 15),
        "privateIpGoogleAccess": False,
        "privateIpv6GoogleAccess": "DISABLE_GOOGLE_ACCESS",
        "purpose": "PRIVATE",
        "stackType": "IPV4_ONLY",
        "state": "READY",
        "secondaryIpRanges": [],
        "allowSubnetCidrRoutesOverlap": False,
        "externalIpv6Prefix": "",
        "internalIpv6Prefix": "",
        "ipv6CidrRange": "",
        "ipv6GceEndpoint": "",
    }


SUBNETWORK_KIND = Kind(
    token=SUBNETWORK,
    schema="compute.Subnetwork",
    id=path("projects/{project}/regions/{region}/subnetworks/{name}"),
    api=API,
    place=("project", "region"),
    checks={
        "name": checks.NAME,
        "region": checks.REGION,
        "ipCidrRange": checks.subnet_range,
        "secondaryIpRanges.*.rangeName": checks.NAME,
        "secondaryIpRanges.*.ipCidrRange": checks.subnet_range,
        "stackType": checks.one_of("IPV4_ONLY", "IPV4_IPV6", "IPV6_ONLY"),
        "ipv6AccessType": checks.one_of("EXTERNAL", "INTERNAL"),
        "role": checks.one_of("ACTIVE", "BACKUP"),
        "purpose": checks.one_of(
            "PRIVATE",
            "REGIONAL_MANAGED_PROXY",
            "GLOBAL_MANAGED_PROXY",
            "PRIVATE_SERVICE_CONNECT",
            "PEER_MIGRATION",
            "PRIVATE_NAT",
        ),
        "logConfig.aggregationInterval": checks.one_of(
            "INTERVAL_5_SEC",
            "INTERVAL_30_SEC",
            "INTERVAL_1_MIN",
            "INTERVAL_5_MIN",
            "INTERVAL_10_MIN",
            "INTERVAL_15_MIN",
        ),
        "logConfig.flowSampling": checks.between(0, 1),
        "logConfig.metadata": checks.one_of(
            "EXCLUDE_ALL_METADATA", "INCLUDE_ALL_METADATA", "CUSTOM_METADATA"
        ),
    },
    rules=(_has_range, _own_ranges_apart),
    defaults={
        "logConfig.aggregationInterval": "INTERVAL_5_SEC",
        "logConfig.filterExpr": "true",
        "logConfig.flowSampling": 0.5,
        "logConfig.metadata": "INCLUDE_ALL_METADATA",
    },
    replaces={
        **never_changes(
            "name",
            "project",
            "region",
            "network",
            "description",
            "externalIpv6Prefix",
            "internalIpv6Prefix",
            "reservedInternalRange",
            "resolveSubnetMask",
            "params",
        ),
        "ipCidrRange": _shrinks,
    },
    sets=frozenset({"secondaryIpRanges", "logConfig.metadataFields"}),
    references=(Reference("network", NETWORK, network_named, holds=True, output="link"),),
    cloud_rules=(_ranges_free,),
    computed=_subnet_computed,
)


KINDS = (NETWORK_KIND, SUBNETWORK_KIND)
