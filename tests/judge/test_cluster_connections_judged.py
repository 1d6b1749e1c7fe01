"""What is judged of a connection of the cluster, in one snapshot and in two."""

from __future__ import annotations

from typing import Any

from egress.common.objects import Resource
from egress.judge.cluster_connections import ClusterConnections, End
from egress.judge.distinctions import Distinctions
from egress.judge.model.flow import Pod
from egress.judge.trace import Judges
from tests.judge.asking import GATEWAY_PODS, gateway, server
from tests.judge.connecting import EDGE, GATEWAY, LIVE, OF_POOLS, ROOT, SHOP, into, judges, of, policy, ports
from tests.judge.objects import deployment, named, namespace, team


class TestTwoSnapshots:
    def test_gateways_are_those_of_both_with_the_doors_of_either(self) -> None:
        second = deployment("gw-b", "edge", {"istio": "gw"}), gateway(server("b.example"), namespace="gw-b")
        one = judges(team(SHOP), *EDGE, *second)
        other = judges(team(SHOP), GATEWAY_PODS, gateway(server("a.example", port=9443)))
        found = ClusterConnections(Distinctions([one, other]))
        told = ports(found.out_of(SHOP))
        assert "pods of shop -> the gateway in gw-b" not in told
        assert {"TCP 8443", "TCP 9443"} <= set(told["pods of shop -> the gateway in gw"])
        assert {"TCP 8443", "TCP 9443"} <= set(
            ports(found.of_platform())["pods of no team -> the gateway in gw"]
        )
        gateways = next(each.ends for each in found.out_of(SHOP) if each.target.end is End.GATEWAY)
        assert [to for _, to in gateways] == [_in(of, GATEWAY) for of in (one, other)]

    def test_each_says_its_own(self) -> None:
        sides = [judges(team(SHOP), policy(SHOP, egress=[])), judges(team(SHOP))]
        found = next(ClusterConnections(Distinctions(sides)).out_of(SHOP))
        assert [verdict.allowed for verdict in found.judged(sides)] == [False, True]

    def test_peers_of_either_are_strangers(self) -> None:
        one, other = (
            judges(team(SHOP), policy(SHOP, ingress=[{"from": [peer]}])) for peer in (named("foo"), LIVE)
        )
        told = into("pods of shop", ports(ClusterConnections(Distinctions([one, other])).into(SHOP)))
        assert {"pods of foo", "pods of a namespace with other labels"} <= told.keys()
        test = {"namespaceSelector": {"matchLabels": {"stage": "test"}}}
        sides = [judges(team(SHOP), policy(SHOP, ingress=[{"from": [peer]}])) for peer in (LIVE, test)]
        found = ClusterConnections(Distinctions(sides)).into(SHOP)
        sources = [one.ends[0][0] for one in found if one.source.labelled]
        labels = {repr(source.namespace_labels) for source in sources if isinstance(source, Pod)}
        assert len(labels) == 2

    def test_the_default_namespace_is_known_where_either_says_it(self) -> None:
        sides = [judges(team(SHOP), namespace("default")), judges(team(SHOP))]
        for order in (sides, sides[::-1]):
            assert "pods of default" in of(
                "pods of shop", ports(ClusterConnections(Distinctions(order)).out_of(SHOP))
            )


def _in(of: Judges, namespace: str) -> Pod:
    return next(pod for pod in of.gateways.pods if pod.namespace == namespace)


