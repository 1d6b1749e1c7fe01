"""Routes of VirtualServices, and where their destinations lead by the DestinationRules in force.

Understood of a route: `match` (gateways, port, method, uri, headers, sniHosts), `route`, `mirrors`; `retries`, `timeout` and
`headers` decide nothing about where a request goes. Of a DestinationRule: `subsets`, `trafficPolicy` and its
`portLevelSettings` with `tls.mode` and `tls.sni`; everything else in them changes how, not where.
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
                yield replace(leg, reveals=reveals, host=found.host, number=number)

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
        checked = listed(tls or {}, "subjectAltNames") and (
            (tls or {}).get("caCertificates") or (tls or {}).get("credentialName")
        )
        verified = bool(checked) and destination.host in listed(tls or {}, "subjectAltNames")
        opened = str(mode) if opens else ""
        leg = Leg(to, port.target, mode in _MUTUAL, opens, sni, says, by or destination.by, field)
        return replace(leg, verified=verified, mode=opened, stays=destination.resolution == "NONE")

    def _tls(
        self, destination: Destination, number: int, subset: str | None, namespace: str, labels: Mapping[str, str] | None
    ) -> tuple[Rule | None, Mapping[str, Any] | None]:
        rules = [rule for rule in self._registry.destination_rules(destination.host, namespace) if _selects(rule, labels)]
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


def _selects(rule: Rule, labels: Mapping[str, str] | None) -> bool:
    wanted = part(rule.spec, "workloadSelector", "matchLabels")
    return all((labels or {}).get(key) == value for key, value in wanted.items())
