"""Settings to one Plan: every outside host with the teams that use it, merged and free of conflicts.

The plan is always the whole plan - conflicts and proof need every team - even where a stack deploys only a
part of it. Work is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from egress.common import names
from egress.common.errors import ConfigError, Problem
from egress.common.hosts import patterns_above
from egress.plan import (
    address_checks,
    capabilities,
    credentials,
    direct_egress,
    google_host_checks,
    host_checks,
    identity_checks,
    ingress_checks,
    inspection_checks,
    inspection_script,
    keepalive,
    merge,
    port_checks,
    private_addresses,
    private_hosts,
)
from egress.plan.addresses import AddressPlan
from egress.plan.gateway import EgressGateway, GatewaySubnet
from egress.plan.host import Host, Use
from egress.plan.identity import BucketGrant, ResourceGrant, WorkloadIdentity
from egress.plan.model import Plan
from egress.plan.team import TeamPlan, Way
from egress.settings import Settings
from egress.settings.access import Access
from egress.settings.teams import Team


def make_plan(settings: Settings) -> Plan:
    """The plan of a stack.

    Raises:
        ConfigError: a check refuses what the config says as a whole; every refusal at once.
    """
    uses: dict[str, dict[str, list[Use]]] = {
        gateway: {} for gateway in (names.SHARED_GATEWAY, *sorted(settings.gateways))
    }
    reached_by: dict[str, list[str]] = {}
    direct_uses: dict[str, dict[str, Use]] = {}
    for name, team in sorted(settings.teams.items()):
        for host in team.egress:
            use = _use(name, host, team.egress)
            if team.model is None:
                uses[_leaves_by(team)].setdefault(host, []).append(use)
            else:
                # Past the gateway: no object is shared with another team, so no other team has to agree.
                direct_uses.setdefault(name, {})[host] = use
        for other in team.reaches:
            reached_by.setdefault(other, []).append(name)
    problems: list[Problem] = []
    gateways = {name: _gateway(settings, name, _hosts(by_host, problems)) for name, by_host in uses.items()}
    direct = {
        name: tuple(
            Host(host, (use,), merge.leaving(host, [use], problems)) for host, use in sorted(of_team.items())
        )
        for name, of_team in direct_uses.items()
    }
    ways = _ways(settings, gateways, direct)
    identities = {name: tuple(_identities(settings, name, team)) for name, team in settings.teams.items()}
    addresses = AddressPlan.of(settings.network, settings.gateways.values())
    problems += [
        *(
            problem
            for gateway in gateways.values()
            for problem in address_checks.own_addresses(gateway.hosts, addresses)
        ),
        *host_checks.cluster_services(settings),
        *address_checks.used_range(settings),
        *port_checks.beyond_ports(settings),
        *host_checks.beyond_gateways(settings),
        *host_checks.unreachable_targets(settings),
        *(problem for gateway in gateways.values() for problem in _of_gateway(gateway)),
        *inspection_checks.unseen_elsewhere(tuple(gateways.values())),
        *identity_checks.account_collisions(settings, identities),
        *identity_checks.bucket_collisions(identities),
        *identity_checks.impossible_buckets(identities),
        *ingress_checks.reception_collisions(settings),
        *ingress_checks.well_known(settings),
        *google_host_checks.refused(settings),
        *credentials.refused(settings),
        *capabilities.unsupported(settings),
        *host_checks.narrowed_patterns(ways),
        *(
            problem
            for gateway in gateways.values()
            for problem in host_checks.read_and_raw(gateway.hosts, ways)
        ),
        *direct_egress.closed_nodes(settings, ways),
        *direct_egress.unresolvable(settings),
        *keepalive.too_late(settings),
        *private_hosts.unused(settings, gateways.values()),
        *private_addresses.refused(settings, gateways.values()),
        *private_hosts.unopened(settings, ways),
        *direct_egress.uninspected((host for gateway in gateways.values() for host in gateway.hosts), ways),
    ]
    if problems:
        raise ConfigError(problems)
    teams = tuple(
        TeamPlan(
            name,
            team,
            gateways[_leaves_by(team)],
            ways[name],
            identities[name],
            tuple(reached_by.get(name, ())),
        )
        for name, team in sorted(settings.teams.items())
    )
    return Plan(settings, addresses, tuple(gateways.values()), teams)


def _leaves_by(team: Team) -> str:
    """Name of the gateway by which a team leaves, unless it leaves past every gateway."""
    return team.gateway or names.SHARED_GATEWAY


def _ways(
    settings: Settings, gateways: Mapping[str, EgressGateway], direct: Mapping[str, tuple[Host, ...]]
) -> dict[str, tuple[Way, ...]]:
    """Every team's ways out, in order of the host's name. `direct`: by team, the hosts that it reaches past
    the gateway."""
    found: dict[str, list[Way]] = {team: [] for team in settings.teams}
    for gateway in gateways.values():
        for host in gateway.hosts:
            for use in host.uses:
                found[use.team].append(Way(host, use, gateway))
    for hosts in direct.values():
        for host in hosts:
            for use in host.uses:
                found[use.team].append(Way(host, use, None))
    return {team: tuple(ways) for team, ways in found.items()}


def _hosts(uses: dict[str, list[Use]], problems: list[Problem]) -> tuple[Host, ...]:
    """One gateway's hosts, from its teams' uses of each. Where they disagree, both are named in
    `problems`."""
    return tuple(
        Host(name, tuple(users), merge.leaving(name, users, problems), merge.tcp(name, users, problems))
        for name, users in sorted(uses.items())
    )


def _use(team: str, host: str, egress: Mapping[str, Access]) -> Use:
    """How a team uses a host. An entry below a pattern of the team's own passes TLS through as the pattern
    does.

    Where another team passes TLS to that very host, the team's sidecars follow the closer entry.
    """
    access = passing = egress[host]
    if access.https is None and (access.http is not None or any(port.by_name for port in access.tcp or ())):
        passing = next((egress[pattern] for pattern in patterns_above(host) if pattern in egress), access)
    ports = tuple(entry for _, entry in sorted(access.ports.items()))
    return Use(team, access.http, passing.tls_ports, tuple(passing.service_accounts or ()), ports)


def _gateway(settings: Settings, name: str, hosts: tuple[Host, ...]) -> EgressGateway:
    if name == names.SHARED_GATEWAY:
        return EgressGateway(name, settings.gateway, settings.cluster.gateway_pool, hosts)
    own = settings.gateways[name]
    subnet = own.nat and GatewaySubnet(
        settings.google_names.gateway_subnet(name),
        str(own.nat.nodes),
        str(own.nat.pods),
        names.gateway_pods(name),
        own.nat.addresses,
    )
    return EgressGateway(name, own, own.pool, hosts, subnet)


def _of_gateway(gateway: EgressGateway) -> Iterator[Problem]:
    """What one gateway cannot do for all its hosts at once."""
    yield from address_checks.stolen_addresses(gateway.hosts)
    yield from inspection_checks.unseen_ways(gateway.hosts)
    yield from inspection_script.oversized(gateway.hosts)
    yield from address_checks.shared_loopbacks(gateway.hosts)


def _identities(settings: Settings, name: str, team: Team) -> Iterator[WorkloadIdentity]:
    accounts = team.google_apis.service_accounts if team.google_apis else {}
    for service_account, account in sorted(accounts.items()):
        account_id = account.account_id or settings.google_names.team_account(name, service_account)
        grants = tuple(
            BucketGrant(
                key if bucket.existing else settings.google_names.bucket(key),
                bucket.role,
                not bucket.existing,
            )
            for key, bucket in sorted(account.buckets.items())
        )
        resources = tuple(
            ResourceGrant(resource, key, grant.project or settings.project, grant.role)
            for resource, by_name in account.grants.items()
            for key, grant in sorted(by_name.items())
        )
        email = names.service_account_email(account_id, settings.project)
        roles = tuple(sorted(account.project_roles.items()))
        given = account.account_id is not None
        yield WorkloadIdentity(name, service_account, account_id, given, email, grants, resources, roles)
