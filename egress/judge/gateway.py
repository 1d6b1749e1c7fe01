"""The gateway's judge: what a gateway's pods take from whom, and where they send it.

Understood: Gateway servers with `port`, `bind`, `hosts` and `tls.mode` ISTIO_MUTUAL and PASSTHROUGH (MUTUAL as far
as it refuses), on the ports that Services translate; VirtualServices bound to the Gateway; ServiceEntries by DNS, STATIC, NONE
and DYNAMIC_DNS, loopback endpoints included. Extensions of proxies are for egress/judge/filters.py to know.
Source: Istio reference, Gateway, VirtualService, ServiceEntry (networking.istio.io).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from egress.judge.bound import Bound
from egress.judge.deployed import Deployed, Manifest, identity, listed, part
from egress.judge.flow import Connection, Layer, Misread, Outside, Pod, Protocol, Request, Verdict, without_port
from egress.judge.nodes import Workloads
from egress.judge.registry import Registry, Rule, matches, patterns_above, visible
from egress.judge.requests import read as as_rules_see
from egress.judge.routes import Leg, Router, first_match

_MUTUAL = {"ISTIO_MUTUAL", "MUTUAL"}
"""Modes that demand a certificate: of the mesh, or of an authority in a Secret that may say of anybody to be anybody."""


@dataclass(frozen=True)
class Server:
    """One server of a Gateway, at the port where its pods listen."""

    gateway: str
    """NAMESPACE/NAME, as VirtualServices refer to it."""
    by: str
    field: str
    namespace: str
    number: int
    """Port as the Gateway and its VirtualServices write it."""
    protocol: str
    hosts: tuple[str, ...]
    mode: str
    sans: tuple[str, ...]
    bind: str | None

    @property
    def reads_http(self) -> bool:
        """Whether it sees requests. What passes TLS through never does, whatever its port is called."""
        return self.protocol in ("HTTPS", "HTTP") and self.mode != "PASSTHROUGH"


class Listener:
    """The servers of one port and address of a gateway's pods, found by the name that a client asks for."""

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self._by_pattern: dict[str, Server] = {}

    def add(self, server: Server) -> None:
        self.servers.append(server)
        for pattern in server.hosts:
            self._by_pattern.setdefault(pattern, server)

    def closest(self, name: str) -> Server | None:
        """The server for exactly this name, else for the longest pattern above it, else for any name."""
        names = (name, *patterns_above(name), "*")
        return next((self._by_pattern[candidate] for candidate in names if candidate in self._by_pattern), None)


@dataclass(frozen=True)
class Entrance:
    """One way into a gateway that leads to some host: a port of its pods, and the name to ask for."""

    pod: Pod
    port: int
    http: bool
    name: str
    """Host header (http) or server name (TLS) to ask with; a pattern where the client's own name is asked for."""


