"""Where the cluster can be connected to from outside: Services of type LoadBalancer, and the ports of nodes.

Understood of a Service: `type`, `selector`, `ports` with `targetPort` and `nodePort`,
`loadBalancerSourceRanges`, `externalTrafficPolicy`, `allocateLoadBalancerNodePorts`, `externalIPs`, and GKE's
annotations for internal load balancers and reserved addresses. A load balancer's address is reached on the
Service's ports; GKE opens the VPC firewall for it, on every node, from its ranges to these ports, and nodes
hold its ranges themselves. Pods see from where a connection comes only with the policy Local; else it may be
the address of a node.
Source: Kubernetes, "Service"; GKE, "LoadBalancer Service concepts" and "parameters", "Automatically created
firewall rules".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egress.judge.lookup.firewall_rules import DEFAULT_PRIORITY, INGRESS, Rule, What
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Layer, Outcome, Pod, Verdict
from egress.judge.model.ip_ranges import Ranges
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

ANYWHERE = ("0.0.0.0/0",)
NODE_PORTS = (30000, 32767)
"""From which Kubernetes takes the ports of nodes, unless the cluster says otherwise."""
_EXPOSED = ("LoadBalancer", "NodePort")
_TYPE = ("networking.gke.io/load-balancer-type", "cloud.google.com/load-balancer-type")
_ADDRESSES = "networking.gke.io/load-balancer-ip-addresses"
_CLASSES = {
    "networking.gke.io/l4-regional-external": False,
    "networking.gke.io/l4-regional-internal": True,
}
"""Classes of load balancers that GKE makes, and whether they are internal."""


@dataclass(frozen=True)
class Edge:
    """One Service that can be connected to from outside the cluster."""

    by: str
    namespace: str
    pod: Pod
    """The pods behind it."""
    balanced: bool
    """Whether a load balancer stands before it; else nodes alone do."""
    internal: bool
    """Whether that is reached from the VPC and networks connected to it alone."""
    ranges: Ranges
    written: tuple[str, ...]
    """The same as the Service writes them; empty: it names none."""
    ports: Mapping[int, int]
    """The Service's ports to those of the pods."""
    nodes: Mapping[int, int]
    """Ports of nodes to those of the pods, as far as the Service says which."""
    on_nodes: bool
    """Whether it has ports of nodes at all."""
    local: bool
    """Whether pods see the client's own address."""
    addresses: str
    """Name of the reserved address; empty: it has whichever Google gives."""
    unread: tuple[tuple[str, str], ...] = ()
    """Fields that say something which is not read, each with why."""

    @property
    def words(self) -> str:
        """From where it can be connected to at all."""
        if not self.balanced:
            return "whoever reaches a node"
        return "the VPC and networks connected to it" if self.internal else "the internet"

    def takes(self, source: Ranges, port: int, words: str, *, must_pass: bool) -> Verdict:
        """What the load balancer, and on each node its Service, say to a connection from these addresses to
        one port."""
        if self.unread:
            field, why = self.unread[0]
            return Verdict(Layer.LOAD_BALANCER, Outcome.NOT_UNDERSTOOD, self.by, field, why)
        if not self.balanced:
            return Verdict(
                Layer.LOAD_BALANCER,
                Outcome.DENIED,
                self.by,
                "spec.type",
                "No load balancer stands before this Service.",
            )
        if port not in self.ports:
            return Verdict(
                Layer.LOAD_BALANCER, Outcome.DENIED, self.by, "spec.ports", f"The Service has no port {port}."
            )
        taken = self.ranges.covers(source) if must_pass else self.ranges.meets(source)
        field = "spec.loadBalancerSourceRanges" if self.written else "spec"
        if not taken:
            reason = f"It takes connections from {', '.join(self.written)} alone."
            return Verdict(Layer.LOAD_BALANCER, Outcome.DENIED, self.by, field, reason)
        return Verdict(
            Layer.LOAD_BALANCER, Outcome.ALLOWED, self.by, field, f"It takes {words} on port {port}."
        )

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What GKE opens in the VPC firewall for the load balancer's address."""
        if not self.balanced or not self.ports:
            return ()
        what = (
            What("spec.loadBalancerSourceRanges", "TCP", tuple((port, port) for port in sorted(self.ports))),
        )
        note = ": a rule that GKE makes by itself for this Service"
        return (Rule(self.by, INGRESS, DEFAULT_PRIORITY, True, None, self.ranges, what, note=note),)


def edges(snapshot: Snapshot, workloads: Workloads) -> Iterator[Edge]:
    """Every Service that can be connected to from outside, in the order in which they were handed over."""
    containers = _container_ports(snapshot)
    for manifest in snapshot.kind("Service"):
        spec = part(manifest, "spec")
        if spec.get("type") in _EXPOSED or listed(spec, "externalIPs"):
            yield _edge(manifest, workloads, containers)


def _edge(manifest: Manifest, workloads: Workloads, containers: Mapping[str, Mapping[str, int]]) -> Edge:
    spec, namespace = part(manifest, "spec"), manifest["metadata"]["namespace"]
    annotations = part(manifest, "metadata", "annotations")
    unread: list[tuple[str, str]] = []
    balanced = spec.get("type") == "LoadBalancer"
    internal = any(str(annotations.get(key, "")).lower() == "internal" for key in _TYPE)
    given = spec.get("loadBalancerClass")
    if balanced and given:
        internal = _CLASSES.get(str(given), False)
        if given not in _CLASSES:
            unread.append(
                (
                    "spec.loadBalancerClass",
                    f"What makes load balancers of the class {given} is not read here.",
                )
            )
    if listed(spec, "externalIPs"):
        unread.append(("spec.externalIPs", "Which packets come for these addresses is not read here."))
    ports: dict[int, int] = {}
    nodes: dict[int, int] = {}
    for port in listed(spec, "ports"):
        target = port.get("targetPort", port["port"])
        number = target if isinstance(target, int) else containers.get(namespace, {}).get(str(target))
        if number is None:
            unread.append(("spec.ports", f"Which port of the pods is called {target} is not known here."))
            number = port["port"]
        if (port.get("protocol") or "TCP") != "TCP":
            unread.append(("spec.ports", f"{port['protocol']} from outside is not read here."))
        ports[port["port"]] = number
        if isinstance(port.get("nodePort"), int):
            nodes[port["nodePort"]] = number
    written = tuple(map(str, listed(spec, "loadBalancerSourceRanges")))
    return Edge(
        identity(manifest),
        namespace,
        workloads.behind(namespace, part(spec, "selector")),
        balanced,
        internal,
        Ranges.of(written or ANYWHERE),
        written,
        ports,
        nodes,
        spec.get("type") == "NodePort"
        or (balanced and spec.get("allocateLoadBalancerNodePorts") is not False),
        spec.get("externalTrafficPolicy") == "Local",
        str(annotations.get(_ADDRESSES) or ""),
        tuple(unread),
    )


def _container_ports(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    """Names of containers' ports, by namespace; a name with two meanings has none."""
    found: dict[str, dict[str, int]] = {}
    unclear: set[tuple[str, str]] = set()
    for manifest in snapshot.kind("Deployment"):
        namespace = manifest["metadata"]["namespace"]
        of = found.setdefault(namespace, {})
        containers: Any = listed(manifest, "spec", "template", "spec", "containers")
        for port in (port for container in containers for port in listed(container, "ports")):
            name, number = str(port.get("name") or ""), port.get("containerPort")
            if name and isinstance(number, int) and of.setdefault(name, number) != number:
                unclear.add((namespace, name))
    for namespace, name in unclear:
        del found[namespace][name]
    return found
