"""Packet filters from rendered NetworkPolicies and VPC firewall rules: who may open a connection to whom, by
address.

Pure: text for iptables-restore out of objects. A connection passes, in the order in which a packet meets
them: the policies for the source pod, the firewall of the source's node, and the policies for the destination
pod. Each has one chain per pod that ends in a counted refusal, so that the counters tell afterwards which one
refused.

A refusal is answered with ICMP "administratively prohibited", where a real node and a real network say
nothing: who waits for nothing would wait for every test.

Source: Kubernetes, NetworkPolicy; Google Cloud, "VPC firewall rules" (the metadata server is always
reachable).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from egress.layers.google.firewall import FirewallRule

Manifest = Mapping[str, Any]
METADATA_SERVER = "169.254.169.254"
_REFUSE = "-j REJECT --reject-with icmp-admin-prohibited"


@dataclass(frozen=True)
class Endpoint:
    """What the filters know of a pod. `key` is short and unique: it names interface and chains."""

    key: str
    namespace: str
    address: str
    labels: Mapping[str, str]
    nodes: str


@dataclass(frozen=True)
class Refusals:
    """How many packets each layer refused on their way from one pod."""

    network_policy: int
    firewall: int
    ingress_policy: int


def restore_text(
    endpoints: Sequence[Endpoint],
    policies: Sequence[Manifest],
    rules: Iterable[FirewallRule],
    namespaces: Mapping[str, Mapping[str, str]],
) -> str:
    """Input for `iptables-restore`: the table `filter` of the router that all pods are connected to.

    Args:
        namespaces: every namespace with its labels.
    """
    ordered = sorted(rules, key=lambda rule: (rule.priority, rule.allow))  # at the same priority, deny wins
    lines = ["*filter", ":INPUT DROP", ":OUTPUT ACCEPT", ":FORWARD DROP"]
    chains: list[str] = []
    body = ["-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"]
    for pod in endpoints:
        chains += [f"egress-{pod.key}", f"vpc-{pod.key}", f"ingress-{pod.key}"]
        body += [f"-A FORWARD -i {pod.key} -j {chain}" for chain in (f"egress-{pod.key}", f"vpc-{pod.key}")]
        body += [
            f"-A egress-{pod.key} {rule}" for rule in _policy(pod, "Egress", endpoints, policies, namespaces)
        ]
        body += [f"-A vpc-{pod.key} {rule}" for rule in _firewall(pod, ordered)]
    for pod in endpoints:
        body.append(f"-A FORWARD -o {pod.key} -j ingress-{pod.key}")
        body += [
            f"-A ingress-{pod.key} {rule}"
            for rule in _policy(pod, "Ingress", endpoints, policies, namespaces)
        ]
    # What comes from a pod and was refused by nobody passes; what comes from outside by itself does not.
    body += [f"-A FORWARD -i {pod.key} -j ACCEPT" for pod in endpoints]
    return "\n".join([*lines, *(f":{chain} -" for chain in chains), *body, "COMMIT", ""])


def refusals(counters: str, pods: Iterable[str]) -> dict[str, Refusals]:
    """Refused packets by pod, from the output of `iptables-save -c`. Refusals at the destination count for
    the destination."""
    counted: dict[str, int] = {}
    for line in counters.splitlines():
        words = line.split()
        if len(words) > 3 and words[1] == "-A" and "REJECT" in words:
            counted[words[2]] = counted.get(words[2], 0) + int(words[0].strip("[]").split(":")[0])
    return {
        pod: Refusals(
            counted.get(f"egress-{pod}", 0), counted.get(f"vpc-{pod}", 0), counted.get(f"ingress-{pod}", 0)
        )
        for pod in pods
    }


def _policy(
    pod: Endpoint,
    direction: str,
    endpoints: Sequence[Endpoint],
    policies: Sequence[Manifest],
    namespaces: Mapping[str, Mapping[str, str]],
) -> Iterator[str]:
    """The rules of a pod's chain: RETURN for what is allowed, and a refusal at the end if any policy selects
    the pod."""
    side, peers_key = ("-d", "to") if direction == "Egress" else ("-s", "from")
    mine = [policy for policy in policies if _selects(policy, pod, direction)]
    for policy in mine:
        for rule in policy["spec"].get(direction.lower(), []):
            peers = list(_peers(rule.get(peers_key), policy["metadata"]["namespace"], endpoints, namespaces))
            for peer in peers:
                match = f"{side} {peer} " if peer else ""
                for port in _ports(rule.get("ports")):
                    yield f"{match}{port}-j RETURN"
    if mine:
        yield _REFUSE


def _selects(policy: Manifest, pod: Endpoint, direction: str) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    same = policy["metadata"]["namespace"] == pod.namespace
    return same and direction in types and matches(spec["podSelector"], pod.labels)


def _peers(
    peers: Sequence[Mapping[str, Any]] | None,
    own: str,
    endpoints: Sequence[Endpoint],
    namespaces: Mapping[str, Mapping[str, str]],
) -> Iterator[str | None]:
    """Addresses; one None stands for every address."""
    if not peers:
        yield None
        return
    for peer in peers:
        if block := peer.get("ipBlock"):
            yield from _without(block["cidr"], block.get("except", []))
            continue
        for pod in endpoints:
            within = (
                matches(
                    peer["namespaceSelector"],
                    {**namespaces.get(pod.namespace, {}), **_name_label(pod.namespace)},
                )
                if "namespaceSelector" in peer
                else pod.namespace == own
            )
            if within and matches(peer.get("podSelector", {}), pod.labels):
                yield f"{pod.address}/32"


def _without(cidr: str, exceptions: Sequence[str]) -> Iterator[str]:
    """A range as ranges that hold all of it but the exceptions: a packet filter knows no `but`."""
    left = [IPv4Network(cidr)]
    for exception in map(IPv4Network, exceptions):
        around = [network for network in left if exception.subnet_of(network)]
        left = [network for network in left if not network.overlaps(exception)]
        left += [rest for network in around for rest in network.address_exclude(exception)]
    yield from map(str, sorted(left))


def _name_label(namespace: str) -> dict[str, str]:
    return {"kubernetes.io/metadata.name": namespace}


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """A label selector; only matchLabels, because nothing renders more."""
    if selector.keys() - {"matchLabels"}:
        raise NotImplementedError(f"a selector with {sorted(selector)} is not translated; nothing renders it")
    return selector.get("matchLabels", {}).items() <= labels.items()


def _ports(ports: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if not ports:
        yield ""
        return
    for port in ports:
        last = f":{port['endPort']}" if "endPort" in port else ""
        yield f"-p {port.get('protocol', 'TCP').lower()} --dport {port['port']}{last} "


def _firewall(pod: Endpoint, rules: Sequence[FirewallRule]) -> Iterator[str]:
    """Egress rules for the node that the pod runs on. A lower priority number comes first; no rule at all
    means: allowed."""
    yield f"-d {METADATA_SERVER}/32 -j RETURN"
    for rule in rules:
        if not rule.egress or (rule.targets and pod.nodes not in rule.targets):
            continue
        protocol = "" if rule.protocol == "all" else f"-p {rule.protocol} "
        ports = f"-m multiport --dports {','.join(map(str, rule.ports))} " if rule.ports else ""
        verdict = "-j RETURN" if rule.allow else _REFUSE
        for destination in (part for part in rule.ranges if ":" not in part):  # the pods here have no IPv6
            yield f"-d {destination} {protocol}{ports}{verdict}"
