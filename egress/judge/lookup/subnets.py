"""Which addresses nodes and pods have, read from the subnetwork."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from egress.judge.model.ip_ranges import Ranges, internet, private
from egress.judge.model.snapshot import Snapshot

SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
CLUSTER = "gcp:container/cluster:Cluster"


class Subnets:
    """Ranges of every subnetwork that was handed over. Without one: nodes at no known address, pods at any
    private one."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.name = next((subnet.identity for subnet in snapshot.resources(SUBNETWORK)), None)
        subnets = [subnet.properties for subnet in snapshot.resources(SUBNETWORK)]
        allocations: list[dict[str, Any]] = [
            cluster.properties.get("ipAllocationPolicy") or {} for cluster in snapshot.resources(CLUSTER)
        ]
        of_pods = {allocation.get("clusterSecondaryRangeName") for allocation in allocations}
        of_pods |= {
            name
            for allocation in allocations
            for further in cast(list[Any], allocation.get("additionalIpRangesConfigs") or [])
            for name in further.get("podIpv4RangeNames") or ()
        }
        of_pods.discard(None)
        nodes: list[str] = [subnet["ipCidrRange"] for subnet in subnets if subnet.get("ipCidrRange")]
        pods: list[str] = [
            secondary["ipCidrRange"]
            for subnet in subnets
            for secondary in subnet.get("secondaryIpRanges") or ()
            if secondary.get("rangeName") in of_pods
        ]
        self.nodes = Ranges.of(nodes)
        self.likely_nodes = self.nodes or private()
        """Where nodes may be: at any private address, as pods, where nobody said more."""
        self.pods = Ranges.of(pods) if pods else private()
        self.ipv6 = not subnets or any(
            (subnet.get("stackType") or "IPV4_ONLY") != "IPV4_ONLY" for subnet in subnets
        )
        """Whether machines may have IPv6 addresses."""
        self.without_google = next(
            (item.identity for item in snapshot.resources(SUBNETWORK) if _is_shut(item.properties)), None
        )
        """A subnetwork whose machines, having no public address, do not reach Google's APIs."""
        every = [
            secondary["ipCidrRange"]
            for subnet in subnets
            for secondary in subnet.get("secondaryIpRanges") or ()
        ]
        own = self.own = Ranges.of([*nodes, *every])
        """Every address of nodes, pods and Services."""
        self.internet, self.internet_v4 = internet().minus(own), internet(version=4).minus(own)
        """Where hosts of the internet may be: this network may use addresses of theirs for itself, which then
        hide them."""


def _is_shut(subnet: Mapping[str, Any]) -> bool:
    return subnet.get("privateIpGoogleAccess") is not True and subnet.get("purpose") in (None, "PRIVATE")
