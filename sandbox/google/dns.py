"""DNS zones, records and server policies (dns.googleapis.com)."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.google import checks
from sandbox.google.cloud import Resource
from sandbox.google.kinds import (
    Context,
    Kind,
    Problem,
    Reference,
    Values,
    named,
    never_changes,
    number,
    path,
    tail,
    walk,
)
from sandbox.google.network import NETWORK, network_named
from sandbox.provider.wire import UNKNOWN

API = "dns.googleapis.com"
ZONE = "gcp:dns/managedZone:ManagedZone"
RECORD = "gcp:dns/recordSet:RecordSet"
POLICY = "gcp:dns/policy:Policy"
TYPES = (
    "A",
    "AAAA",
    "ALIAS",
    "CAA",
    "CNAME",
    "DNSKEY",
    "DS",
    "HTTPS",
    "IPSECKEY",
    "MX",
    "NAPTR",
    "NS",
    "PTR",
    "SOA",
    "SPF",
    "SRV",
    "SSHFP",
    "SVCB",
    "TLSA",
    "TXT",
)

zone_named = named("projects/{project}/managedZones/{name}")


def _zone_name(value: str) -> str | None:
    if value == ".":
        return None
    if value.startswith("*"):
        return "a zone's name is a domain, never a wildcard; put the wildcard in a record"
    return checks.dns_name(value)


def _private(values: Values) -> Iterator[Problem]:
    private = values.get("visibility", "public") == "private"
    for name in ("privateVisibilityConfig", "peeringConfig", "forwardingConfig"):
        if values.get(name) and not private and values.get("visibility") is not UNKNOWN:
            yield Problem(
                name,
                values[name],
                "only a private zone has it; set visibility to private, or everybody could see the zone",
            )
    if values.get("peeringConfig") and values.get("forwardingConfig"):
        yield Problem("peeringConfig", values["peeringConfig"], "a zone peers or forwards, not both")
    if values.get("description") == "":
        yield Problem("description", "", "it cannot be empty; leave it out")


def _one_zone_per_name_and_network(context: Context) -> Iterator[Problem]:
    mine = {
        network_named(url, context.new)
        for _, url in walk(context.new, "privateVisibilityConfig.networks.*.networkUrl")
    }
    for other in context.cloud.of_type(ZONE):
        if other.id == context.id or other.state["dnsName"] != context.new["dnsName"] or not mine:
            continue
        for _, url in walk(other.state, "privateVisibilityConfig.networks.*.networkUrl"):
            if network_named(url, other.state) in mine:
                yield Problem(
                    "dnsName",
                    context.new["dnsName"],
                    f"'{other.id}' answers this name in the same network already; a network asks one private "
                    "zone per name",
                    409,
                )


def records_of(context: Context, zone: str) -> Iterator[Resource]:
    """The records in a zone."""
    for record in context.cloud.of_type(RECORD):
        if record.id.startswith(f"{zone}/rrsets/"):
            yield record


def _zone_is_empty(context: Context) -> Iterator[Problem]:
    if context.new.get("forceDestroy"):
        return
    records = [record.id for record in records_of(context, context.id)]
    if records:
        yield Problem(
            "forceDestroy",
            False,
            f"the zone is not empty: it holds {', '.join(sorted(records)[:5])}; delete the "
            "records first, or deploy forceDestroy = true and then delete",
        )


def _zone_computed(context: Context) -> Values:
    labels = {"goog-pulumi-provisioned": "true", **context.new.get("labels", {})}
    private = context.new.get("visibility") == "private"
    letter = "abcde"[number(context.id, 4) % 5]
    servers = (
        ["ns-gcp-private.googledomains.com."]
        if private
        else [f"ns-cloud-{letter}{n}.googledomains.com." for n in (1, 2, 3, 4)]
    )
    return {
        "nameServers": servers,
        "managedZoneId": number(context.id, 15),
        "creationTime": "2026-01-01T00:00:00.000Z",
        "cloudLoggingConfig": {"enableLogging": False},
        "reverseLookup": False,
        "effectiveLabels": labels,
        "pulumiLabels": labels,
    }


ZONE_KIND = Kind(
    token=ZONE,
    schema="dns.ManagedZone",
    id=path("projects/{project}/managedZones/{name}"),
    api=API,
    checks={
        "name": checks.NAME,
        "dnsName": _zone_name,
        "visibility": checks.one_of("private", "public"),
        "dnssecConfig.state": checks.one_of("off", "on", "transfer"),
        "dnssecConfig.nonExistence": checks.one_of("nsec", "nsec3"),
        "forwardingConfig.targetNameServers.*.forwardingPath": checks.one_of("default", "private"),
        "labels.*": checks.LABEL,
    },
    rules=(_private,),
    defaults={"visibility": "public", "description": "Managed by Pulumi", "forceDestroy": False},
    replaces=never_changes("name", "project", "dnsName", "visibility", "reverseLookup"),
    sets=frozenset({"privateVisibilityConfig.networks", "forwardingConfig.targetNameServers"}),
    references=(
        Reference("privateVisibilityConfig.networks.*.networkUrl", NETWORK, network_named, output="link"),
        Reference("peeringConfig.targetNetwork.networkUrl", NETWORK, network_named, output="link"),
    ),
    cloud_rules=(_one_zone_per_name_and_network,),
    delete_rules=(_zone_is_empty,),
    computed=_zone_computed,
    cascades=lambda zone: [(RECORD, f"{zone.id}/rrsets/")],
)


def _data(values: Values) -> Iterator[Problem]:
    data, routing, type = values.get("rrdatas"), values.get("routingPolicy"), values.get("type")
    if bool(data) == bool(routing):
        yield Problem(
            "rrdatas",
            data,
            "exactly one of rrdatas and routingPolicy is required; a record without data answers nothing",
        )
    if type == "CNAME" and isinstance(data, list) and len(data) > 1:
        yield Problem("rrdatas", data, "a CNAME has exactly one target")
    for at, value in walk(values, "rrdatas.*"):
        check = {
            "A": checks.ipv4,
            "AAAA": checks.ipv6,
            "CNAME": checks.dns_name,
            "NS": checks.dns_name,
            "PTR": checks.dns_name,
        }.get(str(type))
        rule = check(value) if check else None
        if rule:
            yield Problem(at, value, f"in a record of type {type}, {rule}")
    if isinstance(data, list) and len({repr(item) for item in data}) < len(data) and UNKNOWN not in data:
        yield Problem("rrdatas", data, "the same data is given twice")


def _inside_zone(context: Context) -> Iterator[Problem]:
    zone = context.cloud.find(zone_named(context.new["managedZone"], context.new))
    name = context.new["name"]
    if zone is None:
        return
    apex = zone.state["dnsName"]
    if apex not in (name, ".") and not name.endswith(f".{apex}"):
        yield Problem(
            "name", name, f"it lies outside zone '{zone.id}', which holds {apex} and what ends with .{apex}"
        )
    if zone.state.get("peeringConfig") or zone.state.get("forwardingConfig"):
        yield Problem(
            "managedZone", context.new["managedZone"], f"zone '{zone.id}' asks others and holds no records"
        )
    if name == apex and context.new["type"] == "CNAME":
        yield Problem(
            "type",
            "CNAME",
            f"the zone's own name {apex} cannot be a CNAME, because its SOA and NS records live there",
        )


def _cname_alone(context: Context) -> Iterator[Problem]:
    before = context.id.rpartition("/")[0]
    others = TYPES if context.new["type"] == "CNAME" else ("CNAME",)
    for type in others:
        if type != context.new["type"] and context.cloud.find(f"{before}/{type}"):
            yield Problem(
                "type",
                context.new["type"],
                f"'{before}/{type}' exists; a CNAME is the only record of its name",
                409,
            )


RECORD_KIND = Kind(
    token=RECORD,
    schema="dns.RecordSet",
    id=lambda values: (
        f"projects/{values['project']}/managedZones/{tail(values['managedZone'])}"
        f"/rrsets/{values['name']}/{values['type']}"
    ),
    api=API,
    autoname="",
    checks={"name": checks.dns_name, "type": checks.one_of(*TYPES), "ttl": checks.between(0, 2147483647)},
    rules=(_data,),
    # The real provider changes a record's type in place, and the resource then keeps an id of the old type.
    replaces=never_changes("managedZone", "name", "project", "type", "routingPolicy.healthCheck"),
    sets=frozenset({"rrdatas"}),
    references=(Reference("managedZone", ZONE, zone_named),),
    cloud_rules=(_inside_zone, _cname_alone),
)


def _one_policy_per_network(context: Context) -> Iterator[Problem]:
    mine = {network_named(url, context.new) for _, url in walk(context.new, "networks.*.networkUrl")}
    for other in context.cloud.of_type(POLICY):
        if other.id == context.id:
            continue
        for at, url in walk(other.state, "networks.*.networkUrl"):
            if network_named(url, other.state) in mine:
                yield Problem(
                    at, url, f"'{other.id}' is this network's server policy already; a network has one", 409
                )


POLICY_KIND = Kind(
    token=POLICY,
    schema="dns.Policy",
    id=path("projects/{project}/policies/{name}"),
    api=API,
    checks={"name": checks.NAME},
    defaults={"description": "Managed by Pulumi"},
    replaces=never_changes("name", "project"),
    sets=frozenset({"networks"}),
    references=(Reference("networks.*.networkUrl", NETWORK, network_named, output="link"),),
    cloud_rules=(_one_policy_per_network,),
    computed=lambda _: {"enableInboundForwarding": False, "enableLogging": False},
)


KINDS = (ZONE_KIND, RECORD_KIND, POLICY_KIND)
