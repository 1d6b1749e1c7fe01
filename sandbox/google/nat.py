"""Cloud Router and Cloud NAT (compute.googleapis.com)."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.google import checks
from sandbox.google.address import ADDRESS, address_named
from sandbox.google.cloud import Resource
from sandbox.google.kinds import Context, Kind, Problem, Reference, Values, named, never_changes, path, walk
from sandbox.google.network import API, NETWORK, SUBNETWORK, link, network_named, subnetwork_named
from sandbox.provider.wire import UNKNOWN

ROUTER = "gcp:compute/router:Router"
NAT = "gcp:compute/routerNat:RouterNat"

router_named = named("projects/{project}/regions/{region}/routers/{name}")


def _private_asn(value: int) -> str | None:
    private = value == 16550 or 64512 <= value <= 65534 or 4200000000 <= value <= 4294967294
    return (
        None
        if private
        else "a router's number is private (RFC 6996): 64512-65534, 4200000000-4294967294, or 16550"
    )


def _router_needs_network(values: Values) -> Iterator[Problem]:
    if not values.get("network") and not values.get("nccGateway"):
        yield Problem("network", None, "a router belongs to a network; name it")
    if values.get("network") and values.get("nccGateway"):
        yield Problem(
            "nccGateway", values["nccGateway"], "a router belongs to a network or to a gateway, not both"
        )


def _nats_of(router: Resource) -> Iterator[tuple[str, str]]:
    state = router.state
    yield NAT, f"{state['project']}/{state['region']}/{state['name']}/"


ROUTER_KIND = Kind(
    token=ROUTER,
    schema="compute.Router",
    id=path("projects/{project}/regions/{region}/routers/{name}"),
    api=API,
    place=("project", "region"),
    checks={
        "name": checks.NAME,
        "region": checks.REGION,
        "bgp.asn": _private_asn,
        "bgp.advertiseMode": checks.one_of("DEFAULT", "CUSTOM"),
        "bgp.advertisedIpRanges.*.range": checks.cidr,
        "bgp.keepaliveInterval": checks.between(20, 60),
    },
    rules=(_router_needs_network,),
    defaults={"bgp.advertiseMode": "DEFAULT", "bgp.keepaliveInterval": 20},
    replaces=never_changes(
        "name", "project", "region", "network", "nccGateway", "encryptedInterconnectRouter", "params"
    ),
    sets=frozenset({"bgp.advertisedIpRanges"}),
    kept=frozenset({"bgp.identifierRange"}),
    references=(Reference("network", NETWORK, network_named, holds=True, output="link"),),
    computed=link,
    cascades=_nats_of,
)


def _ports(values: Values) -> Iterator[Problem]:
    dynamic = values.get("enableDynamicPortAllocation")
    low, high = values.get("minPortsPerVm"), values.get("maxPortsPerVm")
    if dynamic is True:
        if values.get("enableEndpointIndependentMapping") is True:
            yield Problem(
                "enableEndpointIndependentMapping",
                True,
                "it cannot be on together with enableDynamicPortAllocation, because a "
                "mapping cannot stay the same while ports come and go; set it to false",
            )
        for name, value, check in (
            ("minPortsPerVm", low, checks.power_of_two(32, 32768)),
            ("maxPortsPerVm", high, checks.power_of_two(64, 65536)),
        ):
            rule = check(value) if isinstance(value, int) else None
            if rule:
                yield Problem(name, value, f"with dynamic port allocation {rule}")
        if isinstance(low, int) and isinstance(high, int) and high <= low:
            yield Problem("maxPortsPerVm", high, f"it must be greater than minPortsPerVm ({low})")
    elif dynamic is not UNKNOWN:
        if high is not None:
            yield Problem(
                "maxPortsPerVm",
                high,
                "it has a meaning only with enableDynamicPortAllocation; set that to true or leave it out",
            )
        if isinstance(low, int) and not 2 <= low <= 57344:
            yield Problem("minPortsPerVm", low, "it must be between 2 and 57344")


def _addresses(values: Values) -> Iterator[Problem]:
    option, addresses = values.get("natIpAllocateOption"), values.get("natIps") or values.get("initialNatIps")
    if option is None and values.get("type", "PUBLIC") == "PUBLIC":
        yield Problem(
            "natIpAllocateOption",
            None,
            "a public NAT needs it: AUTO_ONLY, or MANUAL_ONLY together with natIps",
        )
    if option == "AUTO_ONLY" and addresses:
        yield Problem("natIps", addresses, "AUTO_ONLY takes no addresses; use MANUAL_ONLY to give your own")
    if option == "MANUAL_ONLY" and not addresses:
        yield Problem(
            "natIps", addresses, "MANUAL_ONLY needs at least one address; without one no packet leaves"
        )
    if values.get("natIps") and values.get("initialNatIps"):
        yield Problem("initialNatIps", values["initialNatIps"], "give natIps or initialNatIps, not both")


def _which_subnets(values: Values) -> Iterator[Problem]:
    listed = values.get("sourceSubnetworkIpRangesToNat") == "LIST_OF_SUBNETWORKS"
    subnets = values.get("subnetworks")
    if listed and not subnets:
        yield Problem(
            "subnetworks",
            subnets,
            "LIST_OF_SUBNETWORKS needs the list; without one nothing would be translated",
        )
    if not listed and subnets and values.get("sourceSubnetworkIpRangesToNat") is not UNKNOWN:
        yield Problem(
            "subnetworks", subnets, "the list is only for sourceSubnetworkIpRangesToNat = LIST_OF_SUBNETWORKS"
        )
    for at, subnet in walk(values, "subnetworks.*"):
        which = subnet.get("sourceIpRangesToNats")
        if not isinstance(which, list):
            continue
        if "ALL_IP_RANGES" in which and len(which) > 1:
            yield Problem(f"{at}.sourceIpRangesToNats", which, "ALL_IP_RANGES stands alone")
        if ("LIST_OF_SECONDARY_IP_RANGES" in which) != bool(subnet.get("secondaryIpRangeNames")):
            yield Problem(
                f"{at}.secondaryIpRangeNames",
                subnet.get("secondaryIpRangeNames"),
                "the names and LIST_OF_SECONDARY_IP_RANGES go together; give both or neither",
            )


def _secondary_ranges_exist(context: Context) -> Iterator[Problem]:
    for at, subnet in walk(context.new, "subnetworks.*"):
        subnetwork = context.cloud.find(subnetwork_named(subnet["name"], context.new))
        if subnetwork is None:
            continue  # said already, as a reference
        names = [name for _, name in walk(subnetwork.state, "secondaryIpRanges.*.rangeName")]
        for place, name in walk(subnet, "secondaryIpRangeNames.*"):
            if name not in names:
                yield Problem(
                    f"{at}.{place}",
                    name,
                    f"'{subnetwork.id}' has no secondary range of this name; it has "
                    f"{', '.join(names) or 'none'}",
                )


def _subnets_of_this_network(context: Context) -> Iterator[Problem]:
    router = context.cloud.find(router_named(context.new["router"], context.new))
    for at, name in walk(context.new, "subnetworks.*.name"):
        subnet = context.cloud.find(subnetwork_named(name, context.new))
        if (
            router
            and subnet
            and network_named(subnet.state["network"], subnet.state)
            != network_named(router.state["network"], router.state)
        ):
            yield Problem(at, name, f"the subnet is in another network than router '{router.id}'")


def _one_nat_per_subnet(context: Context) -> Iterator[Problem]:
    mine = {subnetwork_named(name, context.new) for _, name in walk(context.new, "subnetworks.*.name")}
    for other in context.cloud.of_type(NAT):
        if other.id == context.id or other.state["type"] != context.new["type"]:
            continue
        for at, name in walk(other.state, "subnetworks.*.name"):
            if subnetwork_named(name, other.state) in mine:
                yield Problem(
                    at,
                    name,
                    f"NAT '{other.id}' translates this subnet already; a subnet has one NAT of a type",
                )


NAT_KIND = Kind(
    token=NAT,
    schema="compute.RouterNat",
    id=path("{project}/{region}/{router}/{name}"),
    api=API,
    place=("project", "region"),
    checks={
        "name": checks.NAME,
        "region": checks.REGION,
        "sourceSubnetworkIpRangesToNat": checks.one_of(
            "ALL_SUBNETWORKS_ALL_IP_RANGES", "ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES", "LIST_OF_SUBNETWORKS"
        ),
        "subnetworks.*.sourceIpRangesToNats.*": checks.one_of(
            "ALL_IP_RANGES", "LIST_OF_SECONDARY_IP_RANGES", "PRIMARY_IP_RANGE"
        ),
        "natIpAllocateOption": checks.one_of("MANUAL_ONLY", "AUTO_ONLY"),
        "autoNetworkTier": checks.one_of("PREMIUM", "STANDARD"),
        "type": checks.one_of("PUBLIC", "PRIVATE"),
        "endpointTypes.*": checks.one_of(
            "ENDPOINT_TYPE_VM", "ENDPOINT_TYPE_SWG", "ENDPOINT_TYPE_MANAGED_PROXY_LB"
        ),
        "logConfig.filter": checks.one_of("ERRORS_ONLY", "TRANSLATIONS_ONLY", "ALL"),
        "rules.*.ruleNumber": checks.between(0, 65000),
        # The API documents no bounds; nothing rests for less than a second or longer than int32 can say.
        "tcpTimeWaitTimeoutSec": checks.between(1, 2**31 - 1),
    },
    rules=(_ports, _addresses, _which_subnets),
    defaults={
        "type": "PUBLIC",
        "icmpIdleTimeoutSec": 30,
        "udpIdleTimeoutSec": 30,
        "tcpEstablishedIdleTimeoutSec": 1200,
        "tcpTransitoryIdleTimeoutSec": 30,
        "tcpTimeWaitTimeoutSec": 120,
    },
    replaces=never_changes("name", "project", "region", "router", "endpointTypes", "initialNatIps", "type"),
    sets=frozenset(
        {
            "natIps",
            "drainNatIps",
            "initialNatIps",
            "rules",
            "subnetworks",
            "subnetworks.*.sourceIpRangesToNats",
            "subnetworks.*.secondaryIpRangeNames",
        }
    ),
    references=(
        Reference("router", ROUTER, router_named),
        Reference("subnetworks.*.name", SUBNETWORK, subnetwork_named, holds=True, output="link"),
        Reference("natIps.*", ADDRESS, address_named, holds=True, output="link"),
        Reference("drainNatIps.*", ADDRESS, address_named, holds=True, output="link"),
        Reference("initialNatIps.*", ADDRESS, address_named, holds=True, output="link"),
    ),
    cloud_rules=(_secondary_ranges_exist, _subnets_of_this_network, _one_nat_per_subnet),
    computed=lambda context: {
        "autoNetworkTier": "PREMIUM",
        "drainNatIps": [],
        "natIps": [],
        "enableDynamicPortAllocation": False,
        "enableEndpointIndependentMapping": False,
        "endpointTypes": ["ENDPOINT_TYPE_VM"],
        "minPortsPerVm": 32 if context.new.get("enableDynamicPortAllocation") else 64,
    },
)


KINDS = (ROUTER_KIND, NAT_KIND)
