"""Fences beside the flows of teams: firewall, DNS, admission, Pod Security, the inside of the cluster, the
mesh's TLS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from egress.answers.diff import filters
from egress.answers.diff.both import Both, Side
from egress.answers.diff.facts import EVERY_PORT, Fact
from egress.answers.words import Aspect, displayed
from egress.judge.cluster_connections import ClusterConnection, End, Place
from egress.judge.layers.admission import recorded
from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.flow import Pod, Verdict
from egress.judge.model.snapshot import identity, listed, part
from egress.judge.targets import DEFAULT, STRANGER
from egress.settings.fences import EVERYWHERE, Rule

PLACED = "gateway-nodes"
"""The rule that is about node pools, and so is asked with the flows from gateway nodes."""
SECURITY = "pod-security.kubernetes.io/enforce"
LEVELS = ("privileged", "baseline", "restricted")
MODES = ("DISABLE", "PERMISSIVE", "STRICT")
VERSIONS = ("TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3")


def facts(both: Both) -> Iterator[Fact]:
    """Everything but the flows themselves."""
    yield from _dns(both)
    for team in both.teams:
        if all(both.there(team)):
            yield from _of_team(both, team)
    for namespace in sorted({ROOT_NAMESPACE, *(pod.namespace for pod in _gateways(both))}):
        yield from _of_namespace(both, namespace)
    yield from _of_nobody(both)
    yield from _connections(both, both.connections.of_platform())
    yield from _mesh(both)
    yield from filters.facts(both)


def _turned(old: Verdict, new: Verdict, team: str, target: str, what: str, how: str) -> Iterator[Fact]:
    """A refusal that one side has and the other lacks."""
    if old.allowed != new.allowed:
        by = (old if new.allowed else new).decided_by
        yield Fact(Aspect.FENCE, new.allowed, team, target, what, how, by or "")
    if old.understood != new.understood:
        by = (new if old.understood else old).object
        yield Fact(Aspect.UNREAD, old.understood, team, target, by, by=by)


def _connections(both: Both, asked: Iterable[ClusterConnection]) -> Iterator[Fact]:
    """Connections that NetworkPolicies or the firewall let through on one side alone; of one pair of ends all
    together."""
    judges = [side.judges for side in both.sides]
    internet: set[tuple[str, str, bool]] = set()
    for (source, target), ports in _by_ends(asked):
        how = "firewall" if source.end in (End.APPLICATION_NODES, End.GATEWAY_NODES) else "NetworkPolicy"
        facts: list[Fact] = []
        for one in ports:
            old, new = one.judged(judges)
            port = f"{one.transport} {one.port}" if one.port else one.transport
            if how == "firewall":
                facts += _turned(old, new, "", source.words, f"{target.words} on {port}", how)
            else:
                facts += _turned(
                    old, new, source.name if source.end is End.TEAM else source.words, target.words, port, how
                )
        if target.end is End.INTERNET:
            internet = {(source.words, fact.what.rpartition(" on ")[2], fact.gain) for fact in facts}
        elif target.end is End.ADDRESSES:
            # What holds for the internet need not be said of its parts.
            facts = [
                fact
                for fact in facts
                if (source.words, fact.what.rpartition(" on ")[2], fact.gain) not in internet
            ]
        common = {(fact.aspect, fact.gain, fact.by) for fact in facts}
        if len(facts) == len(ports) > _MANY and len(common) == 1 and facts[0].aspect is Aspect.FENCE:
            what = f"{target.words} on {EVERY_PORT}" if how == "firewall" else EVERY_PORT
            facts = [replace(facts[0], what=what)]
        yield from facts


_MANY = 2


def _by_ends(
    asked: Iterable[ClusterConnection],
) -> Iterable[tuple[tuple[Place, Place], list[ClusterConnection]]]:
    found: dict[tuple[Place, Place], list[ClusterConnection]] = {}
    for one in asked:
        found.setdefault((one.source, one.target), []).append(one)
    return found.items()


def _dns(both: Both) -> Iterator[Fact]:
    for name in both.distinctions.names:
        old, new = (side.judges.dns.judge(name) for side in both.sides)
        yield from _turned(old, new, "", displayed(name), "", "DNS")


def _of_team(both: Both, team: str) -> Iterator[Fact]:
    for rule in sorted(recorded()):
        if rule != PLACED:
            old, new = (side.judges.admission.judge(team, rule) for side in both.sides)
            yield from _turned(old, new, team, f"the rule {rule}", "", "admission")
    yield from _of_namespace(both, team)
    yield from _connections(both, both.connections.of(team))


def _of_namespace(both: Both, namespace: str) -> Iterator[Fact]:
    """What a namespace asks of its pods, and of those who call them."""
    levels = [
        side.snapshot.namespace_labels.get(namespace, {}).get(SECURITY, LEVELS[0]) for side in both.sides
    ]
    yield from _ranked(levels, LEVELS, namespace, "Pod Security", f"namespace/{namespace}")
    modes = [_mode(side, namespace) for side in both.sides]
    yield from _ranked(modes, MODES, namespace, "mutual TLS", "")


def _of_nobody(both: Both) -> Iterator[Fact]:
    """Rules of admission where no team is: everybody's namespaces, those that either side exempts, and the
    platform's own."""
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


def _ranked(
    values: list[str], ranks: tuple[str, ...], team: str, target: str, by: str, how: str = "level"
) -> Iterator[Fact]:
    """A setting whose values are ordered from weak to strong; one that is not known counts as the weakest."""
    if values[0] == values[1]:
        return
    ranked = [ranks.index(value) if value in ranks else -1 for value in values]
    weak, strong = (values[1], values[0]) if ranked[1] < ranked[0] else (values[0], values[1])
    aspect = Aspect.TLS if "TLS" in target else Aspect.FENCE
    yield Fact(aspect, values[1] == weak, team, target, f"{weak} instead of {strong}", how, by)


def _gateways(both: Both) -> list[Pod]:
    """Gateways that both sides have, by namespace."""
    old, new = ({pod.namespace: pod for pod in side.judges.gateways.pods} for side in both.sides)
    return [new[namespace] for namespace in sorted(old.keys() & new.keys())]


def _mode(side: Side, team: str) -> str:
    """The mutual TLS that a namespace's proxies ask of who connects to them: its own policy, else the mesh's,
    else none asked."""
    found = {
        manifest["metadata"].get("namespace"): part(manifest, "spec", "mtls").get("mode", "PERMISSIVE")
        for manifest in side.snapshot.kind("PeerAuthentication")
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
    for manifest in side.snapshot.kind("Gateway"):
        for server in listed(manifest, "spec", "servers"):
            if part(server, "tls"):
                of: Mapping[str, Any] = part(server, "tls")
                version = of.get("minProtocolVersion") or "TLSV1_2"
                yield f"{identity(manifest)} {part(server, 'port').get('name')}", str(version)
