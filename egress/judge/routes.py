"""Routes of VirtualServices, and where their destinations lead by the DestinationRules in force.

Understood of a route: `match` (gateways, port, method, uri, headers, sniHosts), `route`, `mirrors`; `retries` and `timeout`
decide nothing about where a request goes; of `headers` what is taken out, and a Host header that is set to the host that the
request goes to anyway. Of a DestinationRule: `subsets`, `trafficPolicy` and its `portLevelSettings` with `tls`; everything else
in them changes how, not where.
Source: Istio reference, VirtualService and DestinationRule (networking.istio.io/v1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from egress.judge.deployed import listed, part
from egress.judge.flow import Misread, Outside, Pod, Request
from egress.judge.nodes import Workloads
from egress.judge.registry import ROOT_NAMESPACE, Destination, Registry, Rule, matches, visible

_MATCH = {
    "http": {"gateways", "port", "method", "uri", "headers", "name"},
    "tls": {"gateways", "port", "sniHosts"},
    "tcp": {"gateways", "port"},
}
_ROUTE = {"match", "route", "mirrors", "retries", "timeout", "headers", "name"}
_MUTUAL = {"ISTIO_MUTUAL"}
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
    verified: bool = False
    """Whether the TLS that it opens takes only certificates of the host's own name."""
    mode: str = ""
    """Mode of the TLS that it opens towards the outside."""
    names: tuple[str, ...] = ()
    """The only names that it takes in the host's certificate."""
    trusts: str = ""
    """Whose certificates it takes: `system`, or the Secret that holds an authority and perhaps its own certificate."""
    loopback: str | None = None
    """The address of the proxy's own pod at which the connection comes back to itself."""
    host: str = ""
    number: int = 0
    """Port of the destination as its Service or ServiceEntry writes it."""
    stays: bool = False
    """Whether it goes to whatever address the client had connected to."""


def first_match(
    rule: Rule, section: str, gateway: str, port: int, request: Request | None, sni: str | None
) -> tuple[str, Mapping[str, Any]] | None:
    """The first route of a section (`http`, `tls`, `tcp`) that takes the connection, with its field path."""
    for index, route in enumerate(rule.spec.get(section) or []):
        field = f"spec.{section}[{index}]"
        _known(route, _ROUTE, rule.by, field)
        matched = route.get("match")
        if not matched or any(_satisfied(rule, section, block, field, gateway, port, request, sni) for block in matched):
            return field, route
    return None


def _satisfied(
    rule: Rule,
    section: str,
    block: Mapping[str, Any],
    field: str,
    gateway: str,
    port: int,
    request: Request | None,
    sni: str | None,
) -> bool:
    _known(block, _MATCH[section], rule.by, f"{field}.match")
    if gateway not in (block.get("gateways") or rule.spec.get("gateways") or ["mesh"]):
        return False
    if block.get("port") not in (None, port):
        return False
    if "sniHosts" in block and not any(matches(pattern, sni or "") for pattern in block["sniHosts"]):
        return False
    if section != "http" or request is None:
        return True
    wanted = [(block.get("method"), (request.method,)), (block.get("uri"), (request.path.partition("?")[0],))]
    wanted += [(value, request.values(name)) for name, value in part(block, "headers").items()]
    return all(
        any(_string_match(match, value, rule.by, field) for value in values or (None,))
        for match, values in wanted
        if match is not None
    )


def _string_match(match: Mapping[str, str], value: str | None, by: str, field: str) -> bool:
    if value is None:
        return False
    for how, what in match.items():
        if how == "exact":
            return value == what
        if how == "prefix":
            return value.startswith(what)
        if how == "regex":
            return re.fullmatch(what, value) is not None
    raise Misread(by, field, f"a match by {sorted(match)} is not read here")


def _known(mapping: Mapping[str, Any], known: set[str], by: str, field: str) -> None:
    unknown = sorted(mapping.keys() - known)
    if unknown:
        raise Misread(by, f"{field}.{unknown[0]}", f"`{unknown[0]}` is not read here")


