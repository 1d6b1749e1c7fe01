"""The plan: everything that is decided, before any object is rendered. Values only; egress/plan/make.py makes
them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address

from egress.common import names
from egress.common.google_cloud import workload_pool
from egress.common.hosts import is_pattern
from egress.common.ip_space import ANYWHERE
from egress.common.ports import GATEWAY_HTTP, GATEWAY_TLS
from egress.plan.addresses import AddressPlan
from egress.settings import Settings
from egress.settings.cluster import NodePool
from egress.settings.google_apis import Resource
from egress.settings.http import Http, Mirror, Protocol
from egress.settings.inspection import Inspection
from egress.settings.mesh import Flavor, Gateway, LogFormat
from egress.settings.receive import Receive
from egress.settings.security_model import SecurityModel
from egress.settings.tcp import Tcp
from egress.settings.teams import Team
from egress.settings.traffic import Traffic
from egress.settings.upgrade import Upgrade

HTTP_PORT = 80
HTTPS_PORT = 443
TARGET_PORTS = {HTTP_PORT: GATEWAY_HTTP, HTTPS_PORT: GATEWAY_TLS}
"""Port of the gateway's Service to port of its pods; the proxy is not root and binds no low port."""


@dataclass(frozen=True)
class Use:
    """One team's ways to one host."""

    team: str
    http: Http | None
    passthrough: bool
    passthrough_accounts: tuple[str, ...] = ()
    """ServiceAccounts that may pass TLS through; empty: the whole team."""
    tcp: Tcp | None = None


@dataclass(frozen=True)
class Leaving:
    """How plain HTTP leaves the gateway for one host. There is one for all teams: the gateway speaks one way
    to one host."""

    upgrade: Upgrade
    protocol: Protocol
    credential: str | None
    ca: str | None
    traffic: Traffic | None
    split: tuple[tuple[str, int], ...] = ()
    """Other hosts and the percentage of requests that goes to each instead."""
    mirror: Mirror | None = None
    inspect: Inspection | None = None
    """What requests must not contain; the same for every team of the host."""

    @property
    def tls(self) -> bool:
        return self.upgrade is not Upgrade.NONE


