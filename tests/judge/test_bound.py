"""Connections tied to a pod's network card. Source: Istio, EnvoyFilter (ClusterMatch); Linux, socket(7),
SO_BINDTODEVICE."""

from __future__ import annotations

from base64 import b64encode
from copy import deepcopy
from typing import Any

import pytest

from egress.judge.lookup.bound import Bound, ties
from egress.judge.model.flow import Pod
from tests.judge.objects import snapshot, written

GATEWAY = Pod("istio-egress", {"istio": "egressgateway", "app": "gateway"})
OPTION = {"level": 1, "name": 25, "state": "STATE_PREBIND", "buf_value": b64encode(b"eth0").decode()}


def patch(cluster: dict[str, Any] | None = None, **match: Any) -> dict[str, Any]:
    return {
        "applyTo": "CLUSTER",
        "match": {
            "context": "GATEWAY",
            "cluster": {"portNumber": 443} if cluster is None else cluster,
            **match,
        },
        "patch": {
            "operation": "MERGE",
            "value": {"upstream_bind_config": {"socket_options": [dict(OPTION)]}},
        },
    }


def bound(
    *patches: dict[str, Any], namespace: str = "istio-egress", labels: dict[str, str] | None = None
) -> Bound:
    selector = {"workloadSelector": {"labels": labels}} if labels else {}
    return Bound(snapshot(written("EnvoyFilter", namespace, configPatches=list(patches), **selector)))


def test_a_patch_ties_the_clusters_of_its_port() -> None:
    assert bound(patch()).on(GATEWAY, "a.example", 443)
    assert not bound(patch()).on(GATEWAY, "a.example", 80)
    assert not Bound(snapshot()).on(GATEWAY, "a.example", 443)


def test_an_object_that_is_not_understood_takes_nothing_from_the_next() -> None:
    odd, good = (
        written("EnvoyFilter", "istio-egress", configPatches=[one])
        for one in (patch({"subset": "x"}), patch())
    )
    for order in ((odd, good), (good, odd)):
        assert Bound(snapshot(*order)).on(GATEWAY, "a.example", 443)


def test_it_holds_for_pods_with_those_labels_and_no_others() -> None:
    assert bound(patch(), labels=dict(GATEWAY.labels or {})).on(GATEWAY, "a.example", 443)
    assert bound(patch()).on(Pod("istio-egress", None), "a.example", 443)


def test_without_a_port_it_ties_every_cluster() -> None:
    assert bound(patch({})).on(GATEWAY, "a.example", 80)


def test_for_a_service_it_ties_this_ones_alone() -> None:
    one = bound(patch({"service": "a.example"}))
    assert one.on(GATEWAY, "a.example", 80)
    assert not one.on(GATEWAY, "b.example", 80)
    both = bound(patch({"service": "a.example", "portNumber": 443}))
    assert both.on(GATEWAY, "a.example", 443)
    assert not both.on(GATEWAY, "a.example", 80)
    assert not both.on(GATEWAY, "b.example", 443)


def test_it_holds_for_the_pods_that_it_selects_in_its_namespace() -> None:
    assert bound(patch(), labels={"istio": "egressgateway"}).on(GATEWAY, "a.example", 443)
    assert not bound(patch(), labels={"istio": "other"}).on(GATEWAY, "a.example", 443)
    assert not bound(patch(), labels={"istio": "egressgateway"}).on(
        Pod("istio-egress", None), "a.example", 443
    )
    assert not bound(patch(), namespace="shop").on(GATEWAY, "a.example", 443)
    assert bound(patch(), namespace="istio-system").on(GATEWAY, "a.example", 443)


@pytest.mark.parametrize(
    ("context", "tied"), [("GATEWAY", True), ("ANY", True), (None, True), ("SIDECAR_OUTBOUND", False)]
)
def test_it_is_for_gateways(context: str | None, tied: bool) -> None:
    assert bound(patch(context=context)).on(GATEWAY, "a.example", 443) is tied


def test_a_match_by_anything_else_ties_nothing_of_the_whole_object() -> None:
    assert not bound(patch(), patch({"portNumber": 80, "name": "x"})).on(GATEWAY, "a.example", 443)
    assert not bound(patch({"subset": "x"})).on(GATEWAY, "a.example", 443)


def test_patches_of_other_kinds_beside_it_change_nothing() -> None:
    other = {"applyTo": "NETWORK_FILTER", "match": {"context": "GATEWAY"}, "patch": {"operation": "MERGE"}}
    assert bound(other, patch()).on(GATEWAY, "a.example", 443)
    assert not bound(other).on(GATEWAY, "a.example", 443)


def value(change: Any) -> dict[str, Any]:
    made = deepcopy(patch())
    change(made, made["patch"]["value"], made["patch"]["value"]["upstream_bind_config"]["socket_options"])
    return made


@pytest.mark.parametrize(
    "change",
    [
        lambda of, value, options: of.update(applyTo="LISTENER"),
        lambda of, value, options: of["patch"].update(operation="ADD"),
        lambda of, value, options: of["patch"].pop("operation"),
        lambda of, value, options: of["patch"].pop("value"),
        lambda of, value, options: value.update(name="x"),
        lambda of, value, options: value.pop("upstream_bind_config"),
        lambda of, value, options: value["upstream_bind_config"].update(source_address={}),
        lambda of, value, options: options.clear(),
        lambda of, value, options: options.append(dict(OPTION)),
        lambda of, value, options: options[0].update(level=2),
        lambda of, value, options: options[0].update(name=26),
        lambda of, value, options: options[0].update(state="STATE_BOUND"),
        lambda of, value, options: options[0].update(buf_value=b64encode(b"eth1").decode()),
        lambda of, value, options: options[0].update(buf_value="%"),
        lambda of, value, options: options[0].update(buf_value=None),
    ],
)
def test_a_patch_that_does_anything_else_ties_nothing(change: Any) -> None:
    assert ties(patch())
    assert not ties(value(change))


def test_a_name_of_a_card_may_end_as_texts_of_c_do() -> None:
    assert ties(value(lambda of, value, options: options[0].update(buf_value=b64encode(b"eth0\0").decode())))
