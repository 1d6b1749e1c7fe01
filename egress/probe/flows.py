"""Which flows are asked: those of the one list (judge/targets.py) that an app of a team can try, with names
and addresses that exist, and what an attacker would try first.

What has to come of each is what `egress explain` says of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby

from egress.answers.explain import traced
from egress.common.google_cloud import METADATA_ADDRESS
from egress.judge.lookup.host_shapes import BELOW
from egress.judge.model.equivalence import OTHER_METHOD
from egress.judge.model.flow import Flow, Layer, Pod, Protocol, Vantage, Verdict
from egress.judge.targets import METADATA_HOST, OTHER_ACCOUNT, TargetKind
from egress.judge.trace import Judges
from egress.plan.model import Plan
from egress.plan.team import TeamPlan
from egress.probe.asked import SAFE, Asked, Expected, NotAsked
from egress.proof.expectations import Question, Questions
from egress.proof.intent import Intent

PUBLIC = "1.1.1.1"
"""An address of the internet that answers on many ports: a public resolver's, for 53, 80, 443 (also QUIC) and
853."""
EXIST = ("example.org", "example.net", "example.com", "www.iana.org", "www.wikipedia.org")
"""Names that everybody can look up: a made-up one would prove nothing where the lookup is open."""
GOOGLE = "www.google.com"
"""A name of Google's that is none of its APIs."""
ACCOUNT = "default"
"""Stands for every service account that no rule names; every namespace has it."""
IDENTITY = "/computeMetadata/v1/instance/service-accounts/default/email"
NODE_SECRET = "/computeMetadata/v1/instance/attributes/kube-env"
"""By this a node joins the cluster; GKE's metadata server hides it from pods."""
FLAVOR = {"metadata-flavor": "Google"}
_NAMED = (TargetKind.HOST, TargetKind.OTHER_TEAMS_HOST, TargetKind.GOOGLE_API)


@dataclass(frozen=True)
class Service:
    """A Service of a team that has pods which answer."""

    name: str
    port: int


