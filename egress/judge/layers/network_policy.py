"""NetworkPolicy: which connections the nodes let pods open and accept.

Source: Kubernetes, "Network Policies" and NetworkPolicy (networking.k8s.io/v1), all of its fields but named
ports:

- Policies add up. A pod that no policy selects for a direction is open in that direction; one that is
  selected gets what some rule of some selecting policy lists, and nothing else. Both the source's egress and
  the target's ingress must agree.
- Without `policyTypes` a policy is for Ingress, and for Egress if it has egress rules.
- A rule without peers is for everybody, one without ports for every port; a port without a number is every
  port of its protocol, and without a protocol TCP.
- A peer with a podSelector alone means pods of the policy's own namespace; `ipBlock` is exclusive with
  selectors. Whether one means pods at its addresses too is the network plugin's to say: GKE's Dataplane V2
  (Cilium) says no, others yes. So what must pass may not count on it, and what must not may.
- A process of a node is in no pod's network: no policy holds for what it opens. A pod and its own node always
reach each other.

What is not known is taken as what lets more through: labels that a team chooses itself (each selector by
itself), which node of a pool a pod is on, which address a pod has inside the pods' range. A namespace that
was not handed over has the label of its name only. An object of another kind of network policy makes every
verdict not understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from egress.judge.layers.network_policy_end import End
from egress.judge.lookup.alike_namespaces import AlikeNamespaces
from egress.judge.lookup.network_policy_objects import NAME_LABEL, RULES, Peer, Policy, Rule, read
from egress.judge.lookup.subnets import Subnets
from egress.judge.model.flow import Connection, Layer, Node, Outcome, Outside, Pod, Verdict
from egress.judge.model.ip_ranges import Ranges, position
from egress.judge.model.selectors import Selector
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

OTHER_KINDS = (
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "ClusterNetworkPolicy",
    "CiliumNetworkPolicy",
    "CiliumClusterwideNetworkPolicy",
    "FQDNNetworkPolicy",
)
"""Kinds that let through or refuse beside NetworkPolicy, and that this judge does not read."""
_PODS_IN_A_BLOCK = "an ipBlock means pods with some network plugins only"


class NetworkPolicies:
    """Every NetworkPolicy, by namespace."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._subnets = Subnets(snapshot)
        self._namespaces = snapshot.namespace_labels
        self._written: dict[str, list[Manifest]] = {}
        self._by_direction: dict[tuple[str, str], list[Policy]] = {}
        self._read: dict[str, list[Policy]] = {}
        for manifest in snapshot.kind("NetworkPolicy"):
            self._written.setdefault(manifest["metadata"].get("namespace", "default"), []).append(manifest)
        self.alike = AlikeNamespaces(self._namespaces, self._written, self._of)
        self._foreign = next((manifest for kind in OTHER_KINDS for manifest in snapshot.kind(kind)), None)

    def has(self, namespace: str) -> bool:
        """Whether a namespace has a policy."""
        return namespace in self._written

    def egress_ranges(self, namespace: str) -> Iterator[str]:
        """Ranges that policies of a namespace tell apart from others, as they are written."""
        return self._blocks(namespace, "egress", "to")

    def ingress_ranges(self, namespace: str) -> Iterator[str]:
        """The same of rules for what comes in."""
        return self._blocks(namespace, "ingress", "from")

    def _blocks(self, namespace: str, direction: str, peers: str) -> Iterator[str]:
        for manifest in self._written.get(namespace, ()):
            for rule in listed(manifest, "spec", direction):
                for block in (part(peer, "ipBlock") for peer in listed(rule, peers)):
                    yield from filter(None, (block.get("cidr"), *listed(block, "except")))

    def ports(self, namespace: str, direction: str, *, outside: bool = False) -> Iterator[tuple[str, int]]:
        """Transport and number of the first port, and of the one behind the last, of each range that policies
        here name.

        Args:
            namespace: whose policies.
            direction: `Egress` or `Ingress`.
            outside: only rules that may mean something else than pods.
        """
        for policy in self._of(namespace):
            for rule in policy.rules.get(direction, ()):
                if (
                    not outside
                    or not rule.peers
                    or any(peer.block is not None or peer.unknown for peer in rule.peers)
                ):
                    for ports in rule.ports:
                        yield ports.transport, ports.first
                        yield ports.transport, ports.last + 1

    def peers(self, namespace: str, direction: str) -> tuple[set[str], list[Selector]]:
        """Namespaces that policies of a namespace mean by name, and their other selectors of namespaces."""
        named: set[str] = set()
        others: dict[str, Selector] = {}
        for policy in self._of(namespace):
            for rule in policy.rules.get(direction, ()):
                named.update(rule.named)
                for selector in (rule.peers[at].namespaces for at in rule.others):
                    if selector:
                        others[repr(selector)] = selector
        return named, list(others.values())

    def judge(self, connection: Connection, *, must_pass: bool = False) -> Verdict:
        """Whether both ends' policies let this connection be made.

        Args:
            connection: one leg of a flow.
            must_pass: what an end at an unknown address means. False: one address that is let through is
                enough to call it allowed, as is right for what nobody may reach. True: all must be let
                through, of the internet all of IPv4's, as is right for what somebody must reach.
        """
        if self._foreign is not None:
            return self._unread(self._foreign)
        outgoing = self._outgoing(connection, must_pass)
        if not outgoing.allowed:
            return outgoing
        incoming = self._incoming(connection, must_pass)
        sides = (outgoing, incoming) if incoming else (outgoing,)
        if incoming and not incoming.allowed:
            return incoming
        for side in sides:
            if not side.understood:
                return side
        return next((side for side in sides if side.decided_by is not None), outgoing)

    def ingress(self, namespace: str) -> Iterator[Rule]:
        """What a namespace's policies say of who comes in."""
        for policy in self._of(namespace):
            yield from policy.rules.get("Ingress", ())

    def comes_in(
        self,
        to: Pod,
        source: Ranges,
        port: int,
        words: str,
        *,
        must_pass: bool = False,
        transport: str = "TCP",
    ) -> Verdict:
        """Whether a pod's policies take a connection from addresses that are no pods'.

        Args:
            to: the pod.
            source: where it may come from.
            port: the pod's port.
            words: the source, for people.
            must_pass: whether every address of the source must get through, or one is enough.
            transport: what it is made by.
        """
        if self._foreign is not None:
            return self._unread(self._foreign)
        return self._side(to, "Ingress", End(words, source, None, must_pass), transport, port)

    @staticmethod
    def _unread(foreign: Manifest) -> Verdict:
        why = f"This judge does not read the kind {foreign['kind']}."
        return _verdict(Outcome.NOT_UNDERSTOOD, identity(foreign), "spec", why)

    def _outgoing(self, connection: Connection, must_pass: bool) -> Verdict:
        source = connection.source
        if isinstance(source, Node):
            return _verdict(
                Outcome.ALLOWED, None, "", "No NetworkPolicy holds what a node's own process opens."
            )
        to = connection.to
        if isinstance(to, Pod):
            end = End(f"pods of {to.namespace}", self._subnets.pods, to, must_pass)
        elif to.address is None:
            space = self._subnets.internet_v4 if must_pass else self._subnets.internet
            end = End(to.name or "the internet", space, all_of_them=must_pass)
        else:
            # Of a whole range it is not the one node that is meant.
            if "/" not in to.address and position(to.address) in self._subnets.nodes:
                return _verdict(Outcome.ALLOWED, None, "", "A pod always reaches the node that it runs on.")
            end = End(to.address, Ranges.one(to.address))
        return self._side(source, "Egress", end, connection.transport, connection.port)

    def _incoming(self, connection: Connection, must_pass: bool) -> Verdict | None:
        source, to = connection.source, connection.to
        if isinstance(to, Outside):
            return None
        if isinstance(source, Pod):
            end = End(f"pods of {source.namespace}", self._subnets.pods, source, must_pass)
        elif not to.pool or not source.pool or source.pool == to.pool:
            return None  # A node always reaches the pods that it runs.
        else:
            end = End("a node of another pool", self._subnets.likely_nodes, None, must_pass)
        return self._side(to, "Ingress", end, connection.transport, connection.port)

    def _side(self, pod: Pod, direction: str, end: End, transport: str, port: int) -> Verdict:
        isolating = self._isolating(pod.namespace, direction)
        selecting = [policy for policy in isolating if _may_select(policy.selector, pod.labels)]
        if not selecting:
            return _verdict(
                Outcome.ALLOWED,
                None,
                "",
                f"No NetworkPolicy for {direction} selects the pod of {pod.namespace}.",
            )
        if pod.labels is None and not any(policy.selector.everything for policy in isolating):
            why = f"A pod of {pod.namespace} can have labels that no NetworkPolicy for {direction} selects."
            return _verdict(Outcome.ALLOWED, None, "", why)
        route = f"{transport} {port} {'to' if direction == 'Egress' else 'from'} {end.words}"
        unread: tuple[str, str, str] | None = None
        for policy in selecting:
            if policy.unknown:
                unread = unread or (policy.name, "spec", policy.unknown)
            for rule in policy.rules[direction]:
                met = self._met(rule, policy, end, transport, port)
                if met is None:
                    continue
                field, unknown = met
                if not unknown:
                    return _verdict(Outcome.ALLOWED, policy.name, field, f"The policy lets {route} through.")
                unread = unread or (policy.name, field, unknown)
        if unread:
            name, field, unknown = unread
            return _verdict(Outcome.NOT_UNDERSTOOD, name, field, f"Not read here: {unknown}.")
        none = (
            "No rule of the policy"
            if len(selecting) == 1
            else f"No rule of the {len(selecting)} policies that select the pod"
        )
        return _verdict(
            Outcome.DENIED, selecting[0].name, f"spec.{RULES[direction][0]}", f"{none} lets {route} through."
        )

    def _met(self, rule: Rule, policy: Policy, end: End, transport: str, port: int) -> tuple[str, str] | None:
        """The field of a rule that lets the connection through and what in it is unknown, or None."""
        field, unknown = rule.field, policy.unknown or rule.unknown
        if rule.ports:
            at = rule.port(transport, port)
            if at is None:
                return None
            field, unknown = f"{rule.field}.ports[{at}]", unknown or rule.ports[at].unknown
        if rule.peers:
            met = self._peer(rule, policy.namespace, end, read=not unknown)
            if met is None:
                return None
            unknown = unknown or met[1]
            field = field if rule.ports else f"{rule.field}.{rule.peer_field}[{met[0]}]"
        return field, unknown

    def _peer(self, rule: Rule, own: str, end: End, *, read: bool) -> tuple[int, str] | None:
        """Position of a peer that means this end, one that is understood first, and what in it is unknown."""
        if end.pod is not None:
            for at in rule.named.get(end.pod.namespace, ()):
                if _may_select(rule.peers[at].pods, end.pod.labels):
                    return at, ""
        unread: tuple[int, str] | None = None
        for at in rule.others:
            peer = rule.peers[at]
            unknown = peer.unknown
            if not unknown:
                doubtful = peer.block is not None and end.pod is not None and end.all_of_them
                block = peer.block
                if not (
                    self._means(peer, own, end.pod)
                    if block is None
                    else end.within(block, read=read and not doubtful)
                ):
                    continue
                if not doubtful:
                    return at, ""
                unknown = _PODS_IN_A_BLOCK
            unread = unread or (at, unknown)
        return unread

    def _means(self, peer: Peer, own: str, pod: Pod | None) -> bool:
        if pod is None:
            return False
        if peer.namespaces is None:
            return pod.namespace == own and _may_select(peer.pods, pod.labels)
        labels = pod.namespace_labels or self._namespaces.get(pod.namespace) or {NAME_LABEL: pod.namespace}
        return peer.namespaces.selects(labels) and _may_select(peer.pods, pod.labels)

    def _isolating(self, namespace: str, direction: str) -> list[Policy]:
        """The policies of a namespace that are about one direction."""
        found = self._by_direction.get((namespace, direction))
        if found is None:
            found = [policy for policy in self._of(namespace) if direction in policy.rules]
            self._by_direction[namespace, direction] = found
        return found

    def _of(self, namespace: str) -> list[Policy]:
        """Policies are read when a flow first touches their namespace."""
        found = self._read.get(namespace)
        if found is None:
            found = self._read[namespace] = [
                read(manifest, namespace) for manifest in self._written.get(namespace, ())
            ]
        return found


def _verdict(outcome: Outcome, by: str | None, field: str, reason: str) -> Verdict:
    return Verdict(Layer.NETWORK_POLICY, outcome, by, field, reason)


def _may_select(selector: Selector | None, labels: Mapping[str, str] | None) -> bool:
    if selector is None:
        return True
    return selector.can_select() if labels is None else selector.selects(labels)