@dataclass(frozen=True)
class Host:
    """One outside host, or one pattern of hosts, and everybody who uses it, in order of team name."""

    name: str
    uses: tuple[Use, ...]
    leaving: Leaving | None
    """None: no team speaks plain HTTP to the gateway for this host."""
    tcp: Tcp | None = None
    """The host's raw TCP settings; teams differ only in which service accounts may use it."""

    @property
    def teams(self) -> tuple[str, ...]:
        return tuple(use.team for use in self.uses)

    @property
    def pattern(self) -> bool:
        """Whether this is every host below a domain: `*.example.org`."""
        return is_pattern(self.name)

    @property
    def outer_name(self) -> str:
        """The server name under which sidecars open mutual TLS to the gateway for this host."""
        return names.pattern_name(self.name) if self.pattern else self.name

    @property
    def passthrough(self) -> bool:
        """Whether any team passes its own TLS through."""
        return any(use.passthrough for use in self.uses)

    @property
    def upgraded(self) -> bool:
        """Whether what the app speaks plainly leaves the gateway as TLS."""
        if self.tcp:
            return self.tcp.upgrade is not Upgrade.NONE
        return self.leaving is not None and self.leaving.tls

    @property
    def outside_ports(self) -> tuple[int, ...]:
        """TCP ports on which the gateway connects to this host, ascending."""
        if self.tcp:
            return (self.tcp.leaves_on,)
        ports = {HTTPS_PORT} if self.passthrough or self.upgraded else set[int]()
        return tuple(sorted(ports | ({HTTP_PORT} if self.leaving and not self.upgraded else set())))


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
    """Empty: the shared one."""
    settings: Gateway
    pool: NodePool
    hosts: tuple[Host, ...]
    """In order of name; a host's users here are this gateway's teams alone."""
    subnet: GatewaySubnet | None = None
    """None: its nodes are in the cluster's subnet and leave by the shared addresses."""

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
        """The kind of node that it runs on, and its node pool's name."""
        return names.gateway_nodes(self.name)

    @cached_property
    def teams(self) -> tuple[str, ...]:
        """Teams that have a host here, sorted."""
        return tuple(sorted({team for host in self.hosts for team in host.teams}))

    @cached_property
    def ports(self) -> tuple[int, ...]:
        """TCP ports on which its nodes may leave to wherever a host's name leads: those that some host needs.
        Ascending."""
        return tuple(sorted({port for host in self.hosts if not host.tcp for port in host.outside_ports}))

    @cached_property
    def tcp_ranges(self) -> dict[int, tuple[str, ...]]:
        """For each outside port of raw TCP, the ranges (/32, sorted) that its nodes may reach on it:
        anywhere, where a host is known by its name."""
        found: dict[int, set[IPv4Address]] = {}
        for host in self.hosts:
            if host.tcp:
                found.setdefault(host.tcp.leaves_on, set()).update(host.tcp.addresses or ())
        anywhere = {host.tcp.leaves_on for host in self.hosts if host.tcp and host.tcp.by_name}
        return {
            port: (ANYWHERE,) if port in anywhere else tuple(f"{address}/32" for address in sorted(addresses))
            for port, addresses in found.items()
        }

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Secrets in its namespace that hosts need, sorted."""
        ways = [way for host in self.hosts for way in (host.leaving, host.tcp) if way]
        return tuple(sorted({secret for way in ways for secret in (way.credential, way.ca) if secret}))


@dataclass(frozen=True)
class BucketGrant:
    bucket: str
    role: str
    create: bool
    """Whether this stack makes the bucket; False: it is there already."""


@dataclass(frozen=True)
class ResourceGrant:
    """A role on one resource that this stack does not make."""

    resource: Resource
    name: str
    project: str
    role: str


@dataclass(frozen=True)
class WorkloadIdentity:
    """A Kubernetes service account that acts as a Google service account."""

    team: str
    service_account: str
    account_id: str
    email: str
    buckets: tuple[BucketGrant, ...]
    resources: tuple[ResourceGrant, ...] = ()
    project_roles: tuple[tuple[str, str], ...] = ()
    """Roles on the whole project, each with its reason."""


@dataclass(frozen=True)
class Reception:
    """One thing that a team receives from partners."""

    team: str
    name: str
    wanted: Receive


@dataclass(frozen=True)
class TeamPlan:
    """One team: its namespace (of the same name), its settings, and what the other parts of the plan made of
    them."""

    name: str
    settings: Team
    gateway: EgressGateway
    """The one by which the team leaves."""
    uses: tuple[tuple[Host, Use], ...]
    """The team's hosts behind the gateway in order of name, each with the team's own use of it."""
    identities: tuple[WorkloadIdentity, ...]
    reached_by: tuple[str, ...]
    straight: tuple[Host, ...] = ()
    """The hosts that the team's sidecars go to themselves, past the gateway, in order of name. Nobody shares
    these."""

    @property
    def model(self) -> SecurityModel:
        return self.settings.model.model if self.settings.model else SecurityModel.GATEWAY

    @property
    def opened(self) -> dict[str, str]:
        """Annotation for what the team's model opens: which model, and why. Empty for the strict one."""
        weaker = self.settings.model
        return {names.security_model(weaker.model.value): weaker.reason} if weaker else {}

    @property
    def straight_ports(self) -> tuple[int, ...]:
        """TCP ports on which the team's declared hosts are reached past the gateway, ascending."""
        return tuple(sorted({port for host in self.straight for port in host.outside_ports}))

    @property
    def hosts(self) -> tuple[Host, ...]:
        return tuple(host for host, _ in self.uses)

    @property
    def looks_up_names(self) -> bool:
        """Whether its pods must be told an address of the mesh for some host's name."""
        return any(use.tcp and use.tcp.by_name for _, use in self.uses)

    @property
    def receptions(self) -> tuple[Reception, ...]:
        """What the team receives from partners, in order of name."""
        return tuple(
            Reception(self.name, name, wanted) for name, wanted in sorted(self.settings.receives.items())
        )

    @property
    def received_ports(self) -> tuple[int, ...]:
        """TCP ports of the team's pods that partners are led to, ascending."""
        return tuple(sorted({reception.wanted.to.opened for reception in self.receptions}))

    @property
    def uses_google_apis(self) -> bool:
        return bool(self.identities)

    @property
    def google_apis(self) -> tuple[str, ...]:
        """Names of the Google APIs that the team calls, sorted; those of its buckets, topics and so on come
        by themselves."""
        named = set(self.settings.google_apis.apis) if self.settings.google_apis else set[str]()
        for identity in self.identities:
            named |= {grant.resource.api for grant in identity.resources} | (
                {"storage"} if identity.buckets else set[str]()
            )
        return tuple(sorted(named))


