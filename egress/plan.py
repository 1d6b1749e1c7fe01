"""Settings to one Plan: every outside host with the teams that use it, merged and free of conflicts.

The plan is always the whole plan - conflicts and proof need every team - even where a stack deploys only a part of it.
Work is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address

from pydantic.alias_generators import to_camel

from egress import names
from egress.addresses import AddressPlan
from egress.capabilities import unsupported
from egress.errors import ConfigError, Problem
from egress.google_cloud import workload_pool
from egress.settings import Settings
from egress.settings.http import Http, Protocol, Traffic, Upgrade
from egress.settings.mesh import Flavor
from egress.settings.tcp import Tcp
from egress.settings.teams import Team

HTTP_PORT = 80
HTTPS_PORT = 443


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
    """How plain HTTP leaves the gateway for one host. There is one for all teams: the gateway speaks one way to one host."""

    upgrade: Upgrade
    protocol: Protocol
    credential: str | None
    ca: str | None
    traffic: Traffic | None

    @property
    def tls(self) -> bool:
        return self.upgrade is not Upgrade.NONE


@dataclass(frozen=True)
class Host:
    """One outside host and everybody who uses it, in order of team name."""

    name: str
    uses: tuple[Use, ...]
    leaving: Leaving | None
    """None: no team speaks plain HTTP to the gateway for this host."""
    tcp: Tcp | None = None
    """Raw TCP to this host, the same for all its teams but for who may."""

    @property
    def teams(self) -> tuple[str, ...]:
        return tuple(use.team for use in self.uses)

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
class BucketGrant:
    bucket: str
    role: str
    create: bool
    """Whether this stack makes the bucket; False: it is there already."""


@dataclass(frozen=True)
class WorkloadIdentity:
    """A Kubernetes service account that acts as a Google service account."""

    team: str
    service_account: str
    account_id: str
    email: str
    buckets: tuple[BucketGrant, ...]


@dataclass(frozen=True)
class TeamPlan:
    """One team: its namespace (of the same name), its settings, and what the other parts of the plan made of them."""

    name: str
    settings: Team
    hosts: tuple[Host, ...]
    identities: tuple[WorkloadIdentity, ...]
    reached_by: tuple[str, ...]

    @property
    def uses(self) -> Iterator[tuple[Host, Use]]:
        """The team's own use of each of its hosts."""
        for host in self.hosts:
            yield host, next(use for use in host.uses if use.team == self.name)

    @property
    def uses_google_apis(self) -> bool:
        return bool(self.identities)


@dataclass(frozen=True)
class Plan:
    """Everything that is decided, before any object is rendered."""

    settings: Settings
    addresses: AddressPlan
    hosts: tuple[Host, ...]
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

    @cached_property
    def gateway_ports(self) -> tuple[int, ...]:
        """TCP ports on which gateway nodes may leave to wherever a host's name leads: those that some host needs. Ascending."""
        return tuple(sorted({port for host in self.hosts if not host.tcp for port in host.outside_ports}))

    @cached_property
    def tcp_ranges(self) -> dict[int, tuple[str, ...]]:
        """For each outside port of raw TCP, the addresses (as /32 ranges, sorted) that gateway nodes may reach on it."""
        found: dict[int, set[IPv4Address]] = {}
        for host in self.hosts:
            if host.tcp:
                found.setdefault(host.tcp.leaves_on, set()).update(host.tcp.addresses)
        return {port: tuple(f"{address}/32" for address in sorted(addresses)) for port, addresses in found.items()}

    @cached_property
    def gateway_secrets(self) -> tuple[str, ...]:
        """Secrets in the gateway's namespace that hosts need, sorted."""
        ways = [way for host in self.hosts for way in (host.leaving, host.tcp) if way]
        return tuple(sorted({secret for way in ways for secret in (way.credential, way.ca) if secret}))

    @property
    def google_api_teams(self) -> tuple[str, ...]:
        return tuple(team.name for team in self.teams if team.uses_google_apis)


def make_plan(settings: Settings) -> Plan:
    """The plan of a stack.

    Raises:
        ConfigError: two teams' wishes for one thing cannot both be honoured; names both.
    """
    uses: dict[str, list[Use]] = {}
    reached_by: dict[str, list[str]] = {}
    for name, team in sorted(settings.teams.items()):
        for host, access in team.egress.items():
            uses.setdefault(host, []).append(
                Use(name, access.http, access.https is not None, tuple(access.service_accounts or ()), access.tcp)
            )
        for other in team.reaches:
            reached_by.setdefault(other, []).append(name)
    problems: list[Problem] = []
    hosts = {
        name: Host(name, tuple(of), _leaving(name, of, problems), _tcp(name, of, problems)) for name, of in sorted(uses.items())
    }
    identities = {name: tuple(_identities(settings, name, team)) for name, team in settings.teams.items()}
    problems += [
        *_stolen_addresses(hosts.values()),
        *_account_collisions(identities),
        *_bucket_collisions(identities),
        *unsupported(settings),
    ]
    if problems:
        raise ConfigError(problems)
    teams = tuple(
        TeamPlan(
            name,
            team,
            tuple(hosts[host] for host in sorted(team.egress)),
            identities[name],
            tuple(reached_by.get(name, ())),
        )
        for name, team in sorted(settings.teams.items())
    )
    return Plan(settings, AddressPlan.of(settings.network), tuple(hosts.values()), teams)


