"""The sidecar's judge: where a pod's own proxy sends what the app asks for. Inside the pod, so never counted on alone.

Understood: Sidecar `egress[].hosts` and `outboundTrafficPolicy.mode` of the namespace's (or the root namespace's) Sidecar without
a workloadSelector; `exportTo` of every kind; VirtualService `http`, `tls` and `tcp` routes for the gateway `mesh`.
Source: Istio reference, Sidecar and VirtualService (networking.istio.io/v1); "Understanding Traffic Routing".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address

from egress.judge.deployed import Manifest, identity, listed, part
from egress.judge.flow import Connection, Flow, Layer, Misread, Outside, Pod, Protocol, Verdict
from egress.judge.registry import ROOT_NAMESPACE, Destination, Port, Registry, matches, visible
from egress.judge.requests import read
from egress.judge.routes import INTERNAL_HEADERS, Leg, Router, first_match

READ = {Protocol.HTTP: "HTTP", Protocol.TLS: "TLS", Protocol.TCP: "TCP", Protocol.UDP: "UDP"}
_READ_OF_SIDECAR = {"outboundTrafficPolicy", "egress"}


@dataclass(frozen=True)
class View:
    """What the proxies of one namespace are given to know."""

    sidecar: Manifest | None
    by: str
    hosts: tuple[tuple[str, str], ...]
    """Namespace and host pattern of each thing that is seen; a namespace may be `*`."""
    refuses_unknown: bool
    mode_field: str

    def sees(self, namespace: str, host: str) -> bool:
        return any(within in ("*", namespace) and matches(pattern, host) for within, pattern in self.hosts)


class Sidecars:
    """Judges what an app's own proxy does with its connections."""

    def __init__(self, registry: Registry, router: Router) -> None:
        self._registry = registry
        self._router = router
        self._views: dict[str, View] = {}
        self._http_ports: dict[str, frozenset[int]] = {}

    def judge(self, flow: Flow, pod: Pod) -> tuple[Verdict, list[Connection]]:
        """What becomes of a flow in the app's own sidecar, and the connections that the sidecar makes for it."""
        if flow.protocol is Protocol.UDP:
            # Redirection takes TCP alone; what is not redirected is the NetworkPolicy's business.
            return self._verdict(True, "", "", "UDP does not pass the sidecar."), [_unchanged(flow, pod)]
        try:
            view = self._view(flow.namespace)
            if flow.to:
                return self._neighbour(flow, flow.to, view, pod)
            asked = replace(flow, host=flow.addressed, authority=flow.request.host) if flow.protocol is Protocol.HTTP else flow
            # A listener of an address takes whatever comes to it, and comes before those that read HTTP or server names.
            raw = self._raw(flow, view) if flow.authority else None
            destination = None if raw else self._destination(asked, view)
            if destination:
                return self._known(asked, view, destination, pod)
            raw = raw or self._raw(flow, view)
            if raw:
                return self._known(replace(flow, protocol=Protocol.TCP), view, raw, pod)
            return self._unknown(asked, view, flow, pod)
        except Misread as error:
            return Verdict(Layer.SIDECAR, True, error.by, error.field, error.reason, understood=False), [_unchanged(flow, pod)]

    def _view(self, namespace: str) -> View:
        if namespace not in self._views:
            self._views[namespace] = self._read_view(namespace)
        return self._views[namespace]

    def _read_view(self, namespace: str) -> View:
        mine = self._registry.sidecars.get(namespace) or self._registry.sidecars.get(ROOT_NAMESPACE) or []
        default = part(self._registry.mesh_config, "outboundTrafficPolicy").get("mode", "ALLOW_ANY")
        if not mine:
            return View(None, "configmap/istio", (("*", "*"),), default == "REGISTRY_ONLY", "outboundTrafficPolicy.mode")
        sidecar = mine[0]
        spec, by = part(sidecar, "spec"), identity(sidecar)
        unknown = sorted(spec.keys() - _READ_OF_SIDECAR)
        if unknown or len(mine) > 1:
            why = f"`{unknown[0]}` is not read here" if unknown else "more than one Sidecar is not read here"
            raise Misread(by, f"spec.{unknown[0]}" if unknown else "", why)
        hosts: list[tuple[str, str]] = []
        for listener in spec.get("egress") or [{"hosts": ["*/*"]}]:
            if listener.keys() - {"hosts"}:
                raise Misread(by, "spec.egress", "an egress listener with a port, bind or captureMode is not read here")
            for entry in listener["hosts"]:
                within, _, pattern = entry.partition("/")
                hosts.append((namespace if within == "." else within, pattern))
        own = part(spec, "outboundTrafficPolicy").get("mode")
        field = "spec.outboundTrafficPolicy.mode" if own else ""
        return View(sidecar, by, tuple(hosts), (own or default) == "REGISTRY_ONLY", field)

    def _destination(self, flow: Flow, view: View) -> Destination | None:
        wanted = READ[flow.protocol]
        for destination in self._candidates(flow):
            port = destination.ports.get(flow.port)
            if port is None or not visible(destination, flow.namespace) or not view.sees(destination.namespace, destination.host):
                continue
            if port.protocol == wanted:
                return destination
        return self._unregistered(flow, view) if flow.protocol is Protocol.HTTP else None

    def _raw(self, flow: Flow, view: View) -> Destination | None:
        """The raw TCP that an address, or a name that is told an address, stands for: what the bytes say is all one there."""
        return self._destination(replace(flow, protocol=Protocol.TCP), view) if flow.protocol is not Protocol.TCP else None

    def _reads_http(self, view: View, namespace: str) -> frozenset[int]:
        """Ports on which a namespace's sidecars read HTTP, whatever address a connection goes to."""
        if namespace not in self._http_ports:
            self._http_ports[namespace] = frozenset(
                port.number
                for destinations in self._registry.destinations.values()
                for one in destinations
                if visible(one, namespace) and view.sees(one.namespace, one.host)
                for port in one.ports.values()
                if port.protocol == "HTTP"
            )
        return self._http_ports[namespace]

    def _unregistered(self, flow: Flow, view: View) -> Destination | None:
        """A host that only a VirtualService names: proxies route it all the same, on the ports where they read HTTP."""
        for rule in self._registry.virtual_services.get(flow.host, ()):
            of_mesh = "mesh" in (listed(rule.spec, "gateways") or ["mesh"])
            # Without routes for HTTP it makes none.
            if not rule.spec.get("http"):
                continue
            if of_mesh and visible(rule, flow.namespace) and view.sees(rule.namespace, flow.host):
                port = Port(flow.port, "HTTP", flow.port)
                return Destination(flow.host, rule.namespace, {flow.port: port}, rule.exported, rule.by, resolution="NONE")
        return None

    def _candidates(self, flow: Flow) -> Iterator[Destination]:
        if flow.protocol is Protocol.TCP:
            # Raw TCP is told apart by the address it goes to; a name is only how the client finds the address.
            if flow.address:
                yield from self._registry.at_address(flow.address)
            else:
                yield from (d for d in self._registry.named(flow.host) if d.addresses or d.inside or self._registry.captures_dns)
                yield from self._registry.at_address(flow.host)
            if not self._registry.captures_dns:
                yield from self._router.takes_any_address(flow.port)
        else:
            yield from self._registry.named(flow.host)
            yield from self._registry.at_address(flow.address or flow.host)

    def _unknown(self, flow: Flow, view: View, sent: Flow, pod: Pod) -> tuple[Verdict, list[Connection]]:
        """`sent`: the flow as the app made it, which is how it leaves if it does."""
        what = f"{flow.host}, port {flow.port} as {flow.protocol.value}"
        if not view.refuses_unknown:
            if flow.protocol is not Protocol.HTTP and flow.port in self._reads_http(view, flow.namespace):
                reason = f"The sidecar reads HTTP on port {flow.port}, and this is none."
                return self._verdict(False, "", "", reason), []
            reason = f"{what}, is unknown to the sidecar, and it lets what it does not know through."
            return self._verdict(True, view.by, view.mode_field, reason), [_unchanged(sent, pod)]
        for destination in self._candidates(flow):
            if flow.port in destination.ports and not visible(destination, flow.namespace):
                reason = f"{flow.host} is exported to {_listed(destination.exported)}, not to {flow.namespace}."
                return self._verdict(False, destination.by, "spec.exportTo", reason), []
        reason = f"{what}, is unknown to {flow.namespace}'s sidecars, and they refuse what they do not know."
        return self._verdict(False, view.by, view.mode_field, reason), []

    def _neighbour(self, flow: Flow, to: Pod, view: View, pod: Pod) -> tuple[Verdict, list[Connection]]:
        """Pods of another namespace: reachable as far as the sidecar is given to know the Services there."""
        other = to.namespace
        connection = Connection(pod, to, flow.port, Protocol.TLS, principal=self._principal(flow, pod), inner=flow.request)
        if not view.refuses_unknown or any(within in ("*", other) for within, _ in view.hosts):
            return self._verdict(True, view.by, "spec.egress", f"The sidecar knows the Services of {other}."), [connection]
        reason = f"The sidecar is not given to know the Services of {other}, and refuses what it does not know."
        return self._verdict(False, view.by, "spec.egress", reason), []

    def _principal(self, flow: Flow, pod: Pod) -> str:
        return f"{self._registry.trust_domain}/ns/{pod.namespace}/sa/{flow.service_account}"

    def _known(self, flow: Flow, view: View, destination: Destination, pod: Pod) -> tuple[Verdict, list[Connection]]:
        section = {Protocol.HTTP: "http", Protocol.TLS: "tls", Protocol.TCP: "tcp"}[flow.protocol]
        if flow.protocol is Protocol.HTTP:
            request = read(flow.request, self._registry.normalization)
            if isinstance(request, str):
                return self._verdict(False, "", "", request), []
            flow = replace(flow, path=request.path)
        for name in (flow.host, destination.host):
            for rule in self._registry.virtual_services.get(name, ()):
                gateways = rule.spec.get("gateways") or ["mesh"]
                if "mesh" not in gateways or not visible(rule, flow.namespace) or not view.sees(rule.namespace, name):
                    continue
                found = first_match(rule, section, "mesh", flow.port, flow.request, flow.host)
                if found is None:
                    if section == "http" and rule.spec.get("http"):
                        return self._verdict(False, rule.by, "spec.http", "No route of the host matches the request."), []
                    continue
                field, route = found
                legs = list(self._router.legs(rule, field, route, flow.namespace))
                if not legs:
                    return self._verdict(False, rule.by, f"{field}.route", "The route has no destination."), []
                connections = [self._connection(flow, pod, leg) for leg in legs]
                missing = next((leg for leg in legs if leg.refused), None)
                if missing:
                    return self._verdict(False, missing.by, missing.field, missing.refused), []
                where = " and ".join(dict.fromkeys(leg.says for leg in legs))
                return self._verdict(True, rule.by, field, f"{flow.host} is led to {where}."), connections
        leg = self._router.leg(destination, flow.port, None, flow.namespace)
        if leg.refused:
            return self._verdict(False, leg.by, leg.field, leg.refused), []
        # Without a route nothing takes out what proxies write into requests.
        legs = [replace(one, reveals=INTERNAL_HEADERS) for one in self._router.each(leg, destination)]
        said = self._verdict(True, destination.by, "spec.ports", f"{flow.host} is known, and led to {leg.says}.")
        return said, [self._connection(flow, pod, one) for one in legs]

    def _connection(self, flow: Flow, pod: Pod, leg: Leg) -> Connection:
        inner = flow.request if flow.protocol is Protocol.HTTP else flow.host if flow.protocol is Protocol.TLS else ""
        if leg.mutual:
            principal = self._principal(flow, pod)
            return Connection(pod, leg.to, leg.port, Protocol.TLS, principal=principal, sni=leg.sni, inner=inner)
        to = leg.to
        if isinstance(to, Outside) and to.name and to.name.startswith("*"):
            to = Outside(flow.host, to.address)
        if isinstance(to, Outside) and flow.address and leg.stays:
            to = Outside(to.name, flow.address)
        sni = flow.host if flow.protocol is Protocol.TLS else leg.sni
        reveals = leg.reveals if flow.protocol is Protocol.HTTP else ()
        speaks = Protocol.TLS if leg.tls else flow.protocol
        sent = Connection(pod, to, leg.port, speaks, sni=sni, inner=inner, reveals=reveals)
        return replace(sent, opens=leg.mode, verified=leg.verified, trusts=leg.trusts)

    @staticmethod
    def _verdict(allowed: bool, by: str, field: str, reason: str) -> Verdict:
        return Verdict(Layer.SIDECAR, allowed, by or "nothing", field, reason)


def _unchanged(flow: Flow, pod: Pod) -> Connection:
    """The connection as the app made it."""
    transport = "UDP" if flow.protocol is Protocol.UDP else "TCP"
    to = outside(flow)
    return Connection(pod, to, flow.port, flow.protocol, transport, sni=flow.host if flow.protocol is Protocol.TLS else None)


def outside(flow: Flow) -> Outside:
    """Where a flow leads that nobody touches on its way."""
    if is_address(flow.host):
        return Outside(None, flow.address or flow.host)
    return Outside(flow.host, flow.address)


@lru_cache(maxsize=1 << 14)
def is_address(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address, and no name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) if names else "nobody"
