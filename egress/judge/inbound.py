"""What comes in: one connection from outside the cluster, through every layer that it meets until a Service
takes it.

In the order of the way: the load balancer with its ranges, the VPC firewall of the nodes, the NetworkPolicy
of the pods behind it, the gateway's TLS (egress/judge/layers/inbound_tls.py), its AuthorizationPolicies, its
route (inbound_routes.py), and behind it NetworkPolicies of both ends, mutual TLS and AuthorizationPolicies of
the team. A layer is asked whether or not one before it refuses, as far as it can be: so that it is seen how
many would.

Source: Istio, "Secure Gateways", reference, Gateway (ServerTLSSettings); GKE, "LoadBalancer Service
concepts".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from egress.judge.inbound_routes import InboundRoutes
from egress.judge.layer_judges import LayerJudges
from egress.judge.layers.inbound_tls import handshake
from egress.judge.lookup.edges import Edge, edges
from egress.judge.lookup.inbound_flow import Door, InboundFlow, InboundTrace, NodeFlow, Reached, Shown
from egress.judge.lookup.routes import Leg
from egress.judge.lookup.servers import Server
from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.lookup.subnets import CLUSTER, Subnets
from egress.judge.model.flow import (
    Connection,
    Layer,
    Misread,
    Node,
    Outcome,
    Pod,
    Protocol,
    Verdict,
    without_port,
)
from egress.judge.model.ip_ranges import Ranges
from egress.judge.model.metadata import INJECTION
from egress.judge.model.snapshot import Snapshot, listed, part

RESPONSES_TELL = ("server", "x-envoy-upstream-service-time", "x-envoy-decorator-operation")
"""Headers of responses by which the mesh's proxies speak of themselves. Source: Envoy, "HTTP header
manipulation"."""
NOTHING_OF_GOOGLE = Verdict(
    Layer.FIREWALL, Outcome.ALLOWED, None, "", "No Google resources were handed over."
)
_NO_NODE = Node("")
"""A machine outside: none of the rules asked about it looks at where it is."""


