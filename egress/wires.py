"""Connections inside the cluster that no host is part of: what a team's proxies need, and what its pods must not touch.

Without the first, declared flows stop in a way no rule about hosts shows; the second are ways to the proxies' back doors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from egress.google_cloud import METADATA_ADDRESS
from egress.intent import Intent
from egress.judge.flow import Connection, Outside, Pod, Protocol, Verdict
from egress.judge.registry import ROOT_NAMESPACE
from egress.judge.space import OTHER_PORT
from egress.judge.trace import Judges
from egress.questions import STRANGER
from egress.settings.fences import Fence

DNS_NAMESPACE = "kube-system"
CONTROL_PLANE: Mapping[str, str] = {"app": "istiod"}
XDS_PORT = 15012
RESOLVERS: tuple[Mapping[str, str], ...] = ({"k8s-app": "kube-dns"}, {"k8s-app": "node-local-dns"})
BACK_DOORS = (15000, 15004, 15014, 15020, 15021, 15090, OTHER_PORT)
"""Ports of gateways that are not for teams (Istio, "Ports used by Istio"), and one that nobody names."""
PROXY_TEXT_PORT = 15000
"""A proxy's port that answers in plain text to whoever asks."""
CONTROL_PLANE_DOORS = (443, 8080, 15010, 15014, 15017, OTHER_PORT)


@dataclass(frozen=True)
class Wire:
    """A connection between two pods, and whether it has to be possible."""

    connection: Connection
    wanted: bool
    says: str

    def wrong(self, verdict: Verdict) -> str | None:
        """What is wrong with a verdict on it; None: nothing."""
        if not verdict.understood:
            return "An object says something that the judges cannot read, so nothing is proven."
        if verdict.allowed == self.wanted:
            return None
        return f"{self.says} has to be possible." if self.wanted else f"{self.says} must not be possible."


def wires(intent: Intent, judges: Judges, team: str) -> Iterator[Wire]:
    """Everything about one team's pods that is asked without a host."""
    pool = judges.workloads.application_pool
    mine, anyone = Pod(team, {}, pool=pool), Pod(team, None, pool=pool)
    control_plane = Pod(ROOT_NAMESPACE, CONTROL_PLANE)
    if intent.in_cluster_mesh:
        yield _wire(mine, control_plane, XDS_PORT, True, f"{team}'s proxies asking istiod for their configuration")
    for port in CONTROL_PLANE_DOORS:
        yield _wire(anyone, control_plane, port, False, f"{team}'s pods reaching istiod's port {port}")
    for labels in RESOLVERS:
        resolver = Pod(DNS_NAMESPACE, labels)
        name = labels["k8s-app"]
        for transport in ("UDP", "TCP"):
            yield _wire(mine, resolver, 53, True, f"{team}'s pods asking {name} for names ({transport})", transport)
            yield _wire(anyone, resolver, OTHER_PORT, False, f"{team}'s pods reaching {name}'s other ports", transport)
    doors = {(pod, port) for pod, port, _ in judges.gateways.doors()}
    for gateway in judges.gateways.pods:
        for port in sorted({*BACK_DOORS, *(port for pod, port in doors if pod is gateway)}):
            wanted = (gateway, port) in doors and intent.uses_gateway(team, gateway.namespace)
            source = mine if wanted else anyone
            yield _wire(source, gateway, port, wanted, f"{team}'s pods reaching the gateway in {gateway.namespace}, port {port}")
    for namespace in sorted({ROOT_NAMESPACE, DNS_NAMESPACE, *(gateway.namespace for gateway in judges.gateways.pods)}):
        for port in (53, 443, 8080, XDS_PORT, OTHER_PORT):
            yield _wire(anyone, Pod(namespace, {}), port, False, f"{team}'s pods reaching other pods of {namespace}, port {port}")


def around(team: str) -> Iterator[Wire]:
    """A team's pods as a target: they reach each other, and nobody whom no team invited reaches them."""
    yield _wire(Pod(team, {}), Pod(team, {}), 8080, True, f"{team}'s pods reaching each other")
    for port in (8080, PROXY_TEXT_PORT, OTHER_PORT):
        yield _wire(Pod(STRANGER, None), Pod(team, {}), port, False, f"Pods of no team reaching {team}'s pods, port {port}")


def of_gateways(intent: Intent, judges: Judges) -> Iterator[Wire]:
    """What gateways' own pods need, and what they must not touch should one be broken into."""
    stranger = Pod(STRANGER, None)
    team = next(iter(intent.teams), None)
    for gateway in (pod for pod in judges.gateways.pods if pod.namespace in intent.gateways):
        name = f"The gateway in {gateway.namespace}"
        if intent.in_cluster_mesh:
            yield _wire(
                gateway, Pod(ROOT_NAMESPACE, CONTROL_PLANE), XDS_PORT, True, f"{name} asking istiod for its configuration"
            )
        for labels in RESOLVERS:
            yield _wire(gateway, Pod(DNS_NAMESPACE, labels), 53, True, f"{name} asking {labels['k8s-app']} for names", "UDP")
        if not intent.puts_up(Fence.GATEWAY_NETWORK):
            continue
        for port in (*{port for pod, port, _ in judges.gateways.doors() if pod is gateway}, *BACK_DOORS):
            yield _wire(stranger, gateway, port, False, f"Pods of no team reaching {name.lower()}, port {port}")
        for port in (80, 443, 8080, OTHER_PORT):
            if team:
                yield _wire(gateway, Pod(team, None), port, False, f"{name} reaching {team}'s pods, port {port}")
        # With the managed mesh proxies get their Google identity from there.
        metadata = ((METADATA_ADDRESS, 80, "the metadata server"),) if intent.in_cluster_mesh else ()
        for address, port, what in (
            *metadata,
            (INSIDE, 443, "private networks"),
            (None, OTHER_PORT, "ports outside that no host needs"),
        ):
            to = Outside(None, address)
            yield Wire(Connection(gateway, to, port, Protocol.TCP), wanted=False, says=f"{name} reaching {what}")
    if intent.in_cluster_mesh and intent.puts_up(Fence.CONTROL_PLANE_NETWORK):
        for port in (8080, 15010, 15014, OTHER_PORT):
            yield _wire(stranger, Pod(ROOT_NAMESPACE, CONTROL_PLANE), port, False, f"Strangers reaching istiod's port {port}")


INSIDE = "10.255.255.254"
"""Stands for an address of a private network that is not the cluster's."""


def _wire(source: Pod, to: Pod, port: int, wanted: bool, says: str, transport: str = "TCP") -> Wire:
    protocol = Protocol.UDP if transport == "UDP" else Protocol.TCP
    return Wire(Connection(source, to, port, protocol, transport), wanted, says)
