"""Sets of addresses. Source: RFC 4632 (CIDR); IANA, special-purpose address registries; GKE, "Alias IP
ranges"."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egress.common.objects import Resource
from egress.judge.lookup.subnets import CLUSTER, SUBNETWORK, Subnets
from egress.judge.model.ip_ranges import NOWHERE, Ranges, internet, position, private
from egress.judge.model.snapshot import Snapshot

cidrs = st.lists(
    st.tuples(st.integers(0, 255), st.integers(24, 32)).map(
        lambda of: str(ip_network(f"10.0.0.{of[0]}/{of[1]}", strict=False))
    ),
    max_size=5,
)


def addresses(ranges: Ranges) -> set[int]:
    return {at for first, last in ranges.spans for at in range(first, last + 1)}


@settings(max_examples=50)
@given(cidrs, cidrs)
def test_sets_of_ranges_are_sets_of_their_addresses(one: list[str], other: list[str]) -> None:
    first, second = Ranges.of(one), Ranges.of(other)
    assert addresses(first.union(second)) == addresses(first) | addresses(second)
    assert addresses(first.minus(second)) == addresses(first) - addresses(second)
    assert first.meets(second) is bool(addresses(first) & addresses(second))
    assert first.covers(second) is (addresses(second) <= addresses(first))
    assert bool(first) is bool(addresses(first))
    assert Ranges.of(first.cidrs) == first
    for address in ("10.0.0.0", "10.0.0.100", "10.0.0.255", "10.0.1.0"):
        assert (position(address) in first) is (position(address) in addresses(first))


def test_neighbours_are_one_range() -> None:
    assert Ranges.of(["10.0.0.0/25", "10.0.0.128/25"]).cidrs == ["10.0.0.0/24"]
    assert Ranges.of(["10.0.0.0/25", "10.0.0.64/32"]).cidrs == ["10.0.0.0/25"]
    assert Ranges.of(["10.0.0.0/32", "10.0.0.2/32"]).cidrs == ["10.0.0.0/32", "10.0.0.2/32"]


def test_the_last_address_of_ipv4_and_the_first_of_ipv6_are_no_neighbours() -> None:
    both = Ranges.of(["255.255.255.255/32", "::/128"])
    assert both.cidrs == ["255.255.255.255/32", "::/128"]
    assert not Ranges.of(["0.0.0.0/0"]).meets(Ranges.of(["::/0"]))
    assert position("::1") not in Ranges.of(["0.0.0.0/0"])
    assert position("::1") in Ranges.of(["::/127"])
    assert Ranges.of(["2001:db8::/32"]).cidrs == ["2001:db8::/32"]


def test_a_single_address_and_one_within_a_range_are_taken() -> None:
    assert Ranges.of(["10.0.0.9"]).cidrs == ["10.0.0.9/32"]
    assert Ranges.of(["10.0.0.9/24"]).cidrs == ["10.0.0.0/24"]
    with pytest.raises(ValueError, match="example"):
        Ranges.of(["example.com"])
    with pytest.raises(ValueError, match="example"):
        position("example.com")


def test_an_ipv4_address_that_is_written_as_one_of_ipv6_is_reached_by_ipv4() -> None:
    assert position("::ffff:10.0.0.9") == position("10.0.0.9")
    assert Ranges.of(["::ffff:10.0.0.9", "::ffff:10.0.1.0/120"]).cidrs == ["10.0.0.9/32", "10.0.1.0/24"]
    assert Ranges.of(["::ffff:0:0/96"]).cidrs == ["0.0.0.0/0"]
    # What holds more than those alone is of IPv6.
    assert Ranges.of(["::fffe:0:0/95"]).cidrs == ["::fffe:0:0/95"]


def test_ranges_that_share_one_address_meet() -> None:
    one = Ranges.of(["10.0.0.9/32"])
    assert one.meets(one)
    assert one.meets(Ranges.of(["10.0.0.8/31"]))
    assert Ranges.of(["10.0.0.8/31"]).meets(one)
    for before, behind in (
        ("10.0.0.8/32", "10.0.0.9/32"),
        ("10.0.0.0/28", "192.0.2.0/24"),
        ("10.0.0.0/8", "2001:db8::/32"),
    ):
        assert not Ranges.of([before]).meets(Ranges.of([behind]))
        assert not Ranges.of([behind]).meets(Ranges.of([before]))


def test_what_two_sets_share_lies_within_both() -> None:
    one, other = Ranges.of(["10.0.0.0/30", "10.0.1.0/30"]), Ranges.of(["10.0.0.2/31", "10.0.2.0/30"])
    assert one.within(other) == Ranges.of(["10.0.0.2/31"])
    assert one.within(NOWHERE) == NOWHERE


def test_nowhere_holds_nothing() -> None:
    assert not NOWHERE
    assert NOWHERE.cidrs == []
    assert position("0.0.0.0") not in NOWHERE
    assert Ranges.of(["10.0.0.0/8"]).covers(NOWHERE)


PRIVATE = (
    "10.1.2.3",
    "100.64.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "240.0.0.1",
)
MACHINES = ("0.1.2.3", "127.0.0.1", "169.254.169.254", "192.0.0.8", "224.0.0.1", "239.255.255.255")
GOOGLES = ("199.36.153.4", "199.36.153.7", "199.36.153.8", "199.36.153.11")
PUBLIC = (
    *(
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
    ),
    *(
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.2.1",
        "192.167.255.255",
        "192.169.0.0",
    ),
    *("198.17.255.255", "198.20.0.0", "199.36.153.3", "199.36.153.12", "223.255.255.255"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_hosts_of_the_internet_may_be_at(address: str) -> None:
    assert position(address) in internet()
    assert position(address) in internet(version=4)
    assert position(address) not in internet(version=6)
    assert position(address) not in private()


@pytest.mark.parametrize("address", [*PRIVATE, *MACHINES, *GOOGLES, "255.255.255.255"])
def test_no_host_of_the_internet_is_at(address: str) -> None:
    assert position(address) not in internet()


@pytest.mark.parametrize("address", PRIVATE)
def test_pods_may_be_at(address: str) -> None:
    assert position(address) in private()


@pytest.mark.parametrize("address", [*MACHINES, *GOOGLES])
def test_no_pod_is_at(address: str) -> None:
    assert position(address) not in private()


@pytest.mark.parametrize(
    ("address", "public"), [("2606:2800::1", True), ("3fff::1", True), ("1fff::1", False), ("4000::", False)]
)
def test_ipv6_of_the_internet_is_what_was_handed_out(address: str, public: bool) -> None:
    assert (position(address) in internet()) is public
    assert (position(address) in internet(version=6)) is public
    assert position(address) not in internet(version=4)


def subnet(**properties: Any) -> Resource:
    return Resource(SUBNETWORK, "subnet", {"ipCidrRange": "10.0.0.0/24", **properties})


def secondary(**ranges: str) -> dict[str, Any]:
    return {"secondaryIpRanges": [{"rangeName": name, "ipCidrRange": cidr} for name, cidr in ranges.items()]}


def cluster(pods: Any = "pods", **allocation: Any) -> Resource:
    named = {"clusterSecondaryRangeName": pods} if pods else {}
    return Resource(CLUSTER, "cluster", {"ipAllocationPolicy": {**named, **allocation}})


def subnets(*resources: Resource) -> Subnets:
    return Subnets(Snapshot.of((), resources))


class TestSubnets:
    def test_nodes_are_in_the_primary_range_and_pods_in_the_one_that_the_cluster_names(self) -> None:
        found = subnets(subnet(**secondary(pods="10.1.0.0/16", services="10.2.0.0/20")), cluster())
        assert found.nodes.cidrs == ["10.0.0.0/24"]
        assert found.pods.cidrs == ["10.1.0.0/16"]
        assert found.name == "subnetwork/subnet"

    def test_further_ranges_of_pods_count_as_well(self) -> None:
        more = {"additionalIpRangesConfigs": [{"podIpv4RangeNames": ["more"]}, {"subnetwork": "x"}]}
        found = subnets(
            subnet(**secondary(pods="10.1.0.0/16", more="10.9.0.0/16", other="10.8.0.0/16")), cluster(**more)
        )
        assert found.pods.cidrs == ["10.1.0.0/16", "10.9.0.0/16"]

    def test_without_a_subnetwork_nothing_is_known(self) -> None:
        found = subnets()
        assert not found.nodes
        assert found.pods == private()
        assert found.ipv6
        assert found.name is None
        assert found.internet == internet()
        assert found.without_google is None

    def test_without_a_cluster_that_names_a_range_pods_may_be_at_any_private_address(self) -> None:
        nothing = Resource(CLUSTER, "cluster", {})
        for known in ((), (nothing,), (cluster("elsewhere"),)):
            assert subnets(subnet(**secondary(pods="10.1.0.0/16")), *known).pods == private()
        assert subnets(subnet(ipCidrRange=None, secondaryIpRanges=None)).pods == private()

    @pytest.mark.parametrize(
        ("said", "shut"),
        [
            ({"privateIpGoogleAccess": True}, False),
            ({"privateIpGoogleAccess": False}, True),
            ({}, True),
            ({"purpose": "PRIVATE"}, True),
            ({"purpose": "REGIONAL_MANAGED_PROXY"}, False),
            ({"purpose": "PRIVATE", "privateIpGoogleAccess": True}, False),
        ],
    )
    def test_machines_reach_googles_apis_where_private_access_is_on(
        self, said: dict[str, Any], shut: bool
    ) -> None:
        assert subnets(subnet(**said)).without_google == ("subnetwork/subnet" if shut else None)

    def test_resources_are_known_by_the_providers_types(self) -> None:
        assert (SUBNETWORK, CLUSTER) == ("gcp:compute/subnetwork:Subnetwork", "gcp:container/cluster:Cluster")

    @pytest.mark.parametrize(
        ("stack", "ipv6"), [(None, False), ("IPV4_ONLY", False), ("IPV4_IPV6", True), ("IPV6_ONLY", True)]
    )
    def test_machines_have_ipv6_where_the_subnetwork_does(self, stack: str | None, ipv6: bool) -> None:
        assert subnets(subnet(stackType=stack)).ipv6 is ipv6
        assert subnets(subnet(), subnet(stackType=stack)).ipv6 is ipv6

    def test_public_ranges_that_the_network_uses_hide_what_is_there_outside(self) -> None:
        found = subnets(
            subnet(ipCidrRange="20.0.0.0/20", **secondary(pods="21.0.0.0/16", services="22.0.0.0/20")),
            cluster(),
        )
        for hidden in ("20.0.0.1", "21.0.0.1", "22.0.0.1"):
            assert position(hidden) not in found.internet
            assert position(hidden) not in found.internet_v4
        assert position("23.0.0.1") in found.internet_v4
        assert position("2606:2800::1") in found.internet
        assert position("2606:2800::1") not in found.internet_v4