class Inbound:
    """Judges what comes in, by the judges of each layer over the same objects."""

    def __init__(self, snapshot: Snapshot, judges: LayerJudges) -> None:
        self._snapshot = snapshot
        self._judges = judges
        self._routes = InboundRoutes(
            judges.gateways, judges.registry, judges.network_policies, judges.workloads.application_pool
        )
        self.subnets = Subnets(snapshot)
        self.edges = {edge.by: edge for edge in edges(snapshot, judges.workloads)}
        self._front: dict[tuple[str, Door, Ranges, int, bool], tuple[list[Verdict], int]] = {}

    @cached_property
    def gateways(self) -> list[Pod]:
        """Gateways' pods that something outside leads to."""
        found = (self.gateway(edge.pod) for edge in self.edges.values())
        return list(dict.fromkeys(pod for pod in found if pod))

    def gateway(self, pod: Pod) -> Pod | None:
        """The gateway that a Service's pods are, if they are one."""
        known = self._judges.gateways.pods
        if pod in known:
            return pod
        labels = (pod.labels or {}).items()
        alike = ((other, (other.labels or {}).items()) for other in known if other.namespace == pod.namespace)
        return next(
            (other for other, own in alike if own and labels and (own <= labels or labels <= own)), None
        )

    def trace(self, flow: InboundFlow, *, must_pass: bool = False) -> InboundTrace:
        """What becomes of a connection; of several Services that lead in, by the one that gets furthest.

        Args:
            flow: what is tried.
            must_pass: whether it has to arrive. A range as source then means each of its addresses, otherwise
            any one.
        """
        wanted = [
            edge for edge in self.edges.values() if (not flow.edge and edge.balanced) or edge.by == flow.edge
        ]
        if not wanted:
            reason = "No Service of type LoadBalancer leads into the cluster."
            return InboundTrace(flow, (Verdict(Layer.LOAD_BALANCER, Outcome.DENIED, None, "", reason),))
        traces = [self._at(edge, flow, must_pass) for edge in wanted]
        return max(traces, key=lambda trace: (trace.allowed, -len(trace.refused_by), bool(trace.server)))

    def at_node(self, flow: NodeFlow) -> Verdict:
        """Whether somebody gets to a port of a pool's nodes at all."""
        if not self._snapshot.google:
            return NOTHING_OF_GOOGLE
        return self._judges.firewall.comes_in(
            flow.source, flow.pool, flow.port, flow.origin, transport=flow.transport
        )

    def _at(self, edge: Edge, flow: InboundFlow, must_pass: bool) -> InboundTrace:
        front, port = self._network(edge, flow, must_pass)
        gateway = self.gateway(edge.pod)
        if gateway is None:
            said, reached = self._straight(edge, port)
            unknown = self._not_understood(edge.namespace)
            return InboundTrace(flow, (*front, *unknown, *said), reached, edge, front=len(front))
        stopped = self._judges.gateway_pods.stopped(gateway)
        unknown = (*self._not_understood(gateway.namespace), *([stopped] if stopped else []))
        found = self._at_gateway(gateway, port, flow, must_pass)
        return replace(found, steps=(*front, *unknown, *found.steps), edge=edge, front=len(front))

    def _not_understood(self, namespace: str) -> tuple[Verdict, ...]:
        """What nobody reads about a namespace's proxies, or about everybody's."""
        return (*self._judges.broken, *self._judges.not_understood(ROOT_NAMESPACE, namespace))

    def _network(self, edge: Edge, flow: InboundFlow, must_pass: bool) -> tuple[list[Verdict], int]:
        """What stands before a pod's proxy, and the pod's port that the connection comes to."""
        key = (edge.by, flow.door, flow.source, flow.port, must_pass)
        found = self._front.get(key)
        if found is None:
            found = self._front[key] = self._asked(edge, flow, must_pass)
        return found

    def _asked(self, edge: Edge, flow: InboundFlow, must_pass: bool) -> tuple[list[Verdict], int]:
        said: list[Verdict] = []
        if flow.door is Door.BALANCER:
            said.append(edge.takes(flow.source, flow.port, flow.origin, must_pass=must_pass))
            # Without the policy Local every node of the cluster takes connections.
            pool = edge.pod.pool if edge.local else ""
            port = edge.ports.get(flow.port, flow.port)
        else:
            pool = ""
            port = edge.nodes.get(flow.port) or next(iter(edge.ports.values()), flow.port)
        said.append(self._firewall(edge, flow, pool, must_pass))
        said.append(self._policies(edge, flow, port, must_pass))
        return said, port

    def _firewall(self, edge: Edge, flow: InboundFlow, pool: str, must_pass: bool) -> Verdict:
        if not self._snapshot.google:
            return NOTHING_OF_GOOGLE
        judge = self._judges.firewall
        return judge.comes_in(flow.source, pool, flow.port, flow.origin, must_pass=must_pass, also=edge.rules)

    def _policies(self, edge: Edge, flow: InboundFlow, port: int, must_pass: bool) -> Verdict:
        policies = self._judges.network_policies
        said = policies.comes_in(edge.pod, flow.source, port, flow.origin, must_pass=must_pass)
        if edge.local or (said.allowed and not must_pass):
            return said
        if not must_pass:
            reason = "Its pods may see a node's address instead of the client's."
            return Verdict(
                Layer.NETWORK_POLICY, Outcome.ALLOWED, edge.by, "spec.externalTrafficPolicy", reason
            )
        from_node = policies.comes_in(edge.pod, self.subnets.likely_nodes, port, "a node", must_pass=True)
        return said if not said.allowed else from_node

    def _straight(self, edge: Edge, port: int) -> tuple[list[Verdict], tuple[Reached, ...]]:
        """Past every gateway: a pod's own proxy is all that stands there, if it has one."""
        asks = self._judges.namespaces.mutual(edge.namespace)
        if not self._judges.namespaces.injected(edge.namespace):
            by, field = f"namespace/{edge.namespace}", f"metadata.labels[{INJECTION}]"
            asks = Verdict(
                Layer.AUTHORIZATION,
                Outcome.ALLOWED,
                by,
                field,
                "Its pods are given no proxy, so nothing there refuses anybody.",
            )
        name = edge.by.rpartition("/")[2]
        number = next((number for number, target in edge.ports.items() if target == port), port)
        return [asks], (Reached(edge.namespace, f"{name}.{edge.namespace}", number, port),)

    def _at_gateway(self, pod: Pod, port: int, flow: InboundFlow, must_pass: bool) -> InboundTrace:
        try:
            said, server = handshake(self._judges.gateways, pod, port, flow)
        except Misread as error:
            return InboundTrace(flow, (_unread(error), self._authorized(pod, port, flow)))
        client = self._client(pod, port, flow, server)
        read = self._judges.gateways.read(client, server) if server else client
        if isinstance(read, Verdict):
            return InboundTrace(flow, (said, read), server=server)
        authorized = self._judges.authorization.judge(pod, read)
        if server is None or not said.understood:
            return InboundTrace(flow, (said, authorized), server=server)
        try:
            routed, legs, route = self._routes.route(pod, server, read, flow, must_pass)
        except Misread as error:
            return InboundTrace(flow, (said, authorized, _unread(error)), server=server)
        ways = [(at, list(self._behind(pod, leg, read, must_pass))) for leg, at in legs]
        # Some requests go here and some there: those that get through are what arrives, unless each has to.
        passing = [] if must_pass else [way for way in ways if all(step.allowed for step in way[1])]
        reached = dict.fromkeys(at for at, _ in passing or ways)
        steps = [step for _, behind in passing or ways for step in behind]
        removed = {str(name).lower() for name in listed(route, "headers", "response", "remove")}
        tells = tuple(name for name in RESPONSES_TELL if server.reads_http and name not in removed)
        return InboundTrace(flow, (said, authorized, routed, *steps), tuple(reached), None, server, tells)

    def _authorized(self, pod: Pod, port: int, flow: InboundFlow) -> Verdict:
        return self._judges.authorization.judge(pod, self._client(pod, port, flow, None))

    @staticmethod
    def _client(pod: Pod, port: int, flow: InboundFlow, server: Server | None) -> Connection:
        """The connection as the gateway's rules see it: they go by what is in it, and not by what it is
        called."""
        known = flow.caller.shows is Shown.NAMED and (
            server is None or server.mode in ("MUTUAL", "OPTIONAL_MUTUAL")
        )
        request = flow.request if server is None or server.reads_http else None
        sni = flow.host if flow.caller.shows is not Shown.PLAIN else None
        principal = flow.caller.principal if known else None
        return Connection(_NO_NODE, pod, port, Protocol.TCP, principal=principal, sni=sni, inner=request)

    def _behind(self, pod: Pod, leg: Leg, client: Connection, must_pass: bool) -> Iterator[Verdict]:
        """What stands between the gateway and the pods that it leads to."""
        judges = self._judges
        shown = (
            f"{judges.registry.trust_domain}/ns/{pod.namespace}/sa/{pod.service_account}"
            if leg.mutual
            else None
        )
        onward = Connection(
            pod, leg.to, leg.port, Protocol.TCP, principal=shown, sni=leg.sni, inner=client.inner
        )
        yield judges.network_policies.judge(onward, must_pass=must_pass)
        if must_pass and self._snapshot.resources(CLUSTER):
            # What GKE opens between a cluster's own nodes and pods is known of clusters alone. Both pods may
            # be on one node, where no firewall is asked: that it refuses is nothing to count on.
            yield judges.firewall.judge(onward, must_pass=True)
        if not isinstance(leg.to, Pod):
            return
        yield from judges.not_understood(leg.to.namespace)
        if not (must_pass or judges.namespaces.injected(leg.to.namespace) or leg.to in judges.gateways.pods):
            return  # Without a proxy nothing there refuses anybody.
        asks = judges.namespaces.mutual(leg.to.namespace)
        if not leg.mutual and not asks.allowed:
            reason = f"{asks.reason} The gateway shows no certificate there, by {leg.by}."
            yield asks._replace(reason=reason)
        yield judges.authorization.judge(leg.to, onward)

    @property
    def rules(self) -> Iterator[tuple[str, frozenset[str], frozenset[str], frozenset[str]]]:
        """Of every rule of authorization: its namespace, and the ports, names and identities that it
        names."""
        for manifest in self._snapshot.kind("AuthorizationPolicy"):
            for rule in listed(manifest, "spec", "rules"):
                yield manifest["metadata"]["namespace"], *_conditions(rule)


def _unread(error: Misread) -> Verdict:
    return Verdict(Layer.GATEWAY, Outcome.NOT_UNDERSTOOD, error.by, error.field, error.reason)


def _conditions(written: Mapping[str, Any]) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Of a rule of an AuthorizationPolicy: the ports, names and identities that it names."""
    ports: set[str] = set()
    names: set[str] = set()
    principals: set[str] = set()
    for condition in listed(written, "when"):
        values = [str(value) for key in ("values", "notValues") for value in listed(condition, key)]
        if condition["key"] == "destination.port":
            ports.update(values)
        elif condition["key"] == "connection.sni":
            names.update(values)
    for operation in (part(entry, "operation") for entry in listed(written, "to")):
        ports.update(map(str, listed(operation, "ports")))
        names.update(without_port(str(host).lower()) for host in listed(operation, "hosts"))
    for source in (part(entry, "source") for entry in listed(written, "from")):
        principals.update(str(one) for key in ("principals", "notPrincipals") for one in listed(source, key))
    return frozenset(ports), frozenset(names), frozenset(principals)
