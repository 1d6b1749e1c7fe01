"""Where two wishes cannot both be honoured: each is found before anything is rendered, and both sides are
named.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network

from pydantic.alias_generators import to_camel

from egress.common import names
from egress.common.errors import Problem
from egress.common.hosts import patterns_above
from egress.common.ip_space import VIRTUAL_RANGE, loopback, virtual
from egress.plan.addresses import AddressPlan
from egress.plan.model import EgressGateway, Host, Leaving, Use, WorkloadIdentity
from egress.settings import Settings
from egress.settings.http import Http, Mirror
from egress.settings.inspection import Inspection
from egress.settings.paths import account_path, egress_path, gateway_path, reception_path
from egress.settings.tcp import Tcp
from egress.settings.teams import is_reserved
from egress.settings.traffic import Traffic


def leaving(host: str, uses: list[Use], problems: list[Problem]) -> Leaving | None:
    """How the host's plain HTTP leaves. Where two teams want different things, both are named in
    `problems`."""
    spoken = [(use.team, use.http) for use in uses if use.http]
    if not spoken:
        return None
    first, wanted = spoken[0]
    for team, http in spoken[1:]:
        for field in ("upgrade", "protocol", "credential", "ca", "split", "mirror", "inspect"):
            one, other = getattr(wanted, field), getattr(http, field)
            if one != other:
                problems.append(_disagreement(host, (first, one), (team, other), field))
    treated = [(team, http.traffic) for team, http in spoken if http.traffic is not None]
    for team, traffic in treated[1:]:
        if traffic != treated[0][1]:
            problems.append(_disagreement(host, treated[0], (team, traffic), "traffic"))
    traffic = treated[0][1] if treated else None
    split = tuple(sorted(wanted.split.items()))
    return Leaving(
        wanted.upgrade,
        wanted.protocol,
        wanted.credential,
        wanted.ca,
        traffic,
        split,
        wanted.mirror,
        wanted.inspect,
    )


def unreachable_targets(settings: Settings) -> Iterator[Problem]:
    """Hosts that get a part or a copy of a team's requests although the team may not send them there
    itself."""
    for name, team in settings.teams.items():
        for host, access in team.egress.items():
            if not access.http:
                continue
            targets = {("split", target) for target in access.http.split}
            if access.http.mirror:
                targets.add(("mirror", access.http.mirror.host))
            for field, target in sorted(targets):
                other = team.egress.get(target)
                wide = (
                    other
                    and other.http
                    and (other.http.rules == access.http.rules or _unrestricted(other.http))
                )
                if target == host or not wide:
                    yield Problem(
                        f"{egress_path(name, host)}.http.{field}",
                        target,
                        "It is the host itself."
                        if target == host
                        else f"{name} may not send these requests to {target} itself: rules of one host "
                        "would be a way round "
                        "those of another.",
                        f"Declare {target} for {name} with http and the same rules, or none.",
                    )


def _unrestricted(http: Http) -> bool:
    fields = ("methods", "paths", "headers", "service_accounts")
    return any(all(getattr(rule, field) is None for field in fields) for rule in http.rules.values())


def tcp(host: str, uses: list[Use], problems: list[Problem]) -> Tcp | None:
    """The host's raw TCP. It cannot share a host with other ways, nor be two things for two teams."""
    spoken = [(use.team, use.tcp) for use in uses if use.tcp]
    if not spoken:
        return None
    first, wanted = spoken[0]
    for use in uses:
        if use.tcp is None:
            problems.append(
                Problem(
                    egress_path(use.team, host),
                    host,
                    f"{egress_path(first, host)} speaks raw TCP: the gateway tells connections to a host "
                    "apart by its name "
                    "alone, so TCP cannot share it.",
                    "Give one of the two a host name of its own.",
                )
            )
    for team, tcp in spoken[1:]:
        for field in ("port", "outside_port", "addresses", "by_name", "upgrade", "credential", "ca"):
            one, other = getattr(wanted, field), getattr(tcp, field)
            if one != other:
                problems.append(_disagreement(host, (first, one), (team, other), field, "tcp"))
    return wanted


