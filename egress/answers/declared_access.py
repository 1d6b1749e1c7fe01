"""What is declared, one way at a time, each with the trace of the hardest flow that it has to let through.

For those who read what is allowed - `egress evidence`, `egress map` - and not every question that could be
asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from egress.common.google_hosts import everybodys
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.judge.distinctions import KNOWN_PORTS
from egress.judge.lookup.flow_space import OTHER_ADDRESS, OTHER_HOST
from egress.judge.lookup.host_shapes import concrete
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.targets import TargetKind
from egress.judge.trace import Judges, Trace
from egress.plan.host import Host, Use
from egress.plan.model import Plan
from egress.plan.team import TeamPlan
from egress.proof.expectations import Expectation
from egress.proof.intent import Intent
from egress.proof.proof import FlowAnswer
from egress.proof.request_rules import rule_allows
from egress.proof.void import past_rules
from egress.settings.http_rule import Rule


@dataclass(frozen=True)
class Access:
    """One way that the config declares: from a team to a host, a Google API or another team's pods."""

    team: str
    kind: TargetKind
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
    """Outside port and the TLS that the platform opens there, as Istio calls it; empty: none but the app's
    own."""
    certificate: tuple[str | None, tuple[str, ...]] = None, ()
    """Server name that is sent where the platform opens TLS, and the names of which the host's certificate
    has to have one."""
    rule: str = ""
    """Name of the rule; empty: there is one, without a name."""
    description: str | None = None
    methods: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    service_accounts: tuple[str, ...] | None = None
    """None: every one of the team."""
    strangers: str = ""
    """What anybody may keep under the same name of Google's, where no perimeter tells whose it is."""
    void: bool = False
    """Whether the rule holds nothing, because the same callers send the same host anything in TLS of their
    own."""


def accesses(plan: Plan, judges: Judges, answers: Iterable[FlowAnswer]) -> Iterator[Access]:
    """Every declared way: teams that may reach any host first, then in order of team; within a team hosts by
    name, then Google APIs, then other teams.

    Args:
        plan: what declares them.
        judges: what the objects do.
        answers: every answer of the proof.
    """
    intent = Intent(plan)
    perimeter = plan.settings.network.perimeter
    closed = perimeter is not None and not perimeter.dry_run
    by_team: dict[str, list[FlowAnswer]] = {}
    for answer in answers:
        by_team.setdefault(answer.question.flow.namespace, []).append(answer)
    for team in sorted(plan.teams, key=lambda team: not intent.is_open(team.name)):
        flows = _Flows(judges, by_team[team.name])
        if intent.is_open(team.name):
            yield from _anywhere(flows, team, intent.opened(team.name))
        for way in team.ways:
            gateway = way.gateway.namespace if way.gateway else None
            for access in _host(flows, way.host, way.use):
                leaves = intent.leaves(team.name, way.host.name, access.protocol, access.port or 0)
                known = intent.certificate(team.name, way.host.name, access.protocol, access.port or 0)
                yield replace(access, gateway=gateway, leaves=leaves, certificate=known)
        for name in team.google_hosts:
            google = Access(
                team.name, TargetKind.GOOGLE_API, name, Protocol.TLS, HTTPS_PORT, flows.worst(name)
            )
            yield google if closed else replace(google, strangers=everybodys(name))
        for other in sorted(team.settings.reaches):
            yield Access(team.name, TargetKind.NEIGHBOUR, other, Protocol.TCP, None, flows.worst(other))


class _Flows:
    """What one team's apps try, and what came of it."""

    def __init__(self, judges: Judges, answers: Iterable[FlowAnswer]) -> None:
        self._judges = judges
        self._by_host: dict[str, list[FlowAnswer]] = {}
        for answer in answers:
            flow = answer.question.flow
            if flow.vantage is Vantage.APP and not flow.authority:
                self._by_host.setdefault(flow.host, []).append(answer)

    def past_rules(self, host: str, of: Callable[[Flow], bool]) -> bool:
        """Whether some caller sends the host anything past the rules for its requests."""
        flows = (answer.question.flow for answer in self._by_host[host])
        return any(past_rules(self._judges, flow) for flow in flows if of(flow))

    def worst(self, host: str, of: Callable[[Flow], bool] = lambda _: True) -> Trace:
        """Of some flows to a host the first that does not come through, or the first one."""
        traces = (self._strictly(answer) for answer in self._by_host[host] if of(answer.question.flow))
        first = next(traces)
        return first if not first.allowed else next((trace for trace in traces if not trace.allowed), first)

    def _strictly(self, answer: FlowAnswer) -> Trace:
        """What came of a flow if it has to pass in whole, which the proof asks of what is declared alone."""
        if answer.trace and answer.question.expected is Expectation.PASSES:
            return answer.trace
        return self._judges.trace(answer.question.flow, must_pass=True)


ANY_HOST = "any host"
"""What a team of the model `open` may reach, on the ports that the stack opens."""


def _anywhere(flows: _Flows, team: TeamPlan, ports: Iterable[int]) -> Iterator[Access]:
    reason = team.settings.model.reason if team.settings.model else None
    for port in ports:
        protocol = KNOWN_PORTS.get(port, Protocol.TCP)
        host = OTHER_ADDRESS if protocol is Protocol.TCP else OTHER_HOST
        trace = flows.worst(host, lambda flow, port=port: flow.port == port)
        yield Access(team.name, TargetKind.OTHER_HOST, ANY_HOST, protocol, port, trace, description=reason)


def _host(flows: _Flows, host: Host, use: Use) -> Iterator[Access]:
    team, asked = use.team, concrete(host.name)
    for name, rule in use.http.rules.items() if use.http else ():
        of_rule = partial(_is_of, rule)
        yield Access(
            team,
            TargetKind.HOST,
            host.name,
            Protocol.HTTP,
            HTTP_PORT,
            flows.worst(asked, of_rule),
            rule=name,
            description=rule.description,
            methods=tuple(rule.methods) if rule.methods else None,
            paths=tuple(rule.paths) if rule.paths else None,
            headers={header: tuple(values) for header, values in sorted((rule.headers or {}).items())},
            service_accounts=tuple(rule.service_accounts) if rule.service_accounts else None,
            void=bool(rule.methods or rule.paths or rule.headers or rule.service_accounts)
            and flows.past_rules(asked, of_rule),
        )
    for port in use.tls_ports:
        accounts = use.passthrough_accounts or None
        yield _connection(flows, team, host.name, Protocol.TLS, port, accounts)
    for entry in use.tcp:
        accounts = tuple(entry.service_accounts)
        yield _connection(flows, team, host.name, Protocol.TCP, entry.port, accounts)


def _is_of(rule: Rule, flow: Flow) -> bool:
    return flow.protocol is Protocol.HTTP and flow.port == HTTP_PORT and rule_allows(rule, flow)


def _connection(
    flows: _Flows, team: str, host: str, protocol: Protocol, port: int, accounts: tuple[str, ...] | None
) -> Access:  # fmt: skip
    def of(flow: Flow) -> bool:
        return (flow.protocol, flow.port) == (protocol, port) and (
            accounts is None or flow.service_account in accounts
        )

    return Access(
        team,
        TargetKind.HOST,
        host,
        protocol,
        port,
        flows.worst(concrete(host), of),
        service_accounts=accounts,
    )
