"""Invariants that no single flow demonstrates; each is checked by its layer's judge.

Admission keeps pods from becoming something that no other layer sees, mutual TLS says who calls, names that
nobody declared do not resolve, and a proxy without settings of its own refuses what it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from egress.common import names
from egress.common.google_cloud import WEBHOOK_PORT
from egress.common.ports import HTTP_PORT
from egress.judge.distinctions import Distinctions
from egress.judge.lookup.flow_space import OTHER_HOST
from egress.judge.model.flow import Flow, Layer, Outcome, Pod, Protocol, Verdict
from egress.judge.targets import DEFAULT, STRANGER
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.settings.fences import EVERYWHERE, IN_TEAMS, Fence, Rule


@dataclass(frozen=True)
class Invariant:
    """One fence, and what its judge says."""

    whose: str
    verdict: Verdict
    says: str
    """What is wrong if the verdict lets something through."""

    @property
    def violated(self) -> bool:
        """What is not understood may let something through, so it counts as if it did."""
        return self.verdict.allowed


def of_team(intent: Intent, judges: Judges, team: str) -> Iterator[Invariant]:
    """The fences around one team's namespace."""
    for rule in sorted(IN_TEAMS):
        if intent.keeps(team, rule):
            says = f"Admission's rule {rule.value} has to hold in {team}."
            yield Invariant(team, judges.admission.judge(team, rule.value), says)
    if intent.puts_up(Fence.POD_SECURITY) and intent.in_cluster_mesh and intent.keeps_pods_confined(team):
        yield Invariant(team, judges.namespaces.confined(team), f"Pod Security has to hold in {team}.")
    yield Invariant(team, judges.namespaces.mutual(team), f"Workloads of {team} have to demand mutual TLS.")
    if intent.speaks_http10(team):
        says = f"Sidecars of {team} have to take HTTP/1.0."
        yield Invariant(team, judges.reading.of_http10(team).turned, says)
    if intent.keeps_slashes(team):
        says = f"Sidecars of {team} have to send encoded slashes on as they are."
        yield Invariant(team, judges.reading.of_sidecars(team, HTTP_PORT).turned, says)


def of_mesh(intent: Intent, judges: Judges) -> Iterator[Invariant]:
    """The fences that no team has for itself."""
    for gateway in sorted(intent.gateways):
        yield Invariant(
            gateway, judges.namespaces.confined(gateway), f"Pod Security has to hold in {gateway}."
        )
        yield Invariant(
            gateway, judges.namespaces.mutual(gateway), f"The gateway in {gateway} has to demand mutual TLS."
        )
    for pod in (pod for pod in judges.gateways.pods if pod.namespace in intent.gateways):
        says = f"The gateway in {pod.namespace} has to stand."
        yield from (Invariant(pod.namespace, verdict, says) for verdict in judges.gateway_pods.judge(pod))
        for secret in judges.secrets.asked(pod.namespace):
            given = judges.secrets.judge(pod, secret)
            says = (
                f"The gateway in {pod.namespace} has to be given {secret}, of which its TLS to hosts is made."
            )
            yield Invariant(pod.namespace, given.turned, says)
    for gateway in sorted(intent.late_gateways):
        says = f"The gateway in {gateway} has to know who calls before it connects outside."
        yield from (Invariant(gateway, verdict, says) for verdict in judges.early.judge(gateway))
    for gateway in sorted(intent.gateways):
        yield from _of_paths(intent, judges, gateway)
    yield from _of_nobody(intent, judges)
    yield from _of_settings(intent, judges)
    if intent.refuses_unknown_names:
        for name in (OTHER_HOST, *Distinctions([judges]).names):
            if not intent.may_resolve(name):
                yield Invariant(
                    "names",
                    judges.dns.judge(name),
                    f"Names that nobody declared must not resolve, as {name} does.",
                )
    flow = Flow(STRANGER, OTHER_HOST, 443, Protocol.TLS)
    verdict, _ = judges.sidecars.judge(flow, Pod(STRANGER, {}))
    yield Invariant(
        "the mesh", verdict, "A proxy without a Sidecar of its own has to refuse what it does not know."
    )


