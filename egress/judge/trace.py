"""The way of one flow through the layers: who is asked, in which order, and what each says.

After a refusal there is no next connection, so a way round is a flow of its own (`Vantage`). DNS is the
exception: a name that does not resolve stops an honest client, while one that knows the address goes on, so
the trace does too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from egress.common.names import port_name
from egress.common.ports import HTTPS_PORT
from egress.judge.inbound import Inbound
from egress.judge.layer_judges import LayerJudges
from egress.judge.layers.sidecar import is_address, outside
from egress.judge.lookup.entrances import Entrance
from egress.judge.lookup.host_names import matches
from egress.judge.lookup.search_path import resolved
from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.flow import (
    Connection,
    Flow,
    Layer,
    Node,
    Outcome,
    Outside,
    Pod,
    Protocol,
    Request,
    Vantage,
    Verdict,
)
from egress.judge.pods import HOST_NAMESPACES

Step = Verdict | Connection
"""A layer's word, or a connection that leaves the cluster."""
LONGEST = 8
"""Connections that one flow may be made of; more would be a circle."""


class Trace(NamedTuple):
    """What every layer said to one flow, in order."""

    flow: Flow
    steps: tuple[Verdict, ...]
    left: tuple[Connection, ...] = ()
    """The connections by which it leaves the cluster, as far as every layer before let it come."""

    @property
    def allowed(self) -> bool:
        return all(step.allowed for step in self.steps)

    @property
    def held(self) -> bool:
        """Whether a layer refuses that cannot be passed by knowing an address."""
        return any(not step.allowed and step.layer is not Layer.DNS for step in self.steps)

    @property
    def understood(self) -> bool:
        return all(step.understood for step in self.steps)

    @property
    def decision(self) -> Verdict:
        """The first refusal, the first thing that is not understood, or the last word."""
        refused = next(
            (step for step in self.steps if not step.allowed and step.layer is not Layer.DNS), None
        )
        refused = refused or next((step for step in self.steps if not step.allowed), None)
        return refused or next((step for step in self.steps if not step.understood), self.steps[-1])

    @property
    def refused_by(self) -> tuple[Verdict, ...]:
        return tuple(step for step in self.steps if not step.allowed)


