"""Rows of Compute Engine (compute.googleapis.com): what Google adds to a network, a firewall, a router."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.google.address import ADDRESS
from sandbox.google.firewall import ASSOCIATION, FIREWALL_KIND, POLICY
from sandbox.google.forwarding import FORWARDING_RULE
from sandbox.google.kinds import LINK, number, tail
from sandbox.google.nat import NAT, ROUTER
from sandbox.google.network import NETWORK, SUBNETWORK, network_named
from sandbox.google.state import merge
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.rows import Making, Part, Row, place

_FIRST_PREDEFINED = 2147483548
"""Priorities from here on are those of rules that every policy is born with."""


def common(kind: str, making: Making, **more: Any) -> Json:
    """What every resource of Compute Engine says of itself."""
    where = place(making.name)
    return {
        "kind": f"compute#{kind}",
        "id": str(number(making.name, 19)),
        "name": tail(making.name),
        "selfLink": LINK + making.name,
        "creationTimestamp": "2026-01-01T00:00:00.000-00:00",
        **(
            {"region": f"{LINK}projects/{making.project}/regions/{where['region']}"}
            if "region" in where
            else {}
        ),
        **more,
    }


def _network(making: Making) -> Json:
    return common(
        "network",
        making,
        selfLinkWithId=f"{LINK}projects/{making.project}/global/networks/{number(making.name, 19)}",
        networkFirewallPolicyEnforcementOrder="AFTER_CLASSIC_FIREWALL",
        routingConfig={"routingMode": "REGIONAL", "bgpBestPathSelectionMode": "LEGACY"},
    )


def _network_words(view: Json) -> Json:
    return {**view, **view.get("routingConfig", {})}


def _subnet(making: Making) -> Json:
    return common(
        "subnetwork",
        making,
        gatewayAddress=making.computed["gatewayAddress"],
        fingerprint="",
        privateIpGoogleAccess=False,
        privateIpv6GoogleAccess="DISABLE_GOOGLE_ACCESS",
        purpose="PRIVATE",
        stackType="IPV4_ONLY",
        enableFlowLogs=bool(making.rest.get("logConfig", {}).get("enable")),
        logConfig={"enable": False},
        allowSubnetCidrRoutesOverlap=False,
    )


def _subnet_words(view: Json) -> Json:
    logging = view.get("logConfig", {})
    return {
        **view,
        "secondaryIpRanges": view.get("secondaryIpRanges", []),
        "logConfig": {key: value for key, value in logging.items() if key != "enable"}
        if logging.get("enable")
        else None,
    }


def _address(making: Making) -> Json:
    internal = making.rest.get("addressType") == "INTERNAL"
    return common(
        "address",
        making,
        address=making.computed["address"],
        addressType="EXTERNAL",
        status="RESERVED",
        labelFingerprint="42WmSpB8rSM=",
        **({"purpose": "GCE_ENDPOINT"} if internal else {"networkTier": "PREMIUM"}),
    )


def _firewall(making: Making) -> Json:
    egress = making.rest.get("direction") == "EGRESS"
    ranges = "destinationRanges" if egress else "sourceRanges"
    chosen = any(making.rest.get(name) for name in (ranges, "sourceTags", "sourceServiceAccounts"))
    return common(
        "firewall",
        making,
        direction="INGRESS",
        priority=1000,
        disabled=False,
        logConfig={"enable": False},
        **({} if chosen else {ranges: ["0.0.0.0/0"]}),
    )


def _firewall_words(view: Json) -> Json:
    def rules(given: list[Json]) -> list[Json]:
        return [{"protocol": rule.get("IPProtocol"), **_without(rule, "IPProtocol")} for rule in given]

    logging = view.get("logConfig", {})
    return {
        **_without(view, "allowed", "denied", "logConfig"),
        **({"allows": rules(view["allowed"])} if view.get("allowed") else {}),
        **({"denies": rules(view["denied"])} if view.get("denied") else {}),
        **({"logConfig": _without(logging, "enable")} if logging.get("enable") else {}),
    }


def _router(making: Making) -> Json:
    return common("router", making, encryptedInterconnectRouter=False)


def _nat_words(view: Json) -> Json:
    return {
        **view,
        "type": view.get("type", "PUBLIC"),
        "subnetworks": [
            {
                "name": subnet["name"],
                "sourceIpRangesToNats": subnet.get("sourceIpRangesToNat", []),
                "secondaryIpRangeNames": subnet.get("secondaryIpRangeNames", []),
            }
            for subnet in view.get("subnetworks", [])
        ],
    }


NATS = Row(NAT, _nat_words)


def _nats(name: str, rest: Json) -> Iterator[Part]:
    where = place(name)
    for nat in rest.get("nats", []):
        view = NATS.words({**nat, **where, "router": tail(name)})
        yield Part(NATS, f"{where['project']}/{where['region']}/{tail(name)}/{nat['name']}", view)


def with_nat_defaults(router: Json) -> Json:
    """A router whose NATs say what Google says of them when nobody chose."""
    filled = [
        merge(
            {
                "type": "PUBLIC",
                "autoNetworkTier": "PREMIUM",
                "endpointTypes": ["ENDPOINT_TYPE_VM"],
                "enableEndpointIndependentMapping": False,
                "enableDynamicPortAllocation": False,
            },
            nat,
        )
        for nat in router.get("nats", [])
    ]
    return {**router, "nats": filled} if filled else router


def _predefined() -> list[Json]:
    """The four rules that every policy ends with: whatever no other rule decided goes on."""
    return [
        {
            "kind": "compute#firewallPolicyRule",
            "action": "goto_next",
            "description": f"default {direction.lower()} rule {family}",
            "direction": direction,
            "enableLogging": False,
            "priority": priority,
            "ruleTupleCount": 2,
            "match": {side: [everything], "layer4Configs": [{"ipProtocol": "all"}]},
        }
        for priority, direction, family, side, everything in (
            (2147483644, "EGRESS", "ipv6", "destIpRanges", "::/0"),
            (2147483645, "INGRESS", "ipv6", "srcIpRanges", "::/0"),
            (2147483646, "EGRESS", "ipv4", "destIpRanges", "0.0.0.0/0"),
            (2147483647, "INGRESS", "ipv4", "srcIpRanges", "0.0.0.0/0"),
        )
    ]


def _policy(making: Making) -> Json:
    return common(
        "firewallPolicy",
        making,
        selfLinkWithId=f"{LINK}projects/{making.project}/global/firewallPolicies/{number(making.name, 19)}",
        fingerprint="",
        policyType="VPC_POLICY",
        rules=_predefined(),
        ruleTupleCount=8,
    )


def _policy_words(view: Json) -> Json:
    own = [rule for rule in view.get("rules", []) if rule.get("priority", 0) < _FIRST_PREDEFINED]
    return {**_without(view, "rules"), "rules": own}


def _associations(making: Making) -> Json:
    found = [
        {"name": other.rest["name"], "attachmentTarget": other.rest["attachmentTarget"]}
        for other in making.cloud.of_type(ASSOCIATION)
        if other.id.startswith(f"{making.name}/associations/")
    ]
    return {"associations": found}


def _forwarding_rule(making: Making) -> Json:
    return common("forwardingRule", making, loadBalancingScheme="EXTERNAL", IPProtocol="TCP")


def _forwarding_words(view: Json) -> Json:
    return {**view, "ipAddress": view.get("IPAddress", "")}


def _without(values: Json, *names: str) -> Json:
    return {name: value for name, value in values.items() if name not in names}


def _subnets(making: Making) -> Json:
    mine = [
        LINK + subnet.id
        for subnet in making.cloud.of_type(SUBNETWORK)
        if network_named(str(subnet.state["network"]), subnet.state) == making.name
    ]
    return {"subnetworks": mine} if mine else {}


ROWS: dict[str, Row] = {
    "compute.networks": Row(NETWORK, _network_words, _network, live=_subnets),
    "compute.routes": Row("gcp:compute/route:Route"),
    "compute.globalAddresses": Row("gcp:compute/globalAddress:GlobalAddress"),
    "compute.subnetworks": Row(SUBNETWORK, _subnet_words, _subnet),
    "compute.addresses": Row(ADDRESS, made=_address),
    "compute.firewalls": Row(FIREWALL_KIND.token, _firewall_words, _firewall),
    "compute.routers": Row(ROUTER, made=_router, parts=_nats),
    "compute.networkFirewallPolicies": Row(POLICY, _policy_words, _policy, live=_associations),
    "compute.forwardingRules": Row(FORWARDING_RULE, _forwarding_words, _forwarding_rule),
}
ASSOCIATIONS = Row(ASSOCIATION)