def _identities(settings: Settings, name: str, team: Team) -> Iterator[WorkloadIdentity]:
    accounts = team.google_apis.service_accounts if team.google_apis else {}
    for service_account, account in sorted(accounts.items()):
        account_id = account.account_id or names.google_service_account(name, service_account)
        grants = tuple(
            BucketGrant(key if bucket.existing else names.bucket(settings.project, key), bucket.role, not bucket.existing)
            for key, bucket in sorted(account.buckets.items())
        )
        yield WorkloadIdentity(
            name, service_account, account_id, names.service_account_email(account_id, settings.project), grants
        )


def _egress_path(team: str, host: str) -> str:
    return f'gke-mesh-egress:teams.{team}.egress["{host}"]'


def _leaving(host: str, uses: list[Use], problems: list[Problem]) -> Leaving | None:
    """How the host's plain HTTP leaves. Where two teams want different things, both are named in `problems`."""
    spoken = [(use.team, use.http) for use in uses if use.http]
    if not spoken:
        return None
    first, wanted = spoken[0]
    for team, http in spoken[1:]:
        for field in ("upgrade", "protocol", "credential", "ca"):
            one, other = getattr(wanted, field), getattr(http, field)
            if one != other:
                problems.append(_disagreement(host, (first, one), (team, other), field))
    treated = [(team, http.traffic) for team, http in spoken if http.traffic is not None]
    for team, traffic in treated[1:]:
        if traffic != treated[0][1]:
            problems.append(_disagreement(host, treated[0], (team, traffic), "traffic"))
    return Leaving(wanted.upgrade, wanted.protocol, wanted.credential, wanted.ca, treated[0][1] if treated else None)


def _tcp(host: str, uses: list[Use], problems: list[Problem]) -> Tcp | None:
    """The host's raw TCP. It cannot share a host with other ways, nor be two things for two teams."""
    spoken = [(use.team, use.tcp) for use in uses if use.tcp]
    if not spoken:
        return None
    first, wanted = spoken[0]
    for use in uses:
        if use.tcp is None:
            problems.append(
                Problem(
                    _egress_path(use.team, host),
                    host,
                    f"{_egress_path(first, host)} speaks raw TCP: the gateway tells connections to a host apart by its name "
                    "alone, so TCP cannot share it.",
                    "Give one of the two a host name of its own.",
                )
            )
    for team, tcp in spoken[1:]:
        for field in ("port", "outside_port", "addresses", "upgrade", "credential", "ca"):
            one, other = getattr(wanted, field), getattr(tcp, field)
            if one != other:
                problems.append(_disagreement(host, (first, one), (team, other), field, "tcp"))
    return wanted


def _stolen_addresses(hosts: Iterable[Host]) -> Iterator[Problem]:
    """One address and port can lead to one host only: a sidecar knows raw TCP by nothing else."""
    owners: dict[tuple[object, int], Host] = {}
    for host in hosts:
        for address in host.tcp.addresses if host.tcp else ():
            port = host.tcp.port if host.tcp else 0
            first = owners.setdefault((address, port), host)
            if first is not host:
                yield Problem(
                    f"{_egress_path(host.teams[0], host.name)}.tcp.addresses",
                    str(address),
                    f"{_egress_path(first.teams[0], first.name)}.tcp has the same address and port {port}: connections to one "
                    "would arrive at the other.",
                    "Use one name for both, or ask the host's owner for an address of its own.",
                )


def _disagreement(host: str, one: tuple[str, object], other: tuple[str, object], field: str, way: str = "http") -> Problem:
    (first, wanted), (team, value) = one, other
    shown = (
        item.model_dump(by_alias=True, exclude_defaults=True) if isinstance(item, Traffic) else item for item in (value, wanted)
    )
    value, wanted = shown
    return Problem(
        f"{_egress_path(team, host)}.{way}.{to_camel(field)}",
        value,
        f"{_egress_path(first, host)}.{way}.{to_camel(field)} is {wanted}: the gateway speaks one way to one host, and "
        "one of the two teams would get what the other asked for.",
        "Agree on one" + (", or leave it to the other team." if field == "traffic" else "."),
    )


def _account_path(identity: WorkloadIdentity) -> str:
    return f"gke-mesh-egress:teams.{identity.team}.googleApis.serviceAccounts.{identity.service_account}"


def _account_collisions(identities: dict[str, tuple[WorkloadIdentity, ...]]) -> Iterator[Problem]:
    platform = {"sa-application-nodes": "the application nodes", "sa-gateway-nodes": "the gateway nodes"}
    owners = {account: f"belongs to {whose}" for account, whose in platform.items()}
    for of_team in identities.values():
        for identity in of_team:
            if identity.account_id in owners:
                yield Problem(
                    f"{_account_path(identity)}.accountId",
                    identity.account_id,
                    f"This Google service account {owners[identity.account_id]}: the pods of one would act with the rights "
                    "of the other.",
                    "Choose another accountId, or leave it out.",
                )
            else:
                owners[identity.account_id] = f"is that of {_account_path(identity)}"


def _bucket_collisions(identities: dict[str, tuple[WorkloadIdentity, ...]]) -> Iterator[Problem]:
    owners: dict[str, WorkloadIdentity] = {}
    for of_team in identities.values():
        for identity in of_team:
            for grant in identity.buckets:
                if not grant.create:
                    continue
                first = owners.setdefault(grant.bucket, identity)
                if first is not identity:
                    yield Problem(
                        f"{_account_path(identity)}.buckets",
                        grant.bucket,
                        f"{_account_path(first)} makes the bucket of this name; two accounts would share its data without "
                        "either having said so.",
                        f'Choose another key, or share it in words: {{"{grant.bucket}": {{role: ..., existing: true}}}}.',
                    )