class Gateways:
    """Judges gateways' pods."""

    def __init__(self, deployed: Deployed, registry: Registry, router: Router, workloads: Workloads) -> None:
        self._registry = registry
        self._router = router
        self._listeners: dict[Pod, dict[tuple[int, str | None], Listener]] = {}
        self._bound: dict[str, dict[str, list[Rule]]] = {}
        self.bound = Bound(deployed)
        services = deployed.kind("Service")
        self.pods: list[Pod] = []
        for manifest in deployed.kind("Gateway"):
            selector = part(manifest, "spec", "selector")
            namespace = manifest["metadata"]["namespace"]
            pod = workloads.behind(namespace, selector)
            if pod not in self.pods:
                self.pods.append(pod)
            translated = _translation(services, pod)
            for index, entry in enumerate(manifest["spec"]["servers"]):
                server = _server(manifest, index, entry)
                at = (translated.get(server.number, server.number), server.bind)
                self._listeners.setdefault(pod, {}).setdefault(at, Listener()).add(server)
        for host, rules in registry.virtual_services.items():
            for rule in rules:
                for gateway in listed(rule.spec, "gateways"):
                    self._bound.setdefault(gateway, {}).setdefault(host, []).append(rule)

    def accept(self, connection: Connection) -> tuple[Verdict, Server | None]:
        """Whether a gateway's pod takes the connection at all, and which server does."""
        pod = connection.to
        assert isinstance(pod, Pod)
        bind = connection.to_address if (connection.to_address or "").startswith("127.") else None
        listener = self._listeners.get(pod, {}).get((connection.port, bind))
        if listener is None:
            return self._no(f"gateway/{pod.namespace}", "", f"No server listens on port {connection.port}."), None
        if connection.protocol is not Protocol.TLS:
            first = listener.servers[0]
            return self._no(first.by, first.field, "The server takes nothing but TLS."), None
        name = connection.sni or ""
        server = listener.closest(name)
        if server is None:
            reason = f"No server of port {connection.port} is for the name {name}."
            return self._no(listener.servers[0].by, "spec.servers", reason), None
        if server.mode in _MUTUAL:
            if connection.principal is None:
                reason = "The server demands a certificate of the mesh, and the client shows none."
                return self._no(server.by, f"{server.field}.tls.mode", reason), None
            if server.sans and f"spiffe://{connection.principal}" not in server.sans:
                reason = f"The server takes certificates of {', '.join(server.sans)} alone."
                return self._no(server.by, f"{server.field}.tls.subjectAltNames", reason), None
            if server.mode != "ISTIO_MUTUAL":
                reason = "whose certificates are taken is in a Secret, so who has one may be anybody"
                return Verdict(Layer.GATEWAY, True, server.by, f"{server.field}.tls.mode", reason, understood=False), None
        elif server.mode != "PASSTHROUGH":
            reason = f"`{server.mode}` is not read here"
            return Verdict(Layer.GATEWAY, True, server.by, f"{server.field}.tls.mode", reason, understood=False), None
        shown = f" from {connection.principal}" if connection.principal and server.mode in _MUTUAL else ""
        return Verdict(Layer.GATEWAY, True, server.by, server.field, f"The server takes {name or 'this'}{shown}."), server

    def read(self, connection: Connection, server: Server) -> Verdict | Connection:
        """The connection with what is in it as this proxy's rules see it, or that it is not read."""
        inner = connection.inner
        if not isinstance(inner, Request) or not server.reads_http:
            return connection
        try:
            read = as_rules_see(inner, self._registry.normalization)
        except Misread as error:
            return Verdict(Layer.GATEWAY, True, error.by, error.field, error.reason, understood=False)
        return self._no(server.by, server.field, read) if isinstance(read, str) else replace(connection, inner=read)

    def route(self, connection: Connection, server: Server) -> tuple[Verdict, list[Connection]]:
        """Where an accepted and authorized connection goes on to."""
        try:
            return self._route(connection, server)
        except Misread as error:
            return Verdict(Layer.GATEWAY, True, error.by, error.field, error.reason, understood=False), []

    def _route(self, connection: Connection, server: Server) -> tuple[Verdict, list[Connection]]:
        pod = connection.to
        assert isinstance(pod, Pod)
        inner = connection.inner
        request = inner if isinstance(inner, Request) and server.reads_http else None
        if server.reads_http:
            if request is None:
                return self._no(server.by, server.field, "The server reads HTTP, and this is none."), []
            section, name = "http", without_port(request.host.lower())
        else:
            section = "tls" if server.mode == "PASSTHROUGH" else "tcp"
            name = connection.sni or ""
        for rule in self._rules(server, name):
            if not visible(rule, pod.namespace):
                continue
            found = first_match(rule, section, server.gateway, server.number, request, name)
            if found is None:
                continue
            field, route = found
            legs = list(self._router.legs(rule, field, route, pod.namespace, pod.labels))
            if not legs:
                return self._no(rule.by, f"{field}.route", "The route has no destination."), []
            missing = next((leg for leg in legs if leg.refused), None)
            if missing:
                return self._no(missing.by, missing.field, missing.refused), []
            if any(leg.loopback and self.bound.on(pod, leg.host, leg.number) for leg in legs):
                return self._no(rule.by, field, "What is to come back to the gateway is tied to its network card."), []
            where = " and ".join(dict.fromkeys(leg.says for leg in legs))
            onward = [self._onward(connection, pod, leg, name) for leg in legs]
            return Verdict(Layer.GATEWAY, True, rule.by, field, f"{name} leaves to {where}."), onward
        return self._no(server.by, server.field, f"No route leads from here to {name}."), []

    def _rules(self, server: Server, name: str) -> Iterator[Rule]:
        bound = self._bound.get(server.gateway, {})
        for candidate in (name, *patterns_above(name)):
            yield from bound.get(candidate, ())

    @staticmethod
    def _onward(connection: Connection, pod: Pod, leg: Leg, name: str) -> Connection:
        if leg.loopback:
            # The gateway hands what it has taken out of mutual TLS to itself: the client's identity stays behind.
            inner = connection.inner if isinstance(connection.inner, str) else ""
            return Connection(pod, pod, leg.port, Protocol.TLS, sni=inner, inner=inner, to_address=leg.loopback)
        to = leg.to
        if isinstance(to, Outside) and to.name and to.name.startswith("*"):
            to = Outside(name, None)
        protocol = Protocol.TLS if leg.tls or connection.inner == name or isinstance(connection.inner, str) else Protocol.HTTP
        reveals = leg.reveals if isinstance(connection.inner, Request) else ()
        sent = Connection(pod, to, leg.port, protocol, sni=leg.sni or name, reveals=reveals)
        return replace(sent, opens=leg.mode, verified=leg.verified, trusts=leg.trusts)

    def entrances(self, host: str) -> Iterator[Entrance]:
        """Every way into a gateway that leads to a host, whatever name it is asked by."""
        for name in (host, *patterns_above(host)):
            yield from self._entrances.get(name, ())

    def opaque_servers(self, namespace: str) -> Iterator[tuple[Pod, int, Server]]:
        """Servers of a namespace's gateways that read no HTTP, with the port at which they can be reached."""
        for pod, listeners in self._listeners.items():
            for (port, bind), listener in listeners.items():
                if pod.namespace == namespace and bind is None:
                    yield from ((pod, port, server) for server in listener.servers if server.protocol not in ("HTTPS", "HTTP"))

    def listens(self, pod: Pod) -> dict[tuple[int, str | None], str]:
        """Ports of a gateway's pods, each with the address that it is bound to (None: every one), to the object that says so."""
        return {at: listener.servers[0].by for at, listener in self._listeners.get(pod, {}).items()}

    def doors(self) -> Iterator[tuple[Pod, int, bool]]:
        """Every port on which gateways' pods can be reached, and whether HTTP is read there."""
        for pod, listeners in self._listeners.items():
            for (port, bind), listener in listeners.items():
                if bind is None:
                    yield pod, port, listener.servers[0].protocol in ("HTTPS", "HTTP")

    @cached_property
    def _entrances(self) -> dict[str, list[Entrance]]:
        found: dict[str, list[Entrance]] = {}
        for pod, listeners in self._listeners.items():
            for (port, bind), listener in listeners.items():
                for server in listener.servers if bind is None else ():
                    for host, entrance in self._enter(pod, port, server):
                        found.setdefault(host, []).append(entrance)
        return {host: list(dict.fromkeys(entrances)) for host, entrances in found.items()}

    def _enter(self, pod: Pod, port: int, server: Server) -> Iterator[tuple[str, Entrance]]:
        http = server.protocol in ("HTTPS", "HTTP")
        section = "http" if http else "tls" if server.mode == "PASSTHROUGH" else "tcp"
        bound = self._bound.get(server.gateway, {})
        patterns = [pattern for pattern in server.hosts if "*" in pattern]
        named = [name for name in bound if any(matches(pattern, name) for pattern in patterns)] if patterns else []
        for name in dict.fromkeys((*(host for host in server.hosts if host in bound), *named)):
            for rule in bound[name]:
                for host in self._led_to(rule, section, server):
                    yield host, Entrance(pod, port, http, name)

    def _led_to(self, rule: Rule, section: str, server: Server) -> Iterator[str]:
        for route in rule.spec.get(section) or ():
            blocks: Sequence[Mapping[str, Any]] = listed(route, "match") or [{}]
            if not any(
                server.gateway in (block.get("gateways") or listed(rule.spec, "gateways"))
                and block.get("port") in (None, server.number)
                for block in blocks
            ):
                continue
            for entry in (*(listed(route, "route")), *(listed(route, "mirrors"))):
                host = entry["destination"]["host"]
                # What comes back to the gateway itself goes on to whatever the inner name may be there.
                yield from self._inner_patterns(server.gateway) if self._comes_back(host) else (host,)

    def _comes_back(self, host: str) -> bool:
        return any(e.startswith("127.") for item in self._registry.destinations.get(host, ()) for e in item.endpoints)

    def _inner_patterns(self, gateway: str) -> Iterator[str]:
        yield from (host for host in self._bound.get(gateway, {}) if host.startswith("*."))

    @staticmethod
    def _no(by: str, field: str, reason: str) -> Verdict:
        return Verdict(Layer.GATEWAY, False, by, field, reason)


def _server(manifest: Manifest, index: int, server: Mapping[str, Any]) -> Server:
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    tls = part(server, "tls")
    hosts = tuple(host.rpartition("/")[2] for host in server["hosts"])
    return Server(
        f"{namespace}/{name}",
        identity(manifest),
        f"spec.servers[{index}]",
        namespace,
        server["port"]["number"],
        server["port"]["protocol"].upper(),
        hosts,
        tls.get("mode", "none"),
        tuple(listed(tls, "subjectAltNames")),
        server.get("bind"),
    )


def _translation(services: Sequence[Manifest], pod: Pod) -> dict[int, int]:
    """Port of a Service to the port of the pods behind it, for the Services that lead to a pod."""
    found: dict[int, int] = {}
    for manifest in services:
        spec = manifest["spec"]
        selector = part(spec, "selector")
        if manifest["metadata"]["namespace"] == pod.namespace and selector and selector.items() <= (pod.labels or {}).items():
            numbers = {port["port"]: port.get("targetPort") for port in listed(spec, "ports")}
            # A named port of the pods is one that this judge does not look up.
            found.update({number: to if isinstance(to, int) else number for number, to in numbers.items()})
    return found
