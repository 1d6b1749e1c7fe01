"""What is declared, one way at a time, each with the trace of the hardest flow that it has to let through.

For those who read what is allowed - `egress evidence`, `egress map` - and not every question that could be asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from egress.intent import Intent, rule_allows
from egress.judge.classes import Requests, representatives
from egress.judge.flow import Flow, Pod, Protocol
from egress.judge.space import OTHER_ADDRESS, OTHER_HOST, concrete
from egress.judge.trace import Judges, Trace
from egress.plan import HTTP_PORT, HTTPS_PORT, Host, Plan, TeamPlan, Use
from egress.judge.targets import OTHER_ACCOUNT, Kind
from egress.settings.http import Rule
from egress.void import past_rules

ANY_PORT = 8080
"""Stands for every port of another team's pods: no object tells them apart."""


@dataclass(frozen=True)
class Access:
    """One way that the config declares: from a team to a host, a Google API or another team's pods."""

    team: str
    kind: Kind
    target: str
    """As the config has it, so a pattern stays one."""
    protocol: Protocol
    port: int | None
    """None: every one."""
    trace: Trace
    """Of the first flow that does not come through, or of the first one."""
    gateway: str | None = None
    """Namespace of the gateway; None: past every gateway."""
    leaves: tuple[int, str] | None = None
    """Outside port and the TLS that the platform opens there, as Istio calls it; empty: none but the app's own."""
    rule: str = ""
    """Name of the rule; empty: there is one, without a name."""
    description: str | None = None
    methods: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    service_accounts: tuple[str, ...] | None = None
    """None: every one of the team."""
    void: bool = False
    """Whether the rule holds nothing, because the same callers send the same host anything in TLS of their own."""


def accesses(plan: Plan, judges: Judges) -> Iterator[Access]:
    """Every declared way: teams that may reach any host first, then in order of team; within a team hosts by name, then Google
    APIs, then other teams."""
    intent = Intent(plan)
    for team in sorted(plan.teams, key=lambda team: not intent.is_open(team.name)):
        if intent.is_open(team.name):
            yield from _anywhere(judges, team, intent.opened(team.name))
        behind = [(host, use, team.gateway.namespace) for host, use in team.uses]
        straight = [(host, use, None) for host in team.straight for use in host.uses]
        for host, use, gateway in sorted((*behind, *straight), key=lambda item: item[0].name):
            for access in _host(judges, team, host, use):
                yield replace(access, gateway=gateway, leaves=intent.leaves(team.name, host.name, access.protocol))
        for api in team.google_apis:
            name = f"{api}.googleapis.com"
            flow = Flow(team.name, name, HTTPS_PORT, Protocol.TLS)
            yield Access(team.name, Kind.GOOGLE_API, name, Protocol.TLS, HTTPS_PORT, _worst(judges, [flow]))
        for other in sorted(team.settings.reaches):
            flow = Flow(team.name, other, ANY_PORT, Protocol.HTTP, to=Pod(other, None))
            yield Access(team.name, Kind.NEIGHBOUR, other, Protocol.TCP, None, _worst(judges, [flow]))


ANY_HOST = "any host"
"""What a team of the model `open` may reach, on the ports that the stack opens."""


def _anywhere(judges: Judges, team: TeamPlan, ports: Iterable[int]) -> Iterator[Access]:
    spoken = {HTTP_PORT: Protocol.HTTP, HTTPS_PORT: Protocol.TLS}
    reason = team.settings.model.reason if team.settings.model else None
    for port in ports:
        protocol = spoken.get(port, Protocol.TCP)
        flow = Flow(team.name, OTHER_HOST, port, protocol)
        if protocol is Protocol.TCP:
            flow = replace(flow, host=OTHER_ADDRESS, address=OTHER_ADDRESS)
        yield Access(team.name, Kind.OTHER_HOST, ANY_HOST, protocol, port, _worst(judges, [flow]), description=reason)


def _host(judges: Judges, team: TeamPlan, host: Host, use: Use) -> Iterator[Access]:
    for name, rule in use.http.rules.items() if use.http else ():
        yield Access(
            team.name,
            Kind.HOST,
            host.name,
            Protocol.HTTP,
            HTTP_PORT,
            _worst(judges, _requests(team.name, host.name, rule)),
            rule=name,
            description=rule.description,
            methods=tuple(rule.methods) if rule.methods else None,
            paths=tuple(rule.paths) if rule.paths else None,
            headers={header: tuple(values) for header, values in sorted((rule.headers or {}).items())},
            service_accounts=tuple(rule.service_accounts) if rule.service_accounts else None,
            void=_is_void(judges, team.name, host.name, rule),
        )
    if use.passthrough:
        accounts = use.passthrough_accounts or None
        yield _connection(judges, team.name, host.name, Protocol.TLS, HTTPS_PORT, accounts)
    if use.tcp:
        yield _connection(judges, team.name, host.name, Protocol.TCP, use.tcp.port, tuple(use.tcp.service_accounts))


def _is_void(judges: Judges, team: str, host: str, rule: Rule) -> bool:
    if not (rule.methods or rule.paths or rule.headers or rule.service_accounts):
        return False
    callers = rule.service_accounts or [OTHER_ACCOUNT]
    flows = (Flow(team, concrete(host), HTTP_PORT, Protocol.HTTP, service_account=account) for account in callers)
    return any(past_rules(judges, flow) for flow in flows)


def _connection(judges: Judges, team: str, host: str, protocol: Protocol, port: int, accounts: tuple[str, ...] | None) -> Access:
    flow = Flow(team, concrete(host), port, protocol)
    trace = _worst(judges, [replace(flow, service_account=account) for account in accounts or (OTHER_ACCOUNT,)])
    return Access(team, Kind.HOST, host, protocol, port, trace, service_accounts=accounts)


def _requests(team: str, host: str, rule: Rule) -> Iterator[Flow]:
    """A flow for every caller and every class of requests that the rule allows."""
    headers = frozenset((name, value) for name, values in (rule.headers or {}).items() for value in values)
    classes = Requests(frozenset(rule.methods or ()), frozenset(rule.paths or ()), headers)
    for account in rule.service_accounts or [OTHER_ACCOUNT]:
        for one in representatives(classes):
            flow = Flow(
                team,
                concrete(host),
                HTTP_PORT,
                Protocol.HTTP,
                service_account=account,
                method=one.method,
                path=one.path,
                headers=dict(one.headers),
            )
            if rule_allows(rule, flow):
                yield flow


def _worst(judges: Judges, flows: Iterable[Flow]) -> Trace:
    traces = [judges.trace(flow, declared=True) for flow in flows]
    return next((trace for trace in traces if not trace.allowed), traces[0])