def cluster_services(settings: Settings) -> Iterator[Problem]:
    """Hosts that are a Service's short name as well: `api.shop`, and `pod.api.shop` behind a headless one, in
    namespace shop."""
    for team, of_team in settings.teams.items():
        for host in of_team.egress:
            namespace = host.rpartition(".")[2]
            if host.count(".") <= 2 and (namespace in settings.teams or is_reserved(namespace)):
                yield Problem(
                    egress_path(team, host),
                    host,
                    f"In this cluster it is also the name of a Service in namespace {namespace}: whoever has "
                    "such a Service is "
                    "asked before the internet is, because the cluster's DNS search path comes first.",
                    f"Give team {namespace} another name."
                    if namespace in settings.teams
                    else "Name an outside host.",
                )


def narrowed_patterns(uses: Mapping[str, Mapping[str, Use]]) -> Iterator[Problem]:
    """A team's own entries below its own pattern that allow less than the pattern does. `uses`: by team, then
    by host.

    The closer entry wins in the sidecar, and the pattern's way through the gateway stays open beside it.
    """
    for team, of_team in uses.items():
        for host, use in of_team.items():
            pattern = next((pattern for pattern in patterns_above(host) if pattern in of_team), None)
            if pattern is None or not use.passthrough_accounts:
                continue
            allowed = of_team[pattern].passthrough_accounts
            more = sorted(set(allowed) - set(use.passthrough_accounts))
            if more or not allowed:
                yield Problem(
                    f"{egress_path(team, host)}.serviceAccounts",
                    list(use.passthrough_accounts),
                    f"{egress_path(team, pattern)} covers {host} and allows "
                    f"{', '.join(more) or f'all of {team}'}: this entry "
                    "would seem to take away what the pattern still gives.",
                    "Narrow the pattern as well, or name its hosts one by one.",
                )


def shared_loopbacks(hosts: Iterable[Host]) -> Iterator[Problem]:
    """Two patterns whose loopback addresses are the same, by chance: names of one would pass as names of the
    other."""
    owners: dict[str, Host] = {}
    for host in hosts:
        if host.pattern:
            first = owners.setdefault(loopback(host.name), host)
            if first is not host:
                yield Problem(
                    egress_path(host.teams[0], host.name),
                    host.name,
                    f"By chance the gateway would talk to itself at one address, {loopback(host.name)}, "
                    "about this pattern and "
                    f"about {egress_path(first.teams[0], first.name)}: names of one would pass as names of "
                    "the other.",
                    "Write one of the two differently, e.g. as several patterns below it.",
                )


def stolen_addresses(hosts: Iterable[Host]) -> Iterator[Problem]:
    """One address and port can lead to one host only: a sidecar knows raw TCP by nothing else."""
    owners: dict[tuple[str, int], Host] = {}
    for host in hosts:
        if host.tcp is None:
            continue
        port, by_name = host.tcp.port, host.tcp.by_name
        for address in [virtual(host.name)] if by_name else map(str, host.tcp.addresses or ()):
            first = owners.setdefault((address, port), host)
            if first is not host:
                yield Problem(
                    f"{egress_path(host.teams[0], host.name)}.tcp.{'byName' if by_name else 'addresses'}",
                    by_name or address,
                    f"{egress_path(first.teams[0], first.name)}.tcp has the same "
                    f"address{' by chance' if by_name else ''} and "
                    f"port {port}: connections to one would arrive at the other.",
                    "Name the addresses of one of the two."
                    if by_name
                    else "Use one name for both, or ask the host's owner for an address of its own.",
                )


def own_addresses(hosts: Iterable[Host], addresses: AddressPlan) -> Iterator[Problem]:
    """Raw TCP to an address that this network uses for itself, as it may use public ones."""
    own = {name: IPv4Network(network) for name, network in addresses.own}
    for host in hosts:
        for address in host.tcp.addresses or () if host.tcp else ():
            taken = next((name for name, network in own.items() if address in network), None)
            if taken:
                yield Problem(
                    f"{egress_path(host.teams[0], host.name)}.tcp.addresses",
                    str(address),
                    f"This network has the address itself, {taken}: the gateway would open a way into the "
                    "cluster.",
                    "Name the public addresses of the outside host, or choose other ranges for the network.",
                )


