"""Settings to one Plan: every outside host with the teams that use it, merged and free of conflicts.

The plan is always the whole plan - conflicts and proof need every team - even where a stack deploys only a
part of it. Work is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from egress.common import names
from egress.common.errors import ConfigError, Problem
from egress.common.hosts import patterns_above
from egress.plan import conflicts, credentials, direct_egress, inspection_script, private_hosts
from egress.plan.addresses import AddressPlan
from egress.plan.capabilities import unsupported
from egress.plan.model import (
    BucketGrant,
    EgressGateway,
    GatewaySubnet,
    Host,
    Plan,
    ResourceGrant,
    TeamPlan,
    Use,
    WorkloadIdentity,
)
from egress.settings import Settings
from egress.settings.access import Access
from egress.settings.teams import Team


def make_plan(settings: Settings) -> Plan:
    """The plan of a stack.

    Raises:
        ConfigError: two teams' wishes for one thing cannot both be honoured; names both.
    """
    uses: dict[str, dict[str, list[Use]]] = {gateway: {} for gateway in ("", *sorted(settings.gateways))}
    of_teams: dict[str, dict[str, Use]] = {}
    reached_by: dict[str, list[str]] = {}
    past: dict[str, dict[str, Use]] = {}
    for name, team in sorted(settings.teams.items()):
        for host in team.egress:
            use = _use(name, host, team.egress)
            if team.model is not None:
                # Past the gateway: no object is shared with anybody, so no other team has to agree.
                past.setdefault(name, {})[host] = use
                continue
            uses[team.gateway or ""].setdefault(host, []).append(use)
            of_teams.setdefault(name, {})[host] = use
        for other in team.reaches:
            reached_by.setdefault(other, []).append(name)
    problems: list[Problem] = []
    gateways = {name: _gateway(settings, name, _hosts(of, problems)) for name, of in uses.items()}
    straight = {
        name: tuple(
            Host(host, (use,), conflicts.leaving(host, [use], problems))
            for host, use in sorted(of_team.items())
        )
        for name, of_team in past.items()
    }
    identities = {name: tuple(_identities(settings, name, team)) for name, team in settings.teams.items()}
    addresses = AddressPlan.of(settings.network, settings.gateways.values())
    problems += [
        *(
            problem
            for gateway in gateways.values()
            for problem in conflicts.own_addresses(gateway.hosts, addresses)
        ),
        *conflicts.cluster_services(settings),
        *conflicts.used_range(settings),
        *conflicts.beyond_gateways(settings),
        *conflicts.unreachable_targets(settings),
        *(problem for gateway in gateways.values() for problem in _of_gateway(gateway)),
        *conflicts.unseen_elsewhere(tuple(gateways.values())),
        *conflicts.account_collisions(settings, identities),
        *conflicts.bucket_collisions(identities),
        *conflicts.impossible_buckets(identities),
        *conflicts.reception_collisions(settings),
        *credentials.refused(settings),
        *unsupported(settings),
        *conflicts.narrowed_patterns(of_teams),
        *direct_egress.closed_nodes(settings, straight),
        *direct_egress.unresolvable(settings),
        *private_hosts.unused(settings, gateways.values()),
        *direct_egress.uninspected(
            (host for gateway in gateways.values() for host in gateway.hosts), straight
        ),
    ]
    if problems:
        raise ConfigError(problems)
    hosts = {name: {host.name: host for host in gateway.hosts} for name, gateway in gateways.items()}
    teams = tuple(
        TeamPlan(
            name,
            team,
            gateways[team.gateway or ""],
            tuple(
                (hosts[team.gateway or ""][host], use) for host, use in sorted(of_teams.get(name, {}).items())
            ),
            identities[name],
            tuple(reached_by.get(name, ())),
            straight.get(name, ()),
        )
        for name, team in sorted(settings.teams.items())
    )
    return Plan(settings, addresses, tuple(gateways.values()), teams)


def _hosts(uses: dict[str, list[Use]], problems: list[Problem]) -> tuple[Host, ...]:
    """One gateway's hosts, from its teams' uses of each. Where they disagree, both are named in
    `problems`."""
    return tuple(
        Host(name, tuple(of), conflicts.leaving(name, of, problems), conflicts.tcp(name, of, problems))
        for name, of in sorted(uses.items())
    )


def _use(team: str, host: str, egress: Mapping[str, Access]) -> Use:
    """What a team says about a host. Its entry below a pattern of its own leaves the app's TLS as the pattern
    has it.

    Where another team passes TLS to that very host, the closer entry is what the team's sidecars go by.
    """
    access = told = egress[host]
    if access.https is None and access.tcp is None:
        told = next((egress[pattern] for pattern in patterns_above(host) if pattern in egress), access)
    return Use(team, access.http, told.https is not None, tuple(told.service_accounts or ()), access.tcp)


def _gateway(settings: Settings, name: str, hosts: tuple[Host, ...]) -> EgressGateway:
    if not name:
        return EgressGateway(name, settings.gateway, settings.cluster.gateway_pool, hosts)
    own = settings.gateways[name]
    subnet = own.nat and GatewaySubnet(
        names.gateway_subnet(settings.network.subnet.name, name),
        str(own.nat.nodes),
        str(own.nat.pods),
        names.gateway_pods(name),
        own.nat.addresses,
    )
    return EgressGateway(name, own, own.pool, hosts, subnet)


def _of_gateway(gateway: EgressGateway) -> Iterator[Problem]:
    """What one gateway cannot do for all its hosts at once."""
    yield from conflicts.stolen_addresses(gateway.hosts)
    yield from conflicts.unseen_ways(gateway.hosts)
    yield from inspection_script.oversized(gateway.hosts)
    yield from conflicts.shared_loopbacks(gateway.hosts)


def _identities(settings: Settings, name: str, team: Team) -> Iterator[WorkloadIdentity]:
    accounts = team.google_apis.service_accounts if team.google_apis else {}
    for service_account, account in sorted(accounts.items()):
        account_id = account.account_id or names.google_service_account(name, service_account)
        grants = tuple(
            BucketGrant(
                key if bucket.existing else names.bucket(settings.project, key),
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
        yield WorkloadIdentity(name, service_account, account_id, email, grants, resources, roles)
