"""Firewall rules and network firewall policies (compute.googleapis.com)."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.google import checks
from sandbox.google.identity import ACCOUNT, by_email
from sandbox.google.kinds import Context, Kind, Problem, Reference, Values, named, never_changes, path, walk
from sandbox.google.network import API, NETWORK, link, network_named
from sandbox.provider.wire import UNKNOWN


def _allows_or_denies(values: Values) -> Iterator[Problem]:
    allows, denies = values.get("allows"), values.get("denies")
    if allows and denies:
        yield Problem("denies", denies, "a rule either allows or denies; split it in two rules")
    if not allows and not denies:
        yield Problem(
            "allows", allows, "exactly one of allows and denies is required; a rule without any does nothing"
        )


def _direction(values: Values) -> Iterator[Problem]:
    direction = values.get("direction", "INGRESS")
    sources = ("sourceRanges", "sourceTags", "sourceServiceAccounts")
    if direction == "INGRESS" and not any(values.get(name) for name in sources):
        yield Problem(
            "sourceRanges",
            None,
            "an INGRESS rule needs one of "
            + ", ".join(sources)
            + "; otherwise it would apply to the whole internet",
        )
    if direction == "EGRESS":
        for name in ("sourceTags", "sourceServiceAccounts"):
            if values.get(name):
                yield Problem(
                    name,
                    values[name],
                    "it is only for INGRESS rules; for EGRESS choose the senders by targetServiceAccounts or "
                    "targetTags",
                )


def _conflicts(values: Values) -> Iterator[Problem]:
    for accounts, tags in (
        ("targetServiceAccounts", "targetTags"),
        ("targetServiceAccounts", "sourceTags"),
        ("sourceServiceAccounts", "sourceTags"),
        ("sourceServiceAccounts", "targetTags"),
    ):
        if values.get(accounts) and values.get(tags):
            yield Problem(
                accounts,
                values[accounts],
                f"a rule chooses by service accounts or by tags; it has {tags} too",
            )


def _few_accounts(values: Values) -> Iterator[Problem]:
    for name in ("targetServiceAccounts", "sourceServiceAccounts"):
        given = values.get(name)
        if isinstance(given, list) and len(given) > 10:
            yield Problem(name, len(given), "a rule takes at most 10 service accounts; use several rules")


def _ports_need_protocol(values: Values) -> Iterator[Problem]:
    for block in ("allows", "denies"):
        for at, rule in walk(values, f"{block}.*"):
            protocol = rule.get("protocol")
            if (
                rule.get("ports")
                and protocol is not UNKNOWN
                and str(protocol).lower() not in ("tcp", "udp", "sctp", "6", "17", "132")
            ):
                yield Problem(
                    f"{at}.ports",
                    rule["ports"],
                    f"protocol {protocol} has no ports; only tcp, udp and sctp have",
                )


def _one_ip_version(values: Values) -> Iterator[Problem]:
    for name in ("sourceRanges", "destinationRanges"):
        versions = {
            block.version for _, value in walk(values, f"{name}.*") if (block := checks.network(value))
        }
        if len(versions) > 1:
            yield Problem(name, values[name], "a rule has IPv4 or IPv6 ranges, not both; use two rules")


def _logging(values: Values) -> Iterator[Problem]:
    if values.get("logConfig") and values.get("enableLogging") is False:
        yield Problem("logConfig", values["logConfig"], "it cannot be given while enableLogging is false")


FIREWALL_KIND = Kind(
    token="gcp:compute/firewall:Firewall",
    schema="compute.Firewall",
    id=path("projects/{project}/global/firewalls/{name}"),
    api=API,
    checks={
        "name": checks.NAME,
        "priority": checks.between(0, 65535),
        "direction": checks.one_of("INGRESS", "EGRESS"),
        "sourceRanges.*": checks.cidr,
        "destinationRanges.*": checks.cidr,
        "allows.*.protocol": checks.protocol,
        "denies.*.protocol": checks.protocol,
        "allows.*.ports.*": checks.ports,
        "denies.*.ports.*": checks.ports,
        "sourceTags.*": checks.NAME,
        "targetTags.*": checks.NAME,
        "logConfig.metadata": checks.one_of("EXCLUDE_ALL_METADATA", "INCLUDE_ALL_METADATA"),
    },
    rules=(
        _allows_or_denies,
        _direction,
        _conflicts,
        _few_accounts,
        _ports_need_protocol,
        _one_ip_version,
        _logging,
    ),
    defaults={"priority": 1000},
    replaces=never_changes("name", "project", "direction", "params"),
    sets=frozenset(
        {
            "allows",
            "denies",
            "allows.*.ports",
            "denies.*.ports",
            "sourceRanges",
            "destinationRanges",
            "sourceTags",
            "targetTags",
            "sourceServiceAccounts",
            "targetServiceAccounts",
        }
    ),
    caseless=frozenset({"allows.*.protocol", "denies.*.protocol"}),
    references=(
        Reference("network", NETWORK, network_named, holds=True, output="link"),
        Reference("targetServiceAccounts.*", ACCOUNT, by_email),
        Reference("sourceServiceAccounts.*", ACCOUNT, by_email),
    ),
    computed=lambda context: link(context) | {"direction": "INGRESS", "destinationRanges": []},
    live=lambda context: {
        "enableLogging": bool(context.new.get("logConfig") or context.new.get("enableLogging"))
    },
)


# Network firewall policies

POLICY = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
ASSOCIATION = "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation"

policy_named = named("projects/{project}/global/firewallPolicies/{name}")


def _own_priorities(values: Values) -> Iterator[Problem]:
    given = [priority for _, priority in walk(values, "rules.*.priority")]
    for at, priority in walk(values, "rules.*.priority"):
        if given.count(priority) > 1:
            yield Problem(
                at,
                priority,
                "two rules of a policy cannot have one priority; it would not be clear which comes first",
            )


def _other_side(values: Values) -> Iterator[Problem]:
    for at, rule in walk(values, "rules.*"):
        side = "destIpRanges" if rule.get("direction", "INGRESS") == "EGRESS" else "srcIpRanges"
        ranges = [value for _, value in walk(rule, f"match.{side}.*")]
        if not ranges:
            yield Problem(
                f"{at}.match.{side}",
                None,
                f"an {rule.get('direction', 'INGRESS')} rule says where to or from",
            )
        versions = {block.version for value in ranges if (block := checks.network(value))}
        if len(versions) > 1:
            yield Problem(
                f"{at}.match.{side}", ranges, "a rule has IPv4 or IPv6 ranges, not both; use two rules"
            )


POLICY_KIND = Kind(
    token=POLICY,
    schema="compute.NetworkFirewallPolicyWithRules",
    id=path("projects/{project}/global/firewallPolicies/{name}"),
    api=API,
    checks={
        "name": checks.NAME,
        "rules.*.priority": checks.between(0, 2147483547),
        "rules.*.action": checks.one_of("allow", "deny", "goto_next", "apply_security_profile_group"),
        "rules.*.direction": checks.one_of("INGRESS", "EGRESS"),
        "rules.*.match.destIpRanges.*": checks.cidr,
        "rules.*.match.srcIpRanges.*": checks.cidr,
        "rules.*.match.layer4Configs.*.ipProtocol": checks.protocol,
        "rules.*.match.layer4Configs.*.ports.*": checks.ports,
    },
    rules=(_own_priorities, _other_side),
    replaces=never_changes("name", "project", "policyType"),
    references=(Reference("rules.*.targetServiceAccounts.*", ACCOUNT, by_email),),
    computed=lambda context: {
        **link(context),
        "fingerprint": "",
        "networkFirewallPolicyId": str(len(context.id)),
        "policyType": "VPC_POLICY",
        "predefinedRules": [],
        "ruleTupleCount": 0,
        "selfLinkWithId": "",
    },
)


def _one_policy_per_network(context: Context) -> Iterator[Problem]:
    target = context.new["attachmentTarget"]
    for other in context.cloud.of_type(ASSOCIATION):
        if other.id != context.id and network_named(
            other.state["attachmentTarget"], other.state
        ) == network_named(target, context.new):
            yield Problem(
                "attachmentTarget",
                target,
                f"'{other.id}' is on this network already; a network has one policy",
                409,
            )


ASSOCIATION_KIND = Kind(
    token=ASSOCIATION,
    schema="compute.NetworkFirewallPolicyAssociation",
    id=path("projects/{project}/global/firewallPolicies/{firewallPolicy}/associations/{name}"),
    api=API,
    checks={"name": checks.NAME},
    replaces=never_changes("name", "project", "firewallPolicy", "attachmentTarget"),
    references=(
        Reference("firewallPolicy", POLICY, policy_named, holds=True),
        Reference("attachmentTarget", NETWORK, network_named, holds=True),
    ),
    cloud_rules=(_one_policy_per_network,),
    computed=lambda context: {"shortName": context.new["name"]},
)


KINDS = (FIREWALL_KIND, POLICY_KIND, ASSOCIATION_KIND)
