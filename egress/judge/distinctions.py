"""What one snapshot of objects, or two of them, tell apart: hosts, callers, requests, ports, addresses and
neighbours.

Of two snapshots every class is one of both: what either of them tells apart is apart. A config may tell more
apart than the objects that were made of it, so it is asked as well where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, cast

from egress.common.google_cloud import METADATA_ADDRESS, Vip
from egress.common.google_hosts import never_outside, served
from egress.common.names import TEAM_LABEL
from egress.judge.lookup.flow_space import OTHER_PORT
from egress.judge.lookup.host_shapes import BELOW, concrete
from egress.judge.model.address_classes import AddressClass, address_classes
from egress.judge.model.equivalence import Requests
from egress.judge.model.flow import Protocol as Spoken
from egress.judge.model.ip_ranges import NOT_OF_THE_INTERNET
from egress.judge.model.snapshot import Snapshot, part
from egress.judge.trace import Judges

KNOWN_PORTS = {80: Spoken.HTTP, 443: Spoken.TLS}
APPLICATION_PORT = 8080
"""Stands for every port on which workloads serve."""
PROXY_TEXT_PORT = 15000
"""A proxy's port that answers in plain text; the first of those that neighbours must not reach."""
POD_PORTS = (APPLICATION_PORT, PROXY_TEXT_PORT)
_GOOGLES = {address for vip in Vip for address in vip.addresses}
_TRANSPORTS = {"TCP": Spoken.TCP, "UDP": Spoken.UDP, "SCTP": Spoken.SCTP}
LAST_PORT = 65535


class Declared(Protocol):
    """What a config tells apart."""

    @property
    def teams(self) -> list[str]: ...
    @property
    def ranges(self) -> Iterable[str]: ...
    def hosts(self, team: str) -> Iterator[str]: ...
    def apis(self, team: str) -> Iterable[str]: ...
    def ports(self, host: str) -> Iterable[tuple[int, Spoken]]: ...
    def requests(self, team: str, host: str) -> Requests: ...
    def accounts(self, team: str, host: str) -> frozenset[str]: ...
    def reaches(self, team: str) -> frozenset[str]: ...


