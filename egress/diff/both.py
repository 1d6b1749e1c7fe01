"""Two sets of objects side by side: what either of them tells apart, so that every question is asked of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_network
from typing import Any, cast

from egress.diff.normal import SILENT_KINDS, is_live
from egress.diff.words import listing
from egress.judge.classes import Requests
from egress.judge.deployed import Deployed, listed, part
from egress.judge.flow import Protocol
from egress.judge.ranges import Ranges, position
from egress.judge.read import KUBECTL
from egress.judge.space import BELOW, OTHER_ADDRESS, OTHER_PORT, Space
from egress.judge.trace import Judges
from egress.judge.unread import of_google
from egress.names import TEAM_LABEL

FIREWALLS = ("gcp:compute/firewall:Firewall", "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules")
ZONE, RECORDS = "gcp:dns/managedZone:ManagedZone", "gcp:dns/recordSet:RecordSet"
_LAST_IPV4 = (1 << 32) - 1


@dataclass(frozen=True)
class Side:
    """One of the two sets of objects."""

    deployed: Deployed
    judges: Judges
    teams: frozenset[str]

    @classmethod
    def of(cls, deployed: Deployed) -> Side:
        teams = frozenset(name for name, labels in deployed.namespace_labels.items() if TEAM_LABEL in labels)
        return cls(deployed, Judges(deployed, explains=False), teams)

    @property
    def space(self) -> Space:
        return self.judges.space


class Both:
    """The old and the new objects."""

    def __init__(self, old: Deployed, new: Deployed) -> None:
        self.old, self.new = Side.of(old), Side.of(new)
        self.teams = sorted(self.old.teams | self.new.teams)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.old, self.new

    @property
    def partial(self) -> tuple[bool, bool]:
        """Of which side Google's resources say only what the program sets, while the other's say everything."""
        planned = [side.deployed.planned for side in self.sides]
        return (planned[0] and not planned[1], planned[1] and not planned[0])

    def hosts(self, team: str) -> list[str]:
        """Outside hosts that some object names for a team, then one of each shape that none does."""
        own = {host for side in self.sides for host in side.space.hosts(team)}
        others = {host for side in self.sides for host in side.space.others(own)}
        return [*sorted(own), *sorted(others - own)]

    def ports(self, host: str) -> list[tuple[int, Protocol]]:
        return sorted({port for side in self.sides for port in side.space.ports(host)})

    def requests(self, team: str, host: str) -> Requests:
        return self.old.space.requests(team, host) | self.new.space.requests(team, host)

    def accounts(self, team: str, host: str) -> list[str]:
        """Service accounts that some rule names for a team and a host."""
        return sorted({account for side in self.sides for account in side.space.accounts(team, host)} - {""})

    @cached_property
    def numbers(self) -> list[tuple[int, Protocol]]:
        """Ports that some object names for what lies outside, and one more."""
        return sorted({number for side in self.sides for number in side.space.numbers})

    @cached_property
    def _cidrs(self) -> dict[str, set[str]]:
        """Ranges that NetworkPolicies name, by namespace."""
        found: dict[str, set[str]] = {}
        for side in self.sides:
            for manifest in side.deployed.kind("NetworkPolicy"):
                of = found.setdefault(manifest["metadata"].get("namespace", "default"), set())
                for rule in listed(manifest, "spec", "egress"):
                    for block in (part(peer, "ipBlock") for peer in listed(rule, "to")):
                        of.update(filter(None, (block.get("cidr"), *listed(block, "except"))))
        return found

    def addresses(self, team: str) -> dict[str, str]:
        """One address for each set of addresses that a team's NetworkPolicies tell apart, with what people call it."""
        return _atoms(self._cidrs.get(team, ()))

    @cached_property
    def firewalled(self) -> tuple[dict[str, str], list[int]]:
        """The same for firewall rules, and the ports that they name, one behind each range of them, and one more."""
        cidrs: set[str] = set()
        ports = {80, 443, 53, OTHER_PORT}
        for side in self.sides:
            for kind in FIREWALLS:
                for resource in side.deployed.resources(kind):
                    for text in strings(resource.properties):
                        if _is_range(text):
                            cidrs.add(text)
                        first, _, last = text.partition("-")
                        if first.isdigit() and (not last or last.isdigit()):
                            ports |= {port for port in (int(first), int(last or first) + 1) if 0 < port < 1 << 16}
        return _atoms(cidrs), sorted(ports)

    @cached_property
    def names(self) -> list[str]:
        """Names that private zones tell apart: zones, records, and one more below each."""
        found: set[str] = set()
        for side in self.sides:
            for resource in (*side.deployed.resources(ZONE), *side.deployed.resources(RECORDS)):
                name = str(resource.properties.get("name" if resource.type == RECORDS else "dnsName")).rstrip(".")
                found |= {name.replace("*", BELOW, 1), f"{BELOW}.{name.removeprefix('*.')}"} if name else set()
        return sorted(found - {f"{BELOW}."})

    @cached_property
    def mentions(self) -> dict[str, set[str]]:
        """Teams that a team's own NetworkPolicies and Sidecars name, or that name it."""
        teams = set(self.teams)
        found: dict[str, set[str]] = {}
        for side in self.sides:
            for kind in ("NetworkPolicy", "Sidecar"):
                for manifest in side.deployed.kind(kind):
                    own = manifest["metadata"].get("namespace", "default")
                    for text in strings(part(manifest, "spec")):
                        other = text.partition("/")[0]
                        if other in teams and own in teams and other != own:
                            found.setdefault(own, set()).add(other)
                            found.setdefault(other, set()).add(own)
        return found