class TestJudged:
    """What layers say to a connection: NetworkPolicies, and the firewall to what nodes open or what has to
    pass."""

    @staticmethod
    def said(
        judge: Judges,
        transport: str = "TCP",
        port: int = 15012,
        *,
        must_pass: bool = False,
        to: str = "istiod",
        source: str = "pods of shop",
    ) -> Any:
        every = ClusterConnections(Distinctions([judge]))
        (found,) = [
            one
            for one in (*every.of(SHOP), *every.of_platform())
            if (one.transport, one.port, one.target.words, one.source.words) == (transport, port, to, source)
        ]
        (verdict,) = found.judged([judge], must_pass=True) if must_pass else found.judged([judge])
        return verdict

    def test_a_policy_lets_through_by_transport_and_port(self) -> None:
        port = [{"protocol": "UDP", "port": 6667}, {"protocol": "TCP", "port": 15012}]
        judge = judges(team(SHOP), policy(SHOP, egress=[{"to": [named(ROOT)], "ports": port}]))
        assert [self.said(judge, *of).allowed for of in (("UDP", 6667), ("TCP", 6667), ("TCP", 15012))] == [
            True,
            False,
            True,
        ]

    def test_labels_that_pods_may_choose_help_what_must_not_pass_and_not_what_must(self) -> None:
        of_some = policy(SHOP, podSelector={"matchLabels": {"app": "x"}}, egress=[{"to": [named(ROOT)]}])
        judge = judges(team(SHOP), policy(SHOP, "none", egress=[]), of_some)
        assert self.said(judge, "TCP", 15012).allowed
        assert not self.said(judge, "TCP", 15012, must_pass=True).allowed

    def test_what_has_to_pass_has_to_get_from_node_to_node_as_well(self) -> None:
        shut = Resource(
            "gcp:compute/firewall:Firewall",
            "shut",
            {"direction": "EGRESS", "destinationRanges": ["0.0.0.0/0"], "denies": [{"protocol": "all"}]},
        )
        judge = judges(team(SHOP), google=(*OF_POOLS, shut))
        assert self.said(judge, "TCP", 15012).decided_by is None
        refused = self.said(judge, "TCP", 15012, must_pass=True)
        assert (refused.allowed, refused.decided_by) == (False, "firewall/shut")
        held = judges(team(SHOP), policy(SHOP, egress=[]), google=(*OF_POOLS, shut))
        assert self.said(held, "TCP", 15012, must_pass=True).decided_by == "shop/networkpolicy/policy"
        assert self.said(judges(team(SHOP)), "TCP", 15012, must_pass=True).allowed

    PODS = (
        Resource(
            "gcp:compute/subnetwork:Subnetwork",
            "nodes",
            {"secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"}]},
        ),
        Resource(
            "gcp:container/cluster:Cluster",
            "main",
            {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}},
        ),
    )

    def test_what_must_pass_passes_to_every_address_that_pods_may_have(self) -> None:
        half = policy(SHOP, egress=[{"to": [{"ipBlock": {"cidr": "10.4.0.0/15"}}]}])
        judge = judges(team(SHOP), half, google=self.PODS)
        # A block means pods with some network plugins only, so what must pass counts on none.
        assert [self.said(judge, must_pass=must_pass).understood for must_pass in (False, True)] == [
            True,
            False,
        ]
        shut = Resource(
            "gcp:compute/firewall:Firewall",
            "shut",
            {"direction": "EGRESS", "destinationRanges": ["10.4.0.0/15"], "denies": [{"protocol": "all"}]},
        )
        judge = judges(team(SHOP), google=(*self.PODS, shut))
        assert [self.said(judge, must_pass=must_pass).allowed for must_pass in (False, True)] == [True, False]

    def test_what_is_not_understood_stays_so_whatever_the_firewall_lets_through(self) -> None:
        odd = policy(SHOP, egress=[{"to": [named(ROOT)], "more": 1}])
        found = self.said(judges(team(SHOP), odd, google=OF_POOLS), must_pass=True)
        assert (found.allowed, found.understood) == (True, False)

    def test_labels_that_are_known_stay_what_they_are(self) -> None:
        shut = policy(ROOT, podSelector={"matchLabels": {"app": "istiod"}}, ingress=[])
        assert not self.said(judges(team(SHOP), shut), must_pass=True).allowed

    def test_nodes_and_addresses_have_no_labels(self) -> None:
        judge = judges(team(SHOP), *EDGE, google=OF_POOLS)
        for source in ("application nodes", "the gateway in gw"):
            assert self.said(judge, "TCP", 443, must_pass=True, to="the internet", source=source).allowed

    def test_a_nodes_own_is_the_firewalls(self) -> None:
        udp = Resource(
            "gcp:compute/firewall:Firewall",
            "udp",
            {
                "direction": "EGRESS",
                "destinationRanges": ["0.0.0.0/0", "::/0"],
                "denies": [{"protocol": "udp"}],
            },
        )
        judge = judges(team(SHOP), google=(*OF_POOLS, udp))
        said = [
            self.said(judge, by, 443, to="the internet", source="application nodes").decided_by
            for by in ("UDP", "TCP")
        ]
        assert said == ["firewall/udp", None]
