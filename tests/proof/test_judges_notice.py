"""No rule, peer, port or range can go, and no range can be widened, without some verdict changing.

What stays unnoticed is listed with the reason why it means nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_network
from itertools import product
from typing import Any

import pytest
import yaml

from egress.common import names
from egress.common.objects import Resource
from egress.common.system_namespaces import SYSTEM
from egress.judge.layers.admission import Admission, recorded
from egress.judge.layers.firewall import Firewall
from egress.judge.layers.network_policy import NetworkPolicies
from egress.judge.model.flow import Connection, Node, Outside, Pod, Protocol, Verdict
from egress.judge.model.snapshot import Manifest, Snapshot
from egress.layers.google.resources import google_objects
from egress.layers.render import render
from egress.plan.model import Plan
from tests.mutants import Mutant, mutants
from tests.support import PROJECT, ROOT, dev_config, plan_of

Judge = Callable[[Connection], Verdict]


def mode(name: str) -> Plan:
    config = yaml.safe_load((ROOT / f"examples/modes/Pulumi.{name}.yaml").read_text(encoding="utf-8"))[
        "config"
    ]
    return plan_of(config | {"gcp:project": PROJECT})


PLANS = pytest.mark.parametrize(
    "plan", [plan_of(dev_config()), mode("tcp"), mode("receive")], ids=["dev", "tcp", "receive"]
)


Said = list[tuple[Connection, tuple[bool, bool]]]
"""Connections, each with what a judge says of it."""


def noticed(said: Said, judge: Judge) -> bool:
    return any(before != _said(judge(probe)) for probe, before in said)


def _said(verdict: Verdict) -> tuple[bool, bool]:
    return verdict.allowed, verdict.understood


def _values(written: Any, kind: type) -> Iterator[Any]:
    if isinstance(written, kind):
        yield written
    items = written.values() if isinstance(written, dict) else written if isinstance(written, list) else ()
    for item in items:  # pyright: ignore[reportUnknownVariableType]
        yield from _values(item, kind)


def ranges(written: Any) -> Iterator[str]:
    """First and last address of every range that is named, wherever."""
    for text in set(_values(written, str)):
        with suppress(ValueError):
            yield from (str(ip_network(text)[at]) for at in (0, -1))


# NetworkPolicies.


def pods(plan: Plan) -> list[Pod]:
    """Every kind of pod that a policy names, and one of each namespace that no label tells apart."""
    platform = [
        Pod("kube-system", {"k8s-app": "kube-dns"}),
        Pod("kube-system", {"k8s-app": "node-local-dns"}),
        Pod("kube-system", {"k8s-app": "konnectivity-agent"}),
        Pod("kube-system", {}),
        Pod("istio-system", {"app": "istiod", "istio": "pilot"}),
        Pod("istio-egress", {"istio": "egressgateway"}),
        Pod("istio-ingress", {"istio": "ingressgateway"}),
        *(Pod(namespace, {}) for namespace in ("istio-system", "istio-egress", "istio-ingress")),
    ]
    # With the same labels elsewhere, which is another thing.
    platform += [Pod("default", pod.labels) for pod in platform]
    return [*platform, *(Pod(team.name, None) for team in plan.teams)]


def around(policy: Manifest, every: list[Pod]) -> Iterator[Connection]:
    """Connections from and to the policy's pods: on each port that it names and beside it, to each range's
    ends and beyond."""
    own = [pod for pod in every if pod.namespace == policy["metadata"]["namespace"]]
    numbers = {number + step for number in _values(policy["spec"], int) for step in (-1, 0, 1)} | {2, 60000}
    outside = [Outside(None, address) for address in {*ranges(policy["spec"]), "8.8.8.8"}]
    pairs = [*product(own, [*every, *outside]), *product(every, own)]
    for (source, to), port, transport in product(pairs, sorted(numbers), ("TCP", "UDP")):
        if 1 <= port <= 65535:
            yield Connection(source, to, port, Protocol.TCP, transport)


@PLANS
def test_network_policies(plan: Plan) -> None:
    objects = [item.manifest for item in render(plan) if item.kind in ("Namespace", "NetworkPolicy")]
    google = google_objects(plan)
    every = pods(plan)
    unnoticed: list[str] = []
    for policy in objects:
        if policy["kind"] != "NetworkPolicy":
            continue
        # Beside policies of other namespaces many changes mean nothing: the other end refuses all the same.
        others = [item for item in objects if item is not policy and not _elsewhere(item, policy)]
        judge = NetworkPolicies(Snapshot.of([*others, policy], google)).judge
        said = [(probe, _said(judge(probe))) for probe in around(policy, every)]
        for mutant in [*mutants(policy["spec"]), Mutant((), False, None)]:
            changed = [{**policy, "spec": mutant.what}] if mutant.what is not None else []
            after = NetworkPolicies(Snapshot.of([*others, *changed], google)).judge
            if not noticed(said, after) and not _means_nothing(policy["spec"], mutant):
                unnoticed.append(f"{policy['metadata']['namespace']}/{policy['metadata']['name']}: {mutant}")
    assert unnoticed == []


def _elsewhere(item: Manifest, policy: Manifest) -> bool:
    return (
        item["kind"] == "NetworkPolicy" and item["metadata"]["namespace"] != policy["metadata"]["namespace"]
    )


def _means_nothing(spec: Mapping[str, Any], mutant: Mutant) -> bool:
    *path, last = mutant.path
    parent: Any = spec
    for part in path:
        parent = parent[part]
    return (
        # TCP is what a port without a protocol is, and a policy without selector is for all pods.
        (last == "protocol" and parent["protocol"] == "TCP")
        or (mutant.path == ("podSelector",) and spec["podSelector"] == {})
        # Nobody outside the cluster is where a team's flow starts.
        or (mutant.path[:1] == ("ingress",) and _from_outside(spec, mutant.path))
        # Another policy refuses everything in the namespace, and this one opens nothing for a flow in this
        # direction.
        or (
            len(mutant.path) == 2
            and mutant.path[0] == "policyTypes"
            and parent[last] == "Ingress"
            and _from_outside(spec, ("ingress",))
        )
        # What policyTypes would be if nobody said it.
        or (mutant.path == ("policyTypes",) and bool(spec.get("egress")))
    )


def _from_outside(spec: Mapping[str, Any], path: tuple[str | int, ...]) -> bool:
    """Whether a path below ingress is in a peer that is a range, or in a rule that has no other peers."""
    rules: list[Any] = spec.get("ingress") or []
    peers = rules if len(path) == 1 else [rules[int(path[1])]]
    peers = [peer for rule in peers for peer in rule["from"]]
    if len(path) > 3 and path[2] == "from":
        peers = [peers[int(path[3])]]
    return all("ipBlock" in peer for peer in peers)


# Firewall rules.


def with_ipv6(resource: Resource) -> Resource:
    """Without IPv6 in the subnetwork no rule for it would be asked."""
    if "Subnetwork" not in resource.type:
        return resource
    return Resource(resource.type, resource.name, {**resource.properties, "stackType": "IPV4_IPV6"})


def leaving(plan: Plan, rule: Resource) -> Iterator[Connection]:
    """Connections of every kind of node, on each port that the rule names and beside it, to each range's ends
    and beyond."""
    emails = {
        pool.properties["nodeConfig"]["serviceAccount"]
        for pool in google_objects(plan)
        if "NodePool" in pool.type
    }
    named = {int(port) for port in _values(rule.properties, str) if port.isdigit()}
    numbers = {number + step for number in named for step in (-1, 0, 1)} | {2, 60000}
    ends: list[Pod | Outside] = [
        Outside(None, address) for address in {*ranges(rule.properties), "8.8.8.8", "2001:db8::1"}
    ]
    ends += [Outside("example.com", None), *(Pod("team", None, pool=email) for email in emails)]
    for email, to, port, transport in product(
        [*sorted(emails), "another@machine"], ends, sorted(numbers), ("TCP", "UDP")
    ):
        yield Connection(Node(email), to, port, Protocol.TCP, transport)


REDUNDANT = {
    # Where gateway nodes reach every address on 443, Google's are among them.
    "allow-egress-gcp-apis: without targetServiceAccounts[1]": "gateway-allow-egress-web",
}
"""Mutants of one rule that another rule, if it is there, makes up for."""


@PLANS
def test_firewall_rules(plan: Plan) -> None:
    google = [with_ipv6(resource) for resource in google_objects(plan)]
    judge = Firewall(Snapshot.of((), google)).judge
    unnoticed: list[str] = []
    for at, rule in enumerate(google):
        # Rules for what comes in from outside the cluster decide no flow of a team.
        if "Firewall" not in rule.type or rule.properties["direction"] == "INGRESS":
            continue
        said = [(probe, _said(judge(probe))) for probe in leaving(plan, rule)]
        for mutant in [*mutants(rule.properties), Mutant((), False, None)]:
            changed = [Resource(rule.type, rule.name, mutant.what)] if mutant.what is not None else []
            after = Firewall(Snapshot.of((), [*google[:at], *changed, *google[at + 1 :]])).judge
            if not noticed(said, after) and not _is_silent(rule, mutant):
                unnoticed.append(f"{rule.name}: {mutant}")
    present = {rule.name for rule in google}
    assert unnoticed == [mutant for mutant, other in REDUNDANT.items() if other in present]


def _is_silent(rule: Resource, mutant: Mutant) -> bool:
    return bool(mutant.path) and (
        mutant.path[0] in ("name", "description", "network", "logConfig")
        # What a rule's priority is if nobody says it, and where it leads.
        or (mutant.path == ("priority",) and rule.properties["priority"] == 1000)
        # Nothing is let out over IPv6, so a denial of it need not come last.
        or (mutant.path == ("priority",) and rule.properties["destinationRanges"] == ["::/0"])
        or (
            mutant.path[0] == "destinationRanges"
            and rule.properties["destinationRanges"] in (["0.0.0.0/0"], ["::/0"])
        )
    )


# Admission and names.


def test_admission_policies() -> None:
    plan = plan_of(dev_config())
    kinds = ("Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    objects = [item.manifest for item in render(plan) if item.kind in kinds]
    # A rule leaves the ingress gateway's namespace out also where nothing is received.
    ingress = {"name": names.INGRESS_NAMESPACE, "labels": {names.PLATFORM_LABEL: names.INGRESS_GATEWAY}}
    objects.append({"kind": "Namespace", "metadata": ingress})
    google = google_objects(plan)

    def refused(deployed: Snapshot, namespaces: Iterable[str]) -> dict[tuple[str, str], tuple[bool, bool]]:
        judge = Admission(deployed)
        return {(one, rule): _said(judge.judge(one, rule)) for one, rule in product(namespaces, recorded())}

    everywhere = ("team-x", "istio-egress", names.INGRESS_NAMESPACE, "elsewhere", *SYSTEM)
    before = refused(Snapshot.of(objects, google), everywhere)
    unnoticed: list[str] = []
    for at, item in enumerate(objects):
        if item["kind"] == "Namespace":
            continue
        for mutant in [*mutants(item["spec"]), Mutant((), False, None)]:
            changed = [{**item, "spec": mutant.what}] if mutant.what is not None else []
            # Of the system's namespaces, those that the object itself names.
            asked = {*everywhere} - ({*SYSTEM} - {*_values(item["spec"], str)})
            after = refused(Snapshot.of([*objects[:at], *changed, *objects[at + 1 :]], google), asked)
            # Messages, and HTTP's word for a refusal; without failurePolicy a policy fails closed too.
            silent = mutant.path[-1:] in (("message",), ("reason",), ("failurePolicy",))
            if not silent and all(said == before[question] for question, said in after.items()):
                unnoticed.append(f"{item['metadata']['name']}: {mutant}")
    assert unnoticed == []
