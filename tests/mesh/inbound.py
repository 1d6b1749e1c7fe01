"""Connections from outside as the judges write them, tried on a real ingress gateway, and what both sides say
of each.

The load balancer and the firewall of the VPC are Google's and are not in the laboratory: a connection comes
to the gateway's pod at the port that the load balancer hands it to, from an address of its own, and what is
compared is every layer from the gateway's NetworkPolicy on.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from egress.judge.inbound_targets import InboundTarget
from egress.judge.lookup.edges import Edge
from egress.judge.lookup.inbound_flow import InboundFlow, InboundTrace, Shown
from egress.judge.model.flow import Layer, Request
from egress.judge.model.ip_ranges import Ranges
from egress.judge.trace import Judges
from egress.layers.google.firewall import Nodes
from tests.mesh.authority import Authority
from tests.mesh.client import Answer, Outer, exchange
from tests.mesh.cluster import Pod
from tests.mesh.evidence import Evidence, Watch
from tests.mesh.mesh import Mesh
from tests.mesh.proxies import Identity
from tests.mesh.verdicts import observed, stopper, told

SOMEWHERE = "203.0.113.7"
"""Where somebody is whom no object names."""
_NOT_HERE = (Layer.LOAD_BALANCER, Layer.FIREWALL)
_SECONDS = 3.0


@dataclass(frozen=True)
class Arrives:
    """Where something comes to, or who stops it."""

    stopped_by: str
    service: str = ""
    pod_port: int = 0

    def __str__(self) -> str:
        return (
            f"refused by {self.stopped_by}"
            if self.stopped_by
            else f"reaches {self.service} (port {self.pod_port} of its pods)"
        )


@dataclass(frozen=True)
class Compared:
    """Both sides."""

    flow: InboundFlow
    judged: Arrives
    by: str
    seen: Arrives
    trace: str

    @property
    def agree(self) -> bool:
        return self.judged == self.seen

    def __str__(self) -> str:
        request = self.flow.request
        said = f" {request.method} {request.path} {dict(request.headers) or ''}".rstrip() if request else ""
        return (
            f"{self.flow}{said}\n    judged: {self.judged} ({self.by})\n    seen:   {self.seen} "
            f"({self.trace})"
        )


def cannot_be_sent(target: InboundTarget) -> str:
    """Why something is not tried here; empty: it is."""
    flow = target.flow
    if not isinstance(flow, InboundFlow):
        return "nodes themselves: the laboratory has pods and no nodes"
    if flow.door.name == "NODE_PORT":
        return "ports of nodes: the laboratory has no kube-proxy that opens them"
    return ""


def judged(judges: Judges, flow: InboundFlow) -> tuple[Arrives, str]:
    """What the judges say of it, behind load balancer and firewall."""
    trace = judges.inbound.trace(flow)
    steps = [step for step in trace.steps if step.layer not in _NOT_HERE]
    refusal = next((step for step in steps if not step.allowed), None)
    step = refusal or steps[-1]
    understood = "" if trace.understood else "NOT UNDERSTOOD "
    return _judged(
        trace, refusal.layer.value if refusal else "", understood
    ), f"{step.decided_by} {step.field}: {step.reason}"


def _judged(trace: InboundTrace, stopped_by: str, understood: str) -> Arrives:
    if stopped_by or understood:
        return Arrives(understood + stopped_by)
    services = [f"{at.service}:{at.port}" for at in trace.reached]
    return Arrives("", " and ".join(services) or "nothing", trace.reached[0].target if trace.reached else 0)


class Callers:
    """Everybody outside, each at an address of his own."""

    def __init__(self, mesh: Mesh, judges: Judges, authority: Authority, stranger: Authority) -> None:
        self._mesh, self._judges = mesh, judges
        self._authority, self._stranger = authority, stranger
        self._keys: dict[str, str] = {}
        self.gateway = next(pod for pod in mesh.pods.values() if pod.nodes == Nodes.INGRESS)

    def settle(self, flows: list[InboundFlow]) -> None:
        """Give every address that connections come from a machine."""
        for address in dict.fromkeys(_address(flow.source) for flow in flows):
            key = f"caller-{len(self._keys)}"
            self._keys[address] = key
            self._mesh.namespaces[key] = self._mesh.fabric.connect(key, address)
            # No pod of the cluster; the filters know it as one that nothing selects.
            self._mesh.pods[key] = Pod(
                key, "outside", address, {}, "outside", name=key, service_account="", admitted=False
            )
        self.filter()

    def filter(self, network_policies: bool = True) -> None:
        """The firewall's rules for what leaves are no matter of somebody outside."""
        self._mesh.filter(network_policies=network_policies, vpc_firewall=False)

    def compare(self, judges: Judges, flow: InboundFlow) -> Compared:
        word, by = judged(judges, flow)
        watch = Watch(self._mesh, self._keys[_address(flow.source)], [self.gateway.key])
        answer, found = observed(
            watch, lambda: self._attempt(judges.inbound.edges[flow.edge], flow), _nobody_listens
        )
        found = _with_log(watch, found)
        return Compared(flow, word, by, _seen(answer, found), told(answer, found))

    def _attempt(self, edge: Edge, flow: InboundFlow) -> Answer:
        at = (self.gateway.address, edge.ports.get(flow.port, flow.port))
        namespace = self._mesh.namespaces[self._keys[_address(flow.source)]]
        outer = None if flow.caller.shows is Shown.PLAIN else Outer(self._identity(flow), flow.host)
        # Whatever the protocol is, what is said on it can be a request: who reads bytes hands it on as it is.
        request = flow.request or Request(flow.host)
        return exchange(
            lambda: namespace.inside(lambda: socket.create_connection(at, _SECONDS)), request, outer
        )

    def _identity(self, flow: InboundFlow) -> Identity | None:
        caller = flow.caller
        if caller.shows not in (Shown.NAMED, Shown.FOREIGN):
            return None
        authority = self._authority if caller.shows is Shown.NAMED else self._stranger
        shown = authority.client(f"URI:{caller.name}" if "://" in caller.name else f"DNS:{caller.name}")
        return Identity(shown.chain, shown.key, authority.certificate.chain)


