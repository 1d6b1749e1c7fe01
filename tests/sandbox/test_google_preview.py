"""What the stand-in refuses at preview: one broken field at a time, and the words that a user reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.google import shapes
from sandbox.google.table import KINDS
from sandbox.google.wire import UNKNOWN
from tests.sandbox import test_google_client as g


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[g.Engine]:
    with g.sandbox(tmp_path_factory.mktemp("google")) as engine:
        yield engine


ALLOW: dict[str, Any] = {
    "name": "allow",
    "network": "vpc-network",
    "direction": "EGRESS",
    "allows": [{"protocol": "tcp", "ports": ["443"]}],
}
TCP = [{"protocol": "tcp"}]
DYNAMIC = {"enableDynamicPortAllocation": True, "minPortsPerVm": 64}
SUBNETS = g.NAT_INPUTS["subnetworks"]
WINDOW = {"startTime": "2026-01-03T02:00:00Z", "endTime": "2026-01-03T06:00:00Z", "recurrence": "FREQ=DAILY"}

REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    # token, inputs, changes, the field named, the rule told
    (g.SERVICE, {}, {"service": "compute"}, "service", "compute.googleapis.com"),
    (g.SERVICE, {}, {}, "service is missing", "required"),
    (g.NETWORK, g.NETWORK_INPUTS, {"name": "Vpc"}, "name is 'Vpc'", "lower-case"),
    (g.NETWORK, g.NETWORK_INPUTS, {"name": "a" * 64}, "name", "1-63"),
    (g.NETWORK, g.NETWORK_INPUTS, {"name": "vpc-"}, "name", "ends with a letter or digit"),
    (
        g.NETWORK,
        g.NETWORK_INPUTS,
        {"autoCreateSubnetwork": False},
        "autoCreateSubnetwork",
        "did you mean autoCreateSubnetworks",
    ),
    (g.NETWORK, g.NETWORK_INPUTS, {"autoCreateSubnetworks": "no"}, "autoCreateSubnetworks", "true or false"),
    (g.NETWORK, g.NETWORK_INPUTS, {"routingMode": "global"}, "routingMode", "REGIONAL, GLOBAL"),
    (g.NETWORK, g.NETWORK_INPUTS, {"mtu": 9000}, "mtu is 9000", "between 1300 and 8896"),
    (g.NETWORK, g.NETWORK_INPUTS, {"mtu": 1460.5}, "mtu", "whole number"),
    (g.SUBNETWORK, g.SUBNET_INPUTS, {"network": None}, "network is missing", "required"),
    (g.SUBNETWORK, g.SUBNET_INPUTS, {"ipCidrRange": None}, "ipCidrRange is missing", "needs its range"),
    (g.SUBNETWORK, g.SUBNET_INPUTS, {"ipCidrRange": "10.0.0.1/24"}, "ipCidrRange", "write 10.0.0.0/24"),
    (g.SUBNETWORK, g.SUBNET_INPUTS, {"ipCidrRange": "10.0.0/24"}, "ipCidrRange", "CIDR form"),
    (g.SUBNETWORK, g.SUBNET_INPUTS, {"ipCidrRange": "10.0.0.0/30"}, "ipCidrRange", "/4 to /29"),
    (g.SUBNETWORK, g.SUBNET_INPUTS, {"ipCidrRange": "199.36.153.8/29"}, "ipCidrRange", "199.36.153.8/30"),
    (g.SUBNETWORK, g.SUBNET_INPUTS, {"ipCidrRange": "fd00::/64"}, "ipCidrRange", "IPv4"),
    (
        g.SUBNETWORK,
        g.SUBNET_INPUTS,
        {"ipCidrRange": "10.1.4.0/24"},
        "secondaryIpRanges[0].ipCidrRange",
        "overlaps 10.1.4.0/24",
    ),
    (
        g.SUBNETWORK,
        g.SUBNET_INPUTS,
        {"secondaryIpRanges": [{"rangeName": "a", "ipCidrRange": f"10.{n}.0.0/16"} for n in (1, 2)]},
        "secondaryIpRanges",
        "two secondary ranges",
    ),
    (
        g.SUBNETWORK,
        g.SUBNET_INPUTS,
        {"secondaryIpRanges": [{"rangeName": "Pods", "ipCidrRange": "10.1.0.0/16"}]},
        "secondaryIpRanges[0].rangeName",
        "lower-case",
    ),
    (g.SUBNETWORK, g.SUBNET_INPUTS, {"region": "europe"}, "region", "europe-west1"),
    (
        g.SUBNETWORK,
        g.SUBNET_INPUTS,
        {"logConfig": {"flowSampling": 2}},
        "logConfig.flowSampling",
        "between 0 and 1",
    ),
    (
        g.SUBNETWORK,
        g.SUBNET_INPUTS,
        {"logConfig": {"aggregationInterval": "5s"}},
        "aggregationInterval",
        "INTERVAL_5_SEC",
    ),
    (g.SUBNETWORK, g.SUBNET_INPUTS, {"logConfig": {"sampling": 1}}, "logConfig.sampling", "no such field"),
    (g.FIREWALL, ALLOW, {"priority": 65536}, "priority is 65536", "between 0 and 65535"),
    (g.FIREWALL, ALLOW, {"priority": -1}, "priority is -1", "between 0 and 65535"),
    (g.FIREWALL, ALLOW, {"priority": "1000"}, "priority", "whole number"),
    (g.FIREWALL, ALLOW, {"direction": "OUT"}, "direction", "INGRESS, EGRESS"),
    (g.FIREWALL, ALLOW, {"allows": None}, "allows", "exactly one of"),
    (g.FIREWALL, ALLOW, {"denies": TCP}, "denies", "either allows or denies"),
    (g.FIREWALL, ALLOW, {"allows": [{"protocol": "tls"}]}, "allows[0].protocol", "one of tcp, udp"),
    (g.FIREWALL, ALLOW, {"allows": [{"protocol": "256"}]}, "allows[0].protocol", "0-255"),
    (g.FIREWALL, ALLOW, {"allows": [{"ports": ["1"]}]}, "allows[0].protocol is missing", "required"),
    (
        g.FIREWALL,
        ALLOW,
        {"allows": [{"protocol": "icmp", "ports": ["1"]}]},
        "allows[0].ports",
        "has no ports",
    ),
    (g.FIREWALL, ALLOW, {"allows": [{"protocol": "tcp", "ports": [443]}]}, "allows[0].ports[0]", "a text"),
    (
        g.FIREWALL,
        ALLOW,
        {"allows": [{"protocol": "tcp", "ports": ["0"]}]},
        "allows[0].ports[0]",
        "between 1 and 65535",
    ),
    (
        g.FIREWALL,
        ALLOW,
        {"allows": [{"protocol": "tcp", "ports": ["65536"]}]},
        "allows[0].ports[0]",
        "between 1 and 65535",
    ),
    (
        g.FIREWALL,
        ALLOW,
        {"allows": [{"protocol": "tcp", "ports": ["90-80"]}]},
        "allows[0].ports[0]",
        "lower to the higher",
    ),
    (
        g.FIREWALL,
        ALLOW,
        {"allows": [{"protocol": "tcp", "ports": ["https"]}]},
        "allows[0].ports[0]",
        "8000-8100",
    ),
    (g.FIREWALL, ALLOW, {"destinationRanges": ["10.0.0.1/8"]}, "destinationRanges[0]", "write 10.0.0.0/8"),
    (g.FIREWALL, ALLOW, {"destinationRanges": ["10.0.0.1"]}, "destinationRanges[0]", "write 10.0.0.1/32"),
    (g.FIREWALL, ALLOW, {"destinationRanges": ["10.0.0.0/8", "fd00::/8"]}, "destinationRanges", "not both"),
    (g.FIREWALL, ALLOW, {"sourceTags": ["web"]}, "sourceTags", "only for INGRESS"),
    (g.FIREWALL, ALLOW, {"direction": "INGRESS"}, "sourceRanges is missing", "INGRESS rule needs"),
    (
        g.FIREWALL,
        ALLOW,
        {"targetTags": ["a"], "targetServiceAccounts": [g.EMAIL]},
        "targetServiceAccounts",
        "targetTags too",
    ),
    (
        g.FIREWALL,
        ALLOW,
        {"targetServiceAccounts": [f"a{n}@x.example" for n in range(11)]},
        "targetServiceAccounts",
        "at most 10",
    ),
    (g.FIREWALL, ALLOW, {"logConfig": {"metadata": "ALL"}}, "logConfig.metadata", "INCLUDE_ALL_METADATA"),
    (g.FIREWALL, ALLOW, {"logConfig": {}}, "logConfig.metadata is missing", "required"),
    (g.ROUTER, g.ROUTER_INPUTS, {"network": None}, "network is missing", "belongs to a network"),
    (g.ROUTER, g.ROUTER_INPUTS, {"bgp": {"asn": 100}}, "bgp.asn", "RFC 6996"),
    (g.NAT, g.NAT_INPUTS, {"router": None}, "router is missing", "required"),
    (g.NAT, g.NAT_INPUTS, {"natIpAllocateOption": "AUTO"}, "natIpAllocateOption", "AUTO_ONLY"),
    (
        g.NAT,
        g.NAT_INPUTS,
        {"natIpAllocateOption": None},
        "natIpAllocateOption is missing",
        "MANUAL_ONLY together with natIps",
    ),
    (
        g.NAT,
        g.NAT_INPUTS,
        {"natIpAllocateOption": "MANUAL_ONLY"},
        "natIps is missing",
        "at least one address",
    ),
    (g.NAT, g.NAT_INPUTS, {"natIps": ["nat-1"]}, "natIps", "AUTO_ONLY takes no addresses"),
    (g.NAT, g.NAT_INPUTS, {"subnetworks": None}, "subnetworks is missing", "needs the list"),
    (
        g.NAT,
        g.NAT_INPUTS,
        {"sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES"},
        "subnetworks",
        "only for",
    ),
    (
        g.NAT,
        g.NAT_INPUTS,
        {"subnetworks": [{"name": "a", "sourceIpRangesToNats": ["LIST_OF_SECONDARY_IP_RANGES"]}]},
        "subnetworks[0].secondaryIpRangeNames",
        "go together",
    ),
    (
        g.NAT,
        g.NAT_INPUTS,
        DYNAMIC | {"enableEndpointIndependentMapping": True},
        "enableEndpointIndependentMapping",
        "set it to false",
    ),
    (g.NAT, g.NAT_INPUTS, DYNAMIC | {"minPortsPerVm": 100}, "minPortsPerVm is 100", "power of two"),
    (g.NAT, g.NAT_INPUTS, DYNAMIC | {"maxPortsPerVm": 100}, "maxPortsPerVm is 100", "power of two"),
    (
        g.NAT,
        g.NAT_INPUTS,
        DYNAMIC | {"maxPortsPerVm": 64},
        "maxPortsPerVm is 64",
        "greater than minPortsPerVm",
    ),
    (g.NAT, g.NAT_INPUTS, {"maxPortsPerVm": 1024}, "maxPortsPerVm", "only with enableDynamicPortAllocation"),
    (
        g.NAT,
        g.NAT_INPUTS,
        {"logConfig": {"enable": True, "filter": "SOME"}},
        "logConfig.filter",
        "ERRORS_ONLY",
    ),
    (g.ADDRESS, {"name": "nat-1"}, {"addressType": "PUBLIC"}, "addressType", "INTERNAL, EXTERNAL"),
    (g.ADDRESS, {"name": "nat-1"}, {"subnetwork": "s"}, "subnetwork", "only INTERNAL"),
    (g.ADDRESS, {"name": "nat-1"}, {"labels": {"use": "NAT!"}}, "labels.use", "lower-case"),
    (
        g.FIREWALL_POLICY,
        g.FIREWALL_POLICY_INPUTS,
        {"rules": g.FIREWALL_POLICY_INPUTS["rules"] * 2},
        "rules[0].priority",
        "two rules of a policy cannot have one priority",
    ),
    (
        g.FIREWALL_POLICY,
        g.FIREWALL_POLICY_INPUTS,
        {"rules": [g.having(g.FIREWALL_POLICY_INPUTS["rules"][0], direction="INGRESS")]},
        "rules[0].match.srcIpRanges",
        "says where to or from",
    ),
    (
        g.FIREWALL_POLICY,
        g.FIREWALL_POLICY_INPUTS,
        {
            "rules": [
                g.having(
                    g.FIREWALL_POLICY_INPUTS["rules"][0],
                    match={"destIpRanges": ["0.0.0.0/0", "::/0"], "layer4Configs": [{"ipProtocol": "all"}]},
                )
            ]
        },
        "rules[0].match.destIpRanges",
        "not both",
    ),
    (g.PERIMETER, g.PERIMETER_INPUTS, {"name": "egress"}, "name", "servicePerimeters/NAME"),
    (g.PERIMETER, g.PERIMETER_INPUTS, {"parent": "accessPolicies/2"}, "name", "begins with its policy"),
    (
        g.PERIMETER,
        g.PERIMETER_INPUTS,
        {"status": {"resources": ["projects/my-project"]}},
        "status.resources[0]",
        "by its number",
    ),
    (
        g.PERIMETER,
        g.PERIMETER_INPUTS,
        {"spec": {"resources": ["projects/1"]}},
        "spec",
        "useExplicitDryRunSpec",
    ),
    (
        g.PERIMETER,
        g.PERIMETER_INPUTS,
        {"status": {"vpcAccessibleServices": {"allowedServices": ["RESTRICTED-SERVICES"]}}},
        "status.vpcAccessibleServices.allowedServices",
        "empty unless enableRestriction",
    ),
    (g.ZONE, g.ZONE_INPUTS, {"dnsName": "googleapis.com"}, "dnsName", "write googleapis.com."),
    (g.ZONE, g.ZONE_INPUTS, {"dnsName": "*.googleapis.com."}, "dnsName", "never a wildcard"),
    (g.ZONE, g.ZONE_INPUTS, {"visibility": "internal"}, "visibility", "private, public"),
    (g.ZONE, g.ZONE_INPUTS, {"visibility": "public"}, "privateVisibilityConfig", "only a private zone"),
    (g.ZONE, g.ZONE_INPUTS, {"description": ""}, "description", "cannot be empty"),
    (g.RECORD, g.RECORD_INPUTS, {"name": "private.googleapis.com"}, "name", "write private.googleapis.com."),
    (g.RECORD, g.RECORD_INPUTS, {"name": "a..b."}, "name", "labels of 1-63"),
    (g.RECORD, g.RECORD_INPUTS, {"type": "a"}, "type", "one of A, AAAA"),
    (g.RECORD, g.RECORD_INPUTS, {"ttl": -1}, "ttl is -1", "between 0"),
    (g.RECORD, g.RECORD_INPUTS, {"rrdatas": ["private.googleapis.com."]}, "rrdatas[0]", "IPv4 address"),
    (g.RECORD, g.RECORD_INPUTS, {"rrdatas": None}, "rrdatas is missing", "exactly one of"),
    (g.RECORD, g.RECORD_INPUTS, {"rrdatas": ["1.2.3.4", "1.2.3.4"]}, "rrdatas", "twice"),
    (g.RECORD, g.RECORD_INPUTS, {"type": "CNAME", "rrdatas": ["a.", "b."]}, "rrdatas", "exactly one target"),
    (g.RECORD, g.RECORD_INPUTS, {"type": "CNAME", "rrdatas": ["a"]}, "rrdatas[0]", "write a."),
    (g.RECORD, g.RECORD_INPUTS, {"type": "AAAA", "rrdatas": ["1.2.3.4"]}, "rrdatas[0]", "IPv6 address"),
    (g.ACCOUNT, {}, {"accountId": "short"}, "accountId", "6-30"),
    (g.ACCOUNT, {}, {"accountId": "a" * 31}, "accountId", "6-30"),
    (g.ACCOUNT, g.ACCOUNT_INPUTS, {"description": "x" * 257}, "description", "256"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"member": g.EMAIL}, "member", "TYPE:WHO"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"member": "serviceAccount:sa"}, "member", "e-mail"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"member": "user:ada"}, "member", "e-mail"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"role": "logging.logWriter"}, "role", "roles/NAME"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"project": None}, "project is missing", "required"),
    (
        g.ACCOUNT_MEMBER,
        g.ACCOUNT_MEMBER_INPUTS,
        {"serviceAccountId": g.EMAIL},
        "serviceAccountId",
        "full name",
    ),
    (
        g.ACCOUNT_MEMBER,
        g.ACCOUNT_MEMBER_INPUTS,
        {"member": "serviceAccount:p.svc.id.goog[Team/x]"},
        "member",
        "NAMESPACE/NAME",
    ),
    (g.BUCKET, g.BUCKET_INPUTS, {"name": "Data"}, "name", "lower-case"),
    (g.BUCKET, g.BUCKET_INPUTS, {"name": "ab"}, "name", "3-63"),
    (g.BUCKET, g.BUCKET_INPUTS, {"name": "goog-data"}, "name", "start with goog"),
    (g.BUCKET, g.BUCKET_INPUTS, {"name": "10.0.0.1"}, "name", "IP address"),
    (g.BUCKET, g.BUCKET_INPUTS, {"location": None}, "location is missing", "required"),
    (g.BUCKET, g.BUCKET_INPUTS, {"location": "europe"}, "location", "US, EU or ASIA"),
    (g.BUCKET, g.BUCKET_INPUTS, {"storageClass": "HOT"}, "storageClass", "STANDARD"),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"name": "c" * 41}, "name", "1-40"),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"location": "europe"}, "location", "a zone like"),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"privateClusterConfig": {"masterIpv4CidrBlock": "10.5.0.0/27"}},
        "masterIpv4CidrBlock",
        "exactly /28",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"releaseChannel": {"channel": "regular"}},
        "releaseChannel.channel",
        "RAPID, REGULAR",
    ),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"datapathProvider": "V2"}, "datapathProvider", "ADVANCED_DATAPATH"),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"networkPolicy": {"enabled": True}},
        "networkPolicy.enabled",
        "Dataplane V2",
    ),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"initialNodeCount": None}, "initialNodeCount is missing", "at least 1"),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"enableAutopilot": True}, "removeDefaultNodePool", "Autopilot"),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"masterAuthorizedNetworksConfig": {"cidrBlocks": [{"cidrBlock": "203.0.113.7"}]}},
        "masterAuthorizedNetworksConfig.cidrBlocks[0].cidrBlock",
        "write 203.0.113.7/32",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"workloadIdentityConfig": {"workloadPool": "pool"}},
        "workloadPool",
        "svc.id.goog",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods", "clusterIpv4CidrBlock": "10.1.0.0/16"}},
        "ipAllocationPolicy.clusterIpv4CidrBlock",
        "not both",
    ),
    (g.CLUSTER, g.CLUSTER_INPUTS, {"maintenancePolicy": {}}, "maintenancePolicy", "exactly one of"),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"maintenancePolicy": {"recurringWindow": WINDOW | {"startTime": "saturday"}}},
        "recurringWindow.startTime",
        "RFC 3339",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"maintenancePolicy": {"recurringWindow": WINDOW | {"endTime": "2026-01-03T01:00:00Z"}}},
        "recurringWindow.endTime",
        "later than startTime",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"nodeConfig": {"machineType": "E2"}},
        "nodeConfig.machineType",
        "e2-standard-4",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"masterIpv4CidrBlock": "10.5.0.0/28"},
        "masterIpv4CidrBlock",
        "no such field",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"nodeConfig": {"taints": [{"key": "dedicated", "value": "gateway", "effect": "NoSchedule"}]}},
        "nodeConfig.taints[0].effect",
        "NO_SCHEDULE",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"nodeConfig": {"taints": [{"key": "a"}]}},
        "taints[0].value is missing",
        "required",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"nodeConfig": {"diskSizeGb": 5}},
        "nodeConfig.diskSizeGb",
        "at least 10",
    ),
    (g.NODE_POOL, g.NODE_POOL_INPUTS, {"name": "n" * 41}, "name", "1-40"),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"autoscaling": {"minNodeCount": 3, "maxNodeCount": 2}},
        "minNodeCount",
        "maxNodeCount (2)",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"autoscaling": {"minNodeCount": 3}},
        "autoscaling.maxNodeCount",
        "upper limit",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"autoscaling": {"maxNodeCount": 3, "totalMaxNodeCount": 3}},
        "autoscaling",
        "per zone or in total",
    ),
    (
        g.NODE_POOL,
        g.NODE_POOL_INPUTS,
        {"upgradeSettings": {"maxSurge": 0, "maxUnavailable": 0}},
        "maxSurge",
        "both be 0",
    ),
    (g.MEMBERSHIP, g.MEMBERSHIP_INPUTS, {"membershipId": "Cluster"}, "membershipId", "lower-case"),
    (g.MEMBERSHIP, g.MEMBERSHIP_INPUTS, {"location": "here"}, "location", "global"),
    (g.FEATURE, g.FEATURE_INPUTS, {"name": "mesh"}, "name", "servicemesh"),
    (
        g.FEATURE_MEMBERSHIP,
        g.FEATURE_MEMBERSHIP_INPUTS,
        {"mesh": {"management": "auto"}},
        "mesh.management",
        "MANAGEMENT_AUTOMATIC",
    ),
    (
        g.ADDRESS,
        {"name": "nat-1"},
        {"addressType": "INTERNAL", "networkTier": "PREMIUM"},
        "networkTier",
        "only EXTERNAL",
    ),
    (
        g.CLUSTER,
        g.CLUSTER_INPUTS,
        {"clusterIpv4Cidr": "10.1.0.0/16"},
        "clusterIpv4Cidr",
        "together with ipAllocationPolicy",
    ),
    (
        g.ZONE,
        g.ZONE_INPUTS,
        {"peeringConfig": UNKNOWN, "forwardingConfig": UNKNOWN},
        "peeringConfig",
        "not both",
    ),
    (
        g.FIREWALL,
        ALLOW,
        {"logConfig": {"metadata": UNKNOWN}, "enableLogging": False},
        "logConfig",
        "enableLogging is false",
    ),
    (g.ROUTER, g.ROUTER_INPUTS, {"nccGateway": "g"}, "nccGateway", "not both"),
    (g.NAT, g.NAT_INPUTS, {"minPortsPerVm": 1}, "minPortsPerVm is 1", "between 2 and 57344"),
    (g.NAT, g.NAT_INPUTS, {"natIps": ["a"], "initialNatIps": ["b"]}, "initialNatIps", "not both"),
    (
        g.NAT,
        g.NAT_INPUTS,
        {"subnetworks": [{"name": "a", "sourceIpRangesToNats": ["ALL_IP_RANGES", "PRIMARY_IP_RANGE"]}]},
        "subnetworks[0].sourceIpRangesToNats",
        "stands alone",
    ),
    (
        g.BUCKET,
        g.BUCKET_INPUTS,
        {"forceDestroy": True, "retentionPolicy": UNKNOWN},
        "forceDestroy",
        "retentionPolicy",
    ),
    (g.BUCKET, g.BUCKET_INPUTS, {"name": "a..b"}, "name", "dot-separated"),
    (g.PROJECT_MEMBER, g.PROJECT_MEMBER_INPUTS, {"member": "principal:x"}, "member", "//iam.googleapis.com"),
    (
        "gcp:sql/databaseInstance:DatabaseInstance",
        {},
        {},
        "gcp:sql/databaseInstance:DatabaseInstance",
        "Add a row",
    ),
]


@pytest.mark.parametrize(("token", "inputs", "changes", "field", "rule"), REFUSED)
def test_a_broken_field_is_refused_with_its_rule(
    engine: g.Engine, token: str, inputs: dict[str, Any], changes: dict[str, Any], field: str, rule: str
) -> None:
    said = engine.refusals(token, g.having(inputs, **changes))
    assert any(field in text and rule in text for text in said), said


def with_junk(fields: Any, parts: list[str]) -> tuple[dict[str, Any], str]:
    """Inputs in which only the value at a path is known, and wrong; and what is said about it."""
    name, rest = parts[0], parts[1:]
    values: dict[str, Any] = {field: UNKNOWN for field, form in fields.items() if form.required}
    form, wrap = fields[name], []
    while rest and rest[0] == "*":
        wrap.append(form.type)
        form, rest = form.item, rest[1:]
    if rest:
        value, said = with_junk(form.fields, rest)
        said = f".{said}"
    else:
        value = {"string": "?!", "integer": -1, "number": -1}[form.type]
        said = f" is {value!r}"
    for kind in reversed(wrap):
        value, said = ([value], f"[0]{said}") if kind == "list" else ({"key": value}, f".key{said}")
    return values | {name: value}, f"{name}{said}"


#: checks that junk passes, because their field takes more than the others
LENIENT = {"description", "displayName"}


@pytest.mark.parametrize(
    ("token", "path"),
    [(token, path) for token, kind in KINDS.items() for path in kind.checks if path not in LENIENT],
)
def test_every_check_of_every_row_is_made(engine: g.Engine, token: str, path: str) -> None:
    inputs, field = with_junk(shapes.inputs(KINDS[token].shape), path.split("."))
    assert any(field in text for text in engine.refusals(token, inputs))


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    *g.TUTORIAL,
    (
        g.FIREWALL,
        g.having(ALLOW, allows=[{"protocol": "TCP", "ports": ["80", "8000-8100"]}, {"protocol": "50"}]),
    ),
    (g.FIREWALL, g.having(ALLOW, destinationRanges=["fd00::/8"])),
    (g.FIREWALL, g.having(ALLOW, direction=None, sourceTags=["a"], targetTags=["b"])),
    (
        g.FIREWALL,
        g.having(
            ALLOW,
            name=None,
            network=UNKNOWN,
            allows=[{"protocol": "tcp", "ports": UNKNOWN}],
            priority=UNKNOWN,
        ),
    ),
    (g.NAT, g.having(g.NAT_INPUTS, **DYNAMIC, maxPortsPerVm=128, enableEndpointIndependentMapping=False)),
    (g.NAT, g.having(g.NAT_INPUTS, natIpAllocateOption="MANUAL_ONLY", natIps=[UNKNOWN])),
    (
        g.NAT,
        g.having(g.NAT_INPUTS, subnetworks=[{"name": UNKNOWN, "sourceIpRangesToNats": ["ALL_IP_RANGES"]}]),
    ),
    (
        g.RECORD,
        g.having(
            g.RECORD_INPUTS, name="*.googleapis.com.", type="CNAME", rrdatas=["private.googleapis.com."]
        ),
    ),
    (g.RECORD, g.having(g.RECORD_INPUTS, rrdatas=UNKNOWN)),
    (g.PROJECT_MEMBER, g.having(g.PROJECT_MEMBER_INPUTS, member="allUsers", role="projects/p/roles/my_role")),
    (g.PROJECT_MEMBER, g.having(g.PROJECT_MEMBER_INPUTS, member=UNKNOWN)),
    (
        g.PROJECT_MEMBER,
        g.having(g.PROJECT_MEMBER_INPUTS, member="principalSet://iam.googleapis.com/projects/1/x"),
    ),
    (
        g.CLUSTER,
        g.having(g.CLUSTER_INPUTS, location="europe-west1", subnetwork=UNKNOWN, ipAllocationPolicy=UNKNOWN),
    ),
    (g.BUCKET, g.having(g.BUCKET_INPUTS, location="eu", name=None)),
]


@pytest.mark.parametrize(("token", "inputs"), ACCEPTED)
def test_what_google_takes_is_taken(engine: g.Engine, token: str, inputs: dict[str, Any]) -> None:
    assert engine.refusals(token, inputs) == []


def test_every_broken_field_is_told_at_once(engine: g.Engine) -> None:
    said = engine.refusals(g.FIREWALL, g.having(ALLOW, name="Allow", priority=70000, direction="OUT"))
    assert len(said) == 3
    assert all("Allow" in text for text in said)


def test_a_provider_refuses_a_project_that_cannot_exist(engine: g.Engine) -> None:
    from pulumi.runtime.proto import provider_pb2

    from sandbox.google import wire

    answer = engine.stub.CheckConfig(provider_pb2.CheckRequest(news=wire.write({"project": "My Project"})))
    assert "6-30 lower-case" in answer.failures[0].reason


def test_a_missing_name_is_made_from_the_resource_and_kept(engine: g.Engine) -> None:
    from sandbox.google import wire

    first = wire.read(engine.check(g.NETWORK, {}, "net").inputs)
    assert first["name"] == "net-0102030"
    again = wire.read(engine.check(g.NETWORK, {}, "net", first | {"name": "net-fffffff"}).inputs)
    assert again["name"] == "net-fffffff"
    assert engine.refusals(g.ACCOUNT, {}) == []
