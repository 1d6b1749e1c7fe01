"""What no judge reads of a Service or of an EndpointSlice is said, by the field."""

from __future__ import annotations

import pytest

from tests.judge.unread_asking import EDGE, Written, fields, of_edge, service, thing

WHICH_POD = {
    "publishNotReadyAddresses": True,
    "sessionAffinity": "ClientIP",
    "sessionAffinityConfig": {"clientIP": {"a": 1}},
}
ADDRESSES = {
    "clusterIPs": ["10.2.0.9"],
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
    "trafficDistribution": "a",
}
BALANCER = {
    **{
        "allocateLoadBalancerNodePorts": True,
        "externalTrafficPolicy": "Local",
        "healthCheckNodePort": 1,
        "loadBalancerClass": "a",
    },
    **{"loadBalancerIP": "10.0.0.9", "ports": [{"port": 443, "nodePort": 30443}], "type": "LoadBalancer"},
}


@pytest.mark.parametrize(
    ("spec", "unknown"),
    [
        ({}, []),
        (WHICH_POD, []),
        (ADDRESSES, []),
        (BALANCER, []),
        ({"internalTrafficPolicy": "Cluster"}, []),
        ({"internalTrafficPolicy": "Local"}, ["spec.internalTrafficPolicy"]),
        ({"type": "ClusterIP"}, []),
        ({"type": "NodePort"}, ["spec.type"]),
        ({"type": "ExternalName", "externalName": "a.example"}, ["spec.externalName", "spec.type"]),
        ({"externalIPs": ["198.51.100.9"]}, ["spec.externalIPs"]),
        ({"externalIPs": []}, []),
        ({"selector": None}, ["spec.selector"]),
        ({"selector": {}}, ["spec.selector"]),
        ({"somethingNew": 1}, ["spec.somethingNew"]),
    ],
)
def test_a_service_leads_to_the_pods_of_its_selector(spec: Written, unknown: list[str]) -> None:
    assert fields(service(**spec)) == unknown


def test_the_api_servers_service_and_addresses_are_its_own() -> None:
    own = {"kubernetes.io/service-name": "kubernetes"}
    for namespace, name, good in (
        ("default", "kubernetes", True),
        ("shop", "kubernetes", False),
        ("default", "other", False),
    ):
        assert fields(service(namespace, name, selector=None)) == ([] if good else ["spec.selector"])
        labels = {"kubernetes.io/service-name": name}
        assert fields(thing("EndpointSlice", namespace, "any", labels)) == ([] if good else ["endpoints"])
    assert fields(thing("EndpointSlice", "default", "any", {**own, "a": "b"})) == []


@pytest.mark.parametrize(
    ("by", "own"),
    [
        ("endpointslice-controller.k8s.io", True),
        ("endpointslicemirroring-controller.k8s.io", True),
        ("somebody", False),
        (None, False),
    ],
)
def test_addresses_are_the_clusters_own_or_somebody_wrote_them(by: str | None, own: bool) -> None:
    labels = {"endpointslice.kubernetes.io/managed-by": by} if by else None
    assert fields(thing("EndpointSlice", "shop", "any", labels)) == ([] if own else ["endpoints"])


def test_before_a_gateway_are_addresses_of_the_cluster_and_tcp() -> None:
    ports = [{"port": 1}, {"port": 2, "protocol": "TCP"}, {"port": 3, "protocol": "UDP"}]
    assert fields(of_edge(ports=ports), EDGE) == ["spec.ports[2].protocol"]
    assert fields(of_edge(clusterIP="None"), EDGE) == ["spec.clusterIP"]
    assert fields(of_edge(clusterIP="10.2.0.9"), EDGE) == []
    # Others may.
    assert fields(of_edge(ports=ports, clusterIP="None")) == []
    assert (
        fields(service("shop", "edge", selector={"istio": "gw"}, clusterIP="None", ports=ports), EDGE) == []
    )
