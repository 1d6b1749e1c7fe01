"""Whether a gateway's pods can stand: what Istio's injection and Kubernetes' scheduler make of the
Deployment.

Source: Istio, "Installing Gateways", "Installing the Sidecar" and the webhook's selectors; Kubernetes,
"Taints and Tolerations".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.layers.gateway_pods import GatewayPods
from egress.judge.model.flow import Layer, Pod
from tests.judge.objects import TAINT, namespace, node_pool, snapshot, written

LABELS = {"istio": "egress"}
AT = Pod("out", LABELS)
POOL = {"cloud.google.com/gke-nodepool": "gateway"}
TOLERATES = {"key": "dedicated", "operator": "Equal", "value": "gateway", "effect": "NoSchedule"}
INJECT, TEMPLATE, REVISION = "sidecar.istio.io/inject", "inject.istio.io/templates", "istio.io/rev"
LABEL_OF, TEMPLATE_OF = (
    f"spec.template.metadata.labels[{INJECT}]",
    f"spec.template.metadata.annotations[{TEMPLATE}]",
)
PODS = "spec.template.spec"
PROXY = {"name": "istio-proxy", "image": "auto"}


def gateway(
    labels: Mapping[str, Any] | None = None,
    annotations: Mapping[str, Any] | None = None,
    *,
    deployment: Mapping[str, Any] | None = None,
    **pods: Any,
) -> dict[str, Any]:
    """A Deployment that stands, but for what is given; None takes a label or annotation away."""
    of_pod = {**LABELS, INJECT: "true", **(labels or {})}
    noted = {TEMPLATE: "gateway", **(annotations or {})}
    metadata = {
        "labels": {key: value for key, value in of_pod.items() if value is not None},
        "annotations": {key: value for key, value in noted.items() if value is not None},
    }
    spec = {"containers": [PROXY], "nodeSelector": POOL, "tolerations": [TOLERATES], **pods}
    return written(
        "Deployment", "out", "gateway", template={"metadata": metadata, "spec": spec}, **(deployment or {})
    )


def judged(
    *objects: Mapping[str, Any],
    pools: tuple[Resource, ...] = (node_pool("gateway", "", TAINT),),
    at: Pod = AT,
) -> list[tuple[str, bool]]:
    """The fields because of which it may not stand, each with whether that is sure."""
    found = list(GatewayPods(snapshot(*objects, google=pools)).judge(at))
    assert all(verdict.allowed and verdict.layer is Layer.GATEWAY for verdict in found)
    return [(verdict.field, verdict.understood) for verdict in found]


def fallen(field: str) -> list[tuple[str, bool]]:
    return [(field, True)]


def doubt(field: str) -> list[tuple[str, bool]]:
    return [(field, False)]


def test_a_deployment_with_an_injected_proxy_and_nodes_that_take_it_stands() -> None:
    assert judged(gateway()) == []


class TestWhichDeployment:
    def test_without_a_deployment_nothing_makes_the_pods(self) -> None:
        (verdict,) = GatewayPods(snapshot()).judge(AT)
        assert (verdict.decided_by, verdict.field, verdict.reason) == (
            None,
            "",
            "No Deployment in out makes these pods.",
        )

    def test_of_another_namespace_or_with_other_labels_it_does_not(self) -> None:
        elsewhere = gateway()
        elsewhere["metadata"]["namespace"] = "in"
        assert judged(elsewhere) == fallen("")
        assert judged(gateway({"istio": "other"})) == fallen("")
        assert judged(gateway(), at=Pod("out", None)) == []
        assert judged(gateway(), at=Pod("out", {**LABELS, "more": "x"})) == fallen("")

    def test_every_deployment_of_such_pods_has_to_stand(self) -> None:
        assert judged(gateway(), gateway(hostNetwork=True)) == fallen(f"{PODS}.hostNetwork")

    @pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet", "ReplicaSet", "Rollout"])
    def test_another_kind_that_makes_them_is_not_understood(self, kind: str) -> None:
        assert judged({**gateway(), "kind": kind}) == doubt("spec")
        assert judged({**gateway({"istio": "other"}), "kind": kind}) == fallen("")
        assert judged({**gateway(), "kind": kind}, gateway()) == []


class TestReplicas:
    def test_none_wanted_is_none_there(self) -> None:
        assert judged(gateway(deployment={"replicas": 0})) == fallen("spec.replicas")

    @pytest.mark.parametrize("replicas", [None, 1, 3])
    def test_one_is_wanted_by_default(self, replicas: int | None) -> None:
        assert judged(gateway(deployment={"replicas": replicas})) == []


class TestInjection:
    ENABLED = namespace("out", **{"istio-injection": "enabled"})
    DISABLED = namespace("out", **{"istio-injection": "disabled"})
    PLAIN = namespace("out")

    def test_the_pods_label_is_enough_where_the_namespace_says_nothing(self) -> None:
        assert judged(gateway()) == judged(gateway(), self.PLAIN) == []

    @pytest.mark.parametrize("label", [None, "", "yes", "True"])
    def test_without_it_nobody_is_asked(self, label: str | None) -> None:
        assert judged(gateway({INJECT: label}), self.PLAIN) == fallen(LABEL_OF)

    @pytest.mark.parametrize("label", [None, "", "yes", "true"])
    def test_in_a_namespace_that_is_enabled_every_pod_is_injected(self, label: str | None) -> None:
        assert judged(gateway({INJECT: label}), self.ENABLED) == []

    def test_but_those_that_say_no(self) -> None:
        assert judged(gateway({INJECT: "false"}), self.ENABLED) == fallen(LABEL_OF)
        assert judged(gateway({INJECT: None}, {INJECT: "false"}), self.ENABLED) == fallen(LABEL_OF)
        assert judged(gateway({INJECT: "false"}), self.PLAIN) == fallen(LABEL_OF)

    def test_the_label_comes_before_the_annotation(self) -> None:
        assert judged(gateway({INJECT: "true"}, {INJECT: "false"}), self.PLAIN) == []
        assert judged(gateway({INJECT: "false"}, {INJECT: "true"}), self.ENABLED) == fallen(LABEL_OF)

    def test_by_the_annotation_alone_the_injector_is_not_asked(self) -> None:
        assert judged(gateway({INJECT: None}, {INJECT: "true"}), self.PLAIN) == fallen(LABEL_OF)

    def test_in_a_namespace_that_is_disabled_nobody_is_injected(self) -> None:
        assert judged(gateway(), self.DISABLED) == fallen(LABEL_OF)

    def test_which_control_plane_a_revision_means_is_not_understood(self) -> None:
        rev = f"spec.template.metadata.labels[{REVISION}]"
        assert judged(gateway(), namespace("out", **{REVISION: "canary"})) == doubt(rev)
        assert judged(gateway({INJECT: None}), namespace("out", **{REVISION: "canary"})) == doubt(rev)
        assert judged(gateway({REVISION: "canary"}), self.PLAIN) == doubt(rev)
        assert judged(gateway({REVISION: "canary", INJECT: None}), self.PLAIN) == doubt(rev)

    def test_the_namespaces_own_label_comes_before_revisions(self) -> None:
        assert judged(gateway({REVISION: "canary"}), self.ENABLED) == []
        assert judged(gateway({REVISION: "canary"}), self.DISABLED) == fallen(LABEL_OF)

    @pytest.mark.parametrize("template", [None, "", "sidecar", "grpc-agent", "grpc-simple"])
    def test_the_template_of_a_sidecar_makes_no_gateway(self, template: str | None) -> None:
        assert judged(gateway(annotations={TEMPLATE: template})) == fallen(TEMPLATE_OF)

    @pytest.mark.parametrize("template", ["gateway,custom", "custom", "Gateway"])
    def test_other_templates_are_not_understood(self, template: str) -> None:
        assert judged(gateway(annotations={TEMPLATE: template})) == doubt(TEMPLATE_OF)


class TestPods:
    @pytest.mark.parametrize("containers", [[], None, [{"name": "app"}]])
    def test_without_the_proxys_container_there_is_no_proxy(self, containers: Any) -> None:
        assert judged(gateway(containers=containers)) == fallen(f"{PODS}.containers")
        assert judged(gateway(containers=[{"name": "app"}, PROXY])) == []

    def test_in_the_network_of_the_node_no_policy_holds(self) -> None:
        assert judged(gateway(hostNetwork=True)) == fallen(f"{PODS}.hostNetwork")
        assert judged(gateway(hostNetwork=False)) == []

    def test_names_of_its_own_lead_elsewhere(self) -> None:
        assert judged(gateway(hostAliases=[{"ip": "192.0.2.1"}])) == fallen(f"{PODS}.hostAliases")
        assert judged(gateway(hostAliases=[])) == []


class TestNodes:
    def test_a_pool_that_nobody_handed_over_is_not_understood(self) -> None:
        assert judged(gateway(), pools=(node_pool("other"),)) == doubt(f"{PODS}.nodeSelector")
        assert judged(gateway(), pools=()) == []

    def test_a_pool_is_called_by_its_name_and_not_by_its_resources(self) -> None:
        type_token, properties = (
            node_pool("gateway", "", TAINT).type,
            node_pool("gateway", "", TAINT).properties,
        )
        assert judged(gateway(), pools=(Resource(type_token, "resource", properties),)) == []
        unnamed = {key: value for key, value in properties.items() if key != "name"}
        assert judged(gateway(), pools=(Resource(type_token, "gateway", unnamed),)) == []

    def test_any_pool_will_do_where_none_is_named(self) -> None:
        assert (
            judged(gateway(nodeSelector=None))
            == judged(gateway(nodeSelector={"kubernetes.io/os": "linux"}))
            == []
        )

    def test_labels_are_those_of_the_pools_nodes(self) -> None:
        labelled = (node_pool("gateway", "", TAINT, labels={"role": "out"}),)
        assert judged(gateway(nodeSelector={**POOL, "role": "out"}), pools=labelled) == []
        assert judged(gateway(nodeSelector={**POOL, "role": "in"}), pools=labelled) == fallen(
            f"{PODS}.nodeSelector"
        )
        assert judged(gateway(nodeSelector={**POOL, "zone": "a"}), pools=labelled) == doubt(
            f"{PODS}.nodeSelector"
        )
        assert judged(gateway(nodeSelector={**POOL, "kubernetes.io/os": "windows"})) == fallen(
            f"{PODS}.nodeSelector"
        )

    def pool(self, effect: str = "NO_SCHEDULE", **taint: str) -> tuple[Resource, ...]:
        return (node_pool("gateway", "", {**TAINT, "effect": effect, **taint}),)

    def stands(self, pools: tuple[Resource, ...], *tolerations: dict[str, Any]) -> bool | None:
        """Whether a node takes it; None: that is not understood."""
        found = judged(gateway(tolerations=list(tolerations)), pools=pools)
        assert {field for field, _ in found} <= {f"{PODS}.tolerations"}
        return not found if not found or found[0][1] else None

    @pytest.mark.parametrize("effect", ["NO_SCHEDULE", "NO_EXECUTE"])
    def test_a_taint_that_is_not_tolerated_keeps_it_off(self, effect: str) -> None:
        assert self.stands(self.pool(effect)) is False
        assert judged(gateway(tolerations=None), pools=self.pool(effect)) == fallen(f"{PODS}.tolerations")

    def test_a_taint_that_is_only_a_wish_does_not(self) -> None:
        assert self.stands(self.pool("PREFER_NO_SCHEDULE")) is True

    @pytest.mark.parametrize(
        ("toleration", "stands"),
        [
            ({"key": "dedicated", "value": "gateway"}, True),
            ({"key": "dedicated", "operator": "", "value": "gateway"}, True),
            ({"key": "dedicated", "operator": "Equal", "value": "gateway"}, True),
            ({"key": "dedicated", "operator": "Equal", "value": "other"}, False),
            ({"key": "dedicated", "operator": "Equal"}, False),
            ({"key": "other", "value": "gateway"}, False),
            ({"value": "gateway"}, False),
            ({"key": "dedicated", "operator": "Exists"}, True),
            ({"key": "other", "operator": "Exists"}, False),
            ({"operator": "Exists"}, True),
            ({"operator": "Exists", "key": ""}, True),
            ({"operator": "Exists", "effect": "NoSchedule"}, True),
            ({"operator": "Exists", "effect": "NoExecute"}, False),
            ({"operator": "Exists", "effect": ""}, True),
            ({"key": "dedicated", "operator": "Gt", "value": "1"}, None),
            ({"key": "other", "operator": "Gt", "value": "1"}, False),
        ],
    )
    def test_what_tolerates_it(self, toleration: dict[str, Any], stands: bool | None) -> None:
        assert self.stands(self.pool(), toleration) is stands

    def test_one_toleration_is_enough(self) -> None:
        assert self.stands(self.pool(), {"key": "other", "operator": "Gt"}, {"operator": "Exists"}) is True

    def test_a_taint_without_a_value_is_tolerated_by_one_without(self) -> None:
        assert self.stands(self.pool(value=""), {"key": "dedicated"}) is True
        assert self.stands(self.pool(value=""), {"key": "dedicated", "value": "x"}) is False
        unsaid = (node_pool("gateway", "", {"key": "dedicated", "effect": "NO_SCHEDULE"}),)
        assert self.stands(unsaid, {"key": "dedicated", "value": ""}) is True
        assert self.stands(unsaid, {"key": "dedicated"}) is True

    def test_every_taint_has_to_be_tolerated(self) -> None:
        two = (node_pool("gateway", "", TAINT, {"key": "second", "value": "x", "effect": "NO_SCHEDULE"}),)
        assert self.stands(two, TOLERATES) is False
        after_a_wish = (
            node_pool("gateway", "", {**TAINT, "effect": "PREFER_NO_SCHEDULE"}, {**TAINT, "key": "second"}),
        )
        assert self.stands(after_a_wish) is False
        assert self.stands(two, TOLERATES, {"key": "second", "operator": "Exists"}) is True

    def test_who_is_tolerated_for_a_time_does_not_stay(self) -> None:
        assert self.stands(self.pool("NO_EXECUTE"), {"operator": "Exists", "tolerationSeconds": 0}) is False
        assert self.stands(self.pool("NO_EXECUTE"), {"operator": "Exists"}) is True
        assert self.stands(self.pool(), {"operator": "Exists", "tolerationSeconds": 60}) is True


def account(name: str = "edge", namespace: str = "out") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


PRIORITY = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "high"},
    "value": 1,
}


@pytest.mark.parametrize(
    ("pods", "objects", "found"),
    [
        ({"serviceAccountName": "edge"}, [account()], []),
        ({"serviceAccountName": "edge"}, [account("other")], fallen(f"{PODS}.serviceAccountName")),
        ({"serviceAccountName": "edge"}, [account(namespace="other")], fallen(f"{PODS}.serviceAccountName")),
        ({"serviceAccountName": "edge"}, [], doubt(f"{PODS}.serviceAccountName")),
        ({"serviceAccountName": "default"}, [account("other")], []),
        ({"serviceAccountName": ""}, [account("other")], []),
        ({"priorityClassName": "high"}, [PRIORITY], []),
        ({"priorityClassName": "low"}, [PRIORITY], fallen(f"{PODS}.priorityClassName")),
        ({"priorityClassName": "low"}, [], doubt(f"{PODS}.priorityClassName")),
        ({"priorityClassName": "system-cluster-critical"}, [PRIORITY], []),
        ({"priorityClassName": "my-system-"}, [PRIORITY], fallen(f"{PODS}.priorityClassName")),
    ],
)
def test_no_pod_is_made_without_the_account_and_the_priority_that_it_names(
    pods: dict[str, Any], objects: list[dict[str, Any]], found: list[tuple[str, bool]]
) -> None:
    assert judged(gateway(**pods), *objects) == found


@pytest.mark.parametrize(
    ("objects", "field"),
    [
        ([gateway()], None),
        ([gateway(deployment={"replicas": 0})], "spec.replicas"),
        ([gateway(serviceAccountName="edge"), account("other")], f"{PODS}.serviceAccountName"),
        ([gateway(serviceAccountName="edge")], None),
        ([], None),
        ([gateway(hostNetwork=True)], None),
        ([gateway(hostNetwork=True, priorityClassName="low"), PRIORITY], f"{PODS}.priorityClassName"),
    ],
)
def test_a_gateway_answers_nothing_where_it_is_sure_that_no_pod_stands(
    objects: list[dict[str, Any]], field: str | None
) -> None:
    judge = GatewayPods(snapshot(*objects, google=(node_pool("gateway", "", TAINT),)))
    for found in (judge.stopped(AT), judge.stopped(AT)):
        assert (found and (found.field, found.allowed)) == (field and (field, False))
