"""Where the routes of a gateway lead what comes in.

A Service that a route leads to and that is not among the objects is taken to be what its namespace's owner
likes: its pods have any labels, its ports are as the question says. Source: Istio reference, VirtualService
(networking.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from egress.judge.layers.gateway import Gateways
from egress.judge.layers.inbound_tls import refused
from egress.judge.layers.network_policy import NetworkPolicies
from egress.judge.lookup.host_names import SERVICES, full_name
from egress.judge.lookup.inbound_flow import InboundFlow, Reached
from egress.judge.lookup.match import Found
from egress.judge.lookup.routes import Leg, is_copied
from egress.judge.lookup.servers import Server
from egress.judge.lookup.service_registry import Registry, Rule, visible
from egress.judge.lookup.service_registry_destinations import Destination
from egress.judge.model.flow import (
    Connection,
    Layer,
    Misread,
    Outcome,
    Pod,
    Protocol,
    Request,
    Verdict,
    without_port,
)
from egress.judge.model.ports import Port
from egress.judge.model.snapshot import listed, part


class InboundRoutes:
    """Follows the routes of gateways, which may lead to Services that somebody else makes."""

    def __init__(
        self, gateways: Gateways, registry: Registry, network_policies: NetworkPolicies, application_pool: str
    ) -> None:
        self._gateways = gateways
        self._registry = registry
        self._network_policies = network_policies
        self._application_pool = application_pool

    def route(
        self, pod: Pod, server: Server, client: Connection, flow: InboundFlow, must_pass: bool
    ) -> tuple[Verdict, list[tuple[Leg, Reached]], Mapping[str, Any]]:
        """Where the gateway leads what it has taken, by which route.

        Raises:
            Misread: where that is cannot be told.
        """
        request = client.inner if isinstance(client.inner, Request) else None
        if server.reads_http and request is None:
            return refused(server.by, server.field, "The server reads HTTP, and this is none."), [], {}
        name = without_port(request.host.lower()) if request else flow.host.lower()
        found = self._gateways.way(server, pod, name, request)
        if found is None:
            return refused(server.by, server.field, f"No route leads from here to {name}."), [], {}
        rule, taking = found
        found = list(self._legs(rule, taking, server, pod, flow))
        legs = [one for one in found if not isinstance(one, Verdict)]
        unknown = next((one for one in found if isinstance(one, Verdict)), None)
        if unknown and (must_pass or not legs):
            return unknown, [], {}
        if not legs:
            return refused(rule.by, f"{taking.field}.route", "The route has no destination."), [], {}
        where = " and ".join(dict.fromkeys(str(at) for _, at in legs))
        return (
            Verdict(Layer.GATEWAY, Outcome.ALLOWED, rule.by, taking.field, f"{name} is led to {where}."),
            legs,
            taking.route,
        )

    def _legs(
        self, rule: Rule, taking: Found, server: Server, pod: Pod, flow: InboundFlow
    ) -> Iterator[tuple[Leg, Reached] | Verdict]:  # fmt: skip
        """Where each destination of a route leads, or why nowhere. Of several those that are given no share
        take none."""
        route, field = taking.route, taking.field
        _unwritten(rule, field, route)
        several = len(listed(route, "route")) > 1
        for kind in ("route", "mirrors"):
            for index, entry in enumerate(listed(route, kind)):
                if not (is_copied(entry) if kind == "mirrors" else entry.get("weight") or not several):
                    continue
                where = f"{field}.{kind}[{index}]"
                _unwritten(rule, where, entry)
                target = entry["destination"]
                host, number = (
                    full_name(str(target["host"]), rule.namespace),
                    part(target, "port").get("number"),
                )
                yield from self._leg(
                    rule, f"{where}.destination", host, number, target.get("subset"), server, pod, flow
                )

    def _leg(
        self,
        rule: Rule,
        field: str,
        host: str,
        number: int | None,
        subset: str | None,
        server: Server,
        pod: Pod,
        flow: InboundFlow,
    ) -> Iterator[tuple[Leg, Reached] | Verdict]:
        """Where one destination leads, at each of its addresses."""
        found = self._registry.chosen(host, pod.namespace, gateway=True)
        absent = not self._registry.destinations.get(host) and host.endswith(SERVICES)
        if number is None:
            if absent:
                raise Misread(rule.by, field, "Which port it leads to is not said.")
            number = next(iter(found.ports)) if found and len(found.ports) == 1 else server.number
        found = self._assumed(host, number, pod, flow) if absent else found
        if found is None or number not in found.ports:
            yield refused(rule.by, field, f"{host}, port {number}, is not known to {pod.namespace}.")
            return
        leg = self._gateways.router.leg(found, number, subset, pod.namespace, pod.labels, (rule.by, field))
        if leg.refused:
            yield refused(leg.by, leg.field, leg.refused)
            return
        if absent:
            leg = replace(leg, to=Pod(found.namespace, None, pool=self._application_pool))
        reached = Reached(
            found.namespace if found.inside else "", host.removesuffix(SERVICES), number, leg.port
        )
        yield from ((one, reached) for one in self._gateways.router.each(leg))

    def _assumed(self, host: str, number: int, pod: Pod, flow: InboundFlow) -> Destination | None:
        """A Service that somebody else makes; None: what its namespace makes is not for this gateway's
        proxies."""
        name, _, rest = host.removesuffix(SERVICES).partition(".")
        exported = self._registry.exported(None, rest, "defaultServiceExportTo")
        ports = {number: Port(number, "TCP", flow.backend or self._likely(rest, number, pod))}
        made = Destination(host, rest, ports, exported, f"{rest}/service/{name}", selector={})
        return made if rest and visible(made, pod.namespace) else None

    def _likely(self, namespace: str, number: int, pod: Pod) -> int:
        """The pods' port that such a Service would have to lead to, so that something arrives: its own, or
        one that is open."""
        policies = self._network_policies
        to = Pod(namespace, None)
        named = {
            port
            for rule in policies.ingress(namespace)
            for one in rule.ports
            for port in (one.first, one.last)
        }
        asked = (number, *sorted(named - {number}))
        opened = (port for port in asked if policies.judge(Connection(pod, to, port, Protocol.TCP)).allowed)
        return next(opened, number)


def _unwritten(rule: Rule, field: str, written: Mapping[str, Any]) -> None:
    """Refuses to read a route that writes headers which rules behind it may ask for.

    Raises:
        Misread: it does.
    """
    for how in ("set", "add", "remove"):
        if part(written, "headers", "request").get(how):
            raise Misread(
                rule.by,
                f"{field}.headers.request.{how}",
                "Headers of requests are written here, which is not read.",
            )
