"""NetworkPolicy objects in the form in which they are judged; what each field means is said in
network_policy.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egress.judge.model.ip_ranges import Ranges
from egress.judge.model.selectors import Selector
from egress.judge.model.snapshot import Manifest, identity

NAME_LABEL = "kubernetes.io/metadata.name"
"""The API server sets it on every namespace and accepts no other value."""
RULES = {"Egress": ("egress", "to"), "Ingress": ("ingress", "from")}
"""By direction: the field of the rules, and in a rule the field of its peers."""


@dataclass(slots=True)
class Ports:
    """One entry of `ports`: numbers from `first` to `last` of one protocol."""

    transport: str
    first: int
    last: int
    unknown: str


@dataclass(slots=True)
class Peer:
    """One entry of `to` or `from`. `block` None: pods by labels."""

    pods: Selector | None
    namespaces: Selector | None
    block: Ranges | None
    unknown: str


@dataclass(slots=True)
class Rule:
    field: str
    peer_field: str
    peers: list[Peer]
    ports: list[Ports]
    unknown: str
    named: dict[str, list[int]]
    """Peers that mean one namespace by its name: name to positions in `peers`."""
    others: list[int]
    """Positions of all other peers."""

    def port(self, transport: str, port: int) -> int | None:
        """Position of an entry of `ports` that the port is in, one that is understood first."""
        unread: int | None = None
        for at, ports in enumerate(self.ports):
            if ports.first <= port <= ports.last and ports.transport == transport:
                if not ports.unknown:
                    return at
                unread = at if unread is None else unread
        return unread


@dataclass(slots=True)
class Policy:
    name: str
    namespace: str
    selector: Selector
    rules: dict[str, list[Rule]]
    """By `Egress` and `Ingress`; a direction that is missing is none of this policy's business."""
    unknown: str


def read(manifest: Manifest, namespace: str) -> Policy:
    spec: Mapping[str, Any] = manifest.get("spec") or {}
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    selector = Selector.of(spec.get("podSelector"))
    unknown = [
        *_beyond(spec, "podSelector", "policyTypes", "ingress", "egress"),
        *(set(types) - {*RULES}),
        selector.unknown,
    ]
    directions = {
        direction: [
            _rule(rule, f"spec.{rules}[{at}]", peers) for at, rule in enumerate(spec.get(rules) or ())
        ]
        for direction, (rules, peers) in RULES.items()
        if direction in types
    }
    return Policy(identity(manifest), namespace, selector, directions, ", ".join(filter(None, unknown)))


def _rule(written: Mapping[str, Any], field: str, peer_field: str) -> Rule:
    peers = [_read_peer(peer) for peer in written.get(peer_field) or ()]
    named: dict[str, list[int]] = {}
    others: list[int] = []
    for at, peer in enumerate(peers):
        namespaces = peer.namespaces
        if (
            not peer.unknown
            and namespaces
            and not namespaces.requirements
            and set(namespaces.wanted) == {NAME_LABEL}
        ):
            named.setdefault(namespaces.wanted[NAME_LABEL], []).append(at)
        else:
            others.append(at)
    ports = [_read_ports(port) for port in written.get("ports") or ()]
    return Rule(
        field, peer_field, peers, ports, ", ".join(_beyond(written, peer_field, "ports")), named, others
    )


def _read_peer(written: Mapping[str, Any]) -> Peer:
    block = written.get("ipBlock")
    pods, namespaces = (
        Selector.of(written[field]) if written.get(field) is not None else None
        for field in ("podSelector", "namespaceSelector")
    )
    unknown = [
        *_beyond(written, "podSelector", "namespaceSelector", "ipBlock"),
        *_beyond(block or {}, "cidr", "except"),
    ]
    unknown += [selector.unknown for selector in (pods, namespaces) if selector]
    addresses = None
    if block is not None and (pods or namespaces):
        unknown.append("ipBlock beside a selector")
    if block is None and not pods and not namespaces:
        unknown.append("a peer without ipBlock and selector")
    if block is not None:
        try:
            addresses = Ranges.of([block.get("cidr")]).minus(Ranges.of(block.get("except") or ()))
        except ValueError:
            unknown.append(f"the range {block.get('cidr')}")
    return Peer(pods, namespaces, addresses, ", ".join(filter(None, unknown)))


def _read_ports(written: Mapping[str, Any]) -> Ports:
    first = written.get("port")
    last = written.get("endPort", first)
    unknown = list(_beyond(written, "port", "endPort", "protocol"))
    if isinstance(first, str):
        unknown.append(f"the named port {first}")
    elif first is None and last is not None:
        unknown.append("endPort without port")
    if not isinstance(first, int) or not isinstance(last, int):
        first, last = 0, 65535
    return Ports(written.get("protocol") or "TCP", first, last, ", ".join(unknown))


def _beyond(written: Mapping[str, Any], *known: str) -> Iterator[str]:
    """Fields that are none of the known."""
    return (field for field in written if field not in known)
