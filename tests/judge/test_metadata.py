"""Labels and annotations of Istio's: which are known on which object, and that every other one is named."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.names import PLATFORM_LABEL, TEAM_LABEL
from egress.judge.model.metadata import is_istios, of_gateway_pods, unread

LABEL, ANNOTATION = "metadata.labels[{}]", "metadata.annotations[{}]"
INJECTION = "metadata.labels[istio-injection]"
REVISION = "istio.io/rev"
Written = dict[str, Any]


def item(kind: str, api: str | None, labels: Any = None, annotations: Any = None) -> Written:
    said = {
        key: value for key, value in (("labels", labels), ("annotations", annotations)) if value is not None
    }
    version = {} if api is None else {"apiVersion": api}
    return {**version, "kind": kind, "metadata": {"name": "x", **said}}


def fields(manifest: Written) -> list[str]:
    return [field for field, _ in unread(manifest)]


@pytest.mark.parametrize(
    ("name", "istios"),
    [
        ("istio.io/rev", True),
        ("sidecar.istio.io/inject", True),
        ("ambient.istio.io/bypass-inbound-capture", True),
        ("istio.io", False),
        ("sidecar.istio.io", False),
        ("istio", False),
        ("app", False),
        ("example.com/istio.io", False),
        ("notistio.io/x", False),
        ("istio.io.example.com/x", False),
        ("example.com/sidecar.istio.io/x", False),
    ],
)
def test_what_is_istios_is_told_by_its_domain(name: str, istios: bool) -> None:
    assert is_istios(name) is istios
    object_ = item("Gateway", "networking.istio.io/v1", {name: "x"})
    assert fields(object_) == ([LABEL.format(name)] if istios else [])


HARMLESS = [
    "operator.istio.io/component",
    "operator.istio.io/managed",
    "operator.istio.io/version",
    "install.operator.istio.io/owning-resource",
    "service.istio.io/canonical-name",
    "service.istio.io/canonical-revision",
]


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize(
    "of", [item("Service", "v1"), item("Sidecar", "networking.istio.io/v1"), item("Namespace", "v1")]
)
def test_who_installed_an_object_and_its_name_in_figures_are_harmless_everywhere(
    name: str, of: Written
) -> None:
    for key in ("labels", "annotations"):
        assert fields({**of, "metadata": {"name": "x", key: {name: "x"}}}) == []


OBJECTS: list[tuple[str, Written, list[str]]] = [
    ("nothing", item("Service", "v1"), []),
    (
        "a Service's export, which is read",
        item("Service", "v1", None, {"networking.istio.io/exportTo": "."}),
        [],
    ),
    ("a Service's revision", item("Service", "v1", {REVISION: "canary"}), []),
    (
        "a Service's traffic policy",
        item(
            "Service", "v1", {"istio.io/use-waypoint": "x"}, {"networking.istio.io/traffic-distribution": "x"}
        ),
        [
            LABEL.format("istio.io/use-waypoint"),
            ANNOTATION.format("networking.istio.io/traffic-distribution"),
        ],
    ),
    (
        "a rule's revision",
        item("Sidecar", "networking.istio.io/v1", {REVISION: "x"}),
        [LABEL.format(REVISION)],
    ),
    (
        "a revision among a rule's annotations",
        item("Sidecar", "networking.istio.io/v1", None, {REVISION: "x"}),
        [ANNOTATION.format(REVISION)],
    ),
    (
        "a Service's export on another kind",
        item("Gateway", "networking.istio.io/v1", None, {"networking.istio.io/exportTo": "."}),
        [ANNOTATION.format("networking.istio.io/exportTo")],
    ),
    (
        "a dry run, which is read",
        item("AuthorizationPolicy", "security.istio.io/v1", None, {"istio.io/dry-run": "true"}),
        [],
    ),
    (
        "a dry run of another kind",
        item("PeerAuthentication", "security.istio.io/v1", None, {"istio.io/dry-run": "true"}),
        [ANNOTATION.format("istio.io/dry-run")],
    ),
    ("a kind of another's", item("Deployment", "apps/v1", {REVISION: "x"}), []),
    ("a Gateway of another API", item("Gateway", "gateway.networking.k8s.io/v1", {REVISION: "x"}), []),
    ("an object without its API", item("Deployment", None, {REVISION: "x"}), []),
    ("a kind of istiod's without its API", item("Sidecar", None, {REVISION: "x"}), [LABEL.format(REVISION)]),
    ("a kind that nobody knows without its API", item("Thing", None, {REVISION: "x"}), []),
    (
        "a label of somebody's own",
        item("Sidecar", "networking.istio.io/v1", {"app": "x", "example.com/a": "x"}),
        [],
    ),
    ("a namespace of nobody's", item("Namespace", "v1"), []),
    ("one without a proxy", item("Namespace", "v1", {"istio-injection": "disabled"}), []),
    ("one with a proxy", item("Namespace", "v1", {"istio-injection": "enabled"}), []),
    ("one with a word that is none", item("Namespace", "v1", {"istio-injection": "true"}), [INJECTION]),
    ("one of another revision", item("Namespace", "v1", {REVISION: "x"}), [LABEL.format(REVISION)]),
    (
        "one in another mode",
        item("Namespace", "v1", {"istio.io/dataplane-mode": "ambient"}),
        [LABEL.format("istio.io/dataplane-mode")],
    ),
    ("a team's with a proxy", item("Namespace", "v1", {TEAM_LABEL: "x", "istio-injection": "enabled"}), []),
    ("a team's without", item("Namespace", "v1", {TEAM_LABEL: "x"}), [INJECTION]),
    (
        "a team's that is shut",
        item("Namespace", "v1", {TEAM_LABEL: "x", "istio-injection": "disabled"}),
        [INJECTION],
    ),
    ("a gateway's without", item("Namespace", "v1", {PLATFORM_LABEL: "egress-gateway"}), [INJECTION]),
    (
        "the other gateway's without",
        item("Namespace", "v1", {PLATFORM_LABEL: "ingress-gateway"}),
        [INJECTION],
    ),
    (
        "a gateway's with",
        item("Namespace", "v1", {PLATFORM_LABEL: "egress-gateway", "istio-injection": "enabled"}),
        [],
    ),
    ("the control plane's without", item("Namespace", "v1", {PLATFORM_LABEL: "control-plane"}), []),
]


@pytest.mark.parametrize(("what", "manifest", "named"), OBJECTS, ids=[row[0] for row in OBJECTS])
def test_what_is_not_known_is_named_by_its_field(what: str, manifest: Written, named: list[str]) -> None:
    assert fields(manifest) == named


def test_what_gateways_pods_are_injected_by_is_judged_with_them() -> None:
    known = {"sidecar.istio.io/inject": "true", "inject.istio.io/templates": "gateway"}
    own = {"proxy.istio.io/config": "{}"}
    assert list(of_gateway_pods({"labels": known, "annotations": own}, "spec.template.metadata")) == []
    other = {"traffic.sidecar.istio.io/excludeOutboundPorts": "443"}
    (found,) = of_gateway_pods({"annotations": other}, "spec.template.metadata")
    assert found[0] == "spec.template.metadata.annotations[traffic.sidecar.istio.io/excludeOutboundPorts]"


def test_what_is_known_on_gateways_pods_is_not_on_a_service() -> None:
    assert fields(item("Service", "v1", {"sidecar.istio.io/inject": "false"})) == [
        LABEL.format("sidecar.istio.io/inject")
    ]