def strings(value: Any) -> Iterator[str]:
    """Every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for of in cast("Mapping[str, Any]", value).values():
            yield from strings(of)
    elif isinstance(value, (list, tuple)):
        for of in cast("list[Any]", value):
            yield from strings(of)


def comparable(old: Deployed, new: Deployed) -> tuple[Deployed, Deployed, list[str]]:
    """The two without what only one of them was handed over with, and sentences that say so: what is missing is not removed."""
    notes: list[str] = []
    if bool(old.google) != bool(new.google):
        notes.append(f"{'NEW' if old.google else 'OLD'} holds no Google resources: firewall, DNS and nodes are not compared.")
        old, new = replace(old, google=()), replace(new, google=())
    meshes = [any(_is_mesh(manifest) for manifest in side.kubernetes) for side in (old, new)]
    if meshes[0] != meshes[1]:
        notes.append(f"{'NEW' if meshes[0] else 'OLD'} holds no mesh configuration: it is not compared.")
        old, new = (
            replace(side, kubernetes=tuple(item for item in side.kubernetes if not _is_mesh(item))) for side in (old, new)
        )
    for name in ("OLD", "NEW"):
        one, other = (old, new) if name == "OLD" else (new, old)
        kinds = _not_printed(one, other)
        left = replace(other, kubernetes=tuple(item for item in other.kubernetes if item["kind"] not in kinds))
        old, new = (one, left) if name == "OLD" else (left, one)
        if said := sorted(kind for kind in kinds if kind.lower() not in SILENT_KINDS):
            notes.append(f"{name} holds no {listing(said)}: not compared. What to print of a cluster: {KUBECTL}")
    if old.planned != new.planned and old.google:
        types = {item.type for item in (old if old.planned else new).google}
        kept = [[item for item in side.google if item.type in types or any(of_google(side, item))] for side in (old, new)]
        compared = {item.type for side in kept for item in side}
        every = {item.type for side in (old, new) for item in side.google}
        beyond = sorted({type_token.rsplit(":", 1)[-1] for type_token in every - compared})
        if beyond:
            notes.append(
                f"{'OLD' if old.planned else 'NEW'} is a config: of Google's resources and the charts, {listing(beyond)} and "
                "what the program leaves to defaults are not compared."
            )
        old, new = (replace(side, google=tuple(items)) for side, items in zip((old, new), kept, strict=True))
    return old, new, notes


def _not_printed(one: Deployed, other: Deployed) -> list[str]:
    """Kinds that one side, which an API server printed, does not hold at all, and the other does."""
    if not any(is_live(item) for item in one.kubernetes):
        return []
    return sorted({str(item["kind"]) for item in other.kubernetes} - {str(item["kind"]) for item in one.kubernetes})


def _is_mesh(manifest: Mapping[str, Any]) -> bool:
    return manifest["kind"] == "ConfigMap" and "mesh" in part(manifest, "data")


def _is_range(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text or text.count(".") == 3


def _atoms(cidrs: Iterable[str]) -> dict[str, str]:
    """The first address of every piece into which ranges cut IPv4, with the smallest range that holds it."""
    spans = {cidr: Ranges.of([cidr]).spans[0] for cidr in cidrs if ":" not in cidr}
    starts = {start for first, last in spans.values() for start in (first, last + 1) if start <= _LAST_IPV4}
    found = {OTHER_ADDRESS: OTHER_ADDRESS}
    found |= {str(ip_network(start).network_address): "" for start in sorted(starts)}
    return {address: _named(position(address), spans) for address in found}


def _named(at: int, spans: Mapping[str, tuple[int, int]]) -> str:
    around = [(last - first, cidr) for cidr, (first, last) in spans.items() if first <= at <= last and last - first < _LAST_IPV4]
    return min(around)[1] if around else "any other address"
