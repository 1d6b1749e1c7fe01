"""Every question about a team whose answer the objects could make differ: the flows that `verify` and `reach` ask for.

A question is a flow with what has to come of it. Together a team's questions cover everything its workloads can try, because
whatever no object tells apart is asked once (egress/judge/space.py, egress/judge/classes.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from egress.google_cloud import METADATA_ADDRESS
from egress.intent import Intent
from egress.judge.classes import representatives
from egress.judge.flow import Flow, Pod, Protocol, Way
from egress.judge.space import OTHER_ADDRESS, OTHER_HOST, OTHER_PORT, Space, concrete
from egress.settings.fences import Rule

OTHER_ACCOUNT = "any-other-account"
"""Stands for every service account of a team that no rule names."""
RESOLVER = "198.51.100.53"
"""Stands for a DNS server on the internet."""
STRANGER = "some-other-namespace"
"""Stands for every namespace that is no team's, and that nobody but its owner knows."""
DEFAULT = "default"
"""The one that every cluster has, and that everybody finds."""
PROXY_TEXT_PORT = 15000
"""A proxy's port that answers in plain text; the first of those that neighbours must not reach."""


class Want(StrEnum):
    """What has to come of a flow."""

    PASSES = "passes"
    REFUSED = "refused"
    """By a layer outside the pod, or before one could be met."""
    REFUSED_FIRST = "refused at once"
    """The app's own sidecar refuses; what the team's pods try past the sidecar has to be refused as well."""
    REFUSED_TWICE = "refused twice"
    """By two layers outside the pod, each of which would do."""
    OPENED = "opened by the config"
    """The config opens it in so many words, with a reason; nothing is proven about it."""
    IAM = "guarded by IAM"
    """The network lets it through to Google's front door, and IAM decides there."""


class Kind(StrEnum):
    """What is asked for, in the words of the table that people read."""

    HOST = "host"
    OTHER_TEAMS_HOST = "another team's host"
    OTHER_HOST = "any other host"
    OTHER_ADDRESS = "any other address"
    NEIGHBOUR = "another team's pods"
    GOOGLE_API = "Google API"
    METADATA = "metadata server"
    RESOLVER = "DNS server outside"


@dataclass(frozen=True)
class Question:
    """One flow and what has to come of it."""

    flow: Flow
    want: Want
    kind: Kind
    target: str
    """What people call the destination."""


