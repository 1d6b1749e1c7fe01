"""Addresses of nodes and pods, as the subnetworks and the clusters on them say."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.lookup.subnets import Subnets
from egress.judge.model.ip_ranges import Ranges, internet, private
from tests.judge.objects import snapshot

PODS, SERVICES = (
    {"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"},
    {"rangeName": "services", "ipCidrRange": "10.8.0.0/20"},
)
OTHER_PODS = {"rangeName": "more-pods", "ipCidrRange": "10.32.0.0/14"}


def subnet(name: str = "nodes", **says: Any) -> Resource:
    return Resource("gcp:compute/subnetwork:Subnetwork", name, says)


def cluster(name: str = "main", **allocation: Any) -> Resource:
    return Resource(
        "gcp:container/cluster:Cluster", name, {"ipAllocationPolicy": allocation} if allocation else {}
    )


def read(*resources: Resource) -> Subnets:
    return Subnets(snapshot(google=resources))


WHOLE = subnet(ipCidrRange="10.0.0.0/24", secondaryIpRanges=[PODS, SERVICES])
NAMED = cluster(clusterSecondaryRangeName="pods")


def test_nodes_have_the_subnetworks_own_range_and_pods_the_one_that_the_cluster_names() -> None:
    found = read(WHOLE, NAMED)
    assert found.nodes == Ranges.of(["10.0.0.0/24"])
    assert found.pods == Ranges.of(["10.4.0.0/14"])
    assert found.own == Ranges.of(["10.0.0.0/24", "10.4.0.0/14", "10.8.0.0/20"])


def test_pods_have_every_further_range_that_the_cluster_names() -> None:
    more = [{"podIpv4RangeNames": ["more-pods"]}, {"subnetwork": "other"}]
    of_cluster = cluster(clusterSecondaryRangeName="pods", additionalIpRangesConfigs=more)
    found = read(WHOLE, subnet("other", secondaryIpRanges=[OTHER_PODS]), of_cluster)
    assert found.pods == Ranges.of(["10.4.0.0/14", "10.32.0.0/14"])


def test_every_subnetwork_and_every_cluster_counts() -> None:
    second = subnet("second", ipCidrRange="10.1.0.0/24", secondaryIpRanges=[OTHER_PODS])
    found = read(WHOLE, second, NAMED, cluster("other", clusterSecondaryRangeName="more-pods"))
    assert found.nodes == Ranges.of(["10.0.0.0/24", "10.1.0.0/24"])
    assert found.pods == Ranges.of(["10.4.0.0/14", "10.32.0.0/14"])


@pytest.mark.parametrize(
    "resources",
    [
        (),
        (WHOLE,),
        (WHOLE, cluster()),
        (WHOLE, cluster(clusterSecondaryRangeName="others")),
        (subnet(ipCidrRange="10.0.0.0/24"), NAMED),
        (subnet(ipCidrRange="10.0.0.0/24", secondaryIpRanges=None), NAMED),
    ],
)
def test_pods_may_have_any_private_address_where_nobody_says_which(resources: tuple[Resource, ...]) -> None:
    assert read(*resources).pods == private()


def test_a_range_without_a_name_is_nobodys_pods() -> None:
    """A cluster that names no range of its pods was taken to mean a range that has no name either."""
    nameless = {"ipCidrRange": "10.4.0.0/14"}
    found = read(
        subnet(ipCidrRange="10.0.0.0/24", secondaryIpRanges=[nameless]),
        cluster(servicesSecondaryRangeName="x"),
    )
    assert found.pods == private()
    assert found.own == Ranges.of(["10.0.0.0/24", "10.4.0.0/14"])


def test_without_a_subnetwork_no_address_is_known_to_be_a_nodes() -> None:
    found = read()
    assert (found.name, found.nodes.cidrs, found.own.cidrs, found.without_google) == (None, [], [], None)
    assert (found.internet, found.internet_v4) == (internet(), internet(version=4))


def test_the_internet_is_without_addresses_that_the_network_uses_for_itself() -> None:
    """Public addresses that somebody gives to pods hide the hosts that have them."""
    public = {"rangeName": "services", "ipCidrRange": "203.0.113.0/24"}
    found = read(subnet(ipCidrRange="198.51.100.0/24", secondaryIpRanges=[public]))
    taken = Ranges.of(["198.51.100.0/24", "203.0.113.0/24"])
    assert not found.internet.meets(taken)
    assert found.internet == internet().minus(taken)
    assert found.internet_v4 == internet(version=4).minus(taken)


@pytest.mark.parametrize(
    ("stacks", "ipv6"),
    [
        ([], True),
        ([{}], False),
        ([{"stackType": None}], False),
        ([{"stackType": "IPV4_ONLY"}], False),
        ([{"stackType": "IPV4_IPV6"}], True),
        ([{"stackType": "IPV6_ONLY"}], True),
        ([{"stackType": "IPV4_ONLY"}, {"stackType": "IPV4_IPV6"}], True),
        ([{"stackType": "IPV4_IPV6"}, {}], True),
    ],
)
def test_machines_may_have_ipv6_if_some_subnetwork_has_it_or_none_is_known(
    stacks: list[dict[str, Any]], ipv6: bool
) -> None:
    assert read(*(subnet(str(at), **stack) for at, stack in enumerate(stacks))).ipv6 is ipv6


@pytest.mark.parametrize(
    ("says", "shut"),
    [
        ({"privateIpGoogleAccess": True}, False),
        ({"privateIpGoogleAccess": False}, True),
        ({}, True),
        ({"privateIpGoogleAccess": "true"}, True),
        ({"purpose": "PRIVATE"}, True),
        ({"purpose": "PRIVATE", "privateIpGoogleAccess": True}, False),
        # No machine of the cluster's is there: proxies of load balancers, Private Service Connect.
        ({"purpose": "REGIONAL_MANAGED_PROXY"}, False),
        ({"purpose": "PRIVATE_SERVICE_CONNECT"}, False),
    ],
)
def test_a_subnetwork_without_private_access_reaches_no_google_api(says: dict[str, Any], shut: bool) -> None:
    open_one = subnet("open", privateIpGoogleAccess=True)
    for resources in ((open_one, subnet("this", **says)), (subnet("this", **says), open_one)):
        found = read(*resources)
        assert found.without_google == ("subnetwork/this" if shut else None)
        assert found.name == resources[0].identity
