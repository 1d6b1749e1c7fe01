"""What has to come of every flow: the targets that some object or declaration tells apart, each with what the
config wants of it.

The flows are those of egress/judge/targets.py, the one list; this room adds the expectation, and nothing
else.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from egress.common.ports import PROXY_PORTS
from egress.judge.distinctions import Distinctions
from egress.judge.model.flow import Flow, Vantage
from egress.judge.targets import METADATA_PORT, Target, TargetKind, Targets
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.settings.fences import Rule


class Expectation(StrEnum):
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


class Question(NamedTuple):
    """One flow and what has to come of it."""

    flow: Flow
    expected: Expectation
    kind: TargetKind
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
        reached = kind is not TargetKind.NEIGHBOUR or target.name in self._intent.reaches(
            target.flow.namespace
        )
        return Question(target.flow, self._want(target, kind), kind, target.name if reached else kind.value)

    def of_nobody(self) -> Iterator[Question]:
        """Every question about pods of a namespace that is no team's."""
        for target in self.targets.of_nobody():
            yield Question(target.flow, self._want_of_nobody(target.flow), target.kind, target.name)

    def _kind(self, target: Target) -> TargetKind:
        """A host of another team's may lie below a pattern of the team's own: its sidecars know it then."""
        if target.kind is TargetKind.HOST and not self._intent.declares(
            target.flow.namespace, target.flow.host
        ):
            return TargetKind.OTHER_TEAMS_HOST
        return target.kind

    def _want(self, target: Target, kind: TargetKind) -> Expectation:
        flow = target.flow
        if flow.vantage in (Vantage.APPLICATION_NODE, Vantage.GATEWAY_NODE):
            return self._from_node(flow)
        if kind is TargetKind.NEIGHBOUR:
            return self._at_neighbour(flow)
        if kind in (TargetKind.GOOGLE_API, TargetKind.METADATA) or (
            flow.vantage in (Vantage.APP, Vantage.POD_WITHOUT_SIDECAR) and self._intent.is_googles(flow.host)
        ):
            return self._at_google(flow, kind)
        if flow.vantage in (Vantage.GATEWAY_WITH_CERTIFICATE, Vantage.GATEWAY_WITHOUT_CERTIFICATE):
            return self._at_gateway(flow)
        if flow.vantage is not Vantage.APP:
            return self._straight(flow, kind)
        if self._intent.allows(flow):
            return Expectation.PASSES
        # An open team's sidecars let through what is not declared about a host as well as what is not
        # declared at all.
        known = kind is TargetKind.HOST and not self._intent.is_open(flow.namespace)
        return Expectation.REFUSED if known else self._unknown(flow)

    def _unknown(self, flow: Flow) -> Expectation:
        """What the team's app gets of what its sidecar does not know."""
        return (
            self._past_the_sidecar(flow)
            if self._intent.is_open(flow.namespace)
            else Expectation.REFUSED_FIRST
        )

    def _past_the_sidecar(self, flow: Flow) -> Expectation:
        """What a team's pod gets of the outside by itself."""
        if flow.protocol.transport != "TCP":
            return Expectation.REFUSED_TWICE
        if flow.port in self._intent.opened(flow.namespace):
            return Expectation.OPENED
        return Expectation.REFUSED if flow.port in self._intent.opened_nodes else Expectation.REFUSED_TWICE

    def _straight(self, flow: Flow, kind: TargetKind) -> Expectation:
        if kind is TargetKind.RESOLVER:
            return Expectation.REFUSED_TWICE
        if kind is not TargetKind.INSIDE or not self._intent.is_inside(flow.host):
            return self._past_the_sidecar(flow)
        if self._intent.at_google(flow.host) and flow.port == 443 and flow.protocol.transport == "TCP":
            return self._google_past_the_sidecar(flow.namespace)
        # The firewall lets nodes reach each other and the control plane; there the NetworkPolicy is alone.
        alone = self._intent.is_own(flow.host) or self._intent.is_control_plane(flow.host)
        return Expectation.REFUSED if alone else Expectation.REFUSED_TWICE

    def _at_gateway(self, flow: Flow) -> Expectation:
        if flow.vantage is Vantage.GATEWAY_WITHOUT_CERTIFICATE or self._intent.is_googles(flow.host):
            return Expectation.REFUSED
        allowed = self._intent.allows(flow.but(vantage=Vantage.APP))
        return Expectation.AS_ITS_APP if allowed else Expectation.REFUSED

    def _at_neighbour(self, flow: Flow) -> Expectation:
        assert flow.to
        reached = flow.to.namespace in self._intent.reaches(flow.namespace)
        if flow.vantage is Vantage.APP:
            unknown = (
                Expectation.REFUSED if self._intent.is_open(flow.namespace) else Expectation.REFUSED_FIRST
            )
            return Expectation.PASSES if reached else unknown
        served = flow.protocol.transport != "TCP" or flow.port not in PROXY_PORTS
        return Expectation.AS_ITS_APP if reached and served else Expectation.REFUSED

    def _google_past_the_sidecar(self, team: str) -> Expectation:
        return Expectation.IAM if self._intent.uses_google(team) else Expectation.REFUSED

    def _at_google(self, flow: Flow, kind: TargetKind) -> Expectation:
        team, straight = flow.namespace, self._google_past_the_sidecar(flow.namespace)
        if flow.vantage is not Vantage.APP:
            asked = (
                flow.port == (METADATA_PORT if kind is TargetKind.METADATA else 443)
                and flow.protocol.transport == "TCP"
            )
            return straight if asked else Expectation.REFUSED
        # An open team's sidecars let its apps have what its pods have without them.
        unknown = straight if self._intent.is_open(team) else Expectation.REFUSED_FIRST
        if kind is TargetKind.METADATA:
            return Expectation.PASSES if self._intent.asks_metadata(team) else unknown
        if self._intent.allows(flow):
            return Expectation.PASSES
        # On other ports the host is none that the sidecar knows.
        return Expectation.REFUSED if self._intent.is_api(team, flow.host) else unknown

    def _from_node(self, flow: Flow) -> Expectation:
        team = flow.namespace
        if flow.vantage is Vantage.APPLICATION_NODE:
            layers = self._intent.keeps(team, Rule.HOST_NAMESPACES) + (
                flow.port not in self._intent.opened_nodes
            )
            return (Expectation.OPENED, Expectation.REFUSED, Expectation.REFUSED_TWICE)[layers]
        kept = self._intent.keeps(team, Rule.GATEWAY_NODES)
        if flow.port == 443:
            return Expectation.REFUSED if kept else Expectation.OPENED
        # On ports that no host needs even a gateway's node does not leave.
        return Expectation.REFUSED_TWICE if kept else Expectation.REFUSED

    def _want_of_nobody(self, flow: Flow) -> Expectation:
        if flow.vantage is Vantage.GATEWAY_NODE:
            return self._from_node(flow)
        if flow.vantage is Vantage.GATEWAY_WITH_CERTIFICATE:
            return Expectation.REFUSED
        opened = flow.port in self._intent.opened_nodes and flow.protocol.transport == "TCP"
        return Expectation.OPENED if opened else Expectation.REFUSED
