"""What has to come of every flow: the targets that some object or declaration tells apart, each with what the
config wants of it.

The flows are those of egress/judge/targets.py, the one list; this room adds the expectation, and nothing
else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from egress.common.ports import PROXY_PORTS
from egress.judge.distinctions import Distinctions
from egress.judge.model.flow import Flow, Protocol, Way
from egress.judge.targets import METADATA_PORT, Kind, Target, Targets
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.settings.fences import Rule


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
    AS_ITS_APP = "as its app does"
    """By the team's own certificate, or without its sidecar, what the app is allowed anyhow; nothing is
    proven about it."""


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

    def __init__(self, intent: Intent, judges: Judges) -> None:
        self._intent = intent
        self.distinctions = Distinctions([judges], intent)
        self.targets = Targets(self.distinctions)

    def all(self) -> Iterator[Question]:
        """Every question about every team, and about whoever is in none."""
        for team in self._intent.teams:
            yield from self.of(team)
        yield from self.of_nobody()

    def of(self, team: str) -> Iterator[Question]:
        """Every question about one team."""
        yield from self.with_names(team)
        yield from self.by_address(team)

    def with_names(self, team: str) -> Iterator[Question]:
        """Those about what has a name, or what the app asks its sidecar for."""
        return map(self._question, self.targets.with_names(team))

    def by_address(self, team: str) -> Iterator[Question]:
        """Those about addresses, past the sidecar."""
        return map(self._question, self.targets.by_address(team))

    def same_by_address(self, team: str) -> object:
        """Equal for two teams whose pods are asked the same about addresses, and are to get the same."""
        return (
            tuple(self.distinctions.numbers(team)),
            self._intent.opened(team),
            self._intent.uses_google(team),
        )

    def _question(self, target: Target) -> Question:
        kind = self._kind(target)
        reached = kind is not Kind.NEIGHBOUR or target.name in self._intent.reaches(target.flow.namespace)
        return Question(target.flow, self._want(target, kind), kind, target.name if reached else kind.value)

    def of_nobody(self) -> Iterator[Question]:
        """Every question about pods of a namespace that is no team's."""
        for target in self.targets.of_nobody():
            yield Question(target.flow, self._want_of_nobody(target.flow), target.kind, target.name)

    def _kind(self, target: Target) -> Kind:
        """A host of another team's may lie below a pattern of the team's own: its sidecars know it then."""
        if target.kind is Kind.HOST and not self._intent.declares(target.flow.namespace, target.flow.host):
            return Kind.OTHER_TEAMS_HOST
        return target.kind

    def _want(self, target: Target, kind: Kind) -> Want:
        flow = target.flow
        if flow.way in (Way.APPLICATION_NODE, Way.GATEWAY_NODE):
            return self._from_node(flow)
        if kind is Kind.NEIGHBOUR:
            return self._at_neighbour(flow)
        if kind in (Kind.GOOGLE_API, Kind.METADATA):
            return self._at_google(flow, kind)
        if flow.way in (Way.GATEWAY_WITH_CERTIFICATE, Way.GATEWAY_WITHOUT_CERTIFICATE):
            return self._at_gateway(flow)
        if flow.way is not Way.APP:
            return self._straight(flow, kind)
        if self._intent.allows(flow):
            return Want.PASSES
        # An open team's sidecars let through what is not declared about a host as well as what is not
        # declared at all.
        known = kind is Kind.HOST and not self._intent.is_open(flow.namespace)
        return Want.REFUSED if known else self._unknown(flow)

    def _unknown(self, flow: Flow) -> Want:
        """What the team's app gets of what its sidecar does not know."""
        return self._past_the_sidecar(flow) if self._intent.is_open(flow.namespace) else Want.REFUSED_FIRST

    def _past_the_sidecar(self, flow: Flow) -> Want:
        """What a team's pod gets of the outside by itself."""
        if flow.protocol.transport != "TCP":
            return Want.REFUSED_TWICE
        if flow.port in self._intent.opened(flow.namespace):
            return Want.OPENED
        return Want.REFUSED if flow.port in self._intent.opened_nodes else Want.REFUSED_TWICE

    def _straight(self, flow: Flow, kind: Kind) -> Want:
        if kind is Kind.RESOLVER:
            return Want.REFUSED_TWICE
        if kind is not Kind.INSIDE or not self._intent.is_inside(flow.host):
            return self._past_the_sidecar(flow)
        if self._intent.at_google(flow.host) and flow.port == 443 and flow.protocol.transport == "TCP":
            return self._google_past_the_sidecar(flow.namespace)
        # The firewall lets nodes reach each other and the control plane; there the NetworkPolicy is alone.
        alone = self._intent.is_own(flow.host) or self._intent.is_control_plane(flow.host)
        return Want.REFUSED if alone else Want.REFUSED_TWICE

    def _at_gateway(self, flow: Flow) -> Want:
        if flow.way is Way.GATEWAY_WITHOUT_CERTIFICATE:
            return Want.REFUSED
        app = flow.but(way=Way.APP)
        if flow.protocol is Protocol.HTTP:
            return Want.AS_ITS_APP if self._intent.allows(app) else Want.REFUSED
        ports = self.targets.ports(flow.host)
        tunnels = (
            app.but(port=port, protocol=protocol) for port, protocol in ports if protocol is not Protocol.HTTP
        )
        return Want.AS_ITS_APP if any(map(self._intent.allows, tunnels)) else Want.REFUSED

    def _at_neighbour(self, flow: Flow) -> Want:
        assert flow.to
        reached = flow.to.namespace in self._intent.reaches(flow.namespace)
        if flow.way is Way.APP:
            unknown = Want.REFUSED if self._intent.is_open(flow.namespace) else Want.REFUSED_FIRST
            return Want.PASSES if reached else unknown
        served = flow.protocol.transport != "TCP" or flow.port not in PROXY_PORTS
        return Want.AS_ITS_APP if reached and served else Want.REFUSED

    def _google_past_the_sidecar(self, team: str) -> Want:
        return Want.IAM if self._intent.uses_google(team) else Want.REFUSED

    def _at_google(self, flow: Flow, kind: Kind) -> Want:
        team, straight = flow.namespace, self._google_past_the_sidecar(flow.namespace)
        if flow.way is not Way.APP:
            asked = (
                flow.port == (443 if kind is Kind.GOOGLE_API else METADATA_PORT)
                and flow.protocol.transport == "TCP"
            )
            return straight if asked else Want.REFUSED
        # An open team's sidecars let its apps have what its pods have without them.
        unknown = straight if self._intent.is_open(team) else Want.REFUSED_FIRST
        known = (
            self._intent.is_api(team, flow.host)
            if kind is Kind.GOOGLE_API
            else self._intent.asks_metadata(team)
        )
        return Want.PASSES if known else unknown

    def _from_node(self, flow: Flow) -> Want:
        team = flow.namespace
        if flow.way is Way.APPLICATION_NODE:
            layers = self._intent.keeps(team, Rule.HOST_NAMESPACES) + (
                flow.port not in self._intent.opened_nodes
            )
            return (Want.OPENED, Want.REFUSED, Want.REFUSED_TWICE)[layers]
        kept = self._intent.keeps(team, Rule.GATEWAY_NODES)
        if flow.port == 443:
            return Want.REFUSED if kept else Want.OPENED
        # On ports that no host needs even a gateway's node does not leave.
        return Want.REFUSED_TWICE if kept else Want.REFUSED

    def _want_of_nobody(self, flow: Flow) -> Want:
        if flow.way is Way.GATEWAY_NODE:
            return self._from_node(flow)
        if flow.way is Way.GATEWAY_WITH_CERTIFICATE:
            return Want.REFUSED
        opened = flow.port in self._intent.opened_nodes and flow.protocol.transport == "TCP"
        return Want.OPENED if opened else Want.REFUSED
