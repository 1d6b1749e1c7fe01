"""Everything that somebody outside can try, once for each class that some object tells from others.

Layers are independent of each other: addresses decide before TLS, and no name or certificate changes what
they decide. So every address is tried at every port with one client, and every name, certificate and request
with one address. Of what no object names there is one more of each kind: another address, name, client,
authority and port, no certificate, no TLS.

Nothing here knows what is declared; of two sets of objects the classes of both are tried, so that each can be
asked the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from egress.judge.inbound_nodes import from_outside
from egress.judge.lookup.edges import NODE_PORTS, Edge
from egress.judge.lookup.flow_space import OTHER_HOST, OTHER_PORT
from egress.judge.lookup.host_names import patterns_above
from egress.judge.lookup.host_shapes import concrete
from egress.judge.lookup.inbound_flow import Caller, Door, InboundFlow, NodeFlow, Shown
from egress.judge.lookup.servers import Server
from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.equivalence import Requests, representatives
from egress.judge.model.flow import Request, without_port
from egress.judge.model.ip_ranges import Ranges
from egress.judge.outside import ELSEWHERE, Source, outside, told_apart
from egress.judge.trace import Judges

OTHER_CLIENT = "spiffe://another.example/client"
"""Stands for every client that no object names."""
FREE_NODE_PORT = 31999
"""Stands for every port of nodes that no object names."""


class InboundKind(StrEnum):
    """What is tried, in the words that people read."""

    CLIENT = "named client"
    OTHER_CLIENT = "another client of the authority"
    OTHER_AUTHORITY = "a client of another authority"
    NO_CERTIFICATE = "no certificate"
    PLAIN = "no TLS"
    OTHER_HOST = "another name"
    OTHER_REQUEST = "a request for another host"
    ADDRESS = "address"
    PORT = "another port"
    PAST_GATEWAY = "past every gateway"
    NODE_PORT = "port of a node"
    NODE = "nodes themselves"


@dataclass(frozen=True)
class InboundTarget:
    """One class of what can be tried."""

    kind: InboundKind
    name: str
    """What people call it."""
    flow: InboundFlow | NodeFlow


def inbound_targets(*sides: Judges) -> Iterator[InboundTarget]:
    """Every class, each once. With several sets of objects, the classes of all."""
    space = _Space(sides)
    for by in space.edges:
        yield from _of_edge(space, by)
    for flow in from_outside(sides, machines=False):
        yield InboundTarget(InboundKind.NODE, f"{flow.what} from {flow.origin}", flow)


class _Space:
    """What the objects tell apart."""

    def __init__(self, sides: Sequence[Judges]) -> None:
        self.sides = sides
        self.edges = list(dict.fromkeys(by for side in sides for by in side.inbound.edges))
        self._servers: dict[tuple[str, int], dict[str, list[Server]]] = {}

    def of(self, by: str) -> Iterator[tuple[Judges, Edge]]:
        """The Service of this name on each side that has it."""
        yield from ((side, side.inbound.edges[by]) for side in self.sides if by in side.inbound.edges)

    @cached_property
    def sources(self) -> list[Source]:
        """Sets of addresses outside that ranges of load balancers, firewall rules and NetworkPolicies tell
        apart."""
        named: dict[Ranges, str] = {}
        for side in self.sides:
            for edge in side.inbound.edges.values():
                named.setdefault(edge.ranges, ", ".join(edge.written) or ELSEWHERE)
                for cidr in edge.written:
                    named.setdefault(Ranges.of([cidr]), cidr)
                for rule in side.network_policies.ingress(edge.namespace):
                    for block in (peer.block for peer in rule.peers):
                        if block:
                            named.setdefault(block, ", ".join(block.cidrs))
            for rule in side.firewall.coming_in:
                named.setdefault(rule.ranges, ", ".join(rule.ranges.cidrs))
        return told_apart(outside(self.sides), named)

    def servers(self, by: str, port: int) -> dict[str, list[Server]]:
        """The servers behind a Service's port, by the name that they are for; below a pattern by each that
        something names."""
        known = self._servers.get((by, port))
        if known is not None:
            return known
        found: dict[str, list[Server]] = {}
        wide: dict[str, list[Server]] = {}
        named = list(self.asked(by, port))
        for side, edge in ((side, edge) for side, edge in self.of(by) if port in edge.ports):
            for server in _listening(side, edge).get(edge.ports[port], ()):
                for pattern in server.hosts:
                    found.setdefault(OTHER_HOST if pattern == "*" else concrete(pattern), []).append(server)
                    if "*" in pattern:
                        wide.setdefault(pattern, []).append(server)
                        named += side.gateways.routed(server)
        for name in dict.fromkeys(map(concrete, named)):
            of = [server for pattern in (*patterns_above(name), "*") for server in wide.get(pattern, ())]
            if of and "*" not in name:
                found.setdefault(name, of)
        self._servers[by, port] = found
        return found

    def routed(self, by: str, port: int) -> list[str]:
        """Names for which the servers of a port have routes."""
        servers = (server for servers in self.servers(by, port).values() for server in servers)
        of_gateways = {server.gateway: server for server in servers if server.reads_http}.values()
        names = (
            name for side, _ in self.of(by) for server in of_gateways for name in side.gateways.routed(server)
        )
        return list(dict.fromkeys(names))

    @cached_property
    def _rules(self) -> dict[tuple[str, str], dict[str, set[str]]]:
        """By namespace and port (empty: every one) the names that rules ask for (`*`: any), each with
        identities beside it."""
        found: dict[tuple[str, str], dict[str, set[str]]] = {}
        for side in self.sides:
            for namespace, ports, names, principals in side.inbound.rules:
                for port in ports or ("",):
                    of = found.setdefault((namespace, port), {})
                    for name in names or ("*",):
                        of.setdefault(name, set()).update(principals)
        return found

    def asked(self, by: str, port: int) -> dict[str, set[str]]:
        """Names that a gateway's rules ask for at a port, each with the identities that they name with it."""
        found: dict[str, set[str]] = {}
        for _, edge in self.of(by):
            for namespace in (edge.namespace, ROOT_NAMESPACE):
                for at in ("", str(edge.ports.get(port, port))):
                    for name, principals in self._rules.get((namespace, at), {}).items():
                        found.setdefault(name, set()).update(principals)
        return found

    def ports(self, by: str) -> list[int]:
        """Ports that some object names and that are none of the Service's, and one more."""
        found = {OTHER_PORT}
        for side, edge in self.of(by):
            found.update(_listening(side, edge))
            for rule in side.network_policies.ingress(edge.namespace):
                found.update(port for one in rule.ports for port in (one.first, one.last) if port)
        known = {port for _, edge in self.of(by) for port in edge.ports}
        return sorted({*found, *self.opened} - known)

    @cached_property
    def opened(self) -> set[int]:
        """Ports that firewall rules name for what comes in."""
        rules = (rule for side in self.sides for rule in side.firewall.coming_in)
        spans = (span for rule in rules for what in rule.what for span in what.ports)
        return {port for span in spans for port in span}