class Questions:
    """All questions about the plan's teams, in the order of the table."""

    def __init__(self, intent: Intent, space: Space) -> None:
        self._intent = intent
        self._space = space

    def all(self) -> Iterator[Question]:
        """Every question about every team, and about whoever is in none."""
        for team in self._intent.teams:
            yield from self.of(team)
        yield from self.of_nobody()

    def of_nobody(self) -> Iterator[Question]:
        """What pods of a namespace that is no team's try: by a gateway's nodes, from any node, and with a mesh certificate."""
        for namespace in (STRANGER, DEFAULT):
            anywhere = Flow(namespace, OTHER_HOST, 443, Protocol.TLS, Way.GATEWAY_NODE, OTHER_ACCOUNT)
            kept = self._intent.keeps(namespace, Rule.GATEWAY_NODES)
            yield Question(anywhere, Want.REFUSED if kept else Want.OPENED, Kind.OTHER_HOST, Kind.OTHER_HOST.value)
            unused = replace(anywhere, port=OTHER_PORT, protocol=Protocol.TCP)
            yield Question(unused, Want.REFUSED_TWICE if kept else Want.REFUSED, Kind.OTHER_HOST, Kind.OTHER_HOST.value)
            for port, protocol in self._space.numbers:
                opened = port in self._intent.opened_nodes and protocol is not Protocol.UDP
                for way in (Way.POD_WITHOUT_SIDECAR, Way.APPLICATION_NODE):
                    asked = replace(anywhere, port=port, protocol=protocol, way=way)
                    want = Want.OPENED if opened else Want.REFUSED
                    yield Question(asked, want, Kind.OTHER_HOST, Kind.OTHER_HOST.value)
        for host in self._space.outside:
            for port, protocol in ((80, Protocol.HTTP), (443, Protocol.TLS)):
                flow = Flow(STRANGER, concrete(host), port, protocol, Way.GATEWAY_WITH_CERTIFICATE, OTHER_ACCOUNT)
                yield Question(flow, Want.REFUSED, Kind.OTHER_TEAMS_HOST, host)

    def of(self, team: str) -> Iterator[Question]:
        """Every question about one team."""
        declared = {concrete(host): host for host in self._intent.hosts(team)}
        named = set(self._space.hosts(team)) | declared.keys()
        google = {host for host in named if host.endswith(".googleapis.com")} | {"storage.googleapis.com"}
        own = {host for host in named - google if host != "metadata.google.internal"}
        for host in sorted(own):
            yield from self._host(team, host, self._whose(team, host), declared.get(host, host))
        for host in self._space.others(own | google | {"metadata.google.internal"}):
            if not host.endswith(".googleapis.com"):
                yield from self._host(team, host, self._whose(team, host), host)
        yield from self._host(team, OTHER_HOST, Kind.OTHER_HOST, Kind.OTHER_HOST.value)
        yield from self._elsewhere(team)
        yield from self._neighbours(team)
        yield from self._google(team, sorted(google))
        yield from self._nodes(team)

    def _whose(self, team: str, host: str) -> Kind:
        """A host of another team's may lie below a pattern of the team's own: its sidecars know it then."""
        return Kind.HOST if self._intent.declares(team, host) else Kind.OTHER_TEAMS_HOST

    def _host(self, team: str, host: str, kind: Kind, target: str) -> Iterator[Question]:
        ports = self._space.ports(host)
        for port, protocol in ports:
            # An open team's sidecars let through what is not declared about a host as well as what is not declared at all.
            known = kind is Kind.HOST and not self._intent.is_open(team)
            undeclared = Want.REFUSED if known else self._unknown(team, port)
            flow = Flow(team, host, port, protocol, service_account=OTHER_ACCOUNT)
            for asked in self._classes(flow):
                allowed = self._intent.allows(asked)
                yield Question(asked, Want.PASSES if allowed else undeclared, kind, target)
                if protocol is Protocol.HTTP and not allowed:
                    yield Question(replace(asked, way=Way.GATEWAY_WITH_CERTIFICATE), Want.REFUSED, kind, target)
            if kind is Kind.HOST and protocol is not Protocol.TCP:
                yield Question(replace(flow, way=Way.GATEWAY_WITHOUT_CERTIFICATE), Want.REFUSED, kind, target)
        # In TLS to the gateway a client says a name and an account; which port it comes out on is not for it to say.
        tunnels = [(port, protocol) for port, protocol in ports if protocol is not Protocol.HTTP]
        for asked in self._classes(Flow(team, host, 443, Protocol.TLS, Way.GATEWAY_WITH_CERTIFICATE, OTHER_ACCOUNT)):
            if not any(self._intent.allows(replace(asked, port=port, protocol=protocol)) for port, protocol in tunnels):
                yield Question(asked, Want.REFUSED, kind, target)

    def _unknown(self, team: str, port: int) -> Want:
        """What the team's app gets of what its sidecar does not know."""
        if not self._intent.is_open(team):
            return Want.REFUSED_FIRST
        return self._past_the_sidecar(team, port)

    def _past_the_sidecar(self, team: str, port: int) -> Want:
        """What a team's pod gets of the outside by itself."""
        if port in self._intent.opened(team):
            return Want.OPENED
        return Want.REFUSED if port in self._intent.opened_nodes else Want.REFUSED_TWICE

    def _classes(self, flow: Flow) -> Iterator[Flow]:
        """The flow for each caller and each request that some rule tells from others."""
        team, host = flow.namespace, flow.host
        accounts = self._space.accounts(team, host) | self._intent.accounts(team, host)
        requests = self._space.requests(team, host) | self._intent.requests(team, host)
        for account in (OTHER_ACCOUNT, *sorted(accounts - {""})):
            if flow.protocol is not Protocol.HTTP:
                yield replace(flow, service_account=account)
                continue
            for one in representatives(requests):
                asked = replace(flow, service_account=account, method=one.method, path=one.path, headers=dict(one.headers))
                yield asked
                yield from (replace(asked, authority=form) for form in self._space.authorities(team, host))

    def _elsewhere(self, team: str) -> Iterator[Question]:
        """What has no name that the gateway knows, on every port that some object names and on one that none does.

        Past the sidecar a packet has an address and no name: what is refused to any address at all is refused to every host.
        """
        for port, protocol in self._space.numbers:
            flow = Flow(team, OTHER_ADDRESS, port, protocol, service_account=OTHER_ACCOUNT, address=OTHER_ADDRESS)
            if protocol is not Protocol.UDP:
                yield Question(flow, self._unknown(team, port), Kind.OTHER_ADDRESS, Kind.OTHER_ADDRESS.value)
            straight = Flow(team, OTHER_HOST, port, protocol, Way.POD_WITHOUT_SIDECAR, OTHER_ACCOUNT)
            want = Want.REFUSED_TWICE if protocol is Protocol.UDP else self._past_the_sidecar(team, port)
            yield Question(straight, want, Kind.OTHER_HOST, Kind.OTHER_HOST.value)
        for protocol in (Protocol.UDP, Protocol.TCP):
            flow = Flow(team, RESOLVER, 53, protocol, Way.POD_WITHOUT_SIDECAR, OTHER_ACCOUNT, address=RESOLVER)
            yield Question(flow, Want.REFUSED_TWICE, Kind.RESOLVER, Kind.RESOLVER.value)

    def _neighbours(self, team: str) -> Iterator[Question]:
        reached = self._intent.reaches(team)
        unknown = Want.REFUSED if self._intent.is_open(team) else Want.REFUSED_FIRST
        stranger = next((other for other in self._intent.teams if other != team and other not in reached), None)
        for other in (*sorted(reached), *((stranger,) if stranger else ())):
            flow = Flow(team, other, 8080, Protocol.HTTP, service_account=OTHER_ACCOUNT, to=Pod(other, None))
            want = Want.PASSES if other in reached else unknown
            target = other if other in reached else Kind.NEIGHBOUR.value
            yield Question(flow, want, Kind.NEIGHBOUR, target)
            if want is not Want.PASSES:
                yield Question(replace(flow, way=Way.POD_WITHOUT_SIDECAR), Want.REFUSED, Kind.NEIGHBOUR, target)
            proxy = replace(flow, port=PROXY_TEXT_PORT, protocol=Protocol.TCP, way=Way.POD_WITHOUT_SIDECAR)
            yield Question(
                proxy, Want.REFUSED, Kind.NEIGHBOUR, f"{target}' proxies" if target.endswith("s") else f"{target}'s proxies"
            )

    def _google(self, team: str, apis: list[str]) -> Iterator[Question]:
        straight = Want.IAM if self._intent.uses_google(team) else Want.REFUSED
        # An open team's sidecars let its apps have what its pods have without them.
        unknown = straight if self._intent.is_open(team) else Want.REFUSED_FIRST
        for host in apis:
            flow = Flow(team, host, 443, Protocol.TLS, service_account=OTHER_ACCOUNT)
            want = Want.PASSES if self._intent.is_api(team, host) else unknown
            yield Question(flow, want, Kind.GOOGLE_API, host)
            yield Question(replace(flow, way=Way.POD_WITHOUT_SIDECAR), straight, Kind.GOOGLE_API, host)
        metadata = Flow(team, METADATA_ADDRESS, 80, Protocol.HTTP, service_account=OTHER_ACCOUNT, address=METADATA_ADDRESS)
        asked = Want.PASSES if self._intent.asks_metadata(team) else unknown
        yield Question(metadata, asked, Kind.METADATA, Kind.METADATA.value)
        yield Question(replace(metadata, way=Way.POD_WITHOUT_SIDECAR), straight, Kind.METADATA, Kind.METADATA.value)

    def _nodes(self, team: str) -> Iterator[Question]:
        """Processes in a node's own network: no NetworkPolicy holds there, so pods must not become such processes."""
        application = Flow(team, OTHER_HOST, 443, Protocol.TLS, Way.APPLICATION_NODE, OTHER_ACCOUNT)
        layers = self._intent.keeps(team, Rule.HOST_NAMESPACES) + (443 not in self._intent.opened_nodes)
        want = (Want.OPENED, Want.REFUSED, Want.REFUSED_TWICE)[layers]
        yield Question(application, want, Kind.OTHER_HOST, Kind.OTHER_HOST.value)
        want = Want.REFUSED if self._intent.keeps(team, Rule.GATEWAY_NODES) else Want.OPENED
        yield Question(replace(application, way=Way.GATEWAY_NODE), want, Kind.OTHER_HOST, Kind.OTHER_HOST.value)
        # On ports that no host needs even a gateway's node does not leave.
        unused = replace(application, way=Way.GATEWAY_NODE, port=OTHER_PORT, protocol=Protocol.TCP)
        want = Want.REFUSED_TWICE if want is Want.REFUSED else Want.REFUSED
        yield Question(unused, want, Kind.OTHER_HOST, Kind.OTHER_HOST.value)
