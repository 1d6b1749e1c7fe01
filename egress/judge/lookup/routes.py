"""Routes of VirtualServices, and where their destinations lead by the DestinationRules in force.

Understood of a route: `match` (egress/judge/lookup/match.py), `route`, `mirrors`; `retries` and `timeout`
decide nothing about where a request goes; of `headers` what is taken out, and a Host header that is set to
the host that the request goes to anyway. DestinationRules are for egress/judge/lookup/traffic_policy.py to
read.
Source: Istio reference, VirtualService and ServiceEntry (networking.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from egress.common.names import meant_by
from egress.judge.lookup.host_names import full_name
from egress.judge.lookup.match import Found
from egress.judge.lookup.service_registry import Registry, Rule
from egress.judge.lookup.service_registry_destinations import Destination
from egress.judge.lookup.traffic_policy import policy
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Misread, Outside, Pod, is_address, is_loopback
from egress.judge.model.snapshot import listed, part

_MUTUAL = "ISTIO_MUTUAL"
_HERE = {"localhost", "0.0.0.0", "::"}
"""What is no address of the loopback and leads there all the same."""
INTERNAL_HEADERS = (
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-external-address",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
)
"""What Istio's proxies add to requests and what would tell the outside of pods, identities and proxies.

Source: Envoy, "HTTP header manipulation"; Istio, MeshConfig.ProxyConfig.proxyHeaders.
"""


@dataclass(frozen=True)
class Leg:
    """Where a proxy connects to for one destination of a route, and how."""

    to: Pod | Outside
    port: int
    mutual: bool
    """Whether the proxy shows its own mesh certificate."""
    tls: bool
    """Whether the proxy opens TLS at all."""
    sni: str | None
    says: str
    by: str
    field: str
    refused: str = ""
    """Why there is no such destination."""
    reveals: tuple[str, ...] = ()
    """Internal headers that the route does not take out."""
    verified: tuple[str, ...] = ()
    """The names of which a certificate has to have one, from an authority that is named. Empty: any is
    taken."""
    mode: str = ""
    """Mode of the TLS that it opens towards the outside."""
    trusts: str = ""
    """Whose certificates it takes: `system`, or the Secret that holds an authority and perhaps its own
    certificate."""
    loopback: str | None = None
    """The address of the proxy's own pod at which the connection comes back to itself."""
    host: str = ""
    number: int = 0
    """Port of the destination as its Service or ServiceEntry writes it."""
    sought: bool = False
    """Whether its name is the client's own, which something on the way has to look up first."""
    stays: bool = False
    """Whether it goes to whatever address the client had connected to."""
    others: tuple[Outside, ...] = ()
    """Further addresses of the same destination."""


