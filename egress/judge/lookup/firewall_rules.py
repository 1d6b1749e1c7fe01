"""VPC firewall rules in the form in which they are judged; what each field means is said in firewall.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egress.common.objects import Resource
from egress.judge.lookup.subnets import CLUSTER, SUBNETWORK, Subnets
from egress.judge.model.ip_ranges import Ranges
from egress.judge.model.snapshot import Snapshot

FIREWALL = "gcp:compute/firewall:Firewall"
POLICY = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
EGRESS, INGRESS = "EGRESS", "INGRESS"
EVERYWHERE = ("0.0.0.0/0", "::/0")
DEFAULT_PRIORITY = 1000

_READ = {
    "allows",
    "denies",
    "destinationRanges",
    "direction",
    "disabled",
    "network",
    "priority",
    "sourceRanges",
}
_SILENT = {
    *(
        "creationTimestamp",
        "deletionPolicy",
        "description",
        "enableLogging",
        "id",
        "logConfig",
        "name",
        "params",
        "project",
    ),
    *("selfLink", "targetServiceAccounts"),
}
"""Read elsewhere, or without a say in what is let through: exports hold what the provider computes and its
defaults too."""
_READ_OF_POLICY = {"action", "direction", "disabled", "match", "priority", "targetServiceAccounts"}
_SILENT_OF_POLICY = {"description", "enableLogging", "ruleName"}
_NUMBERS = {"1": "ICMP", "6": "TCP", "17": "UDP", "50": "ESP", "51": "AH", "94": "IPIP", "132": "SCTP"}
"""Protocols that Google knows by name. Source: Google Cloud, "VPC firewall rules", "Protocols and ports"."""


@dataclass(slots=True)
class What:
    """One entry of `allows` or `denies`. `transport` ALL: every protocol."""

    field: str
    transport: str
    ports: tuple[tuple[int, int], ...]
    """First and last port of each; empty: every port."""

    def port(self, transport: str, port: int) -> str | None:
        """The field by which this entry means the port, or None."""
        if self.transport not in ("ALL", transport):
            return None
        if not self.ports:
            return self.field
        at = next((at for at, (first, last) in enumerate(self.ports) if first <= port <= last), None)
        return None if at is None else f"{self.field}.ports[{at}]"


@dataclass(slots=True)
class Rule:
    """One rule. `targets` None: every machine of the network; else service accounts' emails."""

    name: str
    direction: str
    priority: int
    allow: bool
    targets: frozenset[str] | None
    ranges: Ranges
    what: tuple[What, ...]
    unknown: str = ""
    note: str = ""
    """What a reader must know besides."""
    of_policy: bool = False
    """Whether a network firewall policy holds it."""

    @property
    def order(self) -> tuple[bool, int, bool]:
        """Policies are asked first; a lower number decides first; of the same number, a denial."""
        return not self.of_policy, self.priority, self.allow


def read(snapshot: Snapshot, subnets: Subnets) -> list[Rule]:
    """Every rule of the clusters' networks, in the order in which they decide, with those that GKE makes by
    itself."""
    resources = list(snapshot.resources(FIREWALL))
    networks = {
        _last(resource.properties["network"])
        for kind in (SUBNETWORK, CLUSTER)
        for resource in snapshot.resources(kind)
        if resource.properties.get("network")
    }
    ours = [
        rule
        for rule in resources
        if not networks or not rule.properties.get("network") or _last(rule.properties["network"]) in networks
    ]
    rules = [_rule(resource) for resource in ours if not resource.properties.get("disabled")]
    for policy in snapshot.resources(POLICY):
        rules += [
            _of_policy(policy, at, rule)
            for at, rule in enumerate(policy.properties["rules"])
            if not rule.get("disabled")
        ]
    for cluster in snapshot.resources(CLUSTER):
        rules += _of_gke(cluster, subnets)
    return sorted(rules, key=lambda rule: rule.order)


