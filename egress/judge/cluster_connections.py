"""Every connection that no flow of a workload shows, once: inside the cluster, of the platform's pods, and of
nodes themselves.

Both ends, port and transport are told apart by what NetworkPolicies and firewall rules tell apart
(distinctions.py). As targets.py for flows, it says nothing of what has to come of one, and asks one snapshot
or two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import NamedTuple

from egress.common.google_cloud import METADATA_ADDRESS
from egress.judge.distinctions import Distinctions
from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.address_classes import AddressClass
from egress.judge.model.flow import Connection, Node, Outcome, Outside, Pod, Protocol, Verdict
from egress.judge.model.ip_ranges import Ranges
from egress.judge.targets import DEFAULT, STRANGER
from egress.judge.trace import Judges

DNS_NAMESPACE = "kube-system"
CONTROL_PLANE: Mapping[str, str] = {"app": "istiod"}
XDS_PORT = 15012
RESOLVERS: tuple[Mapping[str, str], ...] = ({"k8s-app": "kube-dns"}, {"k8s-app": "node-local-dns"})
GATEWAY_DOORS = (15000, 15004, 15014, 15020, 15021, 15090)
"""Ports of gateways that are not for teams (Istio, "Ports used by Istio")."""
CONTROL_PLANE_DOORS = (443, 8080, 15010, XDS_PORT, 15014, 15017)
DNS_PORT = 53


class End(StrEnum):
    """What stands at an end of a connection."""

    TEAM = "a team's pods"
    STRANGER = "pods of no team"
    GATEWAY = "a gateway"
    CONTROL_PLANE = "istiod"
    RESOLVER = "the cluster's DNS"
    PLATFORM = "other pods of the platform"
    APPLICATION_NODES = "application nodes"
    GATEWAY_NODES = "gateway nodes"
    INTERNET = "the internet"
    ADDRESSES = "addresses"


@dataclass(frozen=True)
class Place:
    """One end."""

    end: End
    name: str
    """Namespace, range of addresses, or what a node pool is for."""
    words: str
    """As people call it."""
    labelled: bool = False
    """Whether its namespace has labels that some policy asks for, and is none that was handed over."""


class ClusterConnection(NamedTuple):
    """One connection for all that nothing tells from it."""

    source: Place
    target: Place
    transport: str
    port: int
    ends: tuple[tuple[Pod | Node | Outside, Pod | Outside], ...]
    """In each snapshot."""

    def judged(self, judges: Iterable[Judges], *, must_pass: bool = False) -> list[Verdict]:
        """What each snapshot says to it: NetworkPolicies, and the firewall for what a node itself opens or
        what has to pass."""
        found: list[Verdict] = []
        for of, ends in zip(judges, self.ends, strict=True):
            source, to = (_plain(end) for end in ends) if must_pass else ends
            assert not isinstance(to, Node)
            if isinstance(source, Outside):
                assert isinstance(to, Pod)
                addresses = Ranges.one(source.address) if source.address else of.firewall.subnets.internet
                words, transport = self.source.words, self.transport
                found.append(
                    of.network_policies.comes_in(
                        to, addresses, self.port, words, must_pass=must_pass, transport=transport
                    )
                )
                continue
            # What is spoken on it is neither's to see.
            connection = Connection(source, to, self.port, Protocol.TCP, self.transport)
            judge = of.firewall if isinstance(source, Node) else of.network_policies
            verdict = judge.judge(connection, must_pass=must_pass)
            if must_pass and verdict.outcome is Outcome.ALLOWED and of.snapshot.google:
                # Between nodes; that it refuses is nothing to count on, since both pods may be on one.
                verdict = of.firewall.judge(connection, must_pass=True)
            found.append(verdict)
        return found


@lru_cache(maxsize=1 << 10)
def _plain(end: Pod | Node | Outside) -> Pod | Node | Outside:
    """A pod without a label that would help it: what must pass, passes for every pod."""
    return replace(end, labels={}) if isinstance(end, Pod) and end.labels is None else end


_Ends = tuple[Place, tuple[Pod, ...]]
_Sources = tuple[Place, tuple[Pod | Outside, ...]]


class ClusterConnections:
    """Every such connection."""

    def __init__(self, distinctions: Distinctions) -> None:
        self._told = distinctions
        self._judges = distinctions.judges

    def of(self, team: str) -> Iterator[ClusterConnection]:
        """What a team's pods connect to, and who else than teams connects to them."""
        yield from self.out_of(team)
        yield from self.into(team)

    def out_of(self, team: str) -> Iterator[ClusterConnection]:
        """What a team's pods connect to that is no team's."""
        mine = self._pods(team, End.TEAM)
        yield from self._to_platform(team, mine)
        for stranger, pods in self._strangers(team, "Egress"):
            yield from self._between(team, mine, stranger, pods)

    def into(self, team: str) -> Iterator[ClusterConnection]:
        """Who connects to a team's pods: they themselves, and whoever is no team."""
        mine = self._pods(team, End.TEAM)
        yield from self._between(team, mine, team, self._pods(team, End.TEAM))
        yield from self._by_strangers(team, mine)

    def of_platform(self) -> Iterator[ClusterConnection]:
        """What the platform's own pods and nodes connect to, and who that is no team connects to them."""
        for namespace, gateway in self._gateways.items():
            source = self._known(namespace, End.GATEWAY, gateway)
            yield from self._to_platform(namespace, source)
            for team in self._teams_beside(namespace):
                yield from self._between(namespace, source, team, self._pods(team, End.TEAM))
            for stranger, pods in self._strangers(namespace, "Egress"):
                yield from self._between(namespace, source, stranger, pods)
            yield from self._by_strangers(namespace, source)
            yield from self._to_addresses(namespace, source)
        control_plane = self._known(
            ROOT_NAMESPACE, End.CONTROL_PLANE, self._each(Pod(ROOT_NAMESPACE, CONTROL_PLANE))
        )
        yield from self._by_strangers(ROOT_NAMESPACE, control_plane, CONTROL_PLANE_DOORS)
        yield from self._to_addresses(ROOT_NAMESPACE, control_plane)
        for team in self._teams_beside(ROOT_NAMESPACE):
            yield from self._between(ROOT_NAMESPACE, control_plane, team, self._pods(team, End.TEAM))
        for stranger, pods in self._strangers(ROOT_NAMESPACE, "Egress"):
            yield from self._between(ROOT_NAMESPACE, control_plane, stranger, pods)
        for namespace in (ROOT_NAMESPACE, *self._gateways):
            others = self._known(namespace, End.PLATFORM, self._each(Pod(namespace, {})))
            yield from self._by_strangers(namespace, others)
            yield from self._to_addresses(namespace, others)
        yield from self._of_nodes()

    def _each(self, pod: Pod) -> tuple[Pod, ...]:
        return (pod,) * len(self._judges)

    def _pods(self, namespace: str, end: End, labels: Mapping[str, str] | None = None) -> _Ends:
        words = f"pods of {namespace}"
        if end is End.STRANGER and namespace == STRANGER:
            words = "pods of a namespace with other labels" if labels else "pods of no team"
        pods = tuple(
            Pod(namespace, None, pool=one.workloads.application_pool, namespace_labels=labels)
            for one in self._judges
        )
        return Place(end, namespace, words, labels is not None), pods

    def _known(self, namespace: str, end: End, pods: tuple[Pod, ...]) -> _Ends:
        words = {
            End.GATEWAY: f"the gateway in {namespace}",
            End.CONTROL_PLANE: "istiod",
            End.PLATFORM: f"other pods of {namespace}",
        }
        return Place(end, namespace, words[end]), pods

    @property
    def _gateways(self) -> dict[str, tuple[Pod, ...]]:
        """The gateways that every snapshot has, by namespace."""
        found = [{pod.namespace: pod for pod in one.gateways.pods} for one in self._judges]
        common = sorted(set(found[0]).intersection(*found))
        return {namespace: tuple(of[namespace] for of in found) for namespace in common}

    def _to_platform(self, namespace: str, source: _Ends) -> Iterator[ClusterConnection]:
        istiod = self._known(
            ROOT_NAMESPACE, End.CONTROL_PLANE, self._each(Pod(ROOT_NAMESPACE, CONTROL_PLANE))
        )
        yield from self._between(namespace, source, ROOT_NAMESPACE, istiod, CONTROL_PLANE_DOORS)
        for labels in RESOLVERS:
            resolver = (
                Place(End.RESOLVER, DNS_NAMESPACE, labels["k8s-app"]),
                self._each(Pod(DNS_NAMESPACE, labels)),
            )
            yield from self._between(namespace, source, DNS_NAMESPACE, resolver, (DNS_PORT,), (DNS_PORT,))
        for other, pods in self._gateways.items():
            if other != namespace:
                doors = {
                    port
                    for one in self._judges
                    for pod, port, _ in one.gateways.doors()
                    if pod.namespace == other
                }
                yield from self._between(
                    namespace, source, other, self._known(other, End.GATEWAY, pods), (*GATEWAY_DOORS, *doors)
                )
        for other in sorted({ROOT_NAMESPACE, DNS_NAMESPACE, *self._gateways} - {namespace}):
            others = self._known(other, End.PLATFORM, self._each(Pod(other, {})))
            yield from self._between(namespace, source, other, others, (443, XDS_PORT, DNS_PORT))

    def _by_strangers(
        self, namespace: str, target: _Ends, doors: Iterable[int] = ()
    ) -> Iterator[ClusterConnection]:
        if target[0].end is End.GATEWAY:
            known = {
                port
                for one in self._judges
                for pod, port, _ in one.gateways.doors()
                if pod.namespace == namespace
            }
            doors = (*GATEWAY_DOORS, *known)
        for stranger, pods in self._strangers(namespace, "Ingress"):
            yield from self._between(stranger, pods, namespace, target, doors)
        pods_of_cluster = [one.firewall.subnets.pods for one in self._judges]
        for place, address in self._addresses(
            self._told.addresses_into(namespace, always=target[0].end is End.CONTROL_PLANE)
        ):
            # Pods are asked by their namespaces, whatever their addresses are.
            if address is None or not any(of.covers(Ranges.one(address)) for of in pods_of_cluster):
                source = place, (Outside(None, address),) * len(self._judges)
                yield from self._between("", source, namespace, target, doors)

    def _strangers(self, namespace: str, direction: str) -> Iterator[tuple[str, _Ends]]:
        """Namespaces beside those of teams: one that nothing names, and each that policies here name or mean
        by labels."""
        platform = {ROOT_NAMESPACE, DNS_NAMESPACE, *self._gateways}
        named: set[str] = set()
        labels: dict[str, dict[str, str]] = {}
        for one in self._judges:
            names, selectors = one.network_policies.peers(namespace, direction)
            named |= names
            labels |= {repr(selector): selector.example for selector in selectors if not selector.everything}
        yield STRANGER, self._pods(STRANGER, End.STRANGER)
        known = any(
            DEFAULT in one.snapshot.namespace_labels or one.network_policies.has(DEFAULT)
            for one in self._judges
        )
        named |= {DEFAULT} if known else set()
        for other in sorted(named - {*self._told.teams, namespace}):
            if direction == "Ingress" or other not in platform:
                end = End.PLATFORM if other in platform else End.STRANGER
                yield other, self._pods(other, end)
        for of in labels.values():
            yield (
                STRANGER,
                self._pods(STRANGER, End.STRANGER, {"kubernetes.io/metadata.name": STRANGER, **of}),
            )

    @cached_property
    def _inviting(self) -> dict[str, set[str]]:
        """Teams whose policies name a namespace as one from which connections are taken."""
        found: dict[str, set[str]] = {}
        for one in self._judges:
            for team in self._told.teams:
                for name in one.network_policies.peers(team, "Ingress")[0]:
                    found.setdefault(name, set()).add(team)
        return found

    def _teams_beside(self, namespace: str) -> list[str]:
        """Teams that policies of a namespace name, or whose policies name it, and one more."""
        teams = self._told.teams
        named = {name for one in self._judges for name in one.network_policies.peers(namespace, "Egress")[0]}
        found = (named & {*teams}) | self._inviting.get(namespace, set())
        return [*sorted(found), *([team for team in teams if team not in found][:1])]

    def _between(
        self,
        own: str,
        source: _Ends | _Sources,
        other: str,
        target: _Ends,
        doors: Iterable[int] = (),
        by_udp: Iterable[int] = (),
    ) -> Iterator[ClusterConnection]:
        ports = {
            *self._told.pod_ports(own, other),
            *(("TCP", port) for port in doors),
            *(("UDP", port) for port in by_udp),
        }
        ends = tuple(zip(source[1], target[1], strict=True))
        for transport, port in sorted(ports):
            yield ClusterConnection(source[0], target[0], transport, port, ends)

    def _to_addresses(self, namespace: str, source: _Ends) -> Iterator[ClusterConnection]:
        for place, address in self._addresses(self._told.addresses(namespace)):
            ends = tuple((pod, Outside(None, address)) for pod in source[1])
            for port, protocol in self._told.numbers(namespace):
                yield ClusterConnection(source[0], place, protocol.transport, port, ends)

    def _addresses(self, classes: Iterable[AddressClass]) -> Iterator[tuple[Place, str | None]]:
        yield Place(End.INTERNET, "", "the internet"), None
        for one in classes:
            if one.within:
                words = "the metadata server" if one.block == METADATA_ADDRESS else one.within
                yield Place(End.ADDRESSES, one.address, words), one.block

    def _of_nodes(self) -> Iterator[ClusterConnection]:
        """Node pools by what they are for: their accounts may be called otherwise in each snapshot."""
        pools = [dict(_pools(one)) for one in self._judges]
        for place in sorted(set(pools[0]).intersection(*pools), key=lambda place: place.words):
            accounts = [of[place] for of in pools]
            numbers = self._told.numbers_of_nodes(accounts)
            for to, address in self._addresses(self._told.addresses_of_nodes(accounts)):
                ends = tuple((Node(account), Outside(None, address)) for account in accounts)
                for transport, port in numbers:
                    yield ClusterConnection(place, to, transport, port, ends)


def _pools(judges: Judges) -> Iterator[tuple[Place, str]]:
    """Own pools are known by what their taint keeps them for, since a pool that replaces another has another
    name; where two accounts claim the same, by account."""
    own = judges.workloads.own_pools
    for pool in judges.workloads.pools.values():
        if pool in own:
            alone = all(other.email == pool.email for other in own if other.kept_for == pool.kept_for)
            what = pool.kept_for if alone else f"{pool.name}, {pool.email}"
            yield Place(End.GATEWAY_NODES, what, f"gateway nodes ({what})"), pool.email
        else:
            yield Place(End.APPLICATION_NODES, "", "application nodes"), pool.email