class Router:
    """Follows destinations to the pods or outside hosts behind them."""

    def __init__(self, registry: Registry, workloads: Workloads) -> None:
        self._registry = registry
        self._workloads = workloads

    def legs(
        self,
        rule: Rule,
        found: Found,
        port: int,
        namespace: str,
        labels: Mapping[str, str] | None = None,
        sees: Callable[[str, str], bool] | None = None,
    ) -> list[Leg]:
        """One leg for each destination of a route and each of its addresses, copies included. Copies may be
        lost, requests not.

        Args:
            port: on which the proxy took the connection; a destination that names none, of several, is asked
            on the same. namespace, labels: the proxy's; labels are known of gateways.
            sees: what the Sidecar of the proxy asks for.

        Raises:
            Misread: some of the requests are led nowhere, so both is true.
        """
        route, field = found.route, found.field
        written = list(listed(route, "route"))
        if len(written) > 1:
            # Of several, those that are given no share take none; a single one takes everything.
            written = [entry for entry in written if entry.get("weight")]
        targets = [(f"{field}.route", entry) for entry in written]
        copies = [(f"{field}.mirrors", entry) for entry in listed(route, "mirrors") if is_copied(entry)]
        legs: list[Leg] = []
        for index, (where, entry) in enumerate((*targets, *copies)):
            copied = index >= len(targets)
            at = f"{where}[{index - len(targets) if copied else index}]"
            host = full_name(str(entry["destination"]["host"]), rule.namespace)
            leg = self._leg_of(rule, entry, host, port, namespace, labels, sees, f"{at}.destination")
            if copied and leg.refused:
                continue
            _headers(leg, host, [(rule.by, field, route), (rule.by, at, entry)])
            reveals = _revealed(route, entry)
            legs += self.each(replace(leg, reveals=reveals) if reveals else leg)
        refused = [leg for leg in legs if leg.refused]
        if refused and len(refused) < len(legs):
            raise Misread(
                refused[0].by,
                refused[0].field,
                f"Some requests are led on and some are not: {refused[0].refused}",
            )
        return legs

    def _leg_of(
        self,
        rule: Rule,
        entry: Mapping[str, Any],
        host: str,
        port: int,
        namespace: str,
        labels: Mapping[str, str] | None,
        sees: Callable[[str, str], bool] | None,
        field: str,
    ) -> Leg:
        target = entry["destination"]
        found = self._registry.chosen(host, namespace, sees, gateway=labels is not None, led=labels is None)
        number = part(target, "port").get("number")
        if number is None:
            # Sidecars look a request's destination up among what is on the very port.
            ports = list(found.ports) if found else []
            asked_alike = labels is None and field.startswith("spec.http")
            number = ports[0] if len(ports) == 1 and not asked_alike else port
        if found is None or number not in found.ports:
            reason = f"{host}, port {number}, is not known to {namespace}."
            return _nowhere(host, number, rule.by, field, reason)
        return self.leg(found, number, target.get("subset"), namespace, labels, (rule.by, field))

    @staticmethod
    def each(leg: Leg) -> Iterator[Leg]:
        """A leg to every address of a destination: the proxy takes each of them in its turn."""
        yield leg
        yield from (replace(leg, to=to) for to in leg.others)

    def leg(
        self,
        destination: Destination,
        number: int,
        subset: str | None,
        namespace: str,
        labels: Mapping[str, str] | None,
        asked: tuple[str, str],
    ) -> Leg:
        """Where one port of a destination leads for proxies of a namespace (and of these labels).

        Args:
            asked: the object and field that ask for it.
        """
        if destination.unread:
            raise Misread(
                destination.by, f"spec.{destination.unread}", "What it says of addresses is not read here."
            )
        port = destination.ports[number]
        said = policy(self._registry, destination, number, subset, namespace, labels)
        by, field = (said.rule.by, "spec.trafficPolicy") if said.rule else asked
        if said.missing:
            reason = f"The subset {subset} of {destination.host} is not there, so nothing is connected to."
            return _nowhere(destination.host, port.target, by, "spec.subsets" if said.rule else field, reason)
        tls: Mapping[str, Any] = said.tls or {}
        mode, sni = said.mode, tls.get("sni")
        mutual = mode == _MUTUAL or (not mode and destination.inside)
        sought = destination.resolution == "DYNAMIC_DNS"
        if mutual and not sni and not sought:
            sni = f"outbound_.{number}_.{subset or ''}_.{destination.host}"
        if destination.selector is not None:
            if port.named:
                raise Misread(
                    destination.by,
                    "spec.ports.targetPort",
                    f"Which port of the pods {port.named} is, is not read here.",
                )
            if mode == "MUTUAL":
                raise Misread(
                    by, field, "Pods are shown another certificate than the mesh's, which is not read here."
                )
            to = self._workloads.behind(destination.namespace, destination.selector)
            return Leg(
                to, port.target, mutual, mode != "DISABLE", sni, f"{destination.host}:{number}", by, field
            )
        opens = mode not in ("", "DISABLE")
        if destination.resolution == "STATIC" and not destination.endpoints:
            reason = f"{destination.host} has no address, so nothing is connected to."
            return _nowhere(destination.host, port.target, destination.by, "spec.endpoints", reason)
        if destination.resolution == "NONE" and labels is not None:
            reason = (
                f"{destination.host} is not resolved: it would be connected to where the connection "
                "came in, the gateway."
            )
            return _nowhere(destination.host, port.target, destination.by, "spec.resolution", reason)
        first, *others = _ends(destination)
        if is_loopback(str(first.address)):
            says = f"its own {first.address}:{port.target}"
            own = first.address
            return Leg(
                first,
                port.target,
                mutual,
                opens,
                sni,
                says,
                by,
                field,
                loopback=own,
                host=destination.host,
                number=number,
            )
        names = tuple(map(str, listed(tls, "subjectAltNames")))
        known = sni or destination.host
        whose = f", with a certificate for {' or '.join(names)}" if names and names != (known,) else ""
        says = f"{first.name}:{port.target}" + (f" in TLS, as {known}{whose}" if opens else "")
        trusts = str(tls.get("credentialName") or tls.get("caCertificates") or "")
        # Without a server name the host may show the certificate of whichever name it likes.
        verified = names if trusts and sni and not tls.get("insecureSkipVerify") else ()
        return Leg(
            first,
            port.target,
            mutual,
            opens,
            sni,
            says,
            by,
            field,
            verified=tuple(sorted(set(verified))),
            mode=mode if opens else "",
            trusts=trusts if opens else "",
            host=destination.host,
            number=number,
            sought=sought,
            stays=destination.resolution == "NONE",
            others=tuple(others),
        )