def _of_settings(intent: Intent, judges: Judges) -> Iterator[Invariant]:
    """What the mesh as a whole is told."""
    mesh = judges.mesh
    yield Invariant("the mesh", mesh.paths(), "A path has to mean to the rules what it means to hosts.")
    yield Invariant(
        "the mesh", mesh.tls(intent.least_tls), f"TLS to hosts has to be {intent.least_tls} at least."
    )
    yield from (
        Invariant("the mesh", told, "Proxies must not add headers that speak of them.")
        for told in mesh.told()
    )
    if not intent.in_cluster_mesh:
        says = "The managed control plane may read this map alone, so it has to hold what the others hold."
        yield from (Invariant("the mesh", mesh.held_by(name), says) for name in names.MANAGED_MESH_CONFIGS)
        return
    says = "Clients that offer TLS in plain HTTP have to be answered as others are."
    yield Invariant("the mesh", judges.reading.of_offers().turned, says)
    if intent.puts_up(Fence.MESH_EXPORTS):
        says = "What an object does not export has to stay in its namespace."
        for kind, to in (
            ("Service", intent.callers),
            ("VirtualService", frozenset[str]()),
            ("DestinationRule", frozenset[str]()),
        ):
            yield Invariant("the mesh", mesh.exported(kind, STRANGER, to), says)
    if intent.puts_up(Fence.MESH_DISCOVERY):
        for namespace in (STRANGER, DEFAULT):
            says = f"Istio must not read what is in {namespace}, which is no team's."
            yield Invariant("the mesh", mesh.discovered(namespace), says)
    pool = judges.workloads.application_pool
    asked = judges.firewall.comes_in(
        intent.control_plane, pool, WEBHOOK_PORT, "the control plane", must_pass=True
    )
    says = "The control plane has to reach istiod's webhooks, without which no pod gets a proxy."
    yield Invariant("the mesh", asked.turned, says)
    for namespace in sorted({*intent.platform_namespaces, *intent.teams}):
        says = f"Istio has to read what is in {namespace}."
        yield Invariant("the mesh", mesh.discovered(namespace).turned, says)


def _of_paths(intent: Intent, judges: Judges, gateway: str) -> Iterator[Invariant]:
    """What a gateway makes of encoded slashes."""
    for host in intent.guarded(gateway):
        says = f"The gateway in {gateway} has to refuse paths that could mean others to {host}."
        yield from (Invariant(gateway, verdict, says) for verdict in judges.path_guards.judge(gateway, host))
    found, wanted = judges.path_guards.kept(gateway), intent.kept(gateway)
    nobody = Verdict(Layer.GATEWAY, Outcome.DENIED, None, "", "No server is for this host alone.")
    for host in wanted:
        says = f"Encoded slashes have to arrive at {host} as they were sent."
        yield Invariant(gateway, found.get(host, nobody).turned, says)
    for host in sorted(found.keys() - {*wanted}):
        says = f"Encoded slashes of paths at {host} have to be decoded before rules are asked."
        yield Invariant(gateway, found[host], says)


def _of_nobody(intent: Intent, judges: Judges) -> Iterator[Invariant]:
    """What holds in namespaces that are no team's: everybody's, and the platform's own."""
    for namespace in (STRANGER, DEFAULT):
        for rule in sorted(EVERYWHERE):
            if intent.keeps(namespace, rule):
                says = f"Admission's rule {rule.value} has to hold in {namespace}, which is no team's."
                yield Invariant(namespace, judges.admission.judge(namespace, rule.value), says)
    for namespace in sorted(intent.platform_namespaces):
        if intent.keeps(namespace, Rule.PLATFORM_NAMESPACES):
            says = f"Nobody but the platform may change what is in {namespace}."
            yield Invariant(
                namespace, judges.admission.judge(namespace, Rule.PLATFORM_NAMESPACES.value), says
            )
        if intent.keeps(namespace, Rule.PLATFORM_KINDS):
            says = f"Nobody but the platform may write Istio's objects and NetworkPolicies in {namespace}."
            yield Invariant(namespace, judges.admission.judge(namespace, Rule.PLATFORM_KINDS.value), says)
