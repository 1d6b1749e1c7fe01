"""An independent judge agrees: cyclonus, on policies of every form and on what random plans render.

Left out, because cyclonus differs from Kubernetes there: `NotIn` for a label that is absent (Kubernetes
selects, cyclonus does not), and policies without policyTypes (cyclonus refuses them).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egress.common.objects import Resource
from egress.common.ports import TARGET_PORTS
from egress.judge.layers.network_policy import NetworkPolicies
from egress.judge.model.flow import Connection, Outside, Pod, Protocol
from egress.judge.model.snapshot import Snapshot
from egress.layers.google.resources import google_objects
from egress.layers.render import render
from sandbox.tools import cache
from tests import cyclonus
from tests.support import config_with, plan_of

PROGRAM = cyclonus.find()
pytestmark = pytest.mark.skipif(
    PROGRAM is None,
    reason=f"no cyclonus in {cache.root() / 'cyclonus'}, on PATH or named by {cyclonus.VARIABLE}: "
    "docs/testing.md",
)

POD_ADDRESS = "10.1.0.5"
"""Of every pod: so one range that is as small as an address says where each pod is, to both judges."""
OUTSIDE = ["8.8.8.8", "192.0.2.9", "199.36.153.8", "169.254.169.254", "2001:db8::1"]
ADDRESSES = (
    Resource(
        "gcp:compute/subnetwork:Subnetwork",
        "subnet",
        {"secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": f"{POD_ADDRESS}/32"}]},
    ),
    Resource(
        "gcp:container/cluster:Cluster", "one", {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}}
    ),
)


def agree(deployed: Snapshot, pods: Sequence[Pod], ports: Sequence[tuple[str, int]]) -> None:
    """Both judges say the same to every pod and outside address from every pod on every port."""
    assert PROGRAM is not None
    judge = NetworkPolicies(deployed)
    ends: list[Pod | Outside] = [*pods, *(Outside(None, address) for address in OUTSIDE)]
    connections = [
        Connection(source, to, port, Protocol.TCP, transport)
        for source, to, (transport, port) in product(pods, ends, ports)
    ]  # fmt: skip
    ours = [judge.judge(connection) for connection in connections]
    traffic = [_traffic(connection, deployed) for connection in connections]
    with tempfile.TemporaryDirectory() as folder:
        theirs = cyclonus.allowed(PROGRAM, deployed.kind("NetworkPolicy"), traffic, Path(folder))
    differing = [
        (connection, verdict) for connection, verdict, other in zip(connections, ours, theirs, strict=True)
        if verdict.allowed is not other or not verdict.understood
    ]  # fmt: skip
    assert differing == []


def _traffic(connection: Connection, deployed: Snapshot) -> dict[str, Any]:
    def end(of: Any) -> dict[str, Any]:
        if isinstance(of, Outside):
            return {"Internal": None, "IP": of.address}
        labels = deployed.namespace_labels.get(of.namespace) or {"kubernetes.io/metadata.name": of.namespace}
        inside = {"PodLabels": of.labels, "NamespaceLabels": labels, "Namespace": of.namespace}
        return {"Internal": inside, "IP": POD_ADDRESS}

    return {
        "Source": end(connection.source),
        "Destination": end(connection.to),
        "ResolvedPort": connection.port,
        "ResolvedPortName": "",
        "Protocol": connection.transport,
    }


LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["a", "b"]), max_size=2)
SELECTOR = st.one_of(
    st.just({}),
    LABELS.map(lambda labels: {"matchLabels": labels}),
    st.builds(
        lambda key, operator, values: {
            "matchExpressions": [
                {"key": key, "operator": operator, **({"values": values} if operator == "In" else {})}
            ]
        },
        st.sampled_from(["app", "tier"]),
        st.sampled_from(["In", "Exists", "DoesNotExist"]),
        st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2, unique=True),
    ),
)
BLOCKS = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0"},
        {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "192.0.2.8/29"]},
        {"cidr": "10.1.0.0/24"},
        {"cidr": "192.0.2.9/32"},
        {"cidr": "2001:db8::/32"},
    ]
)
PEER = st.one_of(
    st.fixed_dictionaries({"podSelector": SELECTOR}),
    st.fixed_dictionaries({"namespaceSelector": SELECTOR}),
    st.fixed_dictionaries({"podSelector": SELECTOR, "namespaceSelector": SELECTOR}),
    st.fixed_dictionaries({"ipBlock": BLOCKS}),
)
PORT = st.one_of(
    st.fixed_dictionaries(
        {"protocol": st.sampled_from(["TCP", "UDP"])}, optional={"port": st.sampled_from([80, 443])}
    ),
    st.just({"protocol": "TCP", "port": 80, "endPort": 442}),
)


def _rules(peers: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(
        st.fixed_dictionaries(
            {}, optional={peers: st.lists(PEER, max_size=3), "ports": st.lists(PORT, max_size=2)}
        ),
        max_size=3,
    )


SPEC = st.fixed_dictionaries(
    {
        "podSelector": SELECTOR,
        "policyTypes": st.lists(st.sampled_from(["Ingress", "Egress"]), min_size=1, max_size=2, unique=True),
    },
    optional={"ingress": _rules("from"), "egress": _rules("to")},
)


@st.composite
def policies(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": f"p{at}", "namespace": draw(st.sampled_from(["one", "two"]))},
            "spec": draw(SPEC),
        }
        for at in range(draw(st.integers(1, 4)))
    ]


@settings(max_examples=60, deadline=None)
@given(policies=policies(), labels=st.tuples(LABELS, LABELS))
def test_policies_of_every_form(
    policies: list[dict[str, Any]], labels: tuple[dict[str, str], dict[str, str]]
) -> None:
    namespaces = [
        {"kind": "Namespace", "metadata": {"name": name, "labels": of}}
        for name, of in zip(("one", "two"), labels, strict=True)
    ]
    pods = [Pod("one", {"app": "a"}), Pod("one", {}), Pod("two", {"app": "b", "tier": "a"})]
    agree(Snapshot.of([*namespaces, *policies], ADDRESSES), pods, [("TCP", 80), ("TCP", 443), ("UDP", 80)])


TEAMS: list[str] = ["team-a", "team-b", "team-c"]


@st.composite
def wishes(draw: st.DrawFn) -> dict[str, Any]:
    """Teams that reach hosts, each other and Google, in every mixture that a NetworkPolicy shows."""
    present = draw(st.lists(st.sampled_from(TEAMS), unique=True, min_size=1))
    return {team: dict(_wish(draw, team, present)) for team in present}


def _wish(draw: st.DrawFn, team: str, present: list[str]) -> Iterator[tuple[str, Any]]:
    if draw(st.booleans()):
        yield "egress", {"example.com": {"https": "passthrough"}}
    others = [other for other in present if other != team]
    if others:
        yield "reaches", draw(st.lists(st.sampled_from(others), unique=True))
    if draw(st.booleans()):
        yield (
            "googleApis",
            {
                "serviceAccounts": {
                    "main": {"buckets": {f"{team}-data": {"role": "roles/storage.objectViewer"}}}
                }
            },
        )


@settings(max_examples=25, deadline=None)
@given(wishes=wishes())
def test_what_random_plans_render(wishes: dict[str, Any]) -> None:
    plan = plan_of(config_with("teams", wishes))
    rendered = [item.manifest for item in render(plan)]
    google = [item for item in google_objects(plan) if item.type != ADDRESSES[0].type]
    platform = [
        Pod("istio-egress", {"istio": "egressgateway", "app": "istio-egressgateway"}),
        Pod("istio-system", {"app": "istiod"}),
        Pod("kube-system", {"k8s-app": "kube-dns"}),
    ]
    pods = [*(Pod(team, {"app": "web"}) for team in wishes), *platform]
    ports = [("TCP", port) for port in (53, 80, 443, 8080, 15001, 15012, *TARGET_PORTS.values(), 15090)] + [
        ("UDP", 53)
    ]
    agree(Snapshot.of(rendered, (*google, ADDRESSES[0])), pods, ports)
