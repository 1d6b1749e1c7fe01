"""The gateway's judge: what a gateway's pods take from whom, and where they send it.

Which server a name belongs to, and which route takes it, gateway_routes.py looks up.

Understood: Gateway servers with `port`, `bind`, `hosts` and `tls.mode` ISTIO_MUTUAL and PASSTHROUGH (MUTUAL
as far as it refuses), on the ports that Services translate; VirtualServices bound to the Gateway;
ServiceEntries by DNS, STATIC, NONE and DYNAMIC_DNS, loopback endpoints included. Extensions of proxies are
for egress/judge/fields/filters.py to know.
Source: Istio reference, Gateway, VirtualService, ServiceEntry (networking.istio.io).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from egress.common.names import called
from egress.judge.layers.gateway_routes import GatewayRoutes
from egress.judge.lookup.bound import Bound
from egress.judge.lookup.entrances import Entrance, Entrances
from egress.judge.lookup.host_names import MESH
from egress.judge.lookup.looked_up import LookUps
from egress.judge.lookup.match import Found, answers, readable
from egress.judge.lookup.reading import Reading
from egress.judge.lookup.routes import Leg, Router
from egress.judge.lookup.servers import NONE, PASSTHROUGH, Listener, Server, servers, translation, wider
from egress.judge.lookup.service_registry import Registry, Rule
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import (
    Connection,
    Layer,
    Misread,
    Outcome,
    Outside,
    Pod,
    Protocol,
    Request,
    Verdict,
    without_port,
)
from egress.judge.model.requests import read as as_rules_see
from egress.judge.model.snapshot import Snapshot, listed, part

_MUTUAL = {"ISTIO_MUTUAL", "MUTUAL"}
"""Modes that demand a certificate: of the mesh, or of an authority in a Secret that may say of anybody to be
anybody."""


class Gateways:
    """Judges gateways' pods."""

    def __init__(self, snapshot: Snapshot, registry: Registry, router: Router, workloads: Workloads) -> None:
        self._registry = registry
        self.router = router
        self._listeners: dict[Pod, dict[tuple[int, str | None], Listener]] = {}
        self._routes = GatewayRoutes(registry)
        self.bound = Bound(snapshot)
        self._look_ups = LookUps(snapshot)
        self._reading = Reading(snapshot)
        services = snapshot.kind("Service")
        self._named: dict[Pod, str] = {}
        self._legs: dict[tuple[Rule, str, int, Pod], list[Leg]] = {}
        self.pods: list[Pod] = []
        for manifest in snapshot.kind("Gateway"):
            selector, namespace = part(manifest, "spec", "selector"), manifest["metadata"]["namespace"]
            pod = workloads.behind(namespace, selector)
            if pod not in self.pods:
                self.pods.append(pod)
            translated = translation(services, pod)
            for server in servers(manifest):
                if server.number in translated.named:
                    self._named[pod] = translated.named[server.number]
                for port in translated.of(server.number):
                    listeners = self._listeners.setdefault(pod, {})
                    listeners.setdefault((port, server.bind if server.own else None), Listener()).add(server)
        self._doubts = dict(wider(snapshot, workloads, self.pods))
        for rules in registry.virtual_services.values():
            for rule in rules:
                if rule.gateways - {MESH} and any(
                    str(name) != str(name).lower() for name in listed(rule.spec, "hosts")
                ):
                    unsure = Misread(
                        rule.by,
                        "spec.hosts",
                        "Gateways compare capitals letter by letter, which is not read here.",
                    )
                    self._doubts = dict.fromkeys(self.pods, unsure)

    def listener(self, pod: Pod, port: int) -> Listener | None:
        """The servers at one port of a gateway's pods that others than the pod itself can reach.

        Raises:
            Misread: there may be others.
        """
        if pod in self._doubts:
            raise self._doubts[pod]
        found = self._listeners.get(pod, {}).get((port, None))
        if found and found.doubt:
            raise found.doubt
        return found

    def listening(self, pod: Pod) -> dict[int, list[Server]]:
        """Ports of a gateway's pods that others than the pod itself can reach, with their servers."""
        found = self._listeners.get(pod, {}).items()
        return {port: listener.servers for (port, bind), listener in found if bind is None}

    def routed(self, server: Server) -> list[str]:
        """Names for which VirtualServices are bound to a server's Gateway."""
        return list(self._routes.bound.get(server.gateway, {}))

    def routes(self, server: Server, pod: Pod, name: str) -> list[tuple[Rule, Found]]:
        """The routes that a server which reads HTTP has for a host, in order."""
        return self._routes.routes(server, pod, name)

    def server(self, listener: Listener, pod: Pod, name: str) -> Server | None:
        """The server of a port that a name belongs to.

        Raises:
            Misread: which of two it is cannot be told.
        """
        return self._routes.server(listener, pod, name.lower())

    def way(self, server: Server, pod: Pod, name: str, request: Request | None) -> tuple[Rule, Found] | None:
        """The route that a server takes for a name, or for a request.

        Raises:
            Misread: which one it is, or all that it does, cannot be told.
        """
        found = (
            self._routes.request(server, pod, name, request)
            if request
            else self._routes.unread(server, pod, name)
        )
        if found:
            readable(*found, server.section)
        return found

    def accept(self, connection: Connection) -> tuple[Verdict, Server | None]:
        """Whether a gateway's pod takes the connection at all, and which server does."""
        pod = connection.to
        assert isinstance(pod, Pod)
        try:
            return self._accept(connection, pod)
        except Misread as error:
            return Verdict(Layer.GATEWAY, Outcome.NOT_UNDERSTOOD, error.by, error.field, error.reason), None

    def _accept(self, connection: Connection, pod: Pod) -> tuple[Verdict, Server | None]:
        if pod in self._doubts:
            raise self._doubts[pod]
        listeners = self._listeners.get(pod, {})
        # A listener of one address takes what comes to it; what listens at every address takes the rest, the
        # pod's own too.
        listener = listeners.get((connection.port, connection.to_address)) or listeners.get(
            (connection.port, None)
        )
        if listener is None:
            if pod in self._named:
                raise Misread(
                    self._named[pod],
                    "spec.ports.targetPort",
                    "A port that is only named is not looked up here.",
                )
            return self._no(
                f"gateway/{pod.namespace}", "", f"No server listens on port {connection.port}."
            ), None
        if listener.doubt:
            raise listener.doubt
        first = listener.servers[0]
        if first.mode == NONE:
            raise Misread(first.by, f"{first.field}.tls", "A server without TLS is not read here.")
        if plain := listener.plain:
            reason = f"A server for {plain.protocol} takes no TLS, whatever is said of it."
            raise Misread(plain.by, f"{plain.field}.port.protocol", reason)
        if connection.protocol is not Protocol.TLS:
            return self._no(first.by, first.field, "The server takes nothing but TLS."), None
        name = (connection.sni or "").lower()
        server = self._routes.server(listener, pod, name)
        if server is None:
            reason = f"No server of port {connection.port} is for the name {name}."
            return self._no(first.by, "spec.servers", reason), None
        if server.mode in _MUTUAL:
            if connection.principal is None:
                reason = "The server demands a certificate of the mesh, and the client shows none."
                return self._no(server.by, f"{server.field}.tls.mode", reason), None
            if server.sans and f"spiffe://{connection.principal}" not in server.sans:
                reason = f"The server takes certificates of {', '.join(server.sans)} alone."
                return self._no(server.by, f"{server.field}.tls.subjectAltNames", reason), None
            if server.mode != "ISTIO_MUTUAL":
                reason = "Whose certificates are taken is in a Secret, so who has one may be anybody."
                raise Misread(server.by, f"{server.field}.tls.mode", reason)
        elif server.mode != PASSTHROUGH:
            raise Misread(server.by, f"{server.field}.tls.mode", f"`{server.mode}` is not read here.")
        shown = f" from {connection.principal}" if connection.principal and server.mode in _MUTUAL else ""
        return Verdict(
            Layer.GATEWAY,
            Outcome.ALLOWED,
            server.by,
            server.field,
            f"The server takes {_called(name)}{shown}.",
        ), server

    def read(self, connection: Connection, server: Server) -> Verdict | Connection:
        """The connection with what is in it as this proxy's rules see it, or that it is not read."""
        inner = connection.inner
        if not isinstance(inner, Request) or not server.reads_http:
            return connection
        try:
            assert isinstance(connection.to, Pod)
            how = self._registry.normalization
            how = self._reading.in_gateway(connection.to, connection.port, server.hosts, how)
            read = as_rules_see(inner, how)
        except Misread as error:
            return Verdict(Layer.GATEWAY, Outcome.NOT_UNDERSTOOD, error.by, error.field, error.reason)
        if isinstance(read, str):
            return self._no(server.by, server.field, read)
        return connection if read is inner else connection._replace(inner=read)

    def route(self, connection: Connection, server: Server) -> tuple[Verdict, list[Connection]]:
        """Where an accepted and authorized connection goes on to."""
        try:
            return self._route(connection, server)
        except Misread as error:
            return Verdict(Layer.GATEWAY, Outcome.NOT_UNDERSTOOD, error.by, error.field, error.reason), []

    def _route(self, connection: Connection, server: Server) -> tuple[Verdict, list[Connection]]:
        pod = connection.to
        assert isinstance(pod, Pod)
        inner = connection.inner
        request = inner if isinstance(inner, Request) and server.reads_http else None
        if server.reads_http:
            if request is None:
                return self._no(server.by, server.field, "The server reads HTTP, and this is none."), []
            name = without_port(request.host.lower())
        else:
            name = (connection.sni or "").lower()
        section = server.section
        found = (
            self._routes.request(server, pod, name, request)
            if request
            else self._routes.unread(server, pod, name)
        )
        if found is None:
            return self._no(server.by, server.field, f"No route leads from here to {name}."), []
        rule, taking = found
        readable(rule, taking, section)
        field = taking.field
        if answers(taking):
            status = part(taking.route, "directResponse").get("status")
            reason = f"The gateway answers {status} itself: the path could mean another to {name}."
            return self._no(rule.by, f"{field}.directResponse", reason), []
        legs = self._legs_of(rule, taking, server.number, pod)
        if not legs:
            return self._no(rule.by, f"{field}.route", "The route has no destination."), []
        missing = next((leg for leg in legs if leg.refused), None)
        if missing:
            return self._no(missing.by, missing.field, missing.refused), []
        if sealed := next((leg for leg in legs if leg.loopback and leg.tls), None):
            raise Misread(sealed.by, sealed.field, "The gateway opens TLS to itself, which is not read here.")
        stopped = [why for leg in legs if (why := self._stopped(connection, leg, pod, section))]
        if stopped:
            if len(stopped) < len(legs):
                raise Misread(rule.by, field, f"Some connections are led on and some are not: {stopped[0]}")
            return self._no(rule.by, field, stopped[0]), []
        where = " and ".join(dict.fromkeys(leg.says for leg in legs))
        onward = [self._onward(connection, pod, leg, name) for leg in legs]
        return Verdict(
            Layer.GATEWAY, Outcome.ALLOWED, rule.by, field, f"The gateway leads {_called(name)} to {where}."
        ), onward

    def _legs_of(self, rule: Rule, taking: Found, number: int, pod: Pod) -> list[Leg]:
        """Where a route leads, which is the same for everybody whom it takes."""
        key = rule, taking.field, number, pod
        found = self._legs.get(key)
        if found is None:
            found = self._legs[key] = self.router.legs(rule, taking, number, pod.namespace, pod.labels or {})
        return found

    def _stopped(self, connection: Connection, leg: Leg, pod: Pod, section: str) -> str | None:
        """Why nothing comes of a connection that the gateway would make."""
        if leg.loopback and self.bound.on(pod, leg.host, leg.number):
            return "What is to come back to the gateway is tied to its network card."
        # Before requests istiod puts a filter that looks names up, before TLS that is passed through it does
        # not.
        unsought = leg.sought and section != "http"
        if unsought and not self._look_ups.on(pod, connection.to_address, connection.port, leg.host):
            return f"Nothing at this port looks up the names below {leg.host}, so nothing is connected to."
        return None

    @staticmethod
    def _onward(connection: Connection, pod: Pod, leg: Leg, name: str) -> Connection:
        if leg.loopback:
            # The gateway hands what it has taken out of mutual TLS to itself: the client's identity stays
            # behind.
            inner = connection.inner if isinstance(connection.inner, str) else ""
            return Connection(
                pod, pod, leg.port, Protocol.TLS, sni=inner, inner=inner, to_address=leg.loopback
            )
        to = leg.to
        if isinstance(to, Outside) and str(to.name).startswith("*"):
            to = Outside(name, to.address)
        protocol = Protocol.TLS if leg.tls or isinstance(connection.inner, str) else Protocol.HTTP
        reveals = leg.reveals if isinstance(connection.inner, Request) else ()
        sent = Connection(pod, to, leg.port, protocol, sni=leg.sni or name, reveals=reveals)
        return sent._replace(opens=leg.mode, verified=leg.verified, trusts=leg.trusts)

    def entrances(self, host: str) -> Iterator[Entrance]:
        """Every way into a gateway that leads to a host, whatever name it is asked by."""
        return self._entrances.to(host)

    def opaque_servers(self, namespace: str) -> Iterator[tuple[Pod, int, Server]]:
        """Servers of a namespace's gateways that read no HTTP, with the port at which they can be reached."""
        for pod, listeners in self._listeners.items():
            for (port, bind), listener in listeners.items():
                if pod.namespace == namespace and bind is None:
                    yield from ((pod, port, server) for server in listener.servers if not server.reads_http)

    def listens(self, pod: Pod) -> dict[tuple[int, str | None], str]:
        """Ports of a gateway's pods, each with the address that it is bound to (None: every one), to the
        object that says so."""
        return {at: listener.servers[0].by for at, listener in self._listeners.get(pod, {}).items()}

    def doors(self) -> Iterator[tuple[Pod, int, bool]]:
        """Every port on which gateways' pods can be reached, and whether HTTP is read there."""
        for pod, listeners in self._listeners.items():
            for (port, bind), listener in listeners.items():
                if bind is None:
                    yield pod, port, listener.servers[0].reads_http

    @cached_property
    def _entrances(self) -> Entrances:
        return Entrances(self._registry, self._listeners, self._routes.bound)

    @staticmethod
    def _no(by: str, field: str, reason: str) -> Verdict:
        return Verdict(Layer.GATEWAY, Outcome.DENIED, by, field, reason)


def _called(name: str) -> str:
    """A server name in words; those that proxies make up among themselves are none to read."""
    return "this connection" if not name or name.startswith("outbound_") else called(name)