class Flows:
    """Every flow that is asked.

    Args:
        services: of each team, one that other teams can be asked to reach.
    """

    def __init__(self, plan: Plan, judges: Judges, services: Mapping[str, Service | None]) -> None:
        self._plan, self._judges, self._services = plan, judges, services
        self._intent = Intent(plan)
        self._questions = Questions(self._intent, judges)
        self._ids = map(str, count(1))
        self._seen: set[str] = set()

    def all(self, teams: Sequence[str]) -> Iterator[Asked | NotAsked]:
        """Those of some teams, in the order of the table."""
        for team in self._plan.teams:
            if team.name in teams:
                yield from self._of(team)

    def _of(self, team: TeamPlan) -> Iterator[Asked | NotAsked]:
        named = (
            question
            for question in self._questions.with_names(team.name)
            if question.flow.vantage is Vantage.APP and question.kind in _NAMED
        )
        for _, of_host in groupby(named, lambda one: (one.flow.host, one.flow.port, one.flow.protocol)):
            yield from self._named(list(of_host))
        yield from self._undeclared(team.name)
        yield from self._other_ports(team)
        yield from self._neighbours(team.name)
        yield from self._metadata(team)
        yield from self._lookups(team.name)

    def _named(self, questions: Sequence[Question]) -> Iterator[Asked | NotAsked]:
        """A declared host, another team's, or a Google API: one flow for each way through its rules, and one
        for each rule, field or layer that refuses others."""
        asked: dict[object, Asked] = {}
        unsafe: dict[object, str] = {}
        for question in questions:
            guessed = question.flow.host.startswith(f"{BELOW}.")
            # Some name below a pattern; this one is the likeliest to exist.
            host = f"www.{question.flow.host.partition('.')[2]}" if guessed else question.flow.host
            flow = self._safer(question.flow.but(host=host, service_account=_account(question.flow)))
            steps = self._steps(flow)
            way = (flow.service_account, *((step.allowed, step.decided_by, step.field) for step in steps))
            if flow.protocol is Protocol.HTTP and flow.method not in SAFE:
                if all(step.allowed for step in steps):
                    unsafe.setdefault(way, Asked("", flow, Expected(True), "").what)
            elif way not in asked:
                expected = _expected(steps)
                beside = question.kind is TargetKind.HOST and not expected.passes
                why = "beside what is declared of the host" if beside else question.kind.value
                asked[way] = Asked(next(self._ids), flow, expected, why, guessed=guessed)
        yield from asked.values()
        for way, what in unsafe.items():
            if way not in asked:
                yield NotAsked(what, "a probe sends only what changes nothing: GET, HEAD, OPTIONS")

    def _safer(self, flow: Flow) -> Flow:
        """With a method that changes nothing, where any that no rule names will do."""
        if flow.protocol is not Protocol.HTTP or flow.method != OTHER_METHOD:
            return flow
        named = self._intent.requests(flow.namespace, flow.host).methods
        return flow.but(method=next((one for one in reversed(SAFE) if one not in named), flow.method))

    def _undeclared(self, team: str) -> Iterator[Asked]:
        """By name, by name at a known address, by address, and past the sidecar's TCP."""
        other = self.undeclared(team)
        for port, protocol in ((80, Protocol.HTTP), (443, Protocol.TLS)):
            flow = Flow(team, other, port, protocol)
            yield from self._ask(flow, "declared by nobody")
            yield from self._ask(flow.but(address=PUBLIC), "declared by nobody, and an address is known")
            yield from self._ask(flow.but(host=PUBLIC, address=PUBLIC), "an address is no declared host")
        address = Flow(team, PUBLIC, 853, Protocol.TCP, address=PUBLIC)
        yield from self._ask(address, "a port that no host needs")
        udp = address.but(protocol=Protocol.UDP)
        yield from self._ask(udp.but(port=443), "QUIC: UDP does not pass the sidecar", asks="quic")
        yield from self._ask(udp.but(port=53), "a DNS server outside", asks=other)

    def _other_ports(self, team: TeamPlan) -> Iterator[Asked]:
        """A declared host on ports that were not declared, and another team's name in the Host header."""
        names = sorted(way.host.name for way in team.ways if not way.host.name.startswith("*"))
        if names:
            declared = self._declared_ports(names[0])
            other = next(port for port in count(22) if port not in declared)
            flow = Flow(team.name, names[0], other, Protocol.TCP)
            yield from self._ask(flow, "a declared host, another port")
            flow = flow.but(port=443, protocol=Protocol.HTTP)
            if not self._intent.allows(flow):
                yield from self._ask(flow, "plain HTTP on the port of TLS")
        http = sorted(way.host.name for way in team.ways if way.use.http)
        others = sorted(
            way.host.name
            for other in self._plan.teams
            for way in other.ways
            if way.use.http and not self._intent.declares(team.name, way.host.name)
        )
        if http and others:
            flow = Flow(team.name, http[0], 80, Protocol.HTTP, authority=others[0])
            yield from self._ask(flow, "another team's host in the Host header")

    def _declared_ports(self, host: str) -> set[int]:
        """Ports of raw TCP to a host that some team declares."""
        ways = (way.host for team in self._plan.teams for way in team.ways if way.host.name == host)
        return {port.number for of in ways for port in of.tcp}

    def _neighbours(self, team: str) -> Iterator[Asked | NotAsked]:
        """Every team that it reaches, and one for all others."""
        reached = self._intent.reaches(team)
        others = [name for name in self._intent.teams if name not in (team, *reached)]
        asked = next((name for name in others if self._services.get(name)), None)
        for other in (*sorted(reached), *((asked or others[0],) if others else ())):
            why = f"{team} {'reaches' if other in reached else 'does not reach'} {other}"
            service = self._services.get(other)
            if service is None:
                yield NotAsked(f"{team}: pods of {other}", f"{other} has no Service with pods that are ready")
                continue
            name = f"{service.name}.{other}.svc.cluster.local"
            judged = Flow(team, other, 8080, Protocol.HTTP, to=Pod(other, None))
            tried = judged.but(host=name, port=service.port)
            yield Asked(next(self._ids), tried, self._expected(judged), why)

    def _metadata(self, team: TeamPlan) -> Iterator[Asked]:
        flow = Flow(team.name, METADATA_HOST, 80, Protocol.HTTP, headers=FLAVOR)
        address = flow.but(host=METADATA_ADDRESS, address=METADATA_ADDRESS)
        yield from self._ask(address, "the metadata server")
        if not self._intent.asks_metadata(team.name):
            yield from self._ask(flow.but(path=IDENTITY), "whose identity the pod has at Google")
            return
        for identity in team.identities:
            mine = flow.but(path=IDENTITY, service_account=identity.service_account)
            yield from self._ask(mine, "Workload Identity", says=identity.email)
        secret = flow.but(path=NODE_SECRET)
        hidden = Expected(False, None, "GKE's metadata server, which hides what is the node's")
        yield Asked(next(self._ids), secret, hidden, "the node's own secrets", hidden=True)

    def _lookups(self, team: str) -> Iterator[Asked]:
        """Names alone."""
        for name, why in ((METADATA_HOST, "Google's clients ask for it"), (GOOGLE, "it is none of its APIs")):
            expected = Expected.of(self._judges.dns.judge(name))
            yield Asked(next(self._ids), Flow(team, name, 443, Protocol.TLS), expected, why, lookup=True)

    def undeclared(self, team: str) -> str:
        """A name that exists, and that no team's config lets be looked up."""
        unknown = (name for name in EXIST if not self._intent.may_resolve(name))
        return next(unknown, f"probe-of-{team}.example.org")

    def _ask(self, flow: Flow, why: str, *, asks: str = "", says: str | None = None) -> Iterator[Asked]:
        if repr((flow, asks)) not in self._seen:
            self._seen.add(repr((flow, asks)))
            yield Asked(next(self._ids), flow, self._expected(flow), why, asks=asks, says=says)

    def _expected(self, flow: Flow) -> Expected:
        return _expected(self._steps(flow))

    def _steps(self, flow: Flow) -> tuple[Verdict, ...]:
        """What every layer says to it; one that knows an address asks no DNS."""
        steps = traced(self._judges, flow, self._intent).steps
        return tuple(step for step in steps if not flow.address or step.layer is not Layer.DNS)


def _expected(steps: Sequence[Verdict]) -> Expected:
    """What is said first to an honest client."""
    return Expected.of(next((step for step in steps if not step.allowed), steps[-1]))


def _account(flow: Flow) -> str:
    return ACCOUNT if flow.service_account == OTHER_ACCOUNT else flow.service_account
