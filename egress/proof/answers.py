"""Where declared names may lead, whatever their owners answer: not to a gateway itself, its node, or anything
else inside.

A host's owner says which address the host has, and may say 127.0.0.1. So each kind of address is asked about
for everything that a gateway, or a team past the gateway, reaches by name, from the rendered objects. What
stands between a pod and other addresses is NetworkPolicy; between a pod and itself, or its own node, nothing
is: there the port decides, and the network card to which the gateway's connections are tied
(egress/layers/mesh/way_out.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from egress.common.ports import INNER_PORT, NODE_PORTS, PROXY_PORTS
from egress.judge.lookup.flow_space import OTHER_ADDRESS
from egress.judge.lookup.host_shapes import concrete
from egress.judge.lookup.service_registry_destinations import Destination
from egress.judge.model.flow import Connection, Flow, Layer, Outcome, Outside, Pod, Protocol, Verdict
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.proof.invariants import Invariant
from egress.settings.fences import Fence


def of_gateways(intent: Intent, judges: Judges) -> Iterator[Invariant]:
    """What every egress gateway knows of hosts."""
    known = _known(intent, judges)
    for gateway in (pod for pod in judges.gateways.pods if pod.namespace in intent.gateways):
        listens = judges.gateways.listens(gateway).keys()
        taken = {port for port, _ in listens} | PROXY_PORTS
        left: dict[int, str] = {}
        for destination in known.get(gateway.namespace, ()):
            if not _led_to(judges, gateway, destination):
                continue
            for number, port in destination.ports.items():
                says = (
                    f"{destination.host}, port {port.target}: whatever its owner answers, it must not "
                    "lead back or inside."
                )
                yield Invariant(
                    gateway.namespace,
                    _away(judges, intent, gateway, destination, number, listens, taken),
                    says,
                )
                if destination.resolution != "STATIC":
                    left.setdefault(port.target, destination.by)
        if intent.puts_up(Fence.GATEWAY_NETWORK):
            yield from _inside(judges, intent, gateway, left)


def of_other_gateways(intent: Intent, judges: Judges) -> Iterator[Invariant]:
    """The ingress gateway leads to Services alone: it has no destination whose address somebody outside
    says."""
    for gateway in (pod for pod in judges.gateways.pods if pod.namespace not in intent.gateways):
        for destinations in judges.registry.destinations.values():
            for destination in destinations:
                known = not destination.inside and destination.exported & {"*", gateway.namespace}
                if known and _led_to(judges, gateway, destination):
                    verdict = _verdict(
                        Outcome.ALLOWED,
                        destination.by,
                        "spec.hosts",
                        "The cluster does not say its address.",
                    )
                    says = (
                        f"{destination.host}: a gateway that teams do not leave by must lead to Services "
                        "of the cluster alone."
                    )
                    yield Invariant(gateway.namespace, verdict, says)


def past_gateways(intent: Intent, judges: Judges, team: str) -> Iterator[Invariant]:
    """What a team's own sidecars know of hosts, where it leaves past the gateway."""
    ports = dict.fromkeys(intent.opened(team), team)
    if not ports:
        return
    yield from _inside(judges, intent, Pod(team, None, pool=judges.workloads.application_pool), ports)
    if intent.is_open(team):
        return
    # A client says a declared name, and connects to an address of its own choice.
    pod = Pod(team, {}, pool=judges.workloads.application_pool)
    for host in intent.hosts(team):
        for port, protocol in sorted({(80, Protocol.HTTP), (443, Protocol.TLS), *intent.ports(host)}):
            flow = Flow(team, concrete(host), port, protocol, address=OTHER_ADDRESS)
            said, connections = judges.sidecars.judge(flow, pod)
            led = any(
                isinstance(to, Outside) and to.address == OTHER_ADDRESS
                for to in (one.to for one in connections)
            )
            verdict = said if led or not said.understood else said.but(Outcome.DENIED)
            yield Invariant(
                team, verdict, f"Who says {flow.host} must not be led to whatever address he connects to."
            )


def _known(intent: Intent, judges: Judges) -> dict[str, list[Destination]]:
    """Hosts by the gateway's namespace in which they are known."""
    found: dict[str, list[Destination]] = {namespace: [] for namespace in intent.gateways}
    for destinations in judges.registry.destinations.values():
        for destination in destinations:
            if not destination.inside:
                for namespace in (
                    found if "*" in destination.exported else destination.exported & found.keys()
                ):
                    found[namespace].append(destination)
    return found


def _led_to(judges: Judges, gateway: Pod, destination: Destination) -> bool:
    """Whether a route of the gateway leads to a host; what it hands to itself is one, too."""
    own = any(endpoint.startswith("127.") for endpoint in destination.endpoints)
    return own or any(entrance.pod is gateway for entrance in judges.gateways.entrances(destination.host))


def _away(
    judges: Judges,
    intent: Intent,
    gateway: Pod,
    destination: Destination,
    number: int,
    listens: Collection[tuple[int, str | None]],
    taken: Collection[int],
) -> Verdict:
    """Whether one port of a host may lead back to the gateway or to its node."""
    target = destination.ports[number].target
    for endpoint in destination.endpoints:
        if endpoint.startswith("127."):
            # What a gateway hands to itself comes back at a listener of that very address, and nowhere else.
            back = (target, endpoint) in listens and target == INNER_PORT
            return _verdict(
                Outcome.of(not back),
                destination.by,
                "spec.endpoints",
                f"It comes back to {endpoint}:{target}.",
            )
    if destination.resolution == "STATIC":
        inside = next(
            (one for one in destination.endpoints if intent.is_inside(one) and not intent.is_named(one)), None
        )
        return _verdict(
            Outcome.of(inside is not None),
            destination.by,
            "spec.endpoints",
            f"Of its addresses {inside} is inside.",
        )
    if target in taken:
        return _verdict(
            Outcome.ALLOWED, destination.by, "spec.ports", "The gateway listens on this port as well."
        )
    if target in NODE_PORTS:
        return _verdict(Outcome.ALLOWED, destination.by, "spec.ports", "A node listens on this port as well.")
    # The managed mesh takes no EnvoyFilter: there the port alone decides.
    loose = intent.in_cluster_mesh and not judges.gateways.bound.on(gateway, destination.host, number)
    return _verdict(
        Outcome.of(loose),
        None if loose else destination.by,
        "",
        "Its connections are not tied to the network card.",
    )


def _inside(judges: Judges, intent: Intent, source: Pod, ports: dict[int, str]) -> Iterator[Invariant]:
    """Every address inside, on every port by which some name is left."""
    for port in sorted(ports):
        for cidr in intent.never_reached(source.namespace, port):
            verdict = judges.network_policies.judge(
                Connection(source, Outside(None, cidr), port, Protocol.TCP)
            )
            says = f"Names that are left by port {port} (as {ports[port]}) must lead to no address of {cidr}."
            yield Invariant(source.namespace, verdict, says)


def _verdict(outcome: Outcome, by: str | None, field: str, reason: str) -> Verdict:
    return Verdict(Layer.GATEWAY, outcome, by, field, reason)