def _listening(side: Judges, edge: Edge) -> dict[int, list[Server]]:
    """Ports of the gateway behind a Service, with their servers; of pods that are no gateway none."""
    gateway = side.inbound.gateway(edge.pod)
    return side.gateways.listening(gateway) if gateway else {}


def _of_edge(space: _Space, by: str) -> Iterator[InboundTarget]:
    edges = [edge for _, edge in space.of(by)]
    balanced = any(edge.balanced for edge in edges)
    gateway = any(side.inbound.gateway(edge.pod) for side, edge in space.of(by))
    ports = sorted({port for edge in edges for port in edge.ports})
    clients = {port: _client(space, by, port) for port in ports}
    at = next(iter(clients.values()), InboundFlow(Ranges(()), "", OTHER_HOST, OTHER_PORT, edge=by))
    if balanced:
        for port in ports:
            for source in space.sources:
                flow = replace(clients[port], source=source.ranges, origin=source.words)
                kind = InboundKind.ADDRESS if gateway else InboundKind.PAST_GATEWAY
                yield InboundTarget(kind, source.words, flow)
            if gateway:
                yield from _of_port(space, by, port)
        for port in space.ports(by):
            for source in space.sources:
                flow = replace(at, source=source.ranges, origin=source.words, port=port)
                yield InboundTarget(InboundKind.PORT, f"port {port} from {source.words}", flow)
    if any(edge.on_nodes for edge in edges):
        for port in _node_ports(space, edges):
            for source in space.sources:
                flow = replace(at, source=source.ranges, origin=source.words, port=port, door=Door.NODE_PORT)
                yield InboundTarget(InboundKind.NODE_PORT, f"port {port} from {source.words}", flow)


def _node_ports(space: _Space, edges: Iterable[Edge]) -> list[int]:
    said = {port for edge in edges for port in edge.nodes}
    first, last = NODE_PORTS
    return sorted(said or {FREE_NODE_PORT, *(port for port in space.opened if first <= port <= last)})


