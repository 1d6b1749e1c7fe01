"""What the stand-in refuses at preview of networks, firewalls and NAT, one broken field at a time."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.provider.wire import UNKNOWN
from tests.sandbox import google_resources as g
from tests.sandbox.google_engine import Engine

TCP = [{"protocol": "tcp"}]
SUBNETS = g.NAT_INPUTS["subnetworks"]

REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    # token, inputs, changes, the field named, the rule told
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
    (g.FIREWALL, g.ALLOW, {"priority": 65536}, "priority is 65536", "between 0 and 65535"),
    (g.FIREWALL, g.ALLOW, {"priority": -1}, "priority is -1", "between 0 and 65535"),
    (g.FIREWALL, g.ALLOW, {"priority": "1000"}, "priority", "whole number"),
    (g.FIREWALL, g.ALLOW, {"direction": "OUT"}, "direction", "INGRESS, EGRESS"),
    (g.FIREWALL, g.ALLOW, {"allows": None}, "allows", "exactly one of"),
    (g.FIREWALL, g.ALLOW, {"denies": TCP}, "denies", "either allows or denies"),
    (g.FIREWALL, g.ALLOW, {"allows": [{"protocol": "tls"}]}, "allows[0].protocol", "one of tcp, udp"),
    (g.FIREWALL, g.ALLOW, {"allows": [{"protocol": "256"}]}, "allows[0].protocol", "0-255"),
    (g.FIREWALL, g.ALLOW, {"allows": [{"ports": ["1"]}]}, "allows[0].protocol is missing", "required"),
    (
        g.FIREWALL,
        g.ALLOW,
        {"allows": [{"protocol": "icmp", "ports": ["1"]}]},
        "allows[0].ports",
        "has no ports",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"allows": [{"protocol": "tcp", "ports": [443]}]},
        "allows[0].ports[0]",
        "a text",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"allows": [{"protocol": "tcp", "ports": ["0"]}]},
        "allows[0].ports[0]",
        "between 1 and 65535",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"allows": [{"protocol": "tcp", "ports": ["65536"]}]},
        "allows[0].ports[0]",
        "between 1 and 65535",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"allows": [{"protocol": "tcp", "ports": ["90-80"]}]},
        "allows[0].ports[0]",
        "lower to the higher",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"allows": [{"protocol": "tcp", "ports": ["https"]}]},
        "allows[0].ports[0]",
        "8000-8100",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"destinationRanges": ["10.0.0.1/8"]},
        "destinationRanges[0]",
        "write 10.0.0.0/8",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"destinationRanges": ["10.0.0.1"]},
        "destinationRanges[0]",
        "write 10.0.0.1/32",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"destinationRanges": ["10.0.0.0/8", "fd00::/8"]},
        "destinationRanges",
        "not both",
    ),
    (g.FIREWALL, g.ALLOW, {"sourceTags": ["web"]}, "sourceTags", "only for INGRESS"),
    (g.FIREWALL, g.ALLOW, {"direction": "INGRESS"}, "sourceRanges is missing", "INGRESS rule needs"),
    (
        g.FIREWALL,
        g.ALLOW,
        {"targetTags": ["a"], "targetServiceAccounts": [g.EMAIL]},
        "targetServiceAccounts",
        "targetTags too",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"targetServiceAccounts": [f"a{n}@x.example" for n in range(11)]},
        "targetServiceAccounts",
        "at most 10",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"logConfig": {"metadata": "ALL"}},
        "logConfig.metadata",
        "INCLUDE_ALL_METADATA",
    ),
    (g.FIREWALL, g.ALLOW, {"logConfig": {}}, "logConfig.metadata is missing", "required"),
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
        g.DYNAMIC | {"enableEndpointIndependentMapping": True},
        "enableEndpointIndependentMapping",
        "set it to false",
    ),
    (g.NAT, g.NAT_INPUTS, g.DYNAMIC | {"minPortsPerVm": 100}, "minPortsPerVm is 100", "power of two"),
    (g.NAT, g.NAT_INPUTS, g.DYNAMIC | {"maxPortsPerVm": 100}, "maxPortsPerVm is 100", "power of two"),
    (
        g.NAT,
        g.NAT_INPUTS,
        g.DYNAMIC | {"maxPortsPerVm": 64},
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
    (
        g.ADDRESS,
        {"name": "nat-1"},
        {"addressType": "INTERNAL", "networkTier": "PREMIUM"},
        "networkTier",
        "only EXTERNAL",
    ),
    (
        g.FIREWALL,
        g.ALLOW,
        {"logConfig": {"metadata": UNKNOWN}, "enableLogging": False},
        "logConfig",
        "enableLogging is false",
    ),
    (g.ROUTER, g.ROUTER_INPUTS, {"nccGateway": "g"}, "nccGateway", "not both"),
    (g.NAT, g.NAT_INPUTS, {"minPortsPerVm": 1}, "minPortsPerVm is 1", "between 2 and 57344"),
    (g.NAT, g.NAT_INPUTS, {"tcpTimeWaitTimeoutSec": 0}, "tcpTimeWaitTimeoutSec is 0", "between 1 and"),
    (g.NAT, g.NAT_INPUTS, {"natIps": ["a"], "initialNatIps": ["b"]}, "initialNatIps", "not both"),
    (
        g.NAT,
        g.NAT_INPUTS,
        {"subnetworks": [{"name": "a", "sourceIpRangesToNats": ["ALL_IP_RANGES", "PRIMARY_IP_RANGE"]}]},
        "subnetworks[0].sourceIpRangesToNats",
        "stands alone",
    ),
]


@pytest.mark.parametrize(("token", "inputs", "changes", "field", "rule"), REFUSED)
def test_a_broken_field_is_refused_with_its_rule(
    previews: Engine, token: str, inputs: dict[str, Any], changes: dict[str, Any], field: str, rule: str
) -> None:
    refusals = previews.refusals(token, g.having(inputs, **changes))
    assert any(field in text and rule in text for text in refusals), refusals