class Router:
    """Follows destinations to the pods or outside hosts behind them."""

    def __init__(self, registry: Registry, workloads: Workloads) -> None:
        self._registry = registry
        self._workloads = workloads
        self._any_address: dict[int, list[Destination]] = {}
        for destinations in registry.destinations.values():
            for destination in destinations:
                for port in destination.ports.values():
                    if port.protocol == "TCP" and not destination.addresses and not destination.inside:
                        self._any_address.setdefault(port.number, []).append(destination)

    def takes_any_address(self, port: int) -> Sequence[Destination]:
        """Raw TCP destinations without addresses: their listener takes every connection to the port."""
        return self._any_address.get(port, ())

    def legs(
        self, rule: Rule, field: str, route: Mapping[str, Any], namespace: str, labels: Mapping[str, str] | None = None
    ) -> Iterator[Leg]:
        """One leg for each destination of a route, copies included."""
        removed = {str(name).lower() for name in listed(route, "headers", "request", "remove")}
        reveals = tuple(name for name in INTERNAL_HEADERS if name not in removed)
        for kind in ("route", "mirrors"):
            for index, entry in enumerate(route.get(kind) or []):
                if entry.get("weight") == 0:
                    continue
                target = entry["destination"]
                where = f"{field}.{kind}[{index}].destination"
                number = part(target, "port").get("number")
                found = self._destination(target["host"], namespace)
                if found is None or number is None or number not in found.ports:
                    reason = f"{target['host']}, port {number}, is not known to {namespace}."
                    yield Leg(Outside(target["host"], None), number or 0, False, False, None, "", rule.by, where, reason)
                    continue
                leg = self.leg(found, number, target.get("subset"), namespace, labels, (rule.by, where))
                _headers(leg, target["host"], [(rule.by, field, route), (rule.by, f"{field}.{kind}[{index}]", entry)])
                for one in self.each(leg, found):
                    yield replace(one, reveals=reveals, host=found.host, number=number)

    @staticmethod
    def each(leg: Leg, destination: Destination) -> Iterator[Leg]:
        """A leg to every address of a destination: the proxy takes each of them in its turn."""
        yield leg
        if isinstance(leg.to, Outside) and leg.to.address and not leg.loopback and not leg.refused:
            for address in destination.endpoints[1:]:
                yield replace(leg, to=replace(leg.to, address=address))

    def _destination(self, host: str, namespace: str) -> Destination | None:
        found = [item for item in self._registry.destinations.get(host, ()) if visible(item, namespace)]
        # What a namespace says about a host itself comes before what others export to it.
        return next((item for item in found if item.namespace == namespace), found[0] if found else None)

    def leg(
        self,
        destination: Destination,
        number: int,
        subset: str | None,
        namespace: str,
        labels: Mapping[str, str] | None = None,
        asked: tuple[str, str] = ("", ""),
    ) -> Leg:
        """Where one port of a destination leads for proxies of a namespace (and of these labels)."""
        port = destination.ports[number]
        rule, tls = self._tls(destination, number, subset, namespace, labels)
        by, field = (rule.by, "spec.subsets") if rule else asked
        if subset and tls is None:
            reason = f"The subset {subset} of {destination.host} is not there, so nothing is connected to."
            return Leg(Outside(destination.host, None), port.target, False, False, None, "", by or asked[0], field, reason)
        mode = (tls or {}).get("mode")
        sni = (tls or {}).get("sni")
        if destination.inside:
            to = self._workloads.behind(destination.namespace, destination.selector or {})
            mutual = mode in _MUTUAL or mode is None
            return Leg(to, port.target, mutual, mutual, sni, f"{destination.host}:{number}", by or destination.by, field)
        opens = mode not in (None, "DISABLE")
        address = destination.endpoints[0] if destination.endpoints else None
        if destination.resolution == "STATIC" and address is None:
            reason = f"{destination.host} has no address, so nothing is connected to."
            where = (destination.by, "spec.endpoints")
            return Leg(Outside(destination.host, None), port.target, False, False, None, "", *where, reason)
        if destination.resolution == "NONE" and labels is not None:
            reason = f"{destination.host} is not resolved: it would be connected to where the connection came in, the gateway."
            return Leg(
                Outside(destination.host, None), port.target, False, False, None, "", destination.by, "spec.resolution", reason
            )
        if address and address.startswith("127."):
            says = f"its own {address}:{port.target}"
            here = Outside(destination.host, address)
            return Leg(here, port.target, mode in _MUTUAL, opens, sni, says, destination.by, "spec.endpoints", loopback=address)
        name = destination.host
        if address and not address.replace(".", "").isdigit():
            name, address = address, None
        how = f" in TLS, as {sni or destination.host}" if opens else ""
        to = Outside(name, address if destination.resolution == "STATIC" else None)
        says = f"{name}:{port.target}{how}"
        names = tuple(map(str, listed(tls or {}, "subjectAltNames")))
        trusts = str((tls or {}).get("credentialName") or (tls or {}).get("caCertificates") or "")
        # The name that is asked for is the one that the certificate has to be of; any other name would do as well.
        own = set(names) == {destination.host} and sni == destination.host
        verified = bool(trusts) and own and not (tls or {}).get("insecureSkipVerify")
        leg = Leg(to, port.target, mode in _MUTUAL, opens, sni, says, by or destination.by, field)
        stays = destination.resolution == "NONE"
        leg = replace(leg, names=names, trusts=trusts if opens else "", stays=stays)
        return replace(leg, verified=verified, mode=str(mode) if opens else "")

    def _tls(
        self, destination: Destination, number: int, subset: str | None, namespace: str, labels: Mapping[str, str] | None
    ) -> tuple[Rule | None, Mapping[str, Any] | None]:
        visible = self._registry.destination_rules(destination.host, namespace)
        rules = [rule for rule in visible if _selects(rule, namespace, labels)]
        # The client's namespace first, then the destination's, then the mesh's own.
        order = {namespace: 0, destination.namespace: 1, ROOT_NAMESPACE: 2}
        for rule in sorted(rules, key=lambda rule: order.get(rule.namespace, 3)):
            policy = part(rule.spec, "trafficPolicy")
            if subset:
                mine = next((item for item in listed(rule.spec, "subsets") if item["name"] == subset), None)
                if mine is None:
                    continue
                policy = {**policy, **part(mine, "trafficPolicy")}
            level = next((s for s in listed(policy, "portLevelSettings") if s["port"]["number"] == number), policy)
            return rule, part(level, "tls")
        return None, None if subset else {}


def _selects(rule: Rule, namespace: str, labels: Mapping[str, str] | None) -> bool:
    """Whether a rule is for pods of a namespace with these labels: with a selector it holds in its own namespace alone.

    Raises:
        Misread: it is for some pods, and which ones these are is not known.
    """
    wanted = part(rule.spec, "workloadSelector", "matchLabels")
    if wanted and rule.namespace != namespace:
        return False
    if wanted and labels is None:
        raise Misread(rule.by, "spec.workloadSelector", "it holds for some pods of the namespace and not for others")
    return all((labels or {}).get(key) == value for key, value in wanted.items())


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
                    how == "set" and str(name).lower() in ("host", ":authority") and value == host and isinstance(leg.to, Outside)
                ):
                    raise Misread(by, f"{field}.headers.request.{how}", f"the header {name} is written here, which is not read")
        taken = sorted({str(name).lower() for name in listed(request, "remove")} - set(INTERNAL_HEADERS))
        if taken and isinstance(leg.to, Pod):
            raise Misread(by, f"{field}.headers.request.remove", f"{taken[0]} is taken out before rules are asked about it")
