"""What has to come of every connection that no flow shows: which ones the platform needs, and which must not
be possible.

The connections are those of egress/judge/cluster_connections.py, the one list; this room adds the
expectation, and nothing else. Without those that are needed, declared flows stop in a way that no rule about
hosts shows; the others are ways to back doors.
"""

from __future__ import annotations

from egress.common import names
from egress.common.google_cloud import KUBELET_PORT, METADATA_ADDRESS, WEBHOOK_PORT
from egress.common.ports import GATEWAY_HTTP, GATEWAY_TLS, HTTPS_PORT
from egress.judge.cluster_connections import (
    DNS_PORT,
    XDS_PORT,
    ClusterConnection,
    End,
    Place,
)
from egress.judge.distinctions import APPLICATION_PORT
from egress.judge.model.flow import Verdict
from egress.judge.trace import Judges
from egress.plan.gateway import EgressGateway
from egress.proof.intent import Intent
from egress.settings.fences import Fence

KONNECTIVITY_PORT = 8132
OF_CONTROL_PLANE = (HTTPS_PORT, KONNECTIVITY_PORT, KUBELET_PORT)
"""TCP ports on which nodes reach the Kubernetes control plane."""


def wanted(intent: Intent, one: ClusterConnection, doors: frozenset[tuple[str, int]]) -> bool | None:
    """Whether a connection has to be possible (True) or must not be (False); None: nothing is said about it.

    Args:
        intent: what the config declares.
        one: the connection.
        doors: namespace and port of what gateways serve.
    """
    match one.source.end:
        case End.TEAM:
            return _of_team(intent, one, doors)
        case End.GATEWAY:
            return _of_gateway(intent, one)
        case End.CONTROL_PLANE:
            return _of_control_plane(intent, one)
        case End.APPLICATION_NODES | End.GATEWAY_NODES:
            return _of_nodes(intent, one)
        case End.INTERNET | End.ADDRESSES:
            return _of_addresses(intent, one)
        case _:
            return _of_others(intent, one)


def served(judges: Judges) -> frozenset[tuple[str, int]]:
    """Namespace and port of everything that gateways serve."""
    return frozenset((pod.namespace, port) for pod, port, _ in judges.gateways.doors())


def wrong(one: ClusterConnection, must: bool, verdict: Verdict) -> str | None:
    """What is wrong with a verdict; None: nothing."""
    if not verdict.understood:
        return "An object says something that the judges cannot read, so nothing is proven."
    if verdict.allowed == must:
        return None
    what = f"{one.source.words} reaching {one.target.words}, {one.transport} {one.port}"
    what = what[:1].upper() + what[1:]
    return f"{what}, has to be possible." if must else f"{what}, must not be possible."


def _is_tcp(one: ClusterConnection, *ports: int) -> bool:
    return one.transport == "TCP" and one.port in ports


def _to_platform(intent: Intent, one: ClusterConnection) -> bool | None:
    """What whoever has a proxy needs of the platform: its configuration, and names."""
    if one.target.end is End.RESOLVER:
        return one.port == DNS_PORT and one.transport in ("TCP", "UDP")
    if one.target.end is End.CONTROL_PLANE and _is_tcp(one, XDS_PORT):
        return True if intent.in_cluster_mesh else None
    return False


def _of_team(intent: Intent, one: ClusterConnection, doors: frozenset[tuple[str, int]]) -> bool | None:
    team, target = one.source.name, one.target
    if target.end is End.TEAM:
        return True if _is_tcp(one, APPLICATION_PORT) else None
    if target.end is End.GATEWAY:
        own = intent.uses_gateway(team, target.name)
        served = (target.name, one.port) in doors
        # Where no host is declared that would be asked for at a port, the gateway of the team has nothing
        # there.
        return (
            None
            if own and not served and _is_tcp(one, GATEWAY_HTTP, GATEWAY_TLS)
            else own and served and one.transport == "TCP"
        )
    return _to_platform(intent, one)


def _of_gateway(intent: Intent, one: ClusterConnection) -> bool | None:
    """What gateways' own pods need, and what they must not touch should one be broken into."""
    gateway, target = intent.gateway_in(one.source.name), one.target
    if target.end in (End.RESOLVER, End.CONTROL_PLANE) and (needed := _to_platform(intent, one)) is not False:
        return needed
    if not intent.puts_up(Fence.GATEWAY_NETWORK):
        return None
    if target.end is End.TEAM and gateway is None and _is_tcp(one, *intent.received_ports(target.name)):
        return None
    if target.end in (End.INTERNET, End.ADDRESSES):
        return _leaves(intent, one, gateway is not None and _is_declared(intent, one, gateway, shared=True))
    return False


def _is_declared(intent: Intent, one: ClusterConnection, gateway: EgressGateway, *, shared: bool) -> bool:
    """Whether the gateway needs this for what teams declared."""
    address = one.target.name or None
    if one.transport != "TCP" or (address and ":" in address):
        return False
    if address and intent.is_inside(address):
        led = shared and intent.is_shared(address) and one.port in gateway.ports
        return led or intent.names(gateway, one.port, address)
    return intent.leaves_by(gateway, one.port, address)


