"""Ways into gateways: for each host the ports of their pods that lead there, with the name to ask for.

What leads back to an address of the gateway's own pod leads on to whatever name stands inside: to all that
the servers at that address are for.
Source: Istio reference, Gateway and VirtualService (networking.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from egress.common.names import meant_by
from egress.judge.lookup.host_names import full_name, matches, patterns_above
from egress.judge.lookup.match import of_proxy
from egress.judge.lookup.servers import PASSTHROUGH, Listener, Server
from egress.judge.lookup.service_registry import Registry, Rule
from egress.judge.model.flow import Pod, is_loopback
from egress.judge.model.snapshot import listed, part


@dataclass(frozen=True)
class Entrance:
    """One way into a gateway that leads to some host: a port of its pods, and the name to ask for."""

    pod: Pod
    port: int
    http: bool
    name: str
    """Host header (http) or server name (TLS) to ask with; a pattern where the client's own name is asked
    for."""
    sni: str | None
    """Server name by which its server is reached; None: by any."""
    leads: int | None = None
    """Port of the host to which it leads, as routes name it; None: they name none."""


class Entrances:
    """Every way into the gateways, by the host that it leads to."""

    def __init__(
        self,
        registry: Registry,
        listeners: Mapping[Pod, Mapping[tuple[int, str | None], Listener]],
        bound: Mapping[str, Mapping[str, Sequence[Rule]]],
    ) -> None:
        """Args:
        listeners: of each gateway's pods, by port and the pod's own address to which they are bound (None:
        every one).
        bound: the VirtualServices of each Gateway, by host.
        """
        self._registry = registry
        self._bound = bound
        self._found: dict[str, dict[Entrance, None]] = {}
        for pod, at in listeners.items():
            inside: dict[str, dict[tuple[str, int | None], None]] = {}
            for (_, own), listener in at.items():
                for server in listener.servers if own else ():
                    inside.setdefault(str(own), {}).update(dict.fromkeys(self._onward(server)))
            for (port, own), listener in at.items():
                for server in listener.servers if own is None else ():
                    for host, leads, name in self._led(server, inside):
                        entrance = _entrance(pod, port, server, name, leads)
                        self._found.setdefault(meant_by(host), {})[entrance] = None

    def to(self, host: str) -> Iterator[Entrance]:
        """The ways to a host, those to the host itself first."""
        yield from dict.fromkeys(
            way
            for name in (meant_by(host), *patterns_above(meant_by(host)))
            for way in self._found.get(name, ())
        )

    def _names(self, server: Server) -> Iterator[tuple[str, str]]:
        """Names that a server's routes are for, each with the host of the VirtualServices that have them."""
        bound = self._bound.get(server.gateway, {})
        for host in server.hosts:
            yield from (
                (host, above) for above in dict.fromkeys((host, *patterns_above(host), "*")) if above in bound
            )
        patterns = [pattern for pattern in server.hosts if "*" in pattern]
        if patterns:
            yield from ((name, name) for name in bound if any(matches(pattern, name) for pattern in patterns))

    def _onward(self, server: Server) -> Iterator[tuple[str, int | None]]:
        """Names that a server's routes are for, with the ports to which the routes lead."""
        for name, host in self._names(server):
            for rule in self._bound[server.gateway][host]:
                ports = [port for _, port, _ in self._destinations(rule, server, name)]
                yield from ((name, port) for port in ports or (None,))

    def _led(
        self, server: Server, inside: Mapping[str, Mapping[tuple[str, int | None], None]]
    ) -> Iterator[tuple[str, int | None, str]]:
        """Hosts and ports to which a server leads, each with the name to ask for; `inside`: those for which
        the pod asks itself, by the address of its own at which it does."""
        for name, host in self._names(server):
            for rule in self._bound[server.gateway][host]:
                for to, port, names in self._destinations(rule, server, name):
                    back = self._comes_back(to)
                    found = (led for own in back for led in inside.get(own, ())) if back else ((to, port),)
                    yield from ((*led, asked) for led in found for asked in names)

    def _destinations(
        self, rule: Rule, server: Server, name: str
    ) -> Iterator[tuple[str, int | None, Sequence[str]]]:
        """Where a rule leads, host and port, with the names to ask for: of TLS that is passed through those
        that its matches list."""
        for route in listed(rule.spec, server.section):
            blocks = listed(route, "match") or ({},)
            held = [block for block in blocks if of_proxy(rule, block, server.gateway, server.number)]
            names = (
                [sni for block in held for sni in listed(block, "sniHosts")]
                if server.mode == PASSTHROUGH
                else [name]
            )
            for entry in (*listed(route, "route"), *listed(route, "mirrors")) if held else ():
                to = entry["destination"]
                yield full_name(str(to["host"]), rule.namespace), part(to, "port").get("number"), names

    def _comes_back(self, host: str) -> list[str]:
        """Addresses of the pod itself at which a destination is."""
        found = self._registry.destinations.get(host, ())
        return [endpoint for item in found for endpoint in item.endpoints if is_loopback(endpoint)]


def _entrance(pod: Pod, port: int, server: Server, name: str, leads: int | None) -> Entrance:
    http = server.reads_http
    # What is in the request decides about its route; its server name has to be one of the server's,
    # whichever.
    needed = None if "*" in server.hosts else server.hosts[0]
    return Entrance(pod, port, http, name, needed if http else name, leads)
