"""VPC firewall: which packets leave a node and which reach one, whatever runs on it.

Source: Google Cloud, "VPC firewall rules", "Network firewall policies"; GKE, "Automatically created firewall
rules". Read from resources `gcp:compute/firewall:Firewall` and
`gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules`:

- Rules of a direction are asked in order of priority, the lower number first and a denial before an allowance
  of the same number; the first one that means the packet decides. Where none does, Google lets packets leave
  and none come in.
- A rule means a machine by its node pool's service account, or every machine; a packet by the other end's
  range, the protocol and the destination's port. Disabled rules, and rules of another network, say nothing.
- A pod's packets are judged by its node's rules. Between pods and nodes both ends are asked, and GKE lets its
  own pods and nodes in by rules that it makes with the cluster (priority 1000), which are no resources of
  this program.
- A network firewall policy is taken to be on the network and to be asked before its rules, as this program
makes both.
- Google's APIs, at their addresses for private networks, are reached by way of the subnetwork's
`privateIpGoogleAccess`.
- The metadata server, which also answers DNS, is always reached. A network without IPv6 carries none.

Not read, and then not understood: tags, source service accounts, egress rules for some sources only. Not
known to this judge: hierarchical firewall policies above the project, Google's block on port 25, routes,
Cloud NAT. A pod without a pool is taken to be on whichever node lets more through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from egress.common.google_cloud import METADATA_ADDRESS, Vip
from egress.judge.lookup.firewall_rules import EGRESS, INGRESS, Rule, read
from egress.judge.lookup.subnets import Subnets
from egress.judge.model.flow import Connection, Layer, Node, Outcome, Outside, Pod, Verdict
from egress.judge.model.ip_ranges import Ranges
from egress.judge.model.snapshot import Snapshot

_IPV4 = Ranges.of(["0.0.0.0/0"])
_METADATA_SERVER = Ranges.of([METADATA_ADDRESS])
_GOOGLE_APIS = Ranges.of([vip.range for vip in Vip])


class Firewall:
    """Every firewall rule of the clusters' networks."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.subnets = Subnets(snapshot)
        self.rules = read(snapshot, self.subnets)
        """In the order in which they decide."""
        self._pools = sorted({pool for rule in self.rules for pool in rule.targets or ()} | {""})
        self._candidates: dict[tuple[str, str, str, int], list[tuple[Rule, str]]] = {}
        self._decided: dict[tuple[str, str, str, int, Ranges, bool, str], Verdict] = {}

    def egress_ranges(self, pool: str) -> Iterator[str]:
        """Ranges that rules for what leaves a pool's nodes tell apart from others."""
        for rule in self._leaving(pool):
            yield from rule.ranges.cidrs

    def egress_ports(self, pool: str) -> Iterator[tuple[str, int]]:
        """Transport and number of the first port, and of the one behind the last, of each range of ports that
        these rules name. A protocol without ports has number 0, which is no port: a range that begins there
        begins at 1."""
        for what in (what for rule in self._leaving(pool) for what in rule.what):
            if what.transport not in ("ALL", "TCP", "UDP"):
                yield what.transport, 0
            for first, last in what.ports:
                for transport in ("TCP", "UDP") if what.transport == "ALL" else (what.transport,):
                    yield transport, max(first, 1)
                    yield transport, last + 1

    def _leaving(self, pool: str) -> Iterator[Rule]:
        return (
            rule
            for rule in self.rules
            if rule.direction == EGRESS and (rule.targets is None or pool in rule.targets)
        )

    def judge(self, connection: Connection, *, must_pass: bool = False) -> Verdict:
        """Whether the packets of a connection leave the node of its source and, in the cluster, reach the one
        of its target.

        Args:
            connection: one leg of a flow.
            must_pass: what an end at an unknown address means. False: one address that is let through is
                enough to call it allowed, as is right for what nobody may reach. True: all must be let
                through, of the internet all of IPv4's, as is right for what somebody must reach.
        """
        source, to = connection.source, connection.to
        if isinstance(to, Pod):
            outgoing = self._side(EGRESS, source.pool, self.subnets.pods, must_pass, connection, "to pods")
            if outgoing.outcome is not Outcome.ALLOWED:
                return outgoing
            near = self.subnets.likely_nodes if isinstance(source, Node) else self.subnets.pods
            words = "from nodes" if isinstance(source, Node) else "from pods"
            incoming = self._side(INGRESS, to.pool, near, must_pass, connection, words)
            return outgoing if incoming.outcome is Outcome.ALLOWED else incoming
        return self._outside(source, to, must_pass, connection)

    def _outside(self, source: Pod | Node, to: Outside, must_pass: bool, connection: Connection) -> Verdict:
        if to.address is None:
            without_ipv6 = must_pass or not self.subnets.ipv6
            space = self.subnets.internet_v4 if without_ipv6 else self.subnets.internet
            return self._side(EGRESS, source.pool, space, must_pass, connection, "to the internet")
        address = Ranges.one(to.address)
        if address == _METADATA_SERVER:
            return _verdict(
                Outcome.ALLOWED, None, "", "Google always lets machines reach the metadata server."
            )
        if not self.subnets.ipv6 and not _IPV4.covers(address):
            return _verdict(Outcome.DENIED, self.subnets.name, "stackType", "The subnetwork has no IPv6.")
        if must_pass and self.subnets.without_google and _GOOGLE_APIS.meets(address):
            why = "Without it machines that have no public address do not reach Google's APIs."
            return _verdict(Outcome.DENIED, self.subnets.without_google, "privateIpGoogleAccess", why)
        return self._side(EGRESS, source.pool, address, False, connection, f"to {to.address}")

    @property
    def coming_in(self) -> list[Rule]:
        """Rules about what comes in, in the order in which they decide."""
        return [rule for rule in self.rules if rule.direction == INGRESS]

    def comes_in(
        self,
        source: Ranges,
        pool: str,
        port: int,
        words: str,
        *,
        must_pass: bool = False,
        also: Sequence[Rule] = (),
        transport: str = "TCP",
    ) -> Verdict:
        """Whether packets from these addresses reach a node of a pool on a port.

        Args:
            source: where they may come from.
            pool: the pool's service account; empty: of any pool.
            port: the port that they are sent to, which for a load balancer is its Service's.
            words: the source, for people.
            must_pass: whether every address of the source must get through, or one is enough.
            also: rules that hold besides, as those that GKE makes for a Service of type LoadBalancer.
            transport: the protocol; one without ports is asked at port 0.
        """
        if not self.subnets.ipv6 and not _IPV4.covers(source):
            if must_pass or not source.meets(_IPV4):
                return _verdict(Outcome.DENIED, self.subnets.name, "stackType", "The subnetwork has no IPv6.")
            source = source.within(_IPV4)
        pools = [pool] if pool else self._pools
        route = f"{transport} {port} from {words}" if port else f"{transport} from {words}"
        verdicts = [
            self._decide(
                INGRESS,
                sorted(
                    (
                        *self._matching(INGRESS, of, transport, port),
                        *_matching_rules(also, INGRESS, of, transport, port),
                    ),
                    key=_order,
                ),
                source,
                must_pass,
                route,
            )
            for of in pools
        ]
        return next((one for one in verdicts if one.allowed is not must_pass), verdicts[0])

    def _side(
        self, direction: str, pool: str, space: Ranges, must_pass: bool, connection: Connection, words: str
    ) -> Verdict:  # fmt: skip
        key = (direction, pool, connection.transport, connection.port, space, must_pass, words)
        verdict = self._decided.get(key)
        if verdict is None:
            # Where nobody said which pool, it is the one of which the most is let through - for what must
            # pass, the least.
            pools = [pool] if pool else self._pools
            transport, port = connection.transport, connection.port
            route = f"{transport} {port} {words}"
            verdicts = [
                self._decide(
                    direction, self._matching(direction, of, transport, port), space, must_pass, route
                )
                for of in pools
            ]
            verdict = next((one for one in verdicts if one.allowed is not must_pass), verdicts[0])
            self._decided[key] = verdict
        return verdict

    @staticmethod
    def _decide(
        direction: str, asked: Sequence[tuple[Rule, str]], space: Ranges, must_pass: bool, route: str
    ) -> Verdict:  # fmt: skip
        """Asks the rules in order about those addresses of the space that no rule has decided yet."""
        left = space
        for rule, field in asked:
            if not rule.ranges.meets(left):
                continue
            if rule.unknown:
                return _verdict(Outcome.NOT_UNDERSTOOD, rule.name, field, f"Not read here: {rule.unknown}.")
            if rule.allow is not must_pass:
                return _by(rule, field, route)
            left = left.minus(rule.ranges)
            if not left:
                return _by(rule, field, route)
        if direction == EGRESS:
            return _verdict(
                Outcome.ALLOWED,
                None,
                "",
                f"No rule matches {route}; Google Cloud allows egress that no rule denies.",
            )
        return _verdict(
            Outcome.DENIED,
            None,
            "",
            f"No rule matches {route}; Google Cloud denies ingress that no rule allows.",
        )

    def _matching(self, direction: str, pool: str, transport: str, port: int) -> list[tuple[Rule, str]]:
        key = (direction, pool, transport, port)
        found = self._candidates.get(key)
        if found is None:
            found = self._candidates[key] = list(
                _matching_rules(self.rules, direction, pool, transport, port)
            )
        return found


def _matching_rules(
    rules: Iterable[Rule], direction: str, pool: str, transport: str, port: int
) -> Iterator[tuple[Rule, str]]:
    for rule in rules:
        if rule.direction == direction and (rule.targets is None or pool in rule.targets):
            fields = (what.port(transport, port) for what in rule.what)
            field = next((field for field in fields if field is not None), None)
            if field is not None:
                yield rule, field


def _order(asked: tuple[Rule, str]) -> tuple[bool, int, bool]:
    return asked[0].order


def _by(rule: Rule, field: str, route: str) -> Verdict:
    return _verdict(
        Outcome.of(rule.allow),
        rule.name,
        field,
        f"The rule {'allows' if rule.allow else 'denies'} {route}{rule.note}.",
    )


def _verdict(outcome: Outcome, by: str | None, field: str, reason: str) -> Verdict:
    return Verdict(Layer.FIREWALL, outcome, by, field, reason)