def used_range(settings: Settings) -> Iterator[Problem]:
    """A network that lies where pods' addresses for names of raw TCP hosts are."""
    by_name = any(
        access.tcp and access.tcp.by_name
        for team in settings.teams.values()
        for access in team.egress.values()
    )
    subnet = settings.network.subnet
    own = {name: gateway.nat for name, gateway in settings.gateways.items() if gateway.nat}
    ranges = {
        "network.subnet.nodes": subnet.nodes,
        "network.subnet.pods": subnet.pods,
        "network.subnet.services": subnet.services,
        **{f"gateways.{name}.nat.nodes": nat.nodes for name, nat in own.items()},
        **{f"gateways.{name}.nat.pods": nat.pods for name, nat in own.items()},
    }
    for path, network in ranges.items():
        if by_name and network.overlaps(IPv4Network(VIRTUAL_RANGE)):
            yield Problem(
                f"gke-mesh-egress:{path}",
                str(network),
                f"tcp.byName takes addresses of {VIRTUAL_RANGE} for hosts: pods could not reach what has "
                "such an address here.",
                "Choose another range, or name the addresses of raw TCP hosts.",
            )


def unseen_ways(hosts: Iterable[Host]) -> Iterator[Problem]:
    """Ways to an inspected host on which its inspection would not see what is sent."""
    known = {host.name: host for host in hosts}
    for host in known.values():
        if not host.leaving:
            continue
        speaker = next(use.team for use in host.uses if use.http)
        mirrored = [("mirror", host.leaving.mirror.host)] if host.leaving.mirror else []
        for field, target in [*(("split", target) for target, _ in host.leaving.split), *mirrored]:
            other = known[target].leaving if target in known else None
            if other and other.inspect and other.inspect != host.leaving.inspect:
                yield Problem(
                    f"{egress_path(speaker, host.name)}.http.{field}",
                    target,
                    f"Requests to {target} are inspected, and these would arrive there uninspected: the "
                    "gateway goes by the host "
                    "that the app asked for.",
                    f"Write the same inspect for {host.name}.",
                )
        covering = [host.name, *patterns_above(host.name)] if host.leaving.inspect else []
        for way in (known[name] for name in covering if name in known):
            for use in way.uses:
                if use.passthrough:
                    yield Problem(
                        f"{egress_path(use.team, way.name)}.https",
                        "passthrough",
                        f"{egress_path(speaker, host.name)}.http.inspect reads what is sent to this host, "
                        "and the app's own TLS "
                        "is never opened: the same would leave unseen.",
                        "Remove https and let the app speak http (upgrade: tls), or remove inspect."
                        if way is host
                        else "Name the hosts that are meant instead of the pattern, or remove inspect.",
                    )


def unseen_elsewhere(gateways: Sequence[EgressGateway]) -> Iterator[Problem]:
    """Ways past a host's inspection through another gateway than the one that inspects it.

    Everything else about a host may differ from gateway to gateway. What must not be sent to it may not: a
    team would only have to leave by another gateway.
    """
    known = {gateway.name: {host.name: host for host in gateway.hosts} for gateway in gateways}
    inspected = [
        (gateway.name, host, host.leaving) for gateway in gateways for host in gateway.hosts if host.leaving
    ]
    for gateway, host, leaving in inspected:
        if leaving.inspect is None:
            continue
        speaker = next(use.team for use in host.uses if use.http)
        for other, ways in known.items():
            for way in (
                ways[name]
                for name in (host.name, *patterns_above(host.name))
                if other != gateway and name in ways
            ):
                for use in way.uses:
                    if use.passthrough or (use.http and use.http.inspect != leaving.inspect):
                        yield Problem(
                            egress_path(use.team, way.name),
                            host.name,
                            f"{egress_path(speaker, host.name)}.http.inspect reads what is sent to this host "
                            "at another gateway, "
                            "and by this one the same would leave unseen.",
                            f"Write the same inspect for {host.name} here, without https, or remove it "
                            "there.",
                        )


def _disagreement(
    host: str, one: tuple[str, object], other: tuple[str, object], field: str, way: str = "http"
) -> Problem:
    (first, wanted), (team, value) = one, other
    shown = (
        item.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if isinstance(item, Traffic | Mirror | Inspection)
        else item
        for item in (value, wanted)
    )
    value, wanted = shown
    return Problem(
        f"{egress_path(team, host)}.{way}.{to_camel(field)}",
        value,
        f"{egress_path(first, host)}.{way}.{to_camel(field)} is {wanted}: the gateway speaks one way to one "
        "host, and "
        "one of the two teams would get what the other asked for.",
        "Agree on one" + (", or leave it to the other team." if field == "traffic" else "."),
    )


