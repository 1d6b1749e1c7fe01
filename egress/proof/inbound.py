"""What comes in is what the config declares: named clients from named ranges reach the named Service, and
nobody else anything.

How many layers have to refuse is a matter of what differs (docs/adr/0022-what-comes-in.md): an address or a
port is refused by the load balancer, the VPC firewall and the gateway's NetworkPolicy, each of them; a name
by the gateway and by authorization; a certificate by the gateway's TLS, which is alone in knowing it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from egress.common import names
from egress.common.google_cloud import LOAD_BALANCER_HEALTH_PORT, WEBHOOK_PORT
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.judge.inbound_targets import InboundTarget, inbound_targets
from egress.judge.lookup.inbound_flow import Caller, Door, InboundFlow, InboundTrace, NodeFlow, Reached, Shown
from egress.judge.model.flow import Layer, Outcome, Request, Verdict
from egress.judge.model.ip_ranges import Ranges
from egress.judge.trace import Judges
from egress.plan.model import Plan
from egress.plan.team import Reception
from egress.proof.violation import Violation
from egress.settings.fences import Fence
from egress.settings.ingress import Exposure, Received

_OLD = ("TLSV1_0", "TLSV1_1")


@dataclass(frozen=True)
class Declared:
    """One thing that has to arrive, and where."""

    reception: Reception
    flow: InboundFlow

    @property
    def reached(self) -> Reached:
        to = self.reception.wanted.to
        return Reached(self.reception.team, f"{to.service}.{self.reception.team}", to.port, to.opened)


@dataclass(frozen=True)
class InboundQuestion:
    """One thing that somebody outside tries, and what has to come of it."""

    flow: InboundFlow | NodeFlow
    by: frozenset[Layer]
    """The layers each of which has to refuse it; none: it has to arrive."""
    declared: Declared | None = None
    target: InboundTarget | None = None
    """Of what has to be refused, the class that it stands for."""


@dataclass(frozen=True, slots=True)
class InboundAnswer:
    """What came of it."""

    question: InboundQuestion
    found: InboundTrace | Verdict
    """Of a connection to a node's own address, what the firewall says, which is all that there is."""

    @property
    def steps(self) -> tuple[Verdict, ...]:
        return self.found.steps if isinstance(self.found, InboundTrace) else (self.found,)

    @property
    def arrives(self) -> bool:
        """Whether something declared arrives where it is declared to, and nowhere else."""
        declared = self.question.declared
        assert declared
        assert isinstance(self.found, InboundTrace)
        return self.found.allowed and self.found.reached == (declared.reached,)