def _of_gke(cluster: Resource, subnets: Subnets) -> Iterator[Rule]:
    """What GKE opens between a cluster's own nodes and pods. Source: GKE, "Automatically created firewall
    rules"."""
    for ranges in (subnets.pods, subnets.nodes):
        what = tuple(What("", transport, ()) for transport in ("TCP", "UDP"))
        yield Rule(cluster.identity, INGRESS, DEFAULT_PRIORITY, True, None, ranges, what)


def _rule(resource: Resource) -> Rule:
    written = resource.properties
    direction: str = written.get("direction") or INGRESS
    ranges: list[str] = written.get("destinationRanges" if direction == EGRESS else "sourceRanges") or [
        *EVERYWHERE
    ]
    targets: list[str] = written.get("targetServiceAccounts") or []
    entries: list[Mapping[str, Any]] = written.get("allows") or written.get("denies") or []
    unknown = _unread(written, _READ | _SILENT)
    if direction == EGRESS and written.get("sourceRanges"):
        unknown.append("sourceRanges of egress")
    if direction == INGRESS and written.get("destinationRanges"):
        unknown.append("destinationRanges of ingress")
    if bool(written.get("allows")) == bool(written.get("denies")):
        unknown.append("allows and denies")
    allow = bool(written.get("allows"))
    try:
        where = Ranges.of(ranges)
        what = tuple(
            _what(f"{'allows' if allow else 'denies'}[{at}]", entry) for at, entry in enumerate(entries)
        )
    except ValueError as error:
        unknown.append(str(error))
        where, what = Ranges.of(EVERYWHERE), (What("", "ALL", ()),)
    return Rule(
        resource.identity,
        direction,
        DEFAULT_PRIORITY if written.get("priority") is None else int(written["priority"]),
        allow,
        frozenset(targets) or None,
        where,
        what or (What("", "ALL", ()),),
        ", ".join(unknown),
    )


def _of_policy(policy: Resource, at: int, written: Mapping[str, Any]) -> Rule:
    """One rule of a network firewall policy: the other words for what a VPC firewall rule says."""
    match: Mapping[str, Any] = written.get("match") or {}
    egress = written.get("direction") == EGRESS
    side = "destIpRanges" if egress else "srcIpRanges"
    unknown = _unread(match, {side, "layer4Configs"}) + _unread(written, _READ_OF_POLICY | _SILENT_OF_POLICY)
    if written.get("action") not in ("allow", "deny"):
        unknown.append(f"action {written.get('action')}")
    entries: list[Mapping[str, Any]] = match.get("layer4Configs") or []
    field = f"rules[{at}].match.layer4Configs"
    try:
        where = Ranges.of(match.get(side) or [*EVERYWHERE])
        what = tuple(
            _what(f"{field}[{of}]", {"protocol": entry["ipProtocol"], "ports": entry.get("ports")})
            for of, entry in enumerate(entries)
        )
    except ValueError as error:
        unknown.append(str(error))
        where, what = Ranges.of(EVERYWHERE), (What("", "ALL", ()),)
    return Rule(
        policy.identity,
        EGRESS if egress else INGRESS,
        int(written["priority"]),
        written.get("action") == "allow",
        frozenset(written.get("targetServiceAccounts") or ()) or None,
        where,
        what or (What("", "ALL", ()),),
        ", ".join(unknown),
        note=f": {written.get('ruleName') or written['priority']}",
        of_policy=True,
    )


def _unread(written: Mapping[str, Any], known: set[str]) -> list[str]:
    """Fields that say something, and that this judge does not know."""
    return [
        key
        for key, value in written.items()
        if value and key not in known and not key.startswith(("pulumi", "__"))
    ]


def _what(field: str, written: Mapping[str, Any]) -> What:
    if "protocol" not in written:
        raise ValueError(f"{field} without a protocol")
    protocol = str(written["protocol"]).upper()
    spans = [str(port).partition("-") for port in written.get("ports") or ()]
    ports = tuple((int(first), int(last or first)) for first, _, last in spans)
    return What(field, _NUMBERS.get(protocol, protocol), ports)


def _last(path: str) -> str:
    """The name at the end of a resource's path: exports hold ids, links and plain names."""
    return path.rpartition("/")[2]
