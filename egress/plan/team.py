"""One team: its ways out, its identities, and what it receives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from egress.common import google_hosts, names
from egress.plan.gateway import EgressGateway
from egress.plan.host import Host, Use
from egress.plan.identity import WorkloadIdentity
from egress.settings.ingress import Receive
from egress.settings.security_model import SecurityModel
from egress.settings.teams import Team


@dataclass(frozen=True)
class Reception:
    """One thing that a team receives from partners."""

    team: str
    name: str
    wanted: Receive


@dataclass(frozen=True)
class Way:
    """One team's way out to one host."""

    host: Host
    use: Use
    """What this team does with the host."""
    gateway: EgressGateway | None
    """None: direct egress, from the team's own pods past every gateway."""


@dataclass(frozen=True)
class TeamPlan:
    """One team: its namespace (of the same name), its settings, and what the other parts of the plan made of
    them."""

    name: str
    settings: Team
    gateway: EgressGateway
    """The one by which the team leaves."""
    ways: tuple[Way, ...]
    """Every way out of the team, in order of the host's name: one for each host."""
    identities: tuple[WorkloadIdentity, ...]
    reached_by: tuple[str, ...]

    @property
    def model(self) -> SecurityModel:
        return self.settings.model.model if self.settings.model else SecurityModel.GATEWAY

    @property
    def opened(self) -> dict[str, str]:
        """Annotation for what the team's model opens: which model, and why. Empty for the strict one."""
        weaker = self.settings.model
        return {names.security_model(weaker.model.value): weaker.reason} if weaker else {}

    @cached_property
    def gateway_ways(self) -> tuple[Way, ...]:
        """The ways that lead through the team's gateway."""
        return tuple(way for way in self.ways if way.gateway)

    @cached_property
    def direct_hosts(self) -> tuple[Host, ...]:
        """The hosts that the team's sidecars connect to themselves, past the gateway. No other team shares
        these."""
        return tuple(way.host for way in self.ways if way.gateway is None)

    @property
    def direct_ports(self) -> tuple[int, ...]:
        """TCP ports on which the team's declared hosts are reached past the gateway, ascending."""
        return tuple(sorted({port for host in self.direct_hosts for port in host.web_ports}))

    @property
    def keeps_slashes(self) -> bool:
        """Whether its sidecars send encoded slashes on as they are: some host of the team takes them so."""
        return any(way.host.keeps_slashes for way in self.ways)

    @property
    def looks_up_names(self) -> bool:
        """Whether its pods need an address of the mesh in answer to some host's name."""
        return any(entry.by_name for way in self.ways for entry in way.use.tcp)

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

    @cached_property
    def google_hosts(self) -> tuple[str, ...]:
        """Full names of Google's hosts that the team reaches, those of its APIs among them, sorted."""
        named = set(self.settings.google_apis.hosts) if self.settings.google_apis else set[str]()
        return tuple(sorted(named | set(map(google_hosts.api_host, self.google_apis))))
