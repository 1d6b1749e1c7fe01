"""Who has an address and is no pod: which ranges are asked about, and what the policies of the pods that they
reach say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.cluster_connections import ClusterConnection, ClusterConnections, End
from egress.judge.distinctions import Distinctions
from egress.judge.trace import Judges
from tests.judge.objects import snapshot, team, written

Written = dict[str, Any]
SHOP = "shop"


def pods_at(cidr: str) -> tuple[Resource, ...]:
    return (
        Resource(
            "gcp:compute/subnetwork:Subnetwork",
            "nodes",
            {"ipCidrRange": "10.0.0.0/24", "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": cidr}]},
        ),
        Resource(
            "gcp:container/cluster:Cluster",
            "main",
            {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}},
        ),
    )


def let_in(*cidrs: str, port: int = 9999, protocol: str = "TCP") -> Written:
    given = [
        {
            "from": [{"ipBlock": {"cidr": cidr}} for cidr in cidrs],
            "ports": [{"port": port, "protocol": protocol}],
        }
    ]
    return written("NetworkPolicy", SHOP, podSelector={}, policyTypes=["Ingress"], ingress=given)


def judges(*objects: Written, pods: str = "10.1.0.0/16") -> Judges:
    return Judges(snapshot(team(SHOP), *objects, google=pods_at(pods)))


def asked(*of: Judges) -> list[ClusterConnection]:
    """From addresses to the team's pods."""
    every = ClusterConnections(Distinctions(of)).into(SHOP)
    return [one for one in every if one.source.end in (End.INTERNET, End.ADDRESSES)]


def passing(judge: Judges, *, must_pass: bool = False) -> set[tuple[str, str, int]]:
    found = asked(judge)
    return {
        (one.source.words, one.transport, one.port)
        for one in found
        if one.judged([judge], must_pass=must_pass)[0].allowed
    }


def sources(found: Iterable[ClusterConnection]) -> set[str]:
    return {one.source.words for one in found}


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_a_range_that_a_policy_lets_in_comes_in_at_that_port_by_that_protocol(protocol: str) -> None:
    assert passing(judges(let_in("10.99.0.0/16", protocol=protocol))) == {("10.99.0.0/16", protocol, 9999)}


def test_no_range_of_the_cluster_is_the_internet() -> None:
    assert "the internet" not in {
        source for source, _, _ in passing(judges(let_in("10.99.0.0/16", "192.168.0.0/16")))
    }
    assert ("the internet", "TCP", 9999) in passing(judges(let_in("0.0.0.0/0")))


def test_half_of_the_internet_may_come_in_and_does_not_have_to() -> None:
    half = judges(let_in("0.0.0.0/1"))
    assert ("the internet", "TCP", 9999) in passing(half)
    assert ("the internet", "TCP", 9999) not in passing(half, must_pass=True)
    assert ("the internet", "TCP", 9999) in passing(judges(let_in("0.0.0.0/0", "::/0")), must_pass=True)


def test_pods_are_asked_by_their_namespaces_whatever_addresses_they_have() -> None:
    assert "10.1.2.0/24" not in sources(asked(judges(let_in("10.1.2.0/24"))))
    assert "10.1.2.0/24" in sources(asked(judges(let_in("10.1.2.0/24"), pods="10.2.0.0/16")))


def test_of_two_states_what_is_pods_in_either_is_asked_as_pods() -> None:
    old, new = judges(let_in("10.1.2.0/24")), judges(let_in("10.1.2.0/24"), pods="10.2.0.0/16")
    assert "10.1.2.0/24" not in sources(asked(old, new))


def test_each_state_answers_for_itself() -> None:
    old, new = judges(let_in("10.99.0.0/16")), judges(let_in("10.99.0.0/16", port=9998))
    found = {
        one.port: one
        for one in asked(old, new)
        if (one.source.words, one.transport) == ("10.99.0.0/16", "TCP")
    }
    assert [verdict.allowed for verdict in found[9999].judged([old, new])] == [True, False]
    assert [verdict.allowed for verdict in found[9998].judged([old, new])] == [False, True]


def test_where_no_policy_names_a_range_one_class_stands_for_all() -> None:
    assert sources(asked(judges())) == {"the internet"}


def test_policies_of_other_namespaces_say_nothing_about_who_has_an_address() -> None:
    port = [{"ports": [{"port": 7777, "protocol": "TCP"}]}]
    theirs = written("NetworkPolicy", "other", podSelector={}, policyTypes=["Egress"], egress=port)
    assert 7777 not in {one.port for one in asked(judges(theirs))}


def test_the_networks_own_ranges_are_told_apart_once_a_policy_names_any() -> None:
    assert {"10.0.0.0/24", "10.99.0.0/16"} <= sources(asked(judges(let_in("10.99.0.0/16"))))


def test_unless_somebody_has_to_be_let_in_anyway() -> None:
    told = Distinctions([judges()])
    assert told.addresses_into(SHOP) == ()
    assert "10.0.0.0/24" in {one.within for one in told.addresses_into(SHOP, always=True)}


def test_somebody_has_to_reach_istiod_from_nodes_so_their_ranges_are_asked_about_without_any_policy() -> None:
    every = ClusterConnections(Distinctions([judges()])).of_platform()
    assert "10.0.0.0/24" in {one.source.words for one in every if one.target.end is End.CONTROL_PLANE}
