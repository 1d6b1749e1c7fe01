"""What the config declares about addresses and networks: which are the cluster's own, which are Google's, and
to which nothing may lead."""

from __future__ import annotations

from functools import cached_property
from ipaddress import IPv4Network

from egress.common.ip_space import ANYWHERE, without
from egress.judge.model.ip_ranges import Ranges, position
from egress.plan.gateway import EgressGateway
from egress.plan.model import Plan


class AddressIntent:
    """The plan's declarations, found by address."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._web = {gateway.namespace: gateway.ports for gateway in plan.gateways}
        self._google = {team.name for team in plan.teams if team.uses_google_apis}

    @property
    def plan(self) -> Plan:
        """What it is the intent of."""
        return self._plan

    @property
    def in_cluster_mesh(self) -> bool:
        return self._plan.in_cluster_mesh

    def is_shared(self, address: str) -> bool:
        """Whether an address is in a private range that the config opens to gateways."""
        return position(address) in Ranges.of(map(str, self._plan.settings.fences.private_hosts.values()))

    def is_named(self, address: str) -> bool:
        """Whether an address is in a private range in which the config lets raw TCP have addresses."""
        opened = self._plan.settings.fences.private_addresses
        return position(address) in Ranges.of(map(str, opened.values()))

    def is_own(self, address: str) -> bool:
        """Whether nodes or pods of the cluster have addresses there."""
        return position(address) in self._own

    @cached_property
    def _own(self) -> Ranges:
        plan = self._plan.addresses
        return Ranges.of([plan.nodes, plan.pods, *plan.gateways])

    def is_control_plane(self, address: str) -> bool:
        """Whether an address is the Kubernetes control plane's."""
        return position(address) in self.control_plane

    @cached_property
    def control_plane(self) -> Ranges:
        """Addresses of the Kubernetes control plane."""
        return Ranges.of([self._plan.addresses.control_plane])

    def is_api_server(self, address: str) -> bool:
        """Whether an address is the API server's Service's, which leads to the control plane."""
        return position(address) in Ranges.of([self._plan.addresses.api_server])

    def is_inside(self, address: str) -> bool:
        """Whether an address is none of the internet, or this network's own."""
        return ":" in address or position(address) in self._not_outside

    @cached_property
    def _not_outside(self) -> Ranges:
        return Ranges.of(self._plan.addresses.not_outside)

    @property
    def ranges(self) -> tuple[str, ...]:
        """Ranges that the config tells apart."""
        plan = self._plan
        fences = plan.settings.fences
        private = map(str, (*fences.private_hosts.values(), *fences.private_addresses.values()))
        return (*plan.addresses.not_outside, *(network for _, network in plan.addresses.own), *private)

    def leaves_by(self, gateway: EgressGateway, port: int, address: str | None) -> bool:
        """Whether a gateway has to leave on a TCP port to an address outside; None: to some address."""
        if port in gateway.ports:
            return True
        ranges = gateway.tcp_ranges.get(port, ())
        return bool(ranges) if address is None else position(address) in Ranges.of(ranges)

    def names(self, gateway: EgressGateway, port: int, address: str) -> bool:
        """Whether the config names an address for raw TCP on a port. Wherever names lead is none."""
        ranges = gateway.tcp_ranges.get(port, ())
        return ANYWHERE not in ranges and position(address) in Ranges.of(ranges)

    def at_google(self, address: str) -> bool:
        """Whether Google's APIs answer there, in the address set that the config has."""
        return position(address) in self._google_apis

    @cached_property
    def _google_apis(self) -> Ranges:
        return Ranges.of([self._plan.addresses.google_apis.range])

    def never_reached(self, namespace: str, port: int) -> tuple[str, ...]:
        """Ranges to which no name may lead the pods of a gateway or of a team on a port: all that is inside,
        but what the config opens. Private ranges are opened to http and https, never to raw TCP.

        With the managed mesh proxies reach Google's APIs and their metadata server by themselves, and so do
        teams that use Google's APIs: a name that leads there gets what the pod gets anyway.
        """
        addresses = self._plan.addresses
        web = port in self._web.get(namespace, ())
        opened = [*self._plan.settings.fences.private_hosts.values()] if web else []
        if not self.in_cluster_mesh or namespace in self._google:
            opened += [IPv4Network(addresses.google_apis.range), IPv4Network(addresses.metadata_server)]
        return without(addresses.not_outside, opened)