class Receiving:
    """What a plan says of what comes in."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        ingress = plan.settings.ingress if plan.receptions else None
        self.ranges = (
            {name: str(network) for name, network in sorted(ingress.source_ranges.items())} if ingress else {}
        )
        self._partners = Ranges.of(self.ranges.values())
        self._at = {(one.wanted.host, one.wanted.port): one for one in plan.receptions}
        self._ports = {one.wanted.port for one in plan.receptions}
        self._pod_ports = {one.wanted.pod_port for one in plan.receptions}
        self._fenced = plan.settings.fences.up(Fence.GATEWAY_NETWORK)
        self._probers = Ranges.of(plan.addresses.health_checks)
        self._control_plane = Ranges.of([plan.addresses.control_plane])

    def declared(self) -> Iterator[Declared]:
        """Each reception for each of its clients, from each range, in each form of the host that a client may
        send."""
        for reception in self.plan.receptions:
            yield from self.of(reception)

    def of(self, reception: Reception) -> Iterator[Declared]:
        """What of one reception has to arrive. Who it is and from where do not touch each other, so each is
        asked by itself."""
        wanted = reception.wanted
        (first, *others), clients = self.ranges.values(), list(wanted.clients.values())
        flow = InboundFlow(
            Ranges.of([first]), first, wanted.host, wanted.port, edge=_EDGE, backend=wanted.to.opened
        )
        forms = (
            [None]
            if wanted.protocol is Received.TCP
            else [Request(wanted.host), Request(f"{wanted.host}:{wanted.port}")]
        )
        for client in dict.fromkeys(clients):
            for request in forms:
                yield Declared(reception, replace(flow, caller=Caller(Shown.NAMED, client), request=request))
        for cidr in others:
            caller = Caller(Shown.NAMED, clients[0])
            yield Declared(
                reception,
                replace(flow, source=Ranges.of([cidr]), origin=cidr, caller=caller, request=forms[0]),
            )

    def questions(self, judges: Judges) -> Iterator[InboundQuestion]:
        """Everything that is asked about what comes in: what has to arrive, then every class of what has to
        be refused."""
        for declared in self.declared():
            yield InboundQuestion(declared.flow, frozenset(), declared)
        for target in inbound_targets(judges):
            by = self._shut(target.flow, judges)
            if by:
                yield InboundQuestion(target.flow, by, target=target)

    def _shut(self, flow: InboundFlow | NodeFlow, judges: Judges) -> frozenset[Layer]:
        if isinstance(flow, NodeFlow):
            return frozenset({Layer.FIREWALL} if self.node_is_shut(flow) else ())
        edge = judges.inbound.edges[flow.edge]
        return self.refused(flow, (edge.namespace, judges.inbound.gateway(edge.pod) is not None))

    def takes(self, source: Ranges) -> bool:
        """Whether these are addresses of partners."""
        return bool(self._partners) and self._partners.covers(source)

    def at(self, host: str, port: int) -> Reception | None:
        """What is received at a name and port."""
        return self._at.get((host, port))

    def known(self, flow: InboundFlow) -> InboundFlow:
        """The flow with the pods' port of the Service that it is declared to reach."""
        reception = self._at.get((flow.host, flow.port))
        return replace(flow, backend=reception.wanted.to.opened) if reception else flow

    def allows(self, flow: InboundFlow) -> Reception | None:
        """The reception that a flow is declared by; None: it is not."""
        return self._at[flow.host, flow.port] if not self.refused(flow, None) else None

    def refused(self, flow: InboundFlow, edge: tuple[str, bool] | None) -> frozenset[Layer]:
        """The layers each of which has to refuse a flow; none: it is declared.

        Args:
            flow: what is tried.
            edge: of the Service that it comes by, the namespace and whether a gateway is behind it; None: the
            ingress gateway's.
        """
        if edge and edge[0] != names.INGRESS_NAMESPACE:
            # Mutual TLS of the mesh, at a pod or at a gateway for those inside.
            return frozenset({Layer.GATEWAY} if edge[1] else {Layer.NETWORK_POLICY, Layer.AUTHORIZATION})
        partner = self.takes(flow.source)
        network = {Layer.LOAD_BALANCER, *self._by_address(flow.source, flow.port)}
        network |= {Layer.NETWORK_POLICY} if self._fenced else set()
        if flow.door is Door.NODE_PORT:
            return frozenset(
                {
                    *self._by_address(flow.source, flow.port),
                    *(() if partner else network - {Layer.LOAD_BALANCER}),
                }
            )
        found = set[Layer]() if partner else set(network)
        if flow.port not in self._ports:
            # At the pods' own port the gateway listens, and its policies let partners in.
            at_pod = flow.port in self._pod_ports
            found |= network - {Layer.NETWORK_POLICY} if at_pod else {*network, Layer.GATEWAY}
            return frozenset(found)
        reception = self._at.get((flow.host, flow.port))
        if reception is None:
            return frozenset({*found, Layer.GATEWAY, Layer.AUTHORIZATION})
        wanted, request = reception.wanted, flow.request
        known = flow.caller.shows is Shown.NAMED and flow.caller.name in wanted.clients.values()
        https = wanted.protocol is Received.HTTPS
        if not known or (https and request is None):
            found.add(Layer.GATEWAY)
        elif https and request and request.host.lower() not in (wanted.host, f"{wanted.host}:{wanted.port}"):
            found |= {Layer.GATEWAY, Layer.AUTHORIZATION}
        return frozenset(found)

    def _by_address(self, source: Ranges, port: int) -> set[Layer]:
        """The firewall, but for what Google's own machines may."""
        return set() if self._google(source, port) else {Layer.FIREWALL}

    def _google(self, source: Ranges, port: int) -> bool:
        probes = self._probers.covers(source) and port in _GOOGLES - {WEBHOOK_PORT}
        return probes or (self._control_plane.covers(source) and port == WEBHOOK_PORT)

    def node_is_shut(self, flow: NodeFlow) -> bool:
        """Whether the firewall has to keep somebody from a node's port, or from one of several that no rule
        tells apart."""
        if flow.transport != "TCP":
            return True
        account = self.plan.settings.google_names.node_account(_INGRESS_NODES)
        kind = names.service_account_email(account, self.plan.project)
        open_to = self._ports if flow.pool == kind and self._partners.covers(flow.source) else set[int]()
        # Of more ports than there are open ones, one is not.
        several = flow.ports[: len(open_to | _GOOGLES) + 1]
        return not all(port in open_to or self._google(flow.source, port) for port in several)

    @cached_property
    def internal(self) -> bool:
        ingress = self.plan.settings.ingress
        return ingress is not None and ingress.exposure is Exposure.INTERNAL


_GOOGLES = {HTTP_PORT, HTTPS_PORT, LOAD_BALANCER_HEALTH_PORT, WEBHOOK_PORT}
"""Ports on which Google's own machines connect to nodes."""
_EDGE = f"{names.INGRESS_NAMESPACE}/service/{names.INGRESS}"
_INGRESS_NODES = "ingress"


def answer(judges: Judges, question: InboundQuestion) -> InboundAnswer:
    """What every layer says to it."""
    flow = question.flow
    if isinstance(flow, NodeFlow):
        return InboundAnswer(question, judges.inbound.at_node(flow))
    return InboundAnswer(question, judges.inbound.trace(flow, must_pass=question.declared is not None))


