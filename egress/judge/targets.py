"""Every flow that workloads can try, once: the one list that the proof, the table, the difference and the
evidence are made from.

A target is a flow that stands for all that no object tells from it (distinctions.py), with what people call
its destination. Nothing here says what has to come of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from egress.common.google_cloud import METADATA_ADDRESS, METADATA_HOST
from egress.common.names import OPEN_TLS_HOST
from egress.judge.distinctions import APPLICATION_PORT, Distinctions
from egress.judge.lookup.flow_space import OTHER_ADDRESS, OTHER_HOST, OTHER_PORT
from egress.judge.lookup.host_shapes import concrete
from egress.judge.model.equivalence import representatives
from egress.judge.model.flow import Flow, Pod, Protocol, Vantage

OTHER_ACCOUNT = "any-other-account"
"""Stands for every service account of a team that no rule names."""
RESOLVER = "198.51.100.53"
"""Stands for a DNS server on the internet."""
STRANGER = "some-other-namespace"
"""Stands for every namespace that is no team's, and that nobody but its owner knows."""
DEFAULT = "default"
"""The one that every cluster has, and that everybody finds."""
METADATA_PORT = 80
ALWAYS_ASKED = "storage.googleapis.com"
"""Stands for every Google API that no object names."""


_PAST = (Vantage.POD_WITHOUT_SIDECAR, Vantage.APPLICATION_NODE, Vantage.GATEWAY_NODE)
"""Ways on which a packet has an address and no name, so that what holds for any host holds for each."""

OTHER_API = "any other Google API"


class TargetKind(StrEnum):
    """What a destination is, in the words of the table that people read."""

    HOST = "host"
    OTHER_TEAMS_HOST = "another team's host"
    OTHER_HOST = "any other host"
    OTHER_ADDRESS = "any other address"
    INSIDE = "addresses inside"
    NEIGHBOUR = "another team's pods"
    GOOGLE_API = "Google API"
    METADATA = "metadata server"
    RESOLVER = "DNS server outside"


class Target(NamedTuple):
    """One flow for all that nothing tells from it."""

    flow: Flow
    kind: TargetKind
    name: str
    """What people call the destination; a pattern stays one."""