def account_collisions(
    settings: Settings, identities: dict[str, tuple[WorkloadIdentity, ...]]
) -> Iterator[Problem]:
    kinds = ("application", "gateway", "ingress", *map(names.gateway_nodes, settings.gateways))
    platform = {names.node_service_account(kind): f"the {kind} nodes" for kind in kinds}
    owners = {account: f"belongs to {whose}" for account, whose in platform.items()}
    for of_team in identities.values():
        for identity in of_team:
            if identity.account_id in owners:
                yield Problem(
                    f"{account_path(identity.team, identity.service_account)}.accountId",
                    identity.account_id,
                    f"This Google service account {owners[identity.account_id]}: the pods of one would act "
                    "with the rights "
                    "of the other.",
                    "Choose another accountId, or leave it out.",
                )
            else:
                owners[identity.account_id] = (
                    f"is that of {account_path(identity.team, identity.service_account)}"
                )


def bucket_collisions(identities: dict[str, tuple[WorkloadIdentity, ...]]) -> Iterator[Problem]:
    owners: dict[str, WorkloadIdentity] = {}
    for of_team in identities.values():
        for identity in of_team:
            for grant in identity.buckets:
                if not grant.create:
                    continue
                first = owners.setdefault(grant.bucket, identity)
                if first is not identity:
                    owner = account_path(first.team, first.service_account)
                    yield Problem(
                        f"{account_path(identity.team, identity.service_account)}.buckets",
                        grant.bucket,
                        f"{owner} makes the bucket of this name; two accounts would share its data without "
                        "either having said so.",
                        f'Choose another key, or share it in words: {{"{grant.bucket}": {{role: ..., '
                        f"existing: true}}}}.",
                    )


def impossible_buckets(identities: dict[str, tuple[WorkloadIdentity, ...]]) -> Iterator[Problem]:
    """Buckets whose whole name, project and key, nobody but Google may give. Source: Cloud Storage, "Bucket
    names"."""
    for of_team in identities.values():
        for identity in of_team:
            for grant in identity.buckets:
                parts = grant.bucket.split(".")
                if "google" in grant.bucket or grant.bucket.startswith("goog") or not all(parts):
                    yield Problem(
                        f"{account_path(identity.team, identity.service_account)}.buckets",
                        grant.bucket,
                        "Cloud Storage refuses this name: none begins with goog, holds google, or has "
                        "nothing between two dots.",
                        "Choose another key, or existing: true and the name of a bucket that is there.",
                    )


def beyond_gateways(settings: Settings) -> Iterator[Problem]:
    """Hosts that a team declares and that its gateway does not lead to."""
    for name, team in sorted(settings.teams.items()):
        gateway = settings.gateways.get(team.gateway) if team.gateway else None
        for host in team.egress if gateway else ():
            if gateway and team.gateway and not gateway.leads_to(host):
                yield Problem(
                    egress_path(name, host),
                    host,
                    f"{name} leaves by {gateway_path(team.gateway)} alone, whose hosts do not name it: every "
                    "connection "
                    "would be refused there.",
                    f"Add it to {gateway_path(team.gateway)}.hosts, or remove this entry.",
                )


def reception_collisions(settings: Settings) -> Iterator[Problem]:
    """Two things received at one name and port, and one port that would have to be two things at once."""
    served: dict[tuple[str, int], str] = {}
    spoken: dict[int, tuple[str, str]] = {}
    for team, of_team in sorted(settings.teams.items()):
        for name, wanted in sorted(of_team.receives.items()):
            path = reception_path(team, name)
            first = served.setdefault((wanted.host, wanted.port), path)
            if first != path:
                yield Problem(
                    f"{path}.host",
                    wanted.host,
                    f"{first} has the same host and port {wanted.port}: partners of one would arrive at the "
                    "other.",
                    "Give one of the two a name or port of its own.",
                )
            where, protocol = spoken.setdefault(wanted.port, (path, wanted.protocol.value))
            if protocol != wanted.protocol.value:
                yield Problem(
                    f"{path}.protocol",
                    wanted.protocol.value,
                    f"{where} receives {protocol} at port {wanted.port}: the gateway speaks one protocol at "
                    "one port.",
                    "Use another port for one of the two.",
                )
