"""What a sidecar takes a connection for: which listener it meets, and which route or destination that leads
to.

A connection to an address that a Service or ServiceEntry has, on a port of raw TCP or TLS, meets the listener
of that address. Any other meets that of the port: requests are told apart by their Host header, TLS by its
server name (the closest name counts), and what is left is raw TCP, if some destination without an address is
on the port.
Source: Istio, "Protocol Selection", "Understanding Traffic Routing"; Envoy, FilterChainMatch and
route.VirtualHost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from egress.common.names import port_of
from egress.judge.lookup.host_names import MESH, SERVICES, patterns_above
from egress.judge.lookup.match import Found, held
from egress.judge.lookup.service_registry import Registry, Rule, Sees, rank_of
from egress.judge.lookup.service_registry_destinations import Destination
from egress.judge.model.flow import Flow, Misread, Protocol, is_address
from egress.judge.model.ports import AUTO, Port

PLAIN_HTTP = 80
"""The one port on which proxies know hosts that VirtualServices alone name."""


@dataclass(frozen=True)
class Way:
    """Where something is led: by some routes of a rule, or straight to a destination."""

    section: str
    """What the proxy reads of it: `http`, `tls`, `tcp`."""
    destination: Destination | None = None
    rule: Rule | None = None
    routes: Sequence[Found] = ()


class Listeners:
    """What the proxies of one namespace listen for."""

    def __init__(self, registry: Registry, namespace: str, sees: Sees, meets: Sees) -> None:
        """Args:
        sees: whether their Sidecar asks for all of a host.
        meets: whether it asks for some of it at least, which is enough for rules.
        """
        self._registry = registry
        self._namespace = namespace
        self._sees = sees
        self._meets = meets
        self._http: dict[int, bool] = {}
        self._wide: dict[tuple[int, str], list[Destination]] = {}

    def at_address(self, flow: Flow, asked: Flow) -> Way | None:
        """What listens at the very address that a client connects to."""
        port = flow.port
        found = [
            item
            for item in self._addressed(flow)
            if port in item.ports and item.ports[port].protocol != "HTTP"
        ]
        if len({item.by for item in found}) > 1:
            raise Misread(
                found[0].by,
                "spec.addresses",
                f"{found[1].by} has the same address: which of the two counts is not read here.",
            )
        if not found:
            return None
        destination = found[0]
        protocol = destination.ports[port].protocol
        if protocol == AUTO and flow.protocol is Protocol.HTTP:
            return self._of_host(destination, port) or Way("http", destination)
        if protocol == "TLS":
            chains = list(self._server_names(destination, port))
            if chains:
                return self._closest(chains, asked) if flow.protocol is Protocol.TLS else None
            return Way("tls" if flow.protocol is Protocol.TLS else "tcp", destination)
        return self._raw(destination, port)

    def at_port(self, flow: Flow) -> Way | None:
        """What listens on a port at every address."""
        unsure = next(iter(self._everywhere(flow.port, AUTO)), None)
        if unsure:
            raise Misread(
                unsure.by,
                "spec.ports.protocol",
                "The port has no protocol, so the proxy goes by what is sent.",
            )
        if flow.protocol is Protocol.HTTP and self._reads_http(flow.port):
            return self._by_host(flow)
        if flow.protocol is Protocol.TLS:
            way = self._by_server_name(flow)
            if way:
                return way
        raw = self._everywhere(flow.port, "TCP")
        if len({item.by for item in raw}) > 1:
            raise Misread(
                raw[0].by,
                "spec.ports",
                f"{raw[1].by} takes every address on the port too: which counts is not read here.",
            )
        return self._raw(raw[0], flow.port) if raw else None

    def _reads_http(self, port: int) -> bool:
        if port not in self._http:
            self._http[port] = any(
                self._known(item) for item in self._registry.speaking(port, "HTTP", self._namespace)
            )
        return self._http[port]

    def _everywhere(self, port: int, protocol: str) -> list[Destination]:
        """What is listened for at every address of a port, as something."""
        found = self._wide.get((port, protocol))
        if found is None:
            every = self._registry.speaking(port, protocol, self._namespace)
            found = self._wide[port, protocol] = [
                item for item in every if _wide(item, port, protocol) and self._known(item)
            ]
        return found

    def _known(self, item: Destination) -> bool:
        """Whether the proxies listen for it: it is what they take its host for, and their Sidecar asks for
        it."""
        return self._sees(item.namespace, item.host) and item is self._registry.chosen(
            item.host, self._namespace, self._sees
        )

    def _addressed(self, flow: Flow) -> Iterator[Destination]:
        address = flow.address or (flow.host if is_address(flow.host) else None)
        if address:
            yield from (item for item in self._registry.at_address(address) if self._known(item))
            return
        # A name is told the addresses of the destination that it stands for, but one that is for a port of
        # it under a name of its own.
        every = (item for name in self._names(flow.host) for item in self._registry.named(name))
        item = next((item for item in every if self._known(item) and not port_of(item.host)), None)
        port = next(
            (one for one in self._registry.by_port.get((flow.port, flow.host), ()) if self._known(one)), None
        )
        told = item is not None and (item.inside or self._registry.answers_dns(self._namespace))
        if port:
            _lies_where_it_is_known(port)
            # Where pods are told an address of the mesh, they connect to that one on every port.
            in_mesh = told and item is not None and bool(item.addresses or item.allocated)
            if set(port.addresses) & set(item.addresses) if item and in_mesh else _is_at_its_addresses(port):
                yield port
        if item is None:
            return
        if not told and flow.port in item.ports:
            _lies_where_it_is_known(item)
        if told or _is_at_its_addresses(item):
            yield item

    def _names(self, host: str) -> tuple[str, ...]:
        """A host, and what it is short for to the namespace's pods."""
        return host, f"{host}.{self._namespace}{SERVICES}", f"{host}{SERVICES}", f"{host}.cluster.local"

    # HTTP

    def _by_host(self, flow: Flow) -> Way | None:
        host, port = flow.host, flow.port
        for name in (*self._names(host), *patterns_above(host)):
            item = self._speaks_http(name, port)
            if item:
                return self._of_host(item, port) or Way("http", item)
            way = self._named_by_rules(name, port)
            if way:
                return way
        at = next(
            (item for item in self._registry.at_address(host) if self._known(item) and _speaks(item, port)),
            None,
        )
        if at:
            return self._of_host(at, port) or Way("http", at)
        rules = (rule for rule in self._rules("*") if held(rule, "http", MESH, port, self._namespace))
        if everything := next(rules, None):
            raise Misread(everything.by, "spec.hosts", "It is for every host, which is not read here.")
        return None

    def _speaks_http(self, host: str, port: int) -> Destination | None:
        item = self._registry.chosen(host, self._namespace, self._sees)
        return item if item and self._sees(item.namespace, host) and _speaks(item, port) else None

    def _of_host(self, item: Destination, port: int) -> Way | None:
        """The routes for a host that is a destination; where the rules for it have none for the proxy it is
        led straight."""
        rules = self._rules(item.host)
        if not rules:
            above = (*patterns_above(item.host), "*")
            found = next((found for pattern in above if (found := self._rules(pattern))), rules)
            # Of patterns one rule counts, even where it has no route for the proxy.
            self._alone(found if any(rule.spec.get("http") for rule in found) else ())
            rules = found[:1]
        return self._first(rules, port, item)

    def _named_by_rules(self, host: str, port: int) -> Way | None:
        """The routes for a host that only VirtualServices name."""
        rules = self._rules(host)
        if rules and host.startswith("*") and any(_speaks(item, port) for item in self._below(host)):
            # It is for the destinations below it, and for nothing else.
            return None
        if port != PLAIN_HTTP:
            rules = [rule for rule in rules if any(self._speaks_http(name, port) for name in rule.hosts)]
        return self._first(rules, port, None)

    def _first(self, rules: Sequence[Rule], port: int, item: Destination | None) -> Way | None:
        ways = [
            (rule, routes) for rule in rules if (routes := held(rule, "http", MESH, port, self._namespace))
        ]
        if not ways:
            return None
        self._alone([rule for rule, _ in ways])
        rule, routes = ways[0]
        return Way("http", item, rule, routes)

    def _rules(self, host: str) -> list[Rule]:
        found = self._registry.mesh_rules(host, self._namespace)
        return [rule for rule in found if any(self._meets(rule.namespace, name) for name in rule.hosts)]

    def _alone(self, rules: Sequence[Rule]) -> None:
        if len(rules) > 1 and rank_of(rules[0], self._namespace) == rank_of(rules[1], self._namespace):
            reason = (
                f"{rules[1].by} is about the same host: which of the two counts is a matter of their "
                "age, which is not read."
            )
            raise Misread(rules[0].by, "spec.hosts", reason)

    # TLS

    def _by_server_name(self, flow: Flow) -> Way | None:
        chains: list[tuple[str, Way]] = []
        for rule in self._rules(flow.host):
            # What it leads is led as soon as any of its other hosts is on the port at every address.
            others = (host for host in rule.hosts if host != flow.host and not host.startswith("*"))
            if rule.spec.get("tls") and any(self._is_wide(host, flow.port) for host in others):
                chains += self._server_names_of(rule, flow.port)
        for name in (flow.host, *patterns_above(flow.host)):
            item = self._registry.chosen(name, self._namespace, self._sees)
            if item and self._sees(item.namespace, name) and _wide(item, flow.port, "TLS"):
                chains += self._server_names(item, flow.port) or [(name, Way("tls", item))]
        for name in patterns_above(flow.host):
            for rule in self._rules(name):
                # What it leads is led as soon as any destination of the port is among its hosts.
                if rule.spec.get("tls") and any(_wide(item, flow.port, "TLS") for item in self._below(name)):
                    chains += self._server_names_of(rule, flow.port)
        return self._closest(chains, flow)

    def _is_wide(self, host: str, port: int) -> bool:
        item = self._registry.chosen(host, self._namespace, self._sees)
        return item is not None and self._sees(item.namespace, host) and _wide(item, port, "TLS")

    def _server_names(self, item: Destination, port: int) -> list[tuple[str, Way]]:
        """Server names by which the rules for a destination lead TLS, each with its way."""
        found = [rule for name in (item.host, *patterns_above(item.host), "*") for rule in self._rules(name)]
        if item.host.startswith("*"):
            found += [rule for host in self._registry.ruled_below(item.host) for rule in self._rules(host)]
        found = sorted(dict.fromkeys(found), key=lambda rule: rank_of(rule, self._namespace))
        return [chain for rule in found for chain in self._server_names_of(rule, port)]

    def _server_names_of(self, rule: Rule, port: int) -> Iterator[tuple[str, Way]]:
        for found in held(rule, "tls", MESH, port, self._namespace):
            for name in found.match.get("sniHosts") or ():
                yield name, Way("tls", None, rule, (found,))

    def _closest(self, chains: Sequence[tuple[str, Way]], flow: Flow) -> Way | None:
        """The way for exactly this server name, else for the longest pattern above it."""
        for name in (flow.host, *patterns_above(flow.host), "*"):
            ways = [way for pattern, way in chains if pattern == name]
            if ways:
                self._alone(list(dict.fromkeys(way.rule for way in ways if way.rule)))
                return ways[0]
        return None

    # raw TCP

    def _raw(self, item: Destination, port: int) -> Way:
        names = (item.host, *patterns_above(item.host), "*")
        found = [rule for name in names for rule in self._rules(name)]
        if item.host.startswith("*"):
            found += [rule for host in self._registry.ruled_below(item.host) for rule in self._rules(host)]
        found = sorted(dict.fromkeys(found), key=lambda rule: rank_of(rule, self._namespace))
        ways = [
            (rule, routes) for rule in found if (routes := held(rule, "tcp", MESH, port, self._namespace))
        ]
        if not ways:
            return Way("tcp", item)
        self._alone([rule for rule, _ in ways])
        rule, routes = ways[0]
        return Way("tcp", item, rule, routes)

    def _below(self, pattern: str) -> Iterator[Destination]:
        """Destinations that a pattern covers."""
        for name in self._registry.known_below(pattern):
            item = self._registry.chosen(name, self._namespace, self._sees)
            if item and self._sees(item.namespace, name):
                yield item


