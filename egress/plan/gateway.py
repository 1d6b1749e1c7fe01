"""One egress gateway, with the hosts to which it leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address

from egress.common import names
from egress.common.ip_space import ANYWHERE
from egress.plan.host import Host, Leaving, TcpPort
from egress.settings.cluster import NodePool
from egress.settings.mesh import Gateway
from egress.settings.tcp import Tcp


@dataclass(frozen=True)
class GatewaySubnet:
    """Where the nodes and Pods of one gateway have their addresses, and the reserved ones by which they
    leave."""

    name: str
    nodes: str
    """Range in CIDR notation."""
    pods: str
    pods_name: str
    addresses: Mapping[str, str]
    """By name, with a description."""


@dataclass(frozen=True)
class EgressGateway:
    """One egress gateway, and everything that leaves by it. How a host is treated is decided for each gateway
    by itself."""

    name: str
    """`names.SHARED_GATEWAY` for the one that every team without its own leaves by."""
    settings: Gateway
    pool: NodePool
    hosts: tuple[Host, ...]
    """In order of name; the users of a host here are only this gateway's teams."""
    subnet: GatewaySubnet | None = None
    """None: its nodes are in the cluster's subnet and leave by the shared addresses."""

    @property
    def shared(self) -> bool:
        return self.name == names.SHARED_GATEWAY

    @property
    def namespace(self) -> str:
        return names.gateway_namespace(self.name)

    @property
    def service(self) -> str:
        """The name under which proxies reach it."""
        return names.gateway_host(self.name)

    @property
    def labels(self) -> dict[str, str]:
        """What Gateway, AuthorizationPolicy and NetworkPolicy select its pods by."""
        return {"istio": names.gateway_label(self.name)}

    @property
    def nodes(self) -> str:
        """The kind of node that it runs on."""
        return names.gateway_nodes(self.name)

    @property
    def node_pool(self) -> str:
        """The name of its node pool, which is another one in another subnet."""
        own = self.subnet
        return names.node_pool(self.nodes, (own.name, own.nodes, own.pods_name, own.pods) if own else ())

    @cached_property
    def teams(self) -> tuple[str, ...]:
        """Teams that have a host here, sorted."""
        return tuple(sorted({team for host in self.hosts for team in host.teams}))

    @cached_property
    def ports(self) -> tuple[int, ...]:
        """TCP ports on which its nodes may leave to wherever a host's name leads: those that some host needs.
        Ascending."""
        return tuple(sorted({port for host in self.hosts for port in host.web_ports}))

    @cached_property
    def tcp(self) -> tuple[TcpPort, ...]:
        """Raw TCP to every host, in order of host and port."""
        return tuple(port for host in self.hosts for port in host.tcp)

    @cached_property
    def tcp_ranges(self) -> dict[int, tuple[str, ...]]:
        """For each outside port of raw TCP, the ranges (/32, sorted) that its nodes may reach on it:
        anywhere, where a host is known by its name."""
        found: dict[int, set[IPv4Address]] = {}
        for way in self.tcp:
            found.setdefault(way.settings.leaves_on, set()).update(way.settings.addresses or ())
        anywhere = {way.settings.leaves_on for way in self.tcp if way.by_name}
        return {
            port: (ANYWHERE,) if port in anywhere else tuple(f"{address}/32" for address in sorted(addresses))
            for port, addresses in found.items()
        }

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Secrets in its namespace that hosts need, sorted."""
        ways: list[Leaving | Tcp] = [host.leaving for host in self.hosts if host.leaving]
        ways += [port.settings for port in self.tcp]
        return tuple(sorted({secret for way in ways for secret in (way.credential, way.ca) if secret}))