class Judges(LayerJudges):
    """All layers' judges over the same objects, and the ways through them."""

    @cached_property
    def inbound(self) -> Inbound:
        """The judge of what comes in."""
        return Inbound(self.snapshot, self)

    def resolved(self, flow: Flow) -> Flow:
        """The flow with its name as a pod of its namespace resolves it: short names of Services are
        Services."""
        return resolved(flow, self.registry, self.workloads, self._teams)

    def trace(self, flow: Flow, *, must_pass: bool = False) -> Trace:
        """The flow's trace; of several ways through gateways the one that gets furthest.

        Args:
            flow: what is tried.
            must_pass: whether it has to pass. An unknown address of the internet then means every one,
            otherwise any one.
        """
        traces: list[Trace] = []
        unknown = self.not_understood(
            ROOT_NAMESPACE, flow.namespace, *([flow.to.namespace] if flow.to else [])
        )
        for steps in self._ways(flow, must_pass):
            left = tuple(step for step in steps if isinstance(step, Connection))
            said = (step for step in steps if isinstance(step, Verdict))
            traces.append(Trace(flow, (*self.broken, *unknown, *said), left))
        if len(traces) == 1:
            return traces[0]
        return max(traces, key=lambda trace: (trace.allowed, len(trace.steps)))

    def _ways(self, flow: Flow, must_pass: bool) -> Iterator[list[Step]]:
        pool = self.workloads.application_pool
        if flow.vantage is Vantage.APP:
            pod = Pod(flow.namespace, {}, flow.service_account, pool)
            verdict, connections = self.sidecars.judge(flow, pod)
            ways = [self._follow(connection, must_pass) for connection in connections]
            yield [*self._name(flow), verdict, *_together(ways, must_pass)]
        elif flow.vantage in (Vantage.PROXY, Vantage.POD_WITHOUT_SIDECAR):
            pod = Pod(flow.namespace, None, flow.service_account, pool)
            yield [*self._name(flow), *self._follow(self._direct(flow, pod), must_pass)]
        elif flow.vantage in (Vantage.GATEWAY_WITH_CERTIFICATE, Vantage.GATEWAY_WITHOUT_CERTIFICATE):
            yield from self._at_gateways(
                flow, Pod(flow.namespace, None, flow.service_account, pool), must_pass
            )
        elif flow.vantage is Vantage.APPLICATION_NODE:
            yield from self._from_node(flow, pool, must_pass)
        else:
            pools = [pool.email for pool in self.workloads.own_pools]
            for pool in pools:
                yield from self._from_node(flow, pool, must_pass)
            if not pools:
                yield [Verdict(Layer.ADMISSION, Outcome.DENIED, None, "", "There are no gateway nodes.")]

    def _name(self, flow: Flow) -> list[Step]:
        if is_address(flow.host) or flow.to:
            return []
        return [self.dns.judge(flow.host)]

    @staticmethod
    def _direct(flow: Flow, source: Pod | Node) -> Connection:
        to = flow.to or outside(flow)
        return Connection(source, to, flow.port, flow.protocol, flow.protocol.transport, sni=flow.host)

    def _from_node(self, flow: Flow, pool: str, must_pass: bool) -> Iterator[list[Step]]:
        connection = self._direct(flow, Node(pool))
        if flow.vantage is Vantage.GATEWAY_NODE:
            admitted = self.admission.placed(flow.namespace, pool)
        else:
            admitted = self.admission.judge(flow.namespace, HOST_NAMESPACES)
        yield [admitted, *self._leaves(connection, must_pass)]

    def _follow(self, connection: Connection, must_pass: bool) -> list[Step]:
        """What the layers behind the sidecar say to a connection, and to those that come of it."""
        if isinstance(connection.to, Pod):
            policy = self.network_policies.judge(connection, must_pass=must_pass)
            if not policy.allowed:
                return [policy]
            said: list[Step] = [policy, *self._between_nodes(connection, must_pass)]
            if connection.to in self.gateways.pods:
                if stopped := self.gateway_pods.stopped(connection.to):
                    return [*said, stopped]
                return [*said, *self._through(connection, must_pass, LONGEST)]
            if must_pass:
                said += self.neighbours.judge(connection, self._principals(connection))
            return said
        return self._leaves(connection, must_pass)

    def _between_nodes(self, connection: Connection, must_pass: bool) -> list[Verdict]:
        """What the firewall has against a connection inside the cluster that has to pass: both pods may be on
        one node, where no firewall is asked, so that it refuses is nothing to count on."""
        verdict = (
            self.firewall.judge(connection, must_pass=True) if must_pass and self.snapshot.google else None
        )
        return [verdict] if verdict and verdict.outcome is not Outcome.ALLOWED else []

    def _principals(self, connection: Connection) -> set[str]:
        """Callers of a connection's namespace that some rule tells from others."""
        assert isinstance(connection.source, Pod)
        assert isinstance(connection.to, Pod)
        namespace = connection.source.namespace
        accounts = self.space.accounts(namespace, connection.to.namespace)
        return {f"{self.registry.trust_domain}/ns/{namespace}/sa/{account}" for account in accounts}

    def _through(self, connection: Connection, must_pass: bool, left: int) -> list[Step]:
        gateway, server = self.gateways.accept(connection)
        if server is None or not left:
            return [gateway]
        assert isinstance(connection.to, Pod)
        at = connection.to
        if unknown := self.not_understood(at.namespace):
            return [*unknown]
        read = self.gateways.read(connection, server)
        if isinstance(read, Verdict):
            return [read]
        connection = read
        authorized = self.authorization.judge(at, connection)
        if not authorized.allowed:
            return [authorized]
        routed, onward = self.gateways.route(connection, server)
        ways = [
            self._through(one, must_pass, left - 1)
            if one.to is connection.to
            else self._leaves(one, must_pass)
            for one in onward
        ]
        return [authorized, routed, *_together(ways, must_pass)]

    def _leaves(self, connection: Connection, must_pass: bool) -> list[Step]:
        """What is said to a connection, of several addresses to that which lets most through - of what has to
        pass, least."""
        to = connection.to
        ends = self._ends(to, must_pass) if isinstance(to, Outside) else []
        if not ends:
            return self._leaves_for(connection, must_pass)
        said = [self._leaves_for(connection._replace(to=end), must_pass) for end in ends]
        return min(said, key=_passes) if must_pass else max(said, key=_passes)

    def _ends(self, to: Outside, must_pass: bool) -> list[Outside]:
        """A name that the private zones answer is at the addresses that they give, and proxies ask for those
        of IPv4 first."""
        if not to.name or to.address is not None:
            return []
        addresses = self.dns.addresses(to.name)
        wanted = [address for address in addresses if must_pass and ":" not in address] or addresses
        return [replace(to, address=address) for address in wanted]

    def _leaves_for(self, connection: Connection, must_pass: bool) -> list[Step]:
        said: list[Step] = []
        if isinstance(connection.source, Pod):
            said.append(self.network_policies.judge(connection, must_pass=must_pass))
        if isinstance(connection.to, Outside):
            said += [self.firewall.judge(connection, must_pass=must_pass), connection]
        return said

    def ways_in(self, flow: Flow) -> list[Entrance]:
        """The ways into gateways that a flow is about. Of those for what is not HTTP: what leads to its port,
        whatever that is called, and what leads to no port about which anybody asks."""
        http = flow.protocol is Protocol.HTTP
        every = [item for item in self.gateways.entrances(flow.host) if item.http is http]
        if http:
            return every
        asked = {port for port, protocol in self.space.ports(flow.host) if protocol is not Protocol.HTTP}
        return [item for item in every if item.leads == flow.port or item.leads not in asked]

    def _at_gateways(self, flow: Flow, pod: Pod, must_pass: bool) -> Iterator[list[Step]]:
        principal = f"{self.registry.trust_domain}/ns/{flow.namespace}/sa/{flow.service_account}"
        shown = principal if flow.vantage is Vantage.GATEWAY_WITH_CERTIFICATE else None
        http = flow.protocol is Protocol.HTTP
        entrances = self.ways_in(flow)
        if not entrances:
            doors = ((pod, port) for pod, port, of in self.gateways.doors() if of is http)
            own = http or (flow.protocol is Protocol.TLS and flow.port == HTTPS_PORT)
            name = flow.host if own else port_name(flow.port, flow.host)
            entrances = [Entrance(pod, port, http, name, name) for pod, port in doors]
        if not entrances:
            reason = f"No gateway has a port that reads {'HTTP' if http else 'TLS'}."
            yield [Verdict(Layer.GATEWAY, Outcome.DENIED, None, "", reason)]
        for entrance in entrances:
            # Raw TCP has no server name inside. TLS on any port is asked about as such.
            named = flow.host if flow.protocol is Protocol.TLS else ""
            inner: Request | str = flow.request if entrance.http else named
            if entrance.http and not matches(entrance.name, flow.host) and not flow.authority:
                inner = replace(flow.request, host=entrance.name.replace("*", "any"))
            # Where the server name does not decide the route, a rule may still match it: every name that
            # could is tried.
            for name in (
                entrance.sni,
                *(sorted(self.authorization.server_names(flow.namespace)) if entrance.http else ()),
            ):
                client = Connection(
                    pod, entrance.pod, entrance.port, Protocol.TLS, principal=shown, sni=name, inner=inner
                )
                yield self._follow(client, must_pass)


def _together(ways: list[list[Step]], must_pass: bool) -> list[Step]:
    """What is said to all connections that requests of one flow may take: shares, copies, addresses in turn.

    Of a flow that must not pass, those that get through speak alone, if there are any: some requests arrive
    by them, whatever becomes of the others. What has to pass has to by each.
    """
    passing = [steps for steps in ways if all(step.allowed for step in steps if isinstance(step, Verdict))]
    return [step for steps in (ways if must_pass else passing or ways) for step in steps]


def _passes(steps: list[Step]) -> tuple[int, bool]:
    """How far something passes: what fewer layers refuse passes further, and what is understood is surer
    to."""
    said = [step for step in steps if isinstance(step, Verdict)]
    return -sum(not step.allowed for step in said), all(step.understood for step in said)
