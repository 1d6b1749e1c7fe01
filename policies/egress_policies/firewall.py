"""Rules for the VPC firewall: what may leave, what may come in, and that what nobody allows is denied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from egress_policies.addresses import anywhere
from egress_policies.cluster import NODE_POOL
from egress_policies.rule import UNKNOWN, Resource, Rule, Setting, Settings, at, known, matches

FIREWALL = "gcp:compute/firewall:Firewall"
NETWORK = "gcp:compute/network:Network"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
POLICY = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
ASSOCIATION = "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation"

_GATEWAYS = {
    "gatewayAccounts": Setting(
        ("sa-gateway-*", "*-gateway-*"),
        "Account ids (what stands before the @) of the service accounts that gateway nodes run as.",
    )
}
_EVERYWHERE = ("0.0.0.0/0",)
"""What a rule means that names no range."""


def _leaves_everywhere(resource: Resource, settings: Settings) -> Iterator[str]:
    props = resource.props
    if resource.type != FIREWALL or props.get("direction", "INGRESS") != "EGRESS" or not props.get("allows"):
        return
    ranges = props.get("destinationRanges") or _EVERYWHERE
    if ranges is UNKNOWN or not anywhere(ranges):
        return
    accounts = props.get("targetServiceAccounts")
    if accounts is UNKNOWN:
        return
    others = [account for account in known(accounts) if not _may_leave(account, settings)]
    if accounts and not others:
        return
    who = ", ".join(str(account) for account in others) or "every machine of the network"
    yield (
        f"{who} could connect to the whole internet, round the gateway and all it checks. Let only gateway "
        "nodes "
        f"({', '.join(settings['gatewayAccounts'])}) leave, by targetServiceAccounts, or name the addresses."
    )


def _let_in_from_everywhere(resource: Resource, _settings: Settings) -> Iterator[str]:
    props = resource.props
    if resource.type != FIREWALL or props.get("direction", "INGRESS") != "INGRESS" or not props.get("allows"):
        return
    if props.get("sourceTags") or props.get("sourceServiceAccounts"):
        return
    ranges = props.get("sourceRanges") or _EVERYWHERE
    if ranges is not UNKNOWN and anywhere(ranges):
        yield "Anybody could connect to nodes. Name each partner's ranges in sourceRanges."


def _denies_the_rest(
    resources: Sequence[Resource], _settings: Settings
) -> Iterator[tuple[Resource | None, str]]:
    denying = [resource for resource in resources if resource.type == FIREWALL and _denies_all(resource)]
    by_policy = any(resource.type == POLICY and _policy_denies_all(resource) for resource in resources)
    denying += [resource for resource in resources if resource.type == ASSOCIATION and by_policy]
    subnetworks = [resource for resource in resources if resource.type == SUBNETWORK]
    for network in (resource for resource in resources if resource.type == NETWORK):
        if network.props.get("autoCreateSubnetworks") is False and not any(
            _is_of(subnet, network) for subnet in subnetworks
        ):
            continue  # no machine can be in it
        if not any(_is_of(rule, network) for rule in denying):
            yield (
                network,
                "Nothing denies what no rule allows: Google's own last rule lets every machine out. Add a "
                "rule with direction "
                "EGRESS, denies all, destinationRanges 0.0.0.0/0, priority 65535, and no targets.",
            )


def _denies_all(resource: Resource) -> bool:
    props = resource.props
    targeted = props.get("targetServiceAccounts") or props.get("targetTags")
    protocols = [at(what, "protocol") for what in known(props.get("denies"))]
    ranges = known(props.get("destinationRanges") or _EVERYWHERE)
    return (
        props.get("direction") == "EGRESS"
        and "all" in protocols
        and "0.0.0.0/0" in ranges
        and not targeted
        and not props.get("disabled")
    )


def _policy_denies_all(policy: Resource) -> bool:
    """Whether a network firewall policy refuses, for every machine, whatever leaves and no other rule of it
    allows."""
    return any(
        at(rule, "direction") == "EGRESS"
        and at(rule, "action") == "deny"
        and "0.0.0.0/0" in known(at(rule, "match.destIpRanges"))
        and "all" in [at(what, "ipProtocol") for what in known(at(rule, "match.layer4Configs"))]
        and not at(rule, "targetServiceAccounts")
        for rule in known(policy.props.get("rules"))
    )


def _is_of(rule: Resource, network: Resource) -> bool:
    """Whether the rule is of this network. A network that is yet to be made has no id to compare: then it is
    taken to be."""
    named = rule.props.get("attachmentTarget" if rule.type == ASSOCIATION else "network")
    names = [network.props.get(key) for key in ("id", "selfLink", "name")]
    if named is UNKNOWN or UNKNOWN in names:
        return True
    return named in names or str(named).rpartition("/")[2] == network.props.get("name")


def _only_gateways(
    resources: Sequence[Resource], settings: Settings
) -> Iterator[tuple[Resource | None, str]]:
    for pool in (resource for resource in resources if resource.type == NODE_POOL):
        account = at(pool.props, "nodeConfig.serviceAccount")
        taints = known(at(pool.props, "nodeConfig.taints"))
        kept_free = any(at(taint, "effect") in ("NO_SCHEDULE", "NO_EXECUTE") for taint in taints)
        if _of_gateway(account, settings) and not kept_free:
            yield (
                pool,
                f"Nodes of this pool run as {account}, which the firewall lets out to the internet, and "
                "nothing keeps "
                "applications off them. Give nodeConfig.taints an effect NO_SCHEDULE, or the pool another "
                "service account.",
            )


def _may_leave(account: Any, settings: Settings) -> bool:
    return _of_gateway(account, settings) or matches(str(account).partition("@")[0], settings["openAccounts"])


def _of_gateway(account: Any, settings: Settings) -> bool:
    return isinstance(account, str) and matches(account.partition("@")[0], settings["gatewayAccounts"])


RULES = (
    Rule(
        "only-gateways-leave",
        "No firewall rule lets machines out to the whole internet, but for gateway nodes.",
        of_one=_leaves_everywhere,
        settings={
            **_GATEWAYS,
            "openAccounts": Setting(
                (), "Account ids of other nodes that may leave, where a team's security model needs it."
            ),
        },
    ),
    Rule(
        "nobody-lets-all-in", "No firewall rule lets the whole internet in.", of_one=_let_in_from_everywhere
    ),
    Rule(
        "network-denies-the-rest",
        "Every network has the rule that denies what no rule allows.",
        of_all=_denies_the_rest,
    ),
    Rule(
        "gateway-nodes-alone",
        "Nodes that may leave run gateways alone.",
        of_all=_only_gateways,
        settings=_GATEWAYS,
    ),
)
