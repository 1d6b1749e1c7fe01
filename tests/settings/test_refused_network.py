"""Addresses that the stack may not have, or may not open: ranges, Cloud NAT, control plane, private hosts."""

from __future__ import annotations

from typing import Any

from tests.settings.refused import Row, check_refused, each, problems_of
from tests.support import dev_config

REFUSED: list[Row] = [
    ("a region that is none", "region", "Belgium", "no region of this form", "europe-west1"),
    ("a zone of another region", "cluster/zone", "us-east1-b", "not in europe-west1", "europe-west1-b"),
    ("a name with capitals", "network/name", "VPC", "lower-case", "another name"),
    (
        "a range with host bits",
        "network/subnet/pods",
        "10.1.2.3/16",
        "has host bits set",
        "10.1.0.0/16",
    ),
    ("a range that is none", "network/subnet/pods", "ten", "not an IPv4 range", "10.0.0.0/24"),
    ("overlapping ranges", "network/subnet/pods", "10.0.0.0/16", "overlaps", "range of its own"),
    (
        "a control plane inside the Pods",
        "network/controlPlane",
        "10.1.5.0/28",
        "overlaps",
        "range of its own",
    ),
    (
        "a control plane of another size",
        "network/controlPlane",
        "10.5.0.0/24",
        "exactly a /28",
        "10.5.0.0/28",
    ),
    ("a node range too small for Google", "network/subnet/nodes", "10.0.0.0/30", "too small", "/29"),
    (
        "a node range too small for the pools",
        "network/subnet/nodes",
        "10.0.0.0/29",
        "6 nodes",
        "larger range",
    ),
    (
        "a Pod range too small for the pools",
        "network/subnet/pods",
        "10.1.0.0/22",
        "room for only 4",
        "larger range",
    ),
    ("a Service range too small", "network/subnet/services", "10.2.0.0/28", "too small", "/27"),
    ("ports per VM out of range", "network/nat", {"minPortsPerVm": 16}, "at least 32", "at least 32"),
    (
        "ports per VM no power of two",
        "network/nat",
        {"minPortsPerVm": 100, "dynamicPortAllocation": True},
        "powers of two",
        "128",
    ),
    (
        "a maximum without dynamic allocation",
        "network/nat",
        {"maxPortsPerVm": 128, "dynamicPortAllocation": False},
        "ignored",
        "dynamicPortAllocation: true",
    ),
    (
        "a maximum below the minimum",
        "network/nat",
        {"minPortsPerVm": 128, "maxPortsPerVm": 64, "dynamicPortAllocation": True},
        "must be greater",
        "more than 128",
    ),
    (
        "more ports from the first minute on than Cloud NAT takes",
        "network/nat",
        {"minPortsPerVm": 65536},
        "at most 32768 ports",
        "32768 or less",
    ),
    (
        "as many without dynamic allocation",
        "network/nat",
        {"minPortsPerVm": 60000, "dynamicPortAllocation": False},
        "at most 57344 ports",
        "57344 or less",
    ),
    (
        "half a second of rest",
        "network/nat",
        {"tcpTimeWait": "1500ms"},
        "in whole seconds",
        "30s",
    ),
    (
        "reserved addresses for fewer nodes than the pools have",
        "network/nat",
        {"minPortsPerVm": 16384, "addresses": {"egress-1": "let in by the partner"}},
        "enough for 3 nodes. The pools may grow to 6",
        "Name 2 addresses",
    ),
    (
        "more connections than a node has ports",
        "gateway",
        {"maxConnections": 20000},
        "runs 2 replicas (gateway.maxReplicas: 5) and accepts 40000 connections",
        "Write 16384 or less, or network.nat.maxPortsPerVm: 65536.",
    ),
    (
        "more connections than any node has ports",
        "gateways",
        {"partner": {"maxConnections": 33000, "maxReplicas": 6}},
        "Cloud NAT gives a node at most 32768 source ports",
        "over more nodes",
    ),
    (
        "more connections to one host than a node has ports",
        "teams/team-x/egress/example.com/http",
        {"traffic": {"limits": {"connections": 40000}}},
        "never has so many connections",
        "32768 or less",
    ),
    (
        "a control plane nobody reaches",
        "cluster/controlPlane",
        {"dnsEndpoint": False},
        "Nobody could reach",
        "dnsEndpoint: true",
    ),
    (
        "a control plane open to all",
        "cluster/controlPlane",
        {"authorizedNetworks": {"all": "0.0.0.0/0"}},
        "whole internet",
        "dnsEndpoint",
    ),
    (
        "private hosts inside the cluster",
        "fences",
        {"privateHosts": {"vpn": "10.1.0.0/24"}},
        "back into the cluster",
        "other networks",
    ),
    (
        "private hosts everywhere",
        "fences",
        {"privateHosts": {"vpn": "0.0.0.0/0"}},
        "private ranges",
        "within 10.0.0.0/8",
    ),
    (
        "nodes at no machine's address",
        "network/subnet/nodes",
        "0.0.0.0/8",
        "the machine itself",
        "10.0.0.0/8",
    ),
    ("Pods at the loopback", "network/subnet/pods", "127.0.0.0/9", "every machine's own", "10.0.0.0/8"),
    ("Services at multicast", "network/subnet/services", "224.0.0.0/16", "multicast", "10.0.0.0/8"),
    ("nodes at broadcast", "network/subnet/nodes", "255.255.255.0/24", "broadcast", "10.0.0.0/8"),
    (
        "nodes beside the metadata server",
        "network/subnet/nodes",
        "169.254.0.0/16",
        "metadata server",
        "10.0.0.0/8",
    ),
    (
        "nodes where Google APIs answer",
        "network/subnet/nodes",
        "199.36.153.0/24",
        "Google APIs answer",
        "10.0.0.0/8",
    ),
    (
        "nodes in examples' addresses",
        "network/subnet/nodes",
        "198.51.100.0/24",
        "documentation",
        "10.0.0.0/8",
    ),
    (
        "Pods where Istio's own addresses are",
        "network/subnet/pods",
        "240.240.0.0/16",
        "Istio gives",
        "10.0.0.0/8",
    ),
    (
        "Services for everybody",
        "network/subnet/services",
        "10.64.0.0/10",
        "does not accept a range this large",
        "/16 at most",
    ),
    (
        "a control plane on the internet",
        "network/controlPlane",
        "34.118.0.0/28",
        "internet addresses",
        "10.0.0.0/8",
    ),
    (
        "a control plane in examples' addresses",
        "network/controlPlane",
        "198.51.100.16/28",
        "documentation",
        "10.0.0.0/8",
    ),
    (
        "a control plane on nodes' own bridge",
        "network/controlPlane",
        "172.17.0.0/28",
        "own bridge",
        "another range",
    ),
    (
        "a control plane open to half the internet",
        "cluster/controlPlane",
        {"authorizedNetworks": {"half": "128.0.0.0/1"}},
        "whole internet",
        "dnsEndpoint",
    ),
    (
        "a control plane open to half the internet by eighths of it",
        "cluster/controlPlane",
        {"authorizedNetworks": {f"n{at}": f"{at * 8}.0.0.0/5" for at in range(1, 16)}},
        "Together they hold",
        "dnsEndpoint",
    ),
    (
        "a control plane open to pods",
        "cluster/controlPlane",
        {"authorizedNetworks": {"office": "10.0.0.0/8"}},
        "pods of this cluster",
        "from outside",
    ),
    (
        "an ingress open to pods",
        "ingress",
        {"sourceRanges": {"partner": "10.1.7.0/24"}},
        "pods of this cluster",
        "from outside",
    ),
    (
        "an ingress for multicast",
        "ingress",
        {"sourceRanges": {"partner": "239.0.0.0/16"}},
        "let in nobody",
        "partner's ranges",
    ),
    (
        "a name for two addresses",
        "network/nat",
        {"addresses": {"cluster1-ingress": "out"}},
        "accepts a name only once",
        "another name",
    ),
    (
        "an address's description past any end",
        "network/nat",
        {"addresses": {"out": "a" * 1001}},
        "1001 characters",
        "1000",
    ),
]


@each(REFUSED)
def test_is_refused_with_path_consequence_and_fix(path: str, value: Any, consequence: str, fix: str) -> None:
    check_refused(path, value, consequence, fix)


def test_missing_ranges_are_refused_by_name() -> None:
    config = dev_config()
    del config["gke-mesh-egress:network"]["subnet"]["pods"]
    (problem,) = problems_of(config)
    assert problem.path == "gke-mesh-egress:network.subnet.pods"
    assert "required" in problem.consequence
