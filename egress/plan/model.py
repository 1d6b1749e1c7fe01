"""The plan: everything that is decided, before any object is rendered. Values only; egress/plan/make.py makes
them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from egress.common import google_hosts, names
from egress.common.google_cloud import workload_pool
from egress.plan.addresses import AddressPlan
from egress.plan.gateway import EgressGateway
from egress.plan.host import Host
from egress.plan.registries import RemoteRegistry, registries
from egress.plan.team import Reception, TeamPlan
from egress.settings import Settings
from egress.settings.mesh import Flavor, LogFormat
from egress.settings.security_model import SecurityModel


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
    def mesh_version(self) -> str | None:
        """Version of the control plane in the cluster; None: Google chooses it."""
        return self.settings.mesh.chart.version if self.in_cluster_mesh else None

    @cached_property
    def registries(self) -> tuple[RemoteRegistry, ...]:
        """Registries of images outside Google Cloud, as nodes reach them."""
        return tuple(registries(self.settings))

    @property
    def mesh_hub(self) -> str:
        """Where the images of istiod and the proxies are pulled from, with the mesh in the cluster."""
        if (said := self.settings.mesh.chart.hub) is not None:
            return said
        (own,) = (registry for registry in self.registries if registry.name == names.ISTIO_REGISTRY)
        # On Docker Hub they are below the organisation `istio`.
        return f"{own.address}/istio"

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

    def guards(self, host: Host) -> bool:
        """Whether a host's gateway refuses paths that the host may read as others than the rules did. Whether
        the managed mesh takes such a route is not documented."""
        return self.in_cluster_mesh and host.leaves_paths_open

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
        return self.application_ports if team.model is SecurityModel.OPEN else team.direct_ports

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
    def google_hosts(self) -> dict[str, tuple[str, ...]]:
        """Teams by the host of Google's that they reach, both sorted."""
        users: dict[str, list[str]] = {}
        for team in self.teams:
            for host in team.google_hosts:
                users.setdefault(host, []).append(team.name)
        return {host: tuple(teams) for host, teams in sorted(users.items())}

    @property
    def own_google_zones(self) -> tuple[str, ...]:
        """Hosts of Google's in whose domains anybody else's names stay those of the internet, so that each
        has a zone of its own."""
        return tuple(host for host in self.google_hosts if not google_hosts.never_outside(host))
