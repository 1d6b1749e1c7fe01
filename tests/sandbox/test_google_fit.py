"""What does not fit together is refused: ranges, subnets, clusters, node pools and NAT of one network."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox import google_resources as g
from tests.sandbox.google_engine import Engine, build, refused

P = f"projects/{g.PROJECT}"
OWN_SUBNET: dict[str, Any] = {
    "name": "subnet-own",
    "network": "vpc-network",
    "ipCidrRange": "10.3.0.0/28",
    "secondaryIpRanges": [{"rangeName": "pods-own", "ipCidrRange": "10.4.0.0/20"}],
}


def subnet(name: str, primary: str, *secondary: str) -> dict[str, Any]:
    ranges = [{"rangeName": f"r{n}", "ipCidrRange": value} for n, value in enumerate(secondary)]
    return {"name": name, "network": "vpc-network", "ipCidrRange": primary, "secondaryIpRanges": ranges}


@pytest.mark.parametrize(
    ("wanted", "field", "taken"),
    [
        (subnet("b", "10.0.0.128/25"), "ipCidrRange", "10.0.0.0/24"),
        (subnet("b", "10.1.7.0/24"), "ipCidrRange", "10.1.0.0/16"),
        (subnet("b", "10.9.0.0/24", "10.2.8.0/24"), "secondaryIpRanges[0].ipCidrRange", "10.2.0.0/20"),
        (subnet("b", "10.5.0.0/24"), "ipCidrRange", "10.5.0.0/28"),
    ],
)
def test_overlapping_ranges_in_a_network_are_refused(
    engine: Engine, wanted: dict[str, Any], field: str, taken: str
) -> None:
    build(engine, g.CLUSTER)
    refused(lambda: engine.create(g.SUBNETWORK, wanted), f"{field} is", f"overlaps {taken}")
    other = engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, name="other"))
    assert engine.create(g.SUBNETWORK, wanted | {"network": other.id}).id


def test_a_control_plane_overlapping_a_subnet_is_refused(engine: Engine) -> None:
    build(engine, g.SUBNETWORK)
    inputs = g.having(g.CLUSTER_INPUTS, privateClusterConfig={"masterIpv4CidrBlock": "10.0.0.16/28"})
    refused(lambda: engine.create(g.CLUSTER, inputs), "masterIpv4CidrBlock", "overlaps 10.0.0.0/24")
    assert engine.apiserver.calls == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pod"}},
            ("clusterSecondaryRangeName is 'pod'", "pods, services"),
        ),
        ({"workloadIdentityConfig": {"workloadPool": "other.svc.id.goog"}}, (f"{g.PROJECT}.svc.id.goog",)),
        ({"network": "other"}, ("belongs to vpc-network",)),
        (
            {"location": "us-east1-b", "subnetwork": f"{P}/regions/europe-west1/subnetworks/subnet-gke"},
            ("outside the cluster's region",),
        ),
    ],
)
def test_a_cluster_that_does_not_fit_its_network_is_refused(
    engine: Engine, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    build(engine, g.SUBNETWORK)
    engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, name="other"))
    refused(lambda: engine.create(g.CLUSTER, g.having(g.CLUSTER_INPUTS, **changes)), *words)


def test_a_second_cluster_of_the_name_is_refused_and_another_is_not(engine: Engine) -> None:
    build(engine, g.CLUSTER)
    second = g.having(g.CLUSTER_INPUTS, privateClusterConfig={"masterIpv4CidrBlock": "10.6.0.0/28"})
    refused(lambda: engine.create(g.CLUSTER, second, "second"), "already exists")
    engine.create(g.CLUSTER, g.having(second, name="cluster2"), "second")


def test_a_node_pool_needs_what_its_cluster_has(engine: Engine) -> None:
    build(engine, g.ACCOUNT)
    engine.create(g.CLUSTER, g.having(g.CLUSTER_INPUTS, workloadIdentityConfig=None))
    refused(lambda: engine.create(g.NODE_POOL, g.NODE_POOL_INPUTS), "GKE_METADATA", "no workload pool")
    other = g.having(g.NODE_POOL_INPUTS, nodeConfig=None, networkConfig={"podRange": "more"})
    refused(lambda: engine.create(g.NODE_POOL, other), "podRange is 'more'", "pods, services")


def test_a_node_pool_lies_in_a_subnet_of_its_cluster(engine: Engine) -> None:
    build(engine, g.ACCOUNT)
    engine.create(g.SUBNETWORK, OWN_SUBNET)
    engine.create(g.CLUSTER, g.CLUSTER_INPUTS)
    placed = g.having(g.NODE_POOL_INPUTS, networkConfig={"subnetwork": "subnet-own", "podRange": "pods-own"})
    refused(lambda: engine.create(g.NODE_POOL, placed), "'subnet-own'", "does not have this subnet")


def test_a_cluster_takes_subnets_beside_its_own(engine: Engine) -> None:
    build(engine, g.ACCOUNT)
    engine.create(g.SUBNETWORK, OWN_SUBNET)
    own = [{"subnetwork": "subnet-own", "podIpv4RangeNames": ["pods-own"]}]
    refused(
        lambda: engine.create(g.CLUSTER, _with_subnets(own[0] | {"podIpv4RangeNames": ["pods"]})),
        "it has pods-own",
    )
    refused(
        lambda: engine.create(g.CLUSTER, _with_subnets({"subnetwork": "subnet-gke"})),
        "has this subnet already",
    )
    refused(lambda: engine.create(g.CLUSTER, _with_subnets({"subnetwork": "nowhere"})), "nowhere")
    cluster = engine.create(g.CLUSTER, _with_subnets(*own))
    wrong = g.having(g.NODE_POOL_INPUTS, networkConfig={"subnetwork": "subnet-own", "podRange": "pods"})
    refused(lambda: engine.create(g.NODE_POOL, wrong), "it has pods-own")
    placed = g.having(g.NODE_POOL_INPUTS, networkConfig={"subnetwork": "subnet-own", "podRange": "pods-own"})
    pool = engine.create(g.NODE_POOL, placed)
    refused(lambda: engine.update(cluster, g.CLUSTER_INPUTS), "node pool 'gateway' is in this subnet")
    engine.delete(pool)
    engine.update(cluster, g.CLUSTER_INPUTS)


def _with_subnets(*further: dict[str, Any]) -> dict[str, Any]:
    policy = g.CLUSTER_INPUTS["ipAllocationPolicy"] | {"additionalIpRangesConfigs": list(further)}
    return g.having(g.CLUSTER_INPUTS, ipAllocationPolicy=policy)


def test_an_autopilot_cluster_takes_no_node_pools(engine: Engine) -> None:
    build(engine, g.ACCOUNT)
    autopilot = {"enableAutopilot": True, "initialNodeCount": None, "removeDefaultNodePool": None}
    engine.create(g.CLUSTER, g.having(g.CLUSTER_INPUTS, **autopilot))
    refused(lambda: engine.create(g.NODE_POOL, g.NODE_POOL_INPUTS), "Autopilot")


def test_nat_ranges_and_networks_fit(engine: Engine) -> None:
    build(engine, g.ROUTER)
    listed = [
        {
            "name": "subnet-gke",
            "sourceIpRangesToNats": ["LIST_OF_SECONDARY_IP_RANGES"],
            "secondaryIpRangeNames": ["pod"],
        }
    ]
    refused(
        lambda: engine.create(g.NAT, g.having(g.NAT_INPUTS, subnetworks=listed)),
        "secondaryIpRangeNames[0] is 'pod'",
    )
    engine.create(g.NAT, g.NAT_INPUTS)
    refused(
        lambda: engine.create(g.NAT, g.having(g.NAT_INPUTS, name="nat-2")), "translates this subnet already"
    )
    engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, name="other"))
    engine.create(g.ROUTER, {"name": "other-router", "network": "other"})
    elsewhere = g.having(g.NAT_INPUTS, name="nat-3", router="other-router")
    refused(
        lambda: engine.create(g.NAT, elsewhere),
        "another network than router",
        "translates this subnet already",
    )


def test_addresses_run_out(engine: Engine) -> None:
    build(engine, g.NETWORK)
    engine.create(g.SUBNETWORK, {"name": "small", "network": "vpc-network", "ipCidrRange": "10.0.0.0/29"})
    internal = {"addressType": "INTERNAL", "subnetwork": "small"}
    for n in range(4):
        engine.create(g.ADDRESS, {"name": f"a{n}"} | internal)
    refused(lambda: engine.create(g.ADDRESS, {"name": "a4"} | internal), "no address is left")