def wrong(receiving: Receiving, answer: InboundAnswer) -> str | None:
    """What is wrong with an answer, in words; None: nothing."""
    question, found = answer.question, answer.found
    if isinstance(found, Verdict):
        return "The firewall has to refuse it." if found.allowed else None
    if question.declared:
        return _arrives_wrongly(receiving, question.declared, found)
    return _passes_wrongly(question.by, found)


def of_gateway(plan: Plan, judges: Judges) -> Iterator[Violation]:
    """What holds, or does not, whatever comes in."""
    yield from _undeclared(plan, judges)
    if plan.receptions:
        yield from _of_gateway(plan, judges)


def _undeclared(plan: Plan, judges: Judges) -> Iterator[Violation]:
    """Services that are open to those outside, whatever refuses behind them, and that are not the ingress
    gateway's own."""
    for edge in judges.inbound.edges.values():
        if edge.by != _EDGE or not plan.receptions:
            field = "spec.type" if edge.balanced or edge.on_nodes else "spec.externalIPs"
            opens = Verdict(
                Layer.LOAD_BALANCER,
                Outcome.ALLOWED,
                edge.by,
                field,
                f"It can be connected to from {edge.words}.",
            )
            yield Violation(
                edge.by, (opens,), f"It opens the cluster to {edge.words}, and no config declares it."
            )


def _arrives_wrongly(receiving: Receiving, declared: Declared, trace: InboundTrace) -> str | None:
    """What is wrong with how something declared arrives, in words; None: nothing."""
    wanted = declared.reception.wanted
    if not trace.understood:
        return "An object on the way says something that the judges cannot read, so nothing is proven."
    if not trace.allowed:
        return "It is declared, and a layer refuses it."
    if trace.reached != (declared.reached,):
        led = " and ".join(f"{at} (port {at.target} of its pods)" for at in trace.reached)
        return f"It is led to {led}; declared is {declared.reached} (port {declared.reached.target})."
    assert trace.server
    assert trace.edge
    if trace.server.credential != wanted.credential:
        return f"It is judged by the authority in {trace.server.credential}; declared is {wanted.credential}."
    if trace.server.mode != "MUTUAL":
        return (
            f"Its server's TLS has the mode {trace.server.mode}; with MUTUAL alone nobody gets in who "
            "has "
            "no certificate."
        )
    if trace.server.minimum in _OLD:
        return f"TLS as old as {trace.server.minimum} is taken."
    if trace.tells:
        return f"Answers speak of the mesh: {', '.join(trace.tells)}."
    if trace.edge.internal != receiving.internal:
        wide = "the VPC and networks connected to it" if receiving.internal else "the internet"
        return f"Its load balancer is reached from {trace.edge.words}; declared is {wide}."
    address = receiving.plan.settings.google_names.ingress_address
    if trace.edge.addresses != address:
        return (
            f"Its load balancer has the address {trace.edge.addresses or 'that Google gives it'}; "
            f"partners know {address}."
        )
    return None


def _passes_wrongly(by: frozenset[Layer], trace: InboundTrace) -> str | None:
    if not trace.understood:
        return "An object on the way says something that the judges cannot read, so nothing is proven."
    missing = sorted(by - {step.layer for step in trace.refused_by})
    if trace.allowed:
        return "It is not declared, and no layer refuses it."
    if missing:
        return (
            f"It is not declared, and does not stop at: {', '.join(missing)}. It has to be refused by "
            f"{', '.join(sorted(by))}."
        )
    return None


def _of_gateway(plan: Plan, judges: Judges) -> Iterator[Violation]:
    """Invariants of the ingress gateway, which hold whatever comes in."""
    namespace = names.INGRESS_NAMESPACE
    whose = f"The gateway in {namespace}"
    confined = judges.namespaces.confined(namespace)
    if confined.allowed:
        yield Violation(whose, (confined,), f"Pod Security has to hold in {namespace}.")
    pods = [pod for pod in judges.gateways.pods if pod.namespace == namespace]
    for pod in pods:
        yield from (
            Violation(whose, (verdict,), "It has to stand.") for verdict in judges.gateway_pods.judge(pod)
        )
        for secret in sorted({reception.wanted.credential for reception in plan.receptions}):
            given = judges.secrets.judge(pod, secret)
            if not given.allowed:
                yield Violation(whose, (given,), f"It has to be given {secret}, by which clients are judged.")
        pool = next((pool for pool in judges.workloads.pools.values() if pool.email == pod.pool), None)
        if pool and not pool.tainted:
            shared = Verdict(
                Layer.ADMISSION,
                Outcome.ALLOWED,
                f"nodepool/{pool.name}",
                "nodeConfig.taints",
                "Any pod may run on these nodes.",
            )
            yield Violation(whose, (shared,), "Its nodes have to be its own.")
    for verdict in judges.early.judge(namespace):
        if verdict.allowed:
            yield Violation(whose, (verdict,), "It has to know who calls before it connects to a Service.")
