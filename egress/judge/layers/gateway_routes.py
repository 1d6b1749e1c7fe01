"""A gateway's routes: which one takes a request, what comes out of TLS, or TLS that is passed through, and so
which server a name belongs to.

gateway.py says what is taken at all, and where a route leads to.
Source: Istio reference, Gateway and VirtualService (networking.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from egress.judge.lookup.host_names import MESH, alike, covers, patterns_above
from egress.judge.lookup.match import Found, held, taken, takes_everything, until_everything
from egress.judge.lookup.servers import PASSTHROUGH, Listener, Server
from egress.judge.lookup.service_registry import Registry, Rule, rank_of, visible
from egress.judge.model.flow import Misread, Pod, Request


class GatewayRoutes:
    """Looks up the routes of VirtualServices that are bound to Gateways."""

    def __init__(self, registry: Registry) -> None:
        self.bound: dict[str, dict[str, list[Rule]]] = {}
        """The VirtualServices of each Gateway, by host."""
        for host, rules in registry.virtual_services.items():
            for rule in rules:
                for gateway in rule.gateways - {MESH}:
                    self.bound.setdefault(gateway, {}).setdefault(host, []).append(rule)

    def server(self, listener: Listener, pod: Pod, name: str) -> Server | None:
        """The server that a name belongs to.

        One that reads no HTTP is there as far as it has a route; where TLS is passed through, the routes say
        for which names.
        """
        passing = listener.passing
        for pattern in (name, *patterns_above(name), "*"):
            of = listener.of(pattern)
            found = [of] if of and (of.reads_http or (of not in passing and self._opaque(of, pod))) else []
            found += [server for server in passing if self._passed(server, pod, name, pattern)]
            if len(found) > 1:
                reason = (
                    f"{pattern} is a name of another server on the same port too: which of them counts "
                    "is not read here."
                )
                raise Misread(found[1].by, found[1].field, reason)
            if found:
                return found[0]
        return listener.closest(name)

    def request(self, server: Server, pod: Pod, name: str, request: Request) -> tuple[Rule, Found] | None:
        """The route of a request."""
        routes = self.routes(server, pod, name)
        return next(((rule, route) for rule, route in routes if taken(rule, [route], request)), None)

    def routes(self, server: Server, pod: Pod, name: str) -> list[tuple[Rule, Found]]:
        """The routes for a host, in order: of the rules for the closest host, those for everything last."""
        bound = self.bound.get(server.gateway, {})
        for domain in (name, *patterns_above(name), "*"):
            rules = list(dict.fromkeys(self._of_domain(bound, server, pod, name, domain)))
            held_by = [(rule, routes) for rule in rules if (routes := self._held(rule, "http", server, pod))]
            if not held_by:
                continue
            self._alone([rule for rule, _ in held_by], pod)
            every = [(rule, route) for rule, routes in held_by for route in until_everything(routes)]
            every.sort(key=lambda one: takes_everything(one[1]))
            return every
        return []

    def _of_domain(
        self, bound: Mapping[str, list[Rule]], server: Server, pod: Pod, name: str, domain: str
    ) -> Iterator[Rule]:
        """The rules that make a domain of routes: their host and a server's, of which the narrower counts."""
        for host in (name, *patterns_above(name), "*"):
            for rule in bound.get(host, ()):
                if visible(rule, pod.namespace):
                    for own in server.hosts_for(rule.namespace):
                        # Both are the name or patterns above it, if one of them is the domain: one covers the
                        # other.
                        if (host if covers(own, host) else own) == domain:
                            yield rule

    def _opaque(self, server: Server, pod: Pod) -> tuple[Rule, Found] | None:
        """The route of what comes out of TLS and is no HTTP: the first that there is, whatever name was asked
        for."""
        ways = [
            (rule, routes)
            for rule in self._bound_to(server, pod)
            if (routes := self._held(rule, "tcp", server, pod))
        ]
        self._alone([rule for rule, _ in ways], pod)
        return next(((rule, routes[0]) for rule, routes in ways), None)

    def _passed(self, server: Server, pod: Pod, name: str, pattern: str) -> tuple[Rule, Found] | None:
        """The route of TLS that is passed through, by one pattern of its server name."""
        rules = self._rules(server, pod, name)
        ways = [
            (rule, found)
            for rule in rules
            for found in self._held(rule, "tls", server, pod)
            if pattern in (found.match.get("sniHosts") or ())
        ]
        self._alone(list(dict.fromkeys(rule for rule, _ in ways)), pod)
        return next(iter(ways), None)

    def unread(self, server: Server, pod: Pod, name: str) -> tuple[Rule, Found] | None:
        """The route of a connection of which the gateway reads no requests."""
        if server.mode != PASSTHROUGH:
            return self._opaque(server, pod)
        names = (name, *patterns_above(name), "*")
        return next((found for pattern in names if (found := self._passed(server, pod, name, pattern))), None)

    def _held(self, rule: Rule, section: str, server: Server, pod: Pod) -> list[Found]:
        return held(rule, section, server.gateway, server.number, pod.namespace)

    def _bound_to(self, server: Server, pod: Pod) -> list[Rule]:
        """Rules for a server, one of whose hosts has to be one of the server's, or below or above it."""
        bound = self.bound.get(server.gateway, {})
        found: dict[Rule, None] = {}
        for home, own in server.written:
            for host in bound if "*" in own else (own, *patterns_above(own), "*"):
                for rule in bound.get(host, ()):
                    if home in ("", rule.namespace) and visible(rule, pod.namespace) and alike(own, host):
                        found[rule] = None
        return sorted(found, key=lambda rule: rank_of(rule, pod.namespace))

    def _rules(self, server: Server, pod: Pod, name: str) -> list[Rule]:
        """Of the rules for a server, those that name a host or a pattern above it."""
        bound = self.bound.get(server.gateway, {})
        found: dict[Rule, None] = {}
        for host in (name, *patterns_above(name), "*"):
            for rule in bound.get(host, ()):
                if visible(rule, pod.namespace) and any(
                    alike(own, other) for own in server.hosts_for(rule.namespace) for other in rule.hosts
                ):
                    found[rule] = None
        return sorted(found, key=lambda rule: rank_of(rule, pod.namespace))

    @staticmethod
    def _alone(rules: Sequence[Rule], pod: Pod) -> None:
        first: dict[int, Rule] = {}
        for rule in rules:
            other = first.setdefault(rank_of(rule, pod.namespace), rule)
            if other is not rule:
                reason = (
                    f"{rule.by} is about the same host: which of the two counts is a matter of their "
                    "age, which is not read."
                )
                raise Misread(other.by, "spec.hosts", reason)
