"""The sidecar's judge: where a pod's own proxy sends what the app asks for. Inside the pod, so never counted
on alone.

Understood: Sidecar `egress[].hosts` and `outboundTrafficPolicy.mode` of the namespace's (or the root
namespace's) Sidecar without a workloadSelector; `exportTo` of every kind; VirtualService `http`, `tls` and
`tcp` routes for the gateway `mesh`.
Source: Istio reference, Sidecar and VirtualService (networking.istio.io/v1); "Understanding Traffic Routing".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from egress.judge.lookup.host_names import alike, matches
from egress.judge.lookup.listeners import Listeners, Way
from egress.judge.lookup.match import answers, readable, taken
from egress.judge.lookup.reading import Reading
from egress.judge.lookup.routes import INTERNAL_HEADERS, Leg, Router
from egress.judge.lookup.service_registry import ROOT_NAMESPACE, Registry, visible
from egress.judge.model.flow import (
    Connection,
    Flow,
    Layer,
    Misread,
    Outcome,
    Outside,
    Pod,
    Protocol,
    Verdict,
    is_address,
)
from egress.judge.model.requests import read
from egress.judge.model.snapshot import Manifest, identity, part

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

    def meets(self, namespace: str, host: str) -> bool:
        """Whether some name of a host is seen; of rules that is enough."""
        return any(within in ("*", namespace) and alike(pattern, host) for within, pattern in self.hosts)


class Sidecars:
    """Judges what an app's own proxy does with its connections."""

    def __init__(self, registry: Registry, router: Router, reading: Reading) -> None:
        self._registry = registry
        self._reading = reading
        self._router = router
        self._views: dict[str, View] = {}
        self._listeners: dict[str, Listeners] = {}

    def judge(self, flow: Flow, pod: Pod) -> tuple[Verdict, list[Connection]]:
        """What becomes of a flow in the app's own sidecar, and the connections that the sidecar makes for
        it."""
        if flow.protocol.transport != "TCP":
            # Redirection takes TCP alone; what is not redirected is the NetworkPolicy's business.
            return self._verdict(True, "", "", "UDP does not pass the sidecar."), [_unchanged(flow, pod)]
        try:
            view = self._view(flow.namespace)
            if flow.to:
                return self._neighbour(flow, flow.to, view, pod)
            return self._outward(flow, view, pod)
        except Misread as error:
            return Verdict(Layer.SIDECAR, Outcome.NOT_UNDERSTOOD, error.by, error.field, error.reason), [
                _unchanged(flow, pod)
            ]

    def _view(self, namespace: str) -> View:
        if namespace not in self._views:
            self._views[namespace] = self._read_view(namespace)
        return self._views[namespace]

    def _read_view(self, namespace: str) -> View:
        mine = self._registry.sidecars.get(namespace) or self._registry.sidecars.get(ROOT_NAMESPACE)
        default = part(self._registry.mesh_config, "outboundTrafficPolicy").get("mode")
        if not mine:
            return View(
                None,
                "configmap/istio",
                (("*", "*"),),
                default == "REGISTRY_ONLY",
                "outboundTrafficPolicy.mode",
            )
        sidecar = mine[0]
        spec, by = part(sidecar, "spec"), identity(sidecar)
        unknown = sorted(spec.keys() - _READ_OF_SIDECAR)
        if unknown or len(mine) > 1:
            why = (
                f"`{unknown[0]}` is not read here." if unknown else "More than one Sidecar is not read here."
            )
            raise Misread(by, f"spec.{unknown[0]}" if unknown else "", why)
        hosts: list[tuple[str, str]] = []
        for listener in spec.get("egress") or [{"hosts": ["*/*"]}]:
            if listener.keys() - {"hosts"}:
                raise Misread(
                    by, "spec.egress", "An egress listener with a port, bind or captureMode is not read here."
                )
            for entry in listener["hosts"]:
                within, _, pattern = entry.partition("/")
                hosts.append((namespace if within == "." else within, pattern))
        if "outboundTrafficPolicy" not in spec:
            return View(sidecar, by, tuple(hosts), default == "REGISTRY_ONLY", "")
        own = part(spec, "outboundTrafficPolicy")
        if own.get("egressProxy"):
            raise Misread(
                by,
                "spec.outboundTrafficPolicy.egressProxy",
                "A proxy for what is not known is not read here.",
            )
        # A Sidecar's policy without a mode is the first of Istio's list.
        mode = own.get("mode") or "REGISTRY_ONLY"
        return View(sidecar, by, tuple(hosts), mode == "REGISTRY_ONLY", "spec.outboundTrafficPolicy.mode")

    def _outward(self, flow: Flow, view: View, pod: Pod) -> tuple[Verdict, list[Connection]]:
        listeners = self._listeners.get(flow.namespace)
        if listeners is None:
            listeners = self._listeners[flow.namespace] = Listeners(
                self._registry, flow.namespace, view.sees, view.meets
            )
        asked = (
            flow.but(host=flow.addressed, authority=flow.request.host)
            if flow.protocol is Protocol.HTTP
            else flow
        )
        # A listener of an address takes whatever comes to it, and comes before those that read HTTP or server
        # names.
        way = listeners.at_address(flow, asked) or listeners.at_port(asked)
        if way is None:
            return self._unknown(asked, view, flow, pod)
        if way.section == "http":
            how = self._reading.in_sidecars(flow.namespace, asked.port, self._registry.normalization)
            request = read(asked.request, how)
            if isinstance(request, str):
                return self._verdict(False, "", "", request), []
            asked = asked.but(path=request.path)
        return self._led(asked, view, way, pod)

    def _led(self, flow: Flow, view: View, way: Way, pod: Pod) -> tuple[Verdict, list[Connection]]:
        rule, destination = way.rule, way.destination
        if rule:
            found = taken(rule, way.routes, flow.request) if way.section == "http" else way.routes[0]
            if found is None:
                return self._verdict(
                    False, rule.by, "spec.http", "No route of the host matches the request."
                ), []
            readable(rule, found, way.section)
            if answers(found):
                return self._verdict(
                    False, rule.by, f"{found.field}.directResponse", "The sidecar answers itself."
                ), []
            legs = self._router.legs(rule, found, flow.port, flow.namespace, sees=view.sees)
            if not legs:
                return self._verdict(
                    False, rule.by, f"{found.field}.route", "The route has no destination."
                ), []
            by, field, says = rule.by, found.field, f"{flow.host} is led to"
        else:
            assert destination
            by, field, says = destination.by, "spec.ports", f"{flow.host} is known, and led to"
            # Without a route nothing takes out what proxies write into requests.
            leg = self._router.leg(destination, flow.port, None, flow.namespace, None, (by, field))
            legs = [replace(one, reveals=INTERNAL_HEADERS) for one in self._router.each(leg)]
        refused = next((leg for leg in legs if leg.refused), None)
        if refused:
            return self._verdict(False, refused.by, refused.field, refused.refused), []
        where = " and ".join(dict.fromkeys(leg.says for leg in legs))
        protocol = {"http": Protocol.HTTP, "tls": Protocol.TLS, "tcp": Protocol.TCP}[way.section]
        sent = flow.but(protocol=protocol)
        return self._verdict(True, by, field, f"{says} {where}."), [
            self._connection(sent, pod, leg) for leg in legs
        ]

    def _unknown(self, flow: Flow, view: View, sent: Flow, pod: Pod) -> tuple[Verdict, list[Connection]]:
        """`sent`: the flow as the app made it, which is how it leaves if it does."""
        what = f"{flow.host}, port {flow.port} as {flow.protocol.value}"
        if not view.refuses_unknown:
            reason = f"{what}, is unknown to the sidecar, and it lets what it does not know through."
            return self._verdict(True, view.by, view.mode_field, reason), [_unchanged(sent, pod)]
        known = (*self._registry.named(flow.host), *self._registry.at_address(flow.address or flow.host))
        for destination in known:
            if flow.port in destination.ports and not visible(destination, flow.namespace):
                reason = (
                    f"{flow.host} is exported to {_listed(destination.exported)}, not to {flow.namespace}."
                )
                return self._verdict(False, destination.by, "spec.exportTo", reason), []
        reason = f"{what}, is unknown to {flow.namespace}'s sidecars, and they refuse what they do not know."
        return self._verdict(False, view.by, view.mode_field, reason), []

    def _neighbour(self, flow: Flow, to: Pod, view: View, pod: Pod) -> tuple[Verdict, list[Connection]]:
        """Pods of another namespace: reachable as far as the sidecar is given to know the Services there."""
        other = to.namespace
        connection = Connection(
            pod, to, flow.port, Protocol.TLS, principal=self._principal(flow, pod), inner=flow.request
        )
        if not view.refuses_unknown or any(within in ("*", other) for within, _ in view.hosts):
            return self._verdict(
                True, view.by, "spec.egress", f"The sidecar knows the Services of {other}."
            ), [connection]
        reason = (
            f"The sidecar is not given to know the Services of {other}, and refuses what it does not know."
        )
        return self._verdict(False, view.by, "spec.egress", reason), []

    def _principal(self, flow: Flow, pod: Pod) -> str:
        return f"{self._registry.trust_domain}/ns/{pod.namespace}/sa/{flow.service_account}"

    def _connection(self, flow: Flow, pod: Pod, leg: Leg) -> Connection:
        inner = (
            flow.request
            if flow.protocol is Protocol.HTTP
            else flow.host
            if flow.protocol is Protocol.TLS
            else ""
        )
        to = leg.to
        if isinstance(to, Outside) and to.name and to.name.startswith("*"):
            to = Outside(flow.host, to.address)
        if leg.mutual:
            principal = self._principal(flow, pod)
            return Connection(pod, to, leg.port, Protocol.TLS, principal=principal, sni=leg.sni, inner=inner)
        if isinstance(to, Outside) and leg.stays:
            to = Outside(to.name, flow.address)
        sni = flow.host if flow.protocol is Protocol.TLS and not leg.tls else leg.sni
        reveals = leg.reveals if flow.protocol is Protocol.HTTP else ()
        speaks = Protocol.TLS if leg.tls else flow.protocol
        sent = Connection(pod, to, leg.port, speaks, sni=sni, inner=inner, reveals=reveals)
        return sent._replace(opens=leg.mode, verified=leg.verified, trusts=leg.trusts)

    @staticmethod
    def _verdict(allowed: bool, by: str, field: str, reason: str) -> Verdict:
        return Verdict(Layer.SIDECAR, Outcome.of(allowed), by or None, field, reason)


def _unchanged(flow: Flow, pod: Pod) -> Connection:
    """The connection as the app made it."""
    transport = flow.protocol.transport
    to = outside(flow)
    return Connection(
        pod, to, flow.port, flow.protocol, transport, sni=flow.host if flow.protocol is Protocol.TLS else None
    )


def outside(flow: Flow) -> Outside:
    """Where a flow leads that nobody touches on its way."""
    if is_address(flow.host):
        return Outside(None, flow.address or flow.host)
    return Outside(flow.host, flow.address)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) if names else "nobody"