def _speaks(item: Destination, port: int) -> bool:
    return port in item.ports and item.ports[port].protocol in ("HTTP", AUTO)


def _wide(item: Destination, number: int, protocol: str) -> bool:
    """Whether it is listened for at every address of a port, as something."""
    port: Port | None = item.ports.get(number)
    return port is not None and port.protocol == protocol and not item.addresses and not item.inside


def _is_at_its_addresses(item: Destination) -> bool:
    """Whether DNS leads a client to the addresses that a destination has in the mesh.

    Those that no network has are made up, and only a proxy that answers DNS leads there.
    """
    return not all(_is_made_up(address) for address in item.addresses)


def _lies_where_it_is_known(item: Destination) -> None:
    """Does nothing where the mesh knows a destination by all the addresses that it has in some network.

    Raises:
        Misread: it has another address.
    """
    known = [address for address in item.addresses if not _is_made_up(address)]
    elsewhere = (one for one in item.endpoints if known and is_address(one) and one not in item.addresses)
    for one in elsewhere:
        raise Misread(
            item.by,
            "spec.addresses",
            f"{one}, where {item.host} is, is not among them, so where DNS leads is not known.",
        )


def _is_made_up(address: str) -> bool:
    try:
        return IPv4Network(address, strict=False).subnet_of(_NO_NETWORKS)
    except ValueError:
        return False  # one of IPv6


_NO_NETWORKS = IPv4Network("240.0.0.0/4")
"""RFC 1112, section 4: reserved, and in no DNS."""