def _address(source: Ranges) -> str:
    """One address of a set: where nobody in particular is, or the second of the first range."""
    if source.covers(Ranges.of([f"{SOMEWHERE}/32"])):
        return SOMEWHERE
    first, _, _ = source.cidrs[0].partition("/")
    head, _, last = first.rpartition(".")
    return f"{head}.{int(last) + 1}"


def _with_log(watch: Watch, found: Evidence) -> Evidence:
    """Gateways write of a request that passed when it is over."""
    deadline = time.monotonic() + _SECONDS
    while found.requests and not _clusters(found) and time.monotonic() < deadline:
        time.sleep(0.02)
        found = watch.now()
    return found


def _clusters(found: Evidence) -> list[str]:
    """What the gateway led connections to; a line about an earlier connection that it refused names
    nothing."""
    return sorted(
        {str(line["upstream_cluster"]) for line in found.gateway_log if line.get("upstream_cluster")}
    )


def _nobody_listens(answer: Answer) -> bool:
    """The gateway's machine answers so for a port at which nothing listens, and no filter does."""
    return "Connection refused" in answer.failure


def _seen(answer: Answer, found: Evidence) -> Arrives:
    stopped = stopper(found)
    if stopped:
        return Arrives(Layer.GATEWAY.value if _nobody_listens(answer) and not found.arrived else stopped)
    (request,) = found.requests
    return Arrives("", " and ".join(map(_service, _clusters(found))), request.port)


def _service(cluster: str) -> str:
    """A Service and its port, as a proxy calls it: `outbound|80||prices.orders.svc.cluster.local`."""
    _, number, _, host = cluster.rstrip(";").split("|")
    return f"{host.removesuffix('.svc.cluster.local')}:{number}"
