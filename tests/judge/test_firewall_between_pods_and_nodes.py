"""What VPC firewall rules let through between pods and nodes of one cluster, where both ends are asked."""

from __future__ import annotations

from egress.judge.layers.firewall import Firewall
from egress.judge.model.flow import Connection, Node, Pod, Protocol
from egress.judge.model.snapshot import Snapshot
from tests.judge.firewall_asking import (
    ALL,
    APP,
    CLUSTER,
    DENY_ALL,
    GATE,
    SUBNET,
    judged,
    of_google,
    rule,
    says,
)


class TestBetweenPodsAndNodes:
    FAR = Pod("bank", {}, pool=GATE)
    OUT = rule(allows=ALL, destinationRanges=["10.0.0.0/24", "10.1.0.0/16"])

    def test_gke_lets_its_own_pods_and_nodes_in(self) -> None:
        assert (
            judged(DENY_ALL, self.OUT, source=Pod("shop", {}, pool=APP), to=self.FAR).decided_by
            == "firewall/rule"
        )
        assert judged(DENY_ALL, self.OUT, to=self.FAR).allowed
        assert not judged(DENY_ALL, self.OUT, to=self.FAR, others=(SUBNET,)).allowed

    def test_a_rule_without_a_direction_is_for_what_comes_in(self) -> None:
        closed = of_google(denies=ALL, sourceRanges=["10.0.0.0/24"], priority=1)
        assert judged(self.OUT, closed, to=self.FAR).decided_by == "firewall/of-google"
        assert judged(self.OUT, closed, to=self.FAR, source=Pod("shop", {}, pool=APP)).allowed

    def test_nodes_and_pods_come_from_ranges_of_their_own(self) -> None:
        only_pods = rule("closed", direction="INGRESS", denies=ALL, sourceRanges=["10.1.0.0/16"], priority=1)
        only_nodes = rule("closed", direction="INGRESS", denies=ALL, sourceRanges=["10.0.0.0/24"], priority=1)
        for closed, stopped, free in (
            (only_pods, Pod("shop", {}, pool=APP), Node(APP)),
            (only_nodes, Node(APP), Pod("shop", {}, pool=APP)),
        ):
            verdict = judged(self.OUT, closed, to=self.FAR, source=stopped)
            assert verdict.decided_by == "firewall/closed"
            assert (
                verdict.reason
                == f"The rule denies TCP 443 from {'nodes' if isinstance(stopped, Node) else 'pods'}."
            )
            assert judged(self.OUT, closed, to=self.FAR, source=free).allowed

    def test_gke_opens_udp_as_well_and_nothing_else(self) -> None:
        for transport in ("TCP", "UDP"):
            assert judged(self.OUT, to=self.FAR, transport=transport).decided_by == "firewall/rule"
        verdict = judged(self.OUT, to=self.FAR, transport="SCTP")
        assert says(verdict) == (False, True, None, "")

    def test_what_gke_opens_a_rule_of_a_lower_number_closes(self) -> None:
        for priority, allowed in ((999, False), (1000, False), (1001, True)):
            closed = rule("closed", direction="INGRESS", denies=ALL, priority=priority)
            assert judged(self.OUT, closed, to=self.FAR).allowed is allowed, priority

    def test_what_is_not_understood_at_either_end_is_said(self) -> None:
        strange = rule("strange", allows=ALL, targetTags=["x"], priority=1)
        assert says(judged(strange, to=self.FAR)) == (True, False, "firewall/strange", "allows[0]")
        strange = rule("strange", direction="INGRESS", allows=ALL, targetTags=["x"], priority=1)
        assert says(judged(self.OUT, strange, to=self.FAR)) == (True, False, "firewall/strange", "allows[0]")
        closed = rule("closed", denies=ALL, priority=0)
        assert judged(closed, strange, to=self.FAR).decided_by == "firewall/closed"
        out, shut = (
            rule("out", allows=ALL, targetTags=["x"]),
            rule("shut", direction="INGRESS", denies=ALL, priority=0),
        )
        assert judged(out, shut, to=self.FAR).decided_by == "firewall/out"

    def test_what_nobody_may_reach_is_what_is_asked_if_nothing_else_is_said(self) -> None:
        half = rule(allows=ALL, destinationRanges=["10.1.0.0/17"])
        judge = Firewall(Snapshot.of((), (DENY_ALL, half, SUBNET, CLUSTER)))
        assert judge.judge(Connection(Node(APP), self.FAR, 443, Protocol.TCP)).allowed

    def test_both_ends_are_asked(self) -> None:
        assert not judged(DENY_ALL, to=self.FAR).allowed
        closed = rule("closed", direction="INGRESS", denies=ALL, targetServiceAccounts=[GATE], priority=1)
        assert judged(DENY_ALL, self.OUT, closed, to=self.FAR).decided_by == "firewall/closed"
        assert judged(DENY_ALL, self.OUT, closed, to=Pod("bank", {}, pool=APP)).allowed

    def test_a_range_may_hold_the_pod_or_must(self) -> None:
        half = rule(allows=ALL, destinationRanges=["10.1.0.0/17"])
        assert judged(DENY_ALL, half, to=self.FAR).allowed
        assert not judged(DENY_ALL, half, to=self.FAR, must_pass=True).allowed