def _client(space: _Space, by: str, port: int) -> InboundFlow:
    """One client that comes far at a port, from somewhere."""
    servers = space.servers(by, port)
    host = next(iter(servers), OTHER_HOST)
    of = servers.get(host, [])
    name = next((san for server in of for san in server.sans), OTHER_CLIENT)
    request = Request(host) if any(server.reads_http for server in of) else None
    source = _usual(space, by)
    return InboundFlow(source.ranges, source.words, host, port, Caller(Shown.NAMED, name), request, edge=by)


def _usual(space: _Space, by: str) -> Source:
    """Addresses from which a Service's load balancer takes connections, on every side that has it if there
    are such."""
    taken = [edge.ranges for _, edge in space.of(by)]
    in_all = (source for source in space.sources if all(ranges.covers(source.ranges) for ranges in taken))
    in_some = (source for source in space.sources if any(ranges.covers(source.ranges) for ranges in taken))
    return next(in_all, None) or next(in_some, space.sources[0])


def _of_port(space: _Space, by: str, port: int) -> Iterator[InboundTarget]:
    servers, asked = space.servers(by, port), space.asked(by, port)
    like, routed = _client(space, by, port), space.routed(by, port)
    for host, of in servers.items():
        principals = {one for name in (host, *patterns_above(host), "*") for one in asked.get(name, ())}
        yield from _of_host(space, replace(like, host=host), of, principals, routed)
    for host in dict.fromkeys((OTHER_HOST, _served_elsewhere(space, by, servers), *asked)):
        if host and host not in servers and "*" not in host:
            for request in _forms(host, routed) if like.request else [None]:
                yield InboundTarget(
                    InboundKind.OTHER_HOST, _named(host), replace(like, host=host, request=request)
                )


def _forms(host: str, routed: Sequence[str]) -> Iterator[Request]:
    """Requests on a connection for a name: for it, and for one that some route is there for."""
    yield Request(host)
    yield from (Request(concrete(other)) for other in routed[:2] if concrete(other) != host)


def _served_elsewhere(space: _Space, by: str, here: Iterable[str]) -> str:
    """A name that is served at another port of the same Service."""
    ports = (port for _, edge in space.of(by) for port in edge.ports)
    return next((host for port in ports for host in space.servers(by, port) if host not in here), "")


def _of_host(
    space: _Space,
    like: InboundFlow,
    servers: Sequence[Server],
    principals: Iterable[str],
    routed: Sequence[str],
) -> Iterator[InboundTarget]:
    host, port = like.host, like.port
    named = sorted({*(san for server in servers for san in server.sans), *map(_san, principals)})
    http = any(server.reads_http for server in servers)
    usual = Request(host) if http else None
    requests = list(_requests(space, host, port)) if http else [None]
    for name in named:
        for request in requests:
            flow = replace(like, caller=Caller(Shown.NAMED, name), request=request)
            yield InboundTarget(InboundKind.CLIENT, name, flow)
    first = named[0] if named else OTHER_CLIENT
    others = {
        InboundKind.OTHER_CLIENT: Caller(Shown.NAMED, OTHER_CLIENT),
        InboundKind.OTHER_AUTHORITY: Caller(Shown.FOREIGN, first),
        InboundKind.NO_CERTIFICATE: Caller(Shown.NOTHING),
        InboundKind.PLAIN: Caller(Shown.PLAIN),
    }
    for kind, caller in others.items():
        yield InboundTarget(kind, kind.value, replace(like, caller=caller, request=usual))
    if http:
        for other in dict.fromkeys(
            (OTHER_HOST if host != OTHER_HOST else f"any.{OTHER_HOST}", *map(concrete, routed[:2]))
        ):
            if other != host:
                flow = replace(like, caller=Caller(Shown.NAMED, first), request=Request(other))
                yield InboundTarget(InboundKind.OTHER_REQUEST, _named(other), flow)


def _requests(space: _Space, host: str, port: int) -> Iterator[Request]:
    """Requests to a host that rules tell apart, by its name and by its name with the port."""
    found = Requests()
    for side in space.sides:
        found |= side.space.requests("*", host)
    for one in representatives(found):
        yield Request(host, one.method, one.path, dict(one.headers))
    yield Request(f"{host}:{port}")


def _san(principal: str) -> str:
    """A name in a certificate that a rule means by an identity."""
    return f"spiffe://{principal.strip('*') or 'any/identity'}" if principal else OTHER_CLIENT


def _named(host: str) -> str:
    return "any other name" if host == OTHER_HOST else without_port(host)