@dataclass(frozen=True)
class Plan:
    """Everything that is decided, before any object is rendered."""

    settings: Settings
    addresses: AddressPlan
    gateways: tuple[EgressGateway, ...]
    """The shared one first, then by name."""
    teams: tuple[TeamPlan, ...]

    @property
    def project(self) -> str:
        return self.settings.project

    @property
    def workload_pool(self) -> str:
        return workload_pool(self.project)

    @property
    def trust_domain(self) -> str:
        """The first part of every SPIFFE identity in the mesh."""
        return "cluster.local" if self.in_cluster_mesh else self.workload_pool

    @property
    def in_cluster_mesh(self) -> bool:
        return self.settings.mesh.flavor is Flavor.ISTIO

    @property
    def structured_logs(self) -> bool:
        """Whether lines of access logs have fields, the caller's identity among them. The managed mesh's
        provider has its own."""
        said = self.settings.mesh.access_log
        return self.in_cluster_mesh and (said is None or said.format is LogFormat.JSON)

    def connects_late(self, gateway: EgressGateway) -> bool:
        """Whether a gateway knows the caller before it connects to a host whose TLS it passes through. The
        managed mesh takes no EnvoyFilter, by which this is done."""
        wanted = gateway.settings.connect_after_authorization
        return self.in_cluster_mesh if wanted is None else wanted

    @property
    def gateway(self) -> EgressGateway:
        """The shared egress gateway."""
        return self.gateways[0]

    @property
    def application_ports(self) -> tuple[int, ...]:
        """TCP ports on which application nodes may leave: those that the config names, which are those that
        teams need."""
        opened = self.settings.fences.application_nodes
        return tuple(sorted(opened.leave_on)) if opened else ()

    def leaves_on(self, team: TeamPlan) -> tuple[int, ...]:
        """TCP ports on which a team's own pods may leave, to wherever a name leads, ascending. Empty behind
        the gateway."""
        return self.application_ports if team.model is SecurityModel.OPEN else team.straight_ports

    @cached_property
    def hosts(self) -> tuple[Host, ...]:
        """Every host at every gateway; one that is used through two gateways is there twice."""
        return tuple(host for gateway in self.gateways for host in gateway.hosts)

    @cached_property
    def receptions(self) -> tuple[Reception, ...]:
        """What partners may connect to, in order of team and name. Empty: there is no ingress gateway."""
        return tuple(reception for team in self.teams for reception in team.receptions)

    @property
    def granted_apis(self) -> tuple[str, ...]:
        """APIs of this project in which teams have roles on resources, sorted, as they are switched on."""
        of_teams = (
            grant for team in self.teams for identity in team.identities for grant in identity.resources
        )
        return tuple(
            sorted(
                {
                    f"{grant.resource.api}.googleapis.com"
                    for grant in of_teams
                    if grant.project == self.project
                }
            )
        )

    @property
    def google_api_teams(self) -> tuple[str, ...]:
        return tuple(team.name for team in self.teams if team.uses_google_apis)

    @cached_property
    def google_apis(self) -> dict[str, tuple[str, ...]]:
        """Teams by the Google API that they call, both sorted."""
        users: dict[str, list[str]] = {}
        for team in self.teams:
            for api in team.google_apis:
                users.setdefault(api, []).append(team.name)
        return {api: tuple(teams) for api, teams in sorted(users.items())}