class Targets:
    """Every target of every team, and of whoever is in none."""

    def __init__(self, distinctions: Distinctions) -> None:
        self._told = distinctions

    @property
    def teams(self) -> list[str]:
        return self._told.teams

    def of(self, team: str, *, spelled: bool = False) -> Iterator[Target]:
        """Every target of one team.

        Args:
            team: its namespace.
            spelled: whether every host and every other team is to be asked about, and not one for all that
            look the same.
        """
        yield from self.with_names(team, spelled=spelled)
        yield from self.by_address(team)

    def with_names(self, team: str, *, spelled: bool = False) -> Iterator[Target]:
        """Those that have a name, or that the app asks its sidecar for, in the order of the table."""
        named = self._told.hosts(team)
        hosts = {host: host for host in self._told.others(set(named))} | named
        if spelled:
            hosts |= {concrete(host): host for host in self._told.outside}
        left_out = {METADATA_HOST, OPEN_TLS_HOST}
        googles = {host for host in hosts if self._told.is_googles(host)}
        for host in sorted(hosts.keys() - left_out):
            if host not in googles:
                yield from self._host(team, host, TargetKind.HOST, hosts[host], spelled)
        yield from self._host(team, OTHER_HOST, TargetKind.OTHER_HOST, TargetKind.OTHER_HOST.value, spelled)
        for port, protocol in self._told.numbers(team):
            if protocol.transport == "TCP":
                flow = Flow(
                    team, OTHER_ADDRESS, port, protocol, service_account=OTHER_ACCOUNT, address=OTHER_ADDRESS
                )
                yield Target(flow, TargetKind.OTHER_ADDRESS, TargetKind.OTHER_ADDRESS.value)
        yield from self._neighbours(team, spelled)
        for host in sorted(googles | {ALWAYS_ASKED}):
            yield from self._google(team, host, hosts.get(host, OTHER_API))
        metadata = Flow(
            team,
            METADATA_ADDRESS,
            METADATA_PORT,
            Protocol.HTTP,
            service_account=OTHER_ACCOUNT,
            address=METADATA_ADDRESS,
        )
        yield Target(metadata, TargetKind.METADATA, TargetKind.METADATA.value)
        yield Target(
            metadata.but(vantage=Vantage.POD_WITHOUT_SIDECAR), TargetKind.METADATA, TargetKind.METADATA.value
        )
        yield from self._nodes(team)

    def by_address(self, team: str) -> Iterator[Target]:
        """Past the sidecar, where a packet has an address and no name: on every port and to every set of
        addresses that something tells apart. What is refused to any address at all is refused to every
        host."""
        past = Flow(team, OTHER_HOST, 443, Protocol.TLS, Vantage.POD_WITHOUT_SIDECAR, OTHER_ACCOUNT)
        classes = self._told.addresses(team)
        for port, protocol in self._told.numbers(team):
            flow = past.but(port=port, protocol=protocol)
            yield Target(flow, TargetKind.OTHER_HOST, TargetKind.OTHER_HOST.value)
            for one in classes:
                if one.block == METADATA_ADDRESS:
                    if (port, protocol) != (METADATA_PORT, Protocol.HTTP):
                        yield Target(
                            flow.but(host=one.address, address=one.block),
                            TargetKind.METADATA,
                            TargetKind.METADATA.value,
                        )
                elif one.within:
                    yield Target(flow.but(host=one.address, address=one.block), TargetKind.INSIDE, one.within)
        for protocol in (Protocol.UDP, Protocol.TCP):
            flow = past.but(host=RESOLVER, address=RESOLVER, port=53, protocol=protocol)
            yield Target(flow, TargetKind.RESOLVER, TargetKind.RESOLVER.value)

    def of_nobody(self) -> Iterator[Target]:
        """What pods of a namespace that is no team's try: by any node, from their own network, and with a
        mesh certificate."""
        for namespace in (STRANGER, DEFAULT):
            anywhere = Flow(
                namespace, OTHER_HOST, 443, Protocol.TLS, Vantage.POD_WITHOUT_SIDECAR, OTHER_ACCOUNT
            )
            for port, protocol in self._told.numbers(namespace):
                yield Target(
                    anywhere.but(port=port, protocol=protocol),
                    TargetKind.OTHER_HOST,
                    TargetKind.OTHER_HOST.value,
                )
            yield from self._nodes(namespace)
        for host in self._told.outside:
            for port, protocol in self._told.ports(host):
                flow = Flow(
                    STRANGER, concrete(host), port, protocol, Vantage.GATEWAY_WITH_CERTIFICATE, OTHER_ACCOUNT
                )
                yield Target(flow, TargetKind.OTHER_TEAMS_HOST, host)

    def ports(self, host: str) -> list[tuple[int, Protocol]]:
        """Ports and protocols by which a host may be asked for."""
        return self._told.ports(host)

    def classes(self, flow: Flow) -> Iterator[Flow]:
        """The flow for each caller and each request that some rule tells from others."""
        accounts = (OTHER_ACCOUNT, *self._told.accounts(flow.namespace, flow.host))
        if flow.protocol is not Protocol.HTTP:
            yield from (flow.but(service_account=account) for account in accounts)
            return
        requests = list(representatives(self._told.requests(flow.namespace, flow.host)))
        forms = self._told.authorities(flow.namespace, flow.host)
        for account in accounts:
            for one in requests:
                asked = flow.but(
                    service_account=account, method=one.method, path=one.path, headers=dict(one.headers)
                )
                yield asked
                for form in forms:
                    yield asked.but(authority=form)

    def _host(self, team: str, host: str, kind: TargetKind, name: str, spelled: bool) -> Iterator[Target]:
        for port, protocol in self._told.ports(host):
            flow = Flow(team, host, port, protocol, service_account=OTHER_ACCOUNT)
            for asked in self.classes(flow):
                yield Target(asked, kind, name)
                if protocol is Protocol.HTTP or spelled:
                    yield Target(asked.but(vantage=Vantage.GATEWAY_WITH_CERTIFICATE), kind, name)
            if protocol is not Protocol.TCP or spelled:
                yield Target(flow.but(vantage=Vantage.GATEWAY_WITHOUT_CERTIFICATE), kind, name)
            for way in _PAST if spelled and kind is TargetKind.HOST else ():
                yield Target(flow.but(vantage=way), kind, name)
        # In TLS to the gateway a client says a name, in which a port of raw TCP may be, and an account.
        for port, protocol in () if spelled else self._told.ports(host):
            if protocol is not Protocol.HTTP:
                flow = Flow(team, host, port, protocol, Vantage.GATEWAY_WITH_CERTIFICATE)
                for asked in self.classes(flow):
                    yield Target(asked, kind, name)

    def _neighbours(self, team: str, spelled: bool) -> Iterator[Target]:
        for other in (
            [other for other in self.teams if other != team] if spelled else self._told.neighbours(team)
        ):
            flow = Flow(
                team,
                other,
                APPLICATION_PORT,
                Protocol.HTTP,
                service_account=OTHER_ACCOUNT,
                to=Pod(other, None),
            )
            yield Target(flow, TargetKind.NEIGHBOUR, other)
            past = flow.but(vantage=Vantage.POD_WITHOUT_SIDECAR)
            yield Target(past, TargetKind.NEIGHBOUR, other)
            for transport, port in self._told.pod_ports(team, other):
                if (transport, port) != ("TCP", APPLICATION_PORT):
                    yield Target(
                        past.but(port=port, protocol=Protocol(transport.lower())), TargetKind.NEIGHBOUR, other
                    )

    def _google(self, team: str, host: str, name: str) -> Iterator[Target]:
        flow = Flow(team, host, 443, Protocol.TLS, service_account=OTHER_ACCOUNT)
        yield Target(flow, TargetKind.GOOGLE_API, name)
        yield Target(flow.but(vantage=Vantage.POD_WITHOUT_SIDECAR), TargetKind.GOOGLE_API, name)

    def _nodes(self, namespace: str) -> Iterator[Target]:
        """Processes in a node's own network: no NetworkPolicy holds there, so pods must not become such
        processes.

        Which ports and addresses nodes get to is asked of the nodes themselves (cluster_connections.py).
        """
        node = Flow(namespace, OTHER_HOST, 443, Protocol.TLS, Vantage.APPLICATION_NODE, OTHER_ACCOUNT)
        for way in (Vantage.APPLICATION_NODE, Vantage.GATEWAY_NODE):
            for port, protocol in ((443, Protocol.TLS), (OTHER_PORT, Protocol.TCP)):
                yield Target(
                    node.but(vantage=way, port=port, protocol=protocol),
                    TargetKind.OTHER_HOST,
                    TargetKind.OTHER_HOST.value,
                )