class Distinctions:
    """What is told apart, by all of some snapshots together."""

    def __init__(self, judges: Sequence[Judges], declared: Declared | None = None) -> None:
        self.judges = judges
        self._declared = declared
        self._spaces = [one.space for one in judges]

    @cached_property
    def teams(self) -> list[str]:
        """Namespaces of teams: those that the platform's label marks, and those that are declared."""
        found = {
            name
            for one in self.judges
            for name, labels in one.snapshot.namespace_labels.items()
            if TEAM_LABEL in labels
        }
        return sorted(found | set(self._declared.teams if self._declared else ()))

    def hosts(self, team: str) -> dict[str, str]:
        """Outside hosts that something names for a team, as they are asked for, with how people call them."""
        declared = (*self._declared.hosts(team), *self._declared.apis(team)) if self._declared else ()
        found = {host: host for space in self._spaces for host in space.hosts(team)}
        return found | {concrete(host): host for host in declared}

    def others(self, own: set[str]) -> list[str]:
        """One host of each shape that exists and that is not among a team's own."""
        return sorted({host for space in self._spaces for host in space.others(own)})

    @cached_property
    def outside(self) -> list[str]:
        """Every outside host and pattern that a mesh knows or a team declared."""
        found = {host for space in self._spaces for host in space.outside}
        if self._declared:
            found |= {host for team in self._declared.teams for host in self._declared.hosts(team)}
        return sorted(found)

    def ports(self, host: str) -> list[tuple[int, Spoken]]:
        """Ports and protocols by which a host may be asked for."""
        declared = self._declared.ports(host) if self._declared else ()
        return sorted({*declared, *(port for space in self._spaces for port in space.ports(host))})

    def is_googles(self, host: str) -> bool:
        """Whether a name is Google's on every side: by its domain, or because private zones lead it to the
        addresses of Google's APIs alone."""
        if never_outside(host):
            return True
        if served(host) is None:
            return False
        found = [one.dns.addresses(host) for one in self.judges]
        return all(addresses and set(addresses) <= _GOOGLES for addresses in found)

    def requests(self, team: str, host: str) -> Requests:
        """What rules tell apart about requests of a team to a host."""
        found = self._declared.requests(team, host) if self._declared else Requests()
        for space in self._spaces:
            found |= space.requests(team, host)
        return found

    def accounts(self, team: str, host: str) -> list[str]:
        """Service accounts that rules name for a team and a host."""
        found = set(self._declared.accounts(team, host) if self._declared else ())
        return sorted(found.union(*(space.accounts(team, host) for space in self._spaces)) - {""})

    def authorities(self, team: str, host: str) -> list[str]:
        """Further forms of a host in a request's Host header that some rule tells from the name alone."""
        return list(dict.fromkeys(form for space in self._spaces for form in space.authorities(team, host)))

    def numbers(self, namespace: str) -> list[tuple[int, Spoken]]:
        """Ports of the outside that something tells apart for the pods of a namespace, with what is spoken
        there."""
        named = {("TCP", port) for port in (*KNOWN_PORTS, OTHER_PORT)} | {
            ("UDP", port) for port in (53, 443, OTHER_PORT)
        }
        for one in self.judges:
            named |= {("TCP", port) for port in one.space.numbers(namespace)}
            named.update(one.network_policies.ports(namespace, "Egress", outside=True))
        if any(transport == "SCTP" for transport, _ in named):
            named.add(("SCTP", OTHER_PORT))
        return _spoken(named)

    def numbers_of_nodes(self, pools: Sequence[str]) -> list[tuple[str, int]]:
        """Transports and ports that firewall rules tell apart for the nodes of a pool, and one of each that
        none does.

        Args:
            pools: the pool's service account in each snapshot.
        """
        named = {("TCP", port) for port in (*KNOWN_PORTS, OTHER_PORT)} | {
            ("UDP", port) for port in (53, 443, OTHER_PORT)
        }
        for one, pool in zip(self.judges, pools, strict=True):
            named.update(one.firewall.egress_ports(pool))
        # What is let through on every port has none that is named.
        named |= {(transport, OTHER_PORT) for transport, _ in named if transport in _TRANSPORTS}
        return sorted(
            (transport, port)
            for transport, port in named
            if port <= LAST_PORT and (port or transport not in _TRANSPORTS)
        )

    def addresses(self, namespace: str) -> tuple[AddressClass, ...]:
        """Addresses outside of pods that something tells apart for the pods of a namespace."""
        named = {cidr for one in self.judges for cidr in one.network_policies.egress_ranges(namespace)}
        return _real(address_classes((*self._everybodys_ranges, *named)))

    def addresses_into(self, namespace: str, *, always: bool = False) -> tuple[AddressClass, ...]:
        """Addresses of no pod that policies for what comes to the pods of a namespace tell apart; none where
        none names any, but for those of which somebody always has to be let in."""
        named = {cidr for one in self.judges for cidr in one.network_policies.ingress_ranges(namespace)}
        return _real(address_classes((*self._networks, *named))) if named or always else ()

    def addresses_of_nodes(self, pools: Sequence[str]) -> tuple[AddressClass, ...]:
        """Addresses that firewall rules tell apart for the nodes of a pool, which has a service account in
        each snapshot."""
        named = {
            cidr
            for one, pool in zip(self.judges, pools, strict=True)
            for cidr in one.firewall.egress_ranges(pool)
        }
        return _real(address_classes((*self._networks, *named)))

    @cached_property
    def _everybodys_ranges(self) -> tuple[str, ...]:
        """What is told apart for every pod that is on a node of nobody's own."""
        named = {
            cidr for one in self.judges for cidr in one.firewall.egress_ranges(one.workloads.application_pool)
        }
        return (*self._networks, *sorted(named))

    @cached_property
    def _networks(self) -> tuple[str, ...]:
        """The network's own ranges, Google's, the internet and the rest."""
        found = {*NOT_OF_THE_INTERNET, METADATA_ADDRESS, *(vip.range for vip in Vip)}
        for one in self.judges:
            found.update(one.firewall.subnets.nodes.cidrs, one.firewall.subnets.pods.cidrs)
        return tuple(sorted(found.union(self._declared.ranges if self._declared else ())))

    @cached_property
    def names(self) -> list[str]:
        """Names that private zones tell apart: zones, records, and one more below each; a label stands for
        `*`."""
        found: set[str] = set()
        for name in (name for one in self.judges for name in one.dns.names):
            found |= {name.replace("*", BELOW), f"{BELOW}.{name.removeprefix('*.')}"} if name else set()
        return sorted(found)

    def pod_ports(self, source: str, target: str) -> list[tuple[str, int]]:
        """Transports and ports that policies tell apart between pods of two namespaces, and one of each that
        none does."""
        named = {("TCP", port) for port in (*POD_PORTS, OTHER_PORT)} | {("UDP", OTHER_PORT)}
        for one in self.judges:
            named.update(
                one.network_policies.ports(source, "Egress"), one.network_policies.ports(target, "Ingress")
            )
        named |= {(transport, OTHER_PORT) for transport, _ in named}
        return sorted(
            (transport, port)
            for transport, port in named
            if 0 < port <= LAST_PORT and transport in _TRANSPORTS
        )

    def named_together(self, team: str, other: str) -> bool:
        """Whether something names another team together with this one."""
        return other in self._named_with(team)

    def neighbours(self, team: str) -> list[str]:
        """Other teams that something names together with this one, and one that nothing does."""
        known = self._named_with(team)
        stranger = next((other for other in self.teams if other != team and other not in known), None)
        return [*sorted(known), *([stranger] if stranger else [])]

    def _named_with(self, team: str) -> set[str]:
        known = self._mentions.get(team, set()) | set(self._declared.reaches(team) if self._declared else ())
        for one in self.judges:
            _, selectors = one.network_policies.peers(team, "Egress")
            for selector in selectors:
                labels = one.snapshot.namespace_labels
                known |= {
                    *filter(
                        None,
                        [
                            next(
                                (
                                    of
                                    for of in self.teams
                                    if of != team and selector.selects(labels.get(of, {}))
                                ),
                                None,
                            )
                        ],
                    )
                }
        return known & {*self.teams} - {team}

    @cached_property
    def _mentions(self) -> dict[str, set[str]]:
        """Teams that objects in a team's namespace name, and those in whose namespace objects name it."""
        teams = set(self.teams)
        found: dict[str, set[str]] = {}
        for one in self.judges:
            for own, text in _texts(one.snapshot, teams):
                other = text.partition("/ns/")[2].partition("/")[0] or text.partition("/")[0]
                if other in teams:
                    found.setdefault(own, set()).add(other)
                    found.setdefault(other, set()).add(own)
        return found


def _texts(snapshot: Snapshot, namespaces: set[str]) -> Iterator[tuple[str, str]]:
    for kind in ("NetworkPolicy", "Sidecar", "AuthorizationPolicy"):
        for manifest in snapshot.kind(kind):
            own = manifest["metadata"].get("namespace", "default")
            if own in namespaces:
                yield from ((own, text) for text in strings(part(manifest, "spec")))


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


def _spoken(named: Iterable[tuple[str, int]]) -> list[tuple[int, Spoken]]:
    found = {
        (port, KNOWN_PORTS.get(port, Spoken.TCP) if transport == "TCP" else _TRANSPORTS[transport])
        for transport, port in named
        if 0 < port <= LAST_PORT and transport in _TRANSPORTS
    }
    return sorted(found)


def _real(classes: Iterable[AddressClass]) -> tuple[AddressClass, ...]:
    """Without addresses of IPv6 that nobody names: what holds for them is asked with the internet's."""
    return tuple(one for one in classes if one.within or ":" not in one.address)
