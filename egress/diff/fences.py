"""Fences beside the flows of teams: firewall, DNS, admission, Pod Security, the inside of the cluster, the mesh's TLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egress.diff import filters
from egress.diff.both import Both, Side
from egress.diff.facts import Aspect, Fact
from egress.diff.words import displayed
from egress.judge.admission import recorded
from egress.judge.deployed import identity, listed, part
from egress.judge.flow import Connection, Node, Outside, Pod, Protocol, Verdict
from egress.judge.registry import ROOT_NAMESPACE
from egress.judge.targets import DEFAULT, STRANGER
from egress.settings.fences import EVERYWHERE, Rule
from egress.wires import BACK_DOORS, CONTROL_PLANE, CONTROL_PLANE_DOORS, DNS_NAMESPACE, RESOLVERS, XDS_PORT

PLACED = "gateway-nodes"
"""The rule that is about node pools, and so is asked with the flows from gateway nodes."""
SECURITY = "pod-security.kubernetes.io/enforce"
LEVELS = ("privileged", "baseline", "restricted")
MODES = ("DISABLE", "PERMISSIVE", "STRICT")
VERSIONS = ("TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3")


def facts(both: Both) -> Iterator[Fact]:
    """Everything but the flows themselves."""
    yield from _firewall(both)
    yield from _dns(both)
    for team in both.teams:
        if all(team in side.teams for side in both.sides):
            yield from _of_team(both, team)
    yield from _of_nobody(both)
    yield from _of_gateways(both)
    yield from _mesh(both)
    yield from filters.facts(both)


def _turned(old: Verdict, new: Verdict, team: str, target: str, what: str, how: str) -> Iterator[Fact]:
    """A refusal that one side has and the other lacks."""
    if old.allowed != new.allowed:
        by = (old if new.allowed else new).by
        yield Fact(Aspect.FENCE, new.allowed, team, target, what, how, "" if by == "nothing" else by)
    if old.understood != new.understood:
        by = (new if old.understood else old).by
        yield Fact(Aspect.UNREAD, old.understood, team, target, by, by=by)


def _firewall(both: Both) -> Iterator[Fact]:
    """Node pools by what they are for: their accounts may be called otherwise on either side."""
    addresses, ports = both.firewalled
    pools = [_pools(side) for side in both.sides]
    for what in sorted(pools[0].keys() & pools[1].keys()):
        for transport, protocol in (("TCP", Protocol.TCP), ("UDP", Protocol.UDP)):
            for port in ports:
                for address, name in [("", "the internet"), *addresses.items()]:
                    to = Outside(None, address or None)
                    old, new = (
                        side.judges.firewall.judge(Connection(Node(of[what]), to, port, protocol, transport))
                        for side, of in zip(both.sides, pools, strict=True)
                    )
                    found = list(_turned(old, new, "", what, f"{name} on {transport} {port}", "firewall"))
                    yield from found
                    if not address and found:
                        break  # what holds for the internet need not be said of its parts


def _pools(side: Side) -> dict[str, str]:
    """Google service account of the application nodes, and of each pool of gateway nodes."""
    found: dict[str, str] = {}
    for pool in side.judges.workloads.pools.values():
        found[f"gateway nodes ({pool.name})" if pool.tainted else "application nodes"] = pool.email
    return found


def _dns(both: Both) -> Iterator[Fact]:
    for name in both.names:
        old, new = (side.judges.dns.judge(name) for side in both.sides)
        yield from _turned(old, new, "", displayed(name), "", "DNS")


def _of_team(both: Both, team: str) -> Iterator[Fact]:
    for rule in sorted(recorded()):
        if rule != PLACED:
            old, new = (side.judges.admission.judge(team, rule) for side in both.sides)
            yield from _turned(old, new, team, f"the rule {rule}", "", "admission")
    levels = [side.deployed.namespace_labels[team].get(SECURITY, LEVELS[0]) for side in both.sides]
    yield from _ranked(levels, LEVELS, team, "Pod Security", f"namespace/{team}")
    modes = [_mode(side, team) for side in both.sides]
    yield from _ranked(modes, MODES, team, "mutual TLS", "")
    for to, port, transport, target in _inside(both):
        pods = [Pod(team, None, pool=side.judges.workloads.application_pool) for side in both.sides]
        yield from _wire(both, pods, to, port, transport, team, target)


def _of_nobody(both: Both) -> Iterator[Fact]:
    """Rules of admission where no team is: everybody's namespaces, those that either side exempts, and the platform's own."""
    judges = [side.judges.admission for side in both.sides]
    exempted = {namespace for judge in judges for namespace in judge.exempted} - set(both.teams)
    for rule in sorted(EVERYWHERE):
        before, now = (judge.judge(STRANGER, rule) for judge in judges)
        yield from _turned(before, now, "pods of no team", f"the rule {rule}", "", "admission")
        for namespace in sorted({DEFAULT, *exempted}):
            old, new = (judge.judge(namespace, rule) for judge in judges)
            if (old.allowed, new.allowed) != (before.allowed, now.allowed):
                yield from _turned(old, new, namespace, f"the rule {rule}", "", "admission")
    for namespace in sorted({ROOT_NAMESPACE, *(pod.namespace for pod in _gateways(both))}):
        for rule in sorted({Rule.PLATFORM_KINDS, Rule.PLATFORM_NAMESPACES}):
            old, new = (judge.judge(namespace, rule) for judge in judges)
            yield from _turned(old, new, namespace, f"the rule {rule}", "", "admission")


def _ranked(values: list[str], ranks: tuple[str, ...], team: str, target: str, by: str, how: str = "level") -> Iterator[Fact]:
    """A setting whose values are ordered from weak to strong; one that is not known counts as the weakest."""
    if values[0] == values[1]:
        return
    ranked = [ranks.index(value) if value in ranks else -1 for value in values]
    weak, strong = (values[1], values[0]) if ranked[1] < ranked[0] else (values[0], values[1])
    aspect = Aspect.TLS if "TLS" in target else Aspect.FENCE
    yield Fact(aspect, values[1] == weak, team, target, f"{weak} instead of {strong}", how, by)


def _inside(both: Both) -> Iterator[tuple[Pod, int, str, str]]:
    """Ends within the cluster that are no other team's: control plane, resolvers, gateways' back doors."""
    for port in (XDS_PORT, *CONTROL_PLANE_DOORS):
        yield Pod(ROOT_NAMESPACE, CONTROL_PLANE), port, "TCP", "istiod"
    for labels in RESOLVERS:
        for transport in ("UDP", "TCP"):
            for port in (53, CONTROL_PLANE_DOORS[-1]):
                yield Pod(DNS_NAMESPACE, labels), port, transport, labels["k8s-app"]
    for pod in _gateways(both):
        for port in BACK_DOORS:
            yield pod, port, "TCP", f"the gateway in {pod.namespace}"


def _gateways(both: Both) -> list[Pod]:
    """Gateways that both sides have, by namespace."""
    old, new = ({pod.namespace: pod for pod in side.judges.gateways.pods} for side in both.sides)
    return [new[namespace] for namespace in sorted(old.keys() & new.keys())]


def _of_gateways(both: Both) -> Iterator[Fact]:
    """What gateways and strangers may touch, should one of them be broken into."""
    stranger = Pod(STRANGER, None)
    team = next((team for team in both.teams if all(team in side.teams for side in both.sides)), None)
    for pod in _gateways(both):
        name = f"the gateway in {pod.namespace}"
        doors = {port for side in both.sides for of, port, _ in side.judges.gateways.doors() if of.namespace == pod.namespace}
        for port in sorted({*doors, *BACK_DOORS}):
            yield from _wire(both, [stranger, stranger], pod, port, "TCP", "pods of no team", name)
        for port in (80, 443, 8080, BACK_DOORS[-1]) if team else ():
            yield from _wire(both, [pod, pod], Pod(team or "", None), port, "TCP", name, "teams' pods")
        for port, protocol in both.numbers:
            to, transport = Outside(None, None), "UDP" if protocol is Protocol.UDP else "TCP"
            old, new = (side.judges.network_policies.judge(Connection(pod, to, port, protocol, transport)) for side in both.sides)
            found = list(_turned(old, new, name, "the internet", f"{transport} {port}", "NetworkPolicy"))
            yield from found
            for address, of in both.addresses(pod.namespace).items() if not found else ():
                to = Outside(None, address)
                old, new = (
                    side.judges.network_policies.judge(Connection(pod, to, port, protocol, transport)) for side in both.sides
                )
                yield from _turned(old, new, name, of, f"{transport} {port}", "NetworkPolicy")
    for namespace in sorted({ROOT_NAMESPACE, *(pod.namespace for pod in _gateways(both))}):
        for port in (443, 8080):
            yield from _wire(
                both, [stranger, stranger], Pod(namespace, {}), port, "TCP", "pods of no team", f"pods of {namespace}"
            )
    for port in CONTROL_PLANE_DOORS:
        yield from _wire(both, [stranger, stranger], Pod(ROOT_NAMESPACE, CONTROL_PLANE), port, "TCP", "pods of no team", "istiod")


def _wire(both: Both, sources: list[Pod], to: Pod, port: int, transport: str, who: str, target: str) -> Iterator[Fact]:
    protocol = Protocol.UDP if transport == "UDP" else Protocol.TCP
    old, new = (
        side.judges.network_policies.judge(Connection(source, to, port, protocol, transport))
        for side, source in zip(both.sides, sources, strict=True)
    )
    yield from _turned(old, new, who, target, f"{transport} {port}", "NetworkPolicy")


def _mode(side: Side, team: str) -> str:
    """The mutual TLS that a namespace's proxies ask of who connects to them: its own policy, else the mesh's, else none asked."""
    found = {
        manifest["metadata"].get("namespace"): part(manifest, "spec", "mtls").get("mode", "PERMISSIVE")
        for manifest in side.deployed.kind("PeerAuthentication")
        if not part(manifest, "spec", "selector")
    }
    return str(found.get(team) or found.get(ROOT_NAMESPACE) or "PERMISSIVE")


def _mesh(both: Both) -> Iterator[Fact]:
    configs = [side.judges.registry.mesh_config for side in both.sides]
    for key, target in (("tlsDefaults", "the mesh's TLS"), ("meshMTLS", "TLS between proxies")):
        versions = [str(part(config, key).get("minProtocolVersion") or "TLSV1_2") for config in configs]
        yield from _ranked(versions, VERSIONS, "", target, "istio-system/configmap/istio", "minimum version")
    servers = [dict(_servers(side)) for side in both.sides]
    for key in sorted(servers[0].keys() & servers[1].keys()):
        yield from _ranked([of[key] for of in servers], VERSIONS, "", f"TLS at {key}", key, "minimum version")


def _servers(side: Side) -> Iterator[tuple[str, str]]:
    for manifest in side.deployed.kind("Gateway"):
        for server in listed(manifest, "spec", "servers"):
            if part(server, "tls"):
                of: Mapping[str, Any] = part(server, "tls")
                version = of.get("minProtocolVersion") or "TLSV1_2"
                yield f"{identity(manifest)} {part(server, 'port').get('name')}", str(version)