def _leaves(intent: Intent, one: ClusterConnection, must_pass: bool) -> bool | None:
    """What is declared is proven by the flows; the managed mesh's proxies need Google's APIs and their own
    identity."""
    managed = not intent.in_cluster_mesh and _is_google(intent, one)
    return None if must_pass or managed else False


def _is_google(intent: Intent, one: ClusterConnection) -> bool:
    if one.target.end is not End.ADDRESSES or ":" in one.target.name:
        return False
    if one.target.name == METADATA_ADDRESS:
        return _is_tcp(one, 80)
    return intent.at_google(one.target.name) and _is_tcp(one, HTTPS_PORT)


def _of_control_plane(intent: Intent, one: ClusterConnection) -> bool | None:
    if not (intent.in_cluster_mesh and intent.puts_up(Fence.CONTROL_PLANE_NETWORK)):
        return None
    if one.target.end is not End.ADDRESSES or ":" in one.target.name:
        return False
    if intent.is_api_server(one.target.name) and _is_tcp(one, HTTPS_PORT):
        # Where policies are asked before a Service is translated. No firewall ever sees its address.
        return None
    return intent.is_control_plane(one.target.name) and _is_tcp(one, HTTPS_PORT)


def _of_nodes(intent: Intent, one: ClusterConnection) -> bool | None:
    """What the firewall must let nodes do, and must not. Pods have a NetworkPolicy before it, a node's own
    processes nothing."""
    gateway = intent.gateway_on(one.source.name) if one.source.end is End.GATEWAY_NODES else None
    address = one.target.name or None
    if address and ":" not in address:
        if address == METADATA_ADDRESS or intent.is_own(address):
            return None
        # Without these a node never joins its cluster, and no image gets onto it.
        if _is_google(intent, one) or (intent.is_control_plane(address) and _is_tcp(one, *OF_CONTROL_PLANE)):
            return True
        # Towards private networks the gateway's NetworkPolicy is the fence, on the ports of the web and of
        # raw TCP by name.
        if gateway and one.transport == "TCP" and intent.leaves_by(gateway, one.port, address):
            return None
    if gateway and _is_declared(intent, one, gateway, shared=False):
        return None
    outside = address is None or not intent.is_inside(address)
    opened = one.source.end is End.APPLICATION_NODES and outside and _is_tcp(one, *intent.opened_nodes)
    return None if opened else False


def _of_others(intent: Intent, one: ClusterConnection) -> bool | None:
    """What pods of no team, and the platform's, get at."""
    source, target = one.source, one.target
    if target.end in (End.INTERNET, End.ADDRESSES):
        shut = intent.puts_up(_boundary(source.name)) and intent.in_cluster_mesh
        return False if shut else None
    if target.end is End.TEAM:
        led = source.name == names.INGRESS_NAMESPACE and _is_tcp(one, *intent.received_ports(target.name))
        return None if led else False
    if target.end is End.GATEWAY or target.name in intent.gateways | {names.INGRESS_NAMESPACE}:
        return False if intent.puts_up(Fence.GATEWAY_NETWORK) else None
    if not (intent.in_cluster_mesh and intent.puts_up(Fence.CONTROL_PLANE_NETWORK)):
        return None
    return None if target.end is End.CONTROL_PLANE and _serves(source, one) else False


def _boundary(namespace: str) -> Fence:
    """What holds the pods of a namespace of the platform's."""
    return Fence.CONTROL_PLANE_NETWORK if namespace == names.MESH_NAMESPACE else Fence.GATEWAY_NETWORK


def _of_addresses(intent: Intent, one: ClusterConnection) -> bool | None:
    """What comes from no pod: to nobody's, but for the control plane's questions to istiod and, elsewhere,
    what is received."""
    target, source = one.target, one.source
    if target.end is End.TEAM:
        return False
    if (
        target.name == names.INGRESS_NAMESPACE
        and one.transport == "TCP"
        and intent.may_be_partner(source.name)
    ):
        return None
    if target.name in intent.gateways | {names.INGRESS_NAMESPACE}:
        return False if intent.puts_up(Fence.GATEWAY_NETWORK) else None
    if not (intent.in_cluster_mesh and intent.puts_up(Fence.CONTROL_PLANE_NETWORK)):
        return None
    asks = source.end is End.ADDRESSES and ":" not in source.name and intent.is_control_plane(source.name)
    return asks and target.end is End.CONTROL_PLANE and _is_tcp(one, WEBHOOK_PORT)


def _serves(source: Place, one: ClusterConnection) -> bool:
    """What istiod is there for: configuration for whoever has a proxy, and webhooks for the control plane's
    agents."""
    if source.end is End.PLATFORM or source.labelled:
        return _is_tcp(one, XDS_PORT) or (source.end is End.PLATFORM and _is_tcp(one, WEBHOOK_PORT))
    return False