def _ends(destination: Destination) -> list[Outside]:
    """Where a ServiceEntry leads: to every one of its endpoints, or to its own host.

    Raises:
        Misread: one of several endpoints is the proxy's own pod, or is called in another way than by its
        address.
    """
    host = meant_by(destination.host)
    if destination.resolution in ("NONE", "DYNAMIC_DNS") or not destination.endpoints:
        return [Outside(host, None)]
    ends = [
        Outside(host, endpoint) if is_address(endpoint) else Outside(endpoint, None)
        for endpoint in destination.endpoints
    ]
    own = [endpoint for endpoint in destination.endpoints if is_loopback(endpoint) or endpoint in _HERE]
    if own and (len(ends) > 1 or not is_loopback(own[0])):
        raise Misread(
            destination.by,
            "spec.endpoints",
            f"{own[0]}, the proxy's own pod, is among them, which is not read here.",
        )
    return ends


def _nowhere(host: str, port: int, by: str, field: str, reason: str) -> Leg:
    return Leg(Outside(host, None), port, False, False, None, "", by, field, reason)


def is_copied(mirror: Mapping[str, Any]) -> bool:
    """Whether some requests are copied at all; without a word about it, each is."""
    return mirror.get("percentage") is None or bool(mirror["percentage"].get("value"))


def _revealed(*places: Mapping[str, Any]) -> tuple[str, ...]:
    """The internal headers that neither a route nor its destination takes out."""
    removed = {
        str(name).lower() for written in places for name in listed(written, "headers", "request", "remove")
    }
    return tuple(name for name in INTERNAL_HEADERS if name not in removed)


def _headers(leg: Leg, host: str, places: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
    """Refuses to read a route that changes what later rules are asked about.

    Raises:
        Misread: it adds or sets a header, or takes one out before a gateway's rules have read it.
    """
    for by, field, written in places:
        request = part(written, "headers", "request")
        for how in ("set", "add"):
            for name, value in part(request, how).items():
                if not (
                    how == "set"
                    and str(name).lower() in ("host", ":authority")
                    and value == host
                    and isinstance(leg.to, Outside)
                ):
                    raise Misread(
                        by,
                        f"{field}.headers.request.{how}",
                        f"The header {name} is written here, which is not read.",
                    )
        taken = sorted({str(name).lower() for name in listed(request, "remove")} - set(INTERNAL_HEADERS))
        if taken and isinstance(leg.to, Pod):
            raise Misread(
                by,
                f"{field}.headers.request.remove",
                f"{taken[0]} is taken out before rules are asked about it.",
            )
