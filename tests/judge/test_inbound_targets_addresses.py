"""From which addresses the ways in are asked about: every range that some object names, and all others."""

from __future__ import annotations

from egress.common.objects import Resource
from egress.judge.inbound_targets import ELSEWHERE, InboundKind
from egress.judge.model.ip_ranges import Ranges
from tests.judge.inbound_asking import NAMED, edge, inbound, names
from tests.judge.incoming import PARTNER, balancer, firewall, judges
from tests.judge.objects import written


class TestAddresses:
    def test_every_range_is_asked_and_whoever_is_in_none(self) -> None:
        assert [flow.source.cidrs for flow in inbound(judges(balancer=edge()), kind=InboundKind.ADDRESS)] == [
            ["0.0.0.0/0"],
            ["::/0"],
        ]
        world = judges(balancer=edge(loadBalancerSourceRanges=[PARTNER, "192.0.2.0/24"]))
        assert names(world, kind=InboundKind.ADDRESS) == [PARTNER, "192.0.2.0/24", ELSEWHERE]
        assert {flow.origin for flow in inbound(world, kind=InboundKind.CLIENT)} == {PARTNER}, (
            "clients come from inside"
        )

    def test_ranges_of_firewall_rules_and_of_policies_are_told_apart_too(self) -> None:
        block = {"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.8/29"]}}
        policy = written(
            "NetworkPolicy", "edge", podSelector={}, ingress=[{"from": [block, {"podSelector": {}}]}]
        )
        world = judges(policy, balancer=edge(), google=(firewall(sourceRanges=["203.0.113.0/24"]),))
        found = [flow.source for flow in inbound(world, kind=InboundKind.ADDRESS)]
        apart = [
            ["203.0.113.0/24"],
            ["192.0.2.0/29", "192.0.2.16/28", "192.0.2.32/27", "192.0.2.64/26", "192.0.2.128/25"],
        ]
        assert [ranges.cidrs for ranges in found if ranges.cidrs in apart[:1]] == apart[:1]
        assert [ranges.cidrs for ranges in found if ranges.cidrs in apart[1:]] == apart[1:]
        said = names(world, kind=InboundKind.ADDRESS)
        assert "203.0.113.0/24" in said
        assert ELSEWHERE in said

    def test_what_lies_in_a_part_of_a_range_alone_is_called_by_its_first_addresses(self) -> None:
        inner = edge(loadBalancerSourceRanges=["198.51.100.0/24"])
        rule = firewall(sourceRanges=["198.51.100.0/25"])
        assert names(judges(balancer=inner, google=(rule,)), kind=InboundKind.ADDRESS) == [
            "198.51.100.0/25",
            "198.51.100.128/25",
            ELSEWHERE,
        ]
        rule = firewall(sourceRanges=["198.51.100.64/26"])
        assert "198.51.100.0/26 and 1 more" in names(
            judges(balancer=inner, google=(rule,)), kind=InboundKind.ADDRESS
        )

    def test_addresses_of_the_cluster_itself_are_nobody_outside(self) -> None:
        network = gcp_subnet("10.0.0.0/20")
        world = judges(balancer=edge(), google=(network,))
        assert not any(
            flow.source.meets(Ranges.of(["10.0.0.0/20"])) for flow in inbound(world, kind=InboundKind.ADDRESS)
        )

    def test_of_ranges_that_no_one_load_balancer_takes_clients_come_from_the_first_that_some_does(
        self,
    ) -> None:
        everything = gcp_subnet("10.0.0.0/20")
        ranges = ["192.0.2.0/25"]
        rule = firewall(sourceRanges=[PARTNER])
        world = judges(balancer=edge(loadBalancerSourceRanges=ranges), google=(everything, rule))
        other = judges(balancer=edge(loadBalancerSourceRanges=["203.0.113.0/24"]), google=(everything, rule))
        assert names(world, kind=InboundKind.ADDRESS)[-1] == ELSEWHERE
        assert {flow.origin for flow in inbound(world, other, kind=InboundKind.CLIENT)} == set(ranges)

    def test_ipv6_is_asked_where_machines_may_have_it(self) -> None:
        def asks(*stacks: str) -> bool:
            sides = [judges(balancer=edge(), google=(gcp_subnet("10.0.0.0/20", stack),)) for stack in stacks]
            return any(
                flow.source.meets(Ranges.of(["2001:db8::/32"]))
                for flow in inbound(*sides, kind=InboundKind.ADDRESS)
            )

        assert asks("IPV4_IPV6")
        assert asks("IPV4_ONLY", "IPV4_IPV6"), "on one side is enough"
        assert not asks("IPV4_ONLY")

    def test_every_address_by_name_is_called_as_the_object_calls_it_and_what_it_leaves_any_other(
        self,
    ) -> None:
        whole = edge(loadBalancerSourceRanges=["0.0.0.0/0"])
        inside = (gcp_subnet("10.0.0.0/20"), firewall(sourceRanges=[PARTNER]))
        assert names(judges(balancer=whole, google=inside), kind=InboundKind.ADDRESS) == [PARTNER, ELSEWHERE]
        assert names(judges(balancer=whole), kind=InboundKind.ADDRESS) == ["0.0.0.0/0", ELSEWHERE]

    def test_ports_that_nothing_is_at_are_asked_from_every_range_as_well(self) -> None:
        world = judges(balancer=balancer(loadBalancerSourceRanges=[PARTNER]))
        for kind in (InboundKind.PORT, InboundKind.NODE_PORT, InboundKind.ADDRESS):
            found = [(flow.origin, tuple(flow.source.cidrs)) for flow in inbound(world, kind=kind)]
            assert all(
                cidrs == (PARTNER,) if origin == PARTNER else PARTNER not in cidrs for origin, cidrs in found
            )
            assert (ELSEWHERE, (PARTNER,)) not in found
            assert (PARTNER, (PARTNER,)) in found
            assert {origin for origin, _ in found} == {PARTNER, ELSEWHERE}

    def test_of_two_sets_of_objects_clients_come_from_where_both_take_them(self) -> None:
        wide = judges(balancer=edge(loadBalancerSourceRanges=["192.0.2.0/24", PARTNER]))
        narrow = judges(balancer=edge(loadBalancerSourceRanges=[PARTNER]))
        assert {flow.origin for flow in inbound(wide, narrow, kind=InboundKind.CLIENT)} == {PARTNER}
        apart = judges(balancer=edge(loadBalancerSourceRanges=["192.0.2.0/24"]))
        assert {flow.origin for flow in inbound(narrow, apart, kind=InboundKind.CLIENT)} == {PARTNER}, (
            "one of them"
        )
        assert {flow.origin for flow in inbound(apart, narrow, kind=InboundKind.CLIENT)} == {"192.0.2.0/24"}
        first = balancer("another", **NAMED, loadBalancerSourceRanges=["203.0.113.0/24"])
        sides = [
            judges(edge(loadBalancerSourceRanges=[taken]), balancer=first)
            for taken in (PARTNER, "192.0.2.0/24")
        ]
        asked = [
            flow for flow in inbound(*sides, kind=InboundKind.CLIENT) if flow.edge == "edge/service/edge"
        ]
        assert {flow.origin for flow in asked} == {PARTNER}, "whatever another Service takes"

    def test_of_a_service_that_takes_nobody_outside_clients_come_from_any_other_address(self) -> None:
        inside = edge(loadBalancerSourceRanges=["10.0.0.0/24"])
        world = judges(balancer=inside, google=(gcp_subnet("10.0.0.0/20"),))
        assert {flow.origin for flow in inbound(world, kind=InboundKind.CLIENT)} == {ELSEWHERE}


def gcp_subnet(cidr: str, stack: str = "IPV4_ONLY") -> Resource:
    return Resource("gcp:compute/subnetwork:Subnetwork", "nodes", {"ipCidrRange": cidr, "stackType": stack})
