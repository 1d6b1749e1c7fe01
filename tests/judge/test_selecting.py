"""Selectors by labels that pods get when they are made: no template says them, so no judge can tell whom they
choose."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml

from egress.judge.fields.selecting import is_written
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.judge.filter_patches import keeping
from tests.judge.objects import snapshot
from tests.judge.unread_asking import EDGE, Written, fields, thing
from tests.support import ROOT, plan_of

HASH = {"pod-template-hash": "5d9c7b8f6d"}
ROUTE = {"destination": {"host": "a.example", "port": {"number": 80}}}


def of_spec(kind: str, namespace: str = "gw", /, **spec: Any) -> Written:
    return thing(kind, namespace, spec=spec)


CHOOSING = [
    (of_spec("EnvoyFilter", workloadSelector={"labels": HASH}), "spec.workloadSelector.labels"),
    (of_spec("Sidecar", workloadSelector={"labels": HASH}), "spec.workloadSelector.labels"),
    (of_spec("AuthorizationPolicy", selector={"matchLabels": HASH}), "spec.selector.matchLabels"),
    (of_spec("PeerAuthentication", selector={"matchLabels": HASH}), "spec.selector.matchLabels"),
    (
        of_spec("DestinationRule", host="a.example", workloadSelector={"matchLabels": HASH}),
        "spec.workloadSelector.matchLabels",
    ),
    (of_spec("Service", selector=HASH, ports=[{"port": 80}]), "spec.selector"),
    (of_spec("NetworkPolicy", podSelector={"matchLabels": HASH}), "spec.podSelector"),
    (
        of_spec(
            "NetworkPolicy",
            podSelector={"matchExpressions": [{"key": "pod-template-hash", "operator": "Exists"}]},
        ),
        "spec.podSelector",
    ),
    (
        of_spec(
            "NetworkPolicy", podSelector={}, ingress=[{"from": [{"podSelector": {"matchLabels": HASH}}]}]
        ),
        "spec.ingress[0].from[0].podSelector",
    ),
]
ANYWHERE = [
    (of_spec("Gateway", "shop", selector=HASH, servers=EDGE["spec"]["servers"]), "spec.selector"),
    (
        of_spec("DestinationRule", "shop", host="a.example", subsets=[{"name": "one", "labels": HASH}]),
        "spec.subsets[0].labels",
    ),
    (
        of_spec(
            "VirtualService",
            "shop",
            hosts=["a.example"],
            http=[{"match": [{"sourceLabels": HASH}], "route": [ROUTE]}],
        ),
        "spec.http[0].match[0].sourceLabels",
    ),
    (
        of_spec(
            "NetworkPolicy",
            "shop",
            podSelector={},
            egress=[{"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": HASH}}]}],
        ),
        "spec.egress[0].to[0].podSelector",
    ),
]


def kind(case: Any) -> str:
    return str(case["kind"]) if isinstance(case, dict) else ""


@pytest.mark.parametrize(("item", "field"), CHOOSING, ids=kind)
def test_who_chooses_a_gateways_pods_by_a_label_of_no_template_is_not_understood(
    item: Written, field: str
) -> None:
    assert field in fields(item, EDGE)


@pytest.mark.parametrize(("item", "field"), CHOOSING, ids=kind)
def test_where_no_gateway_is_such_a_label_is_one_among_others(item: Written, field: str) -> None:
    elsewhere = deepcopy(item)
    elsewhere["metadata"]["namespace"] = "shop"
    assert field not in fields(elsewhere, EDGE)


@pytest.mark.parametrize(("item", "field"), CHOOSING, ids=kind)
def test_in_the_root_namespace_it_means_pods_of_every_namespace(item: Written, field: str) -> None:
    of_root = deepcopy(item)
    of_root["metadata"]["namespace"] = "istio-system"
    assert field in fields(of_root)


@pytest.mark.parametrize(("item", "field"), ANYWHERE, ids=kind)
def test_what_reaches_other_namespaces_is_not_understood_in_any(item: Written, field: str) -> None:
    assert field in fields(item, EDGE)


def test_a_peer_of_its_own_namespace_concerns_that_alone() -> None:
    peer = {"podSelector": {"matchLabels": HASH}}
    assert fields(of_spec("NetworkPolicy", "shop", podSelector={}, egress=[{"to": [peer]}]), EDGE) == []


@pytest.mark.parametrize(
    ("label", "written"),
    [
        ("pod-template-hash", True),
        ("controller-revision-hash", True),
        ("statefulset.kubernetes.io/pod-name", True),
        ("apps.kubernetes.io/pod-index", True),
        ("topology.kubernetes.io/zone", True),
        ("service.istio.io/canonical-name", True),
        ("istio.io/rev", True),
        ("topology.istio.io/network", True),
        ("cloud.google.com/gke-nodepool", True),
        ("batch.kubernetes.io/job-name", True),
        ("app", False),
        ("istio", False),
        ("version", False),
        ("app.kubernetes.io/name", False),
        ("gateway.networking.k8s.io/gateway-name", False),
        ("istio.io/gateway-name", False),
        ("example.com/istio.io", False),
        ("notistio.io/rev", False),
    ],
)
def test_which_labels_pods_get_without_their_template(label: str, written: bool) -> None:
    assert is_written(label) is written


@pytest.mark.parametrize("label", ["pod-template-hash", "service.istio.io/canonical-name"])
@pytest.mark.parametrize("namespace", ["istio-egress", "istio-system"])
def test_slashes_kept_for_the_gateways_running_pods_are_no_secret(label: str, namespace: str) -> None:
    """The patch opens what a rule of another host closes; by its labels it is for no pod that a template
    describes."""
    example = ROOT / "examples/modes/Pulumi.encoded-slashes.yaml"
    plan = plan_of(yaml.safe_load(example.read_text(encoding="utf-8"))["config"])
    objects = deepcopy(deployment(plan, render(plan)))
    kubernetes = [dict(item) for item in objects.kubernetes]
    (gateway,) = [item for item in kubernetes if item["kind"] == "Gateway"]
    port = {"number": 80, "name": "http-api", "protocol": "HTTPS"}
    gateway["spec"]["servers"].append(
        {"port": port, "hosts": ["api.partner.example"], "tls": {"mode": "ISTIO_MUTUAL"}}
    )
    spec = {
        "workloadSelector": {"labels": {label: "istio-egressgateway"}},
        "configPatches": [keeping("GATEWAY", sni="api.partner.example")],
    }
    kubernetes.append(thing("EnvoyFilter", namespace, "by-another-label", spec=spec))
    result = verify(Intent(plan), Judges(snapshot(*kubernetes, google=tuple(objects.google))))
    assert not result.holds
    assert "by-another-label" in str(result.violations[0])
