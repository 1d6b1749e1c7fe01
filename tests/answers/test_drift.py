"""`egress drift`: every field that lives otherwise than it was rendered, who set it, what puts it right."""

from __future__ import annotations

from typing import Any

import pytest

from egress.answers.diff.drift import Drifted, drift
from egress.answers.diff.drifted import Field, How, fields
from egress.answers.diff.mending import mendings
from egress.answers.diff.owned import setter
from egress.judge.model.snapshot import Snapshot, identity
from tests.answers.drifting import Manifest, edited, found, live, planned, with_one_more
from tests.support import dev_config, plan_of

BY = "by kubectl-edit at 2026-11-27T10:00:00Z"
ADDED: dict[str, tuple[str, str, Any, str]] = {
    # a fence: object, the list or map that somebody adds to, what is added, where
    "NetworkPolicy": (
        "team-y/networkpolicy/team-boundary",
        "spec.egress",
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
        "spec.egress[",
    ),
    "AuthorizationPolicy": (
        "istio-egress/authorizationpolicy/egress-team-y",
        "spec.rules",
        {},
        "spec.rules[",
    ),
    "AuthorizationPolicy without rules": (
        "istio-egress/authorizationpolicy/allow-nothing",
        "spec.rules",
        {},
        "spec.rules",
    ),
    "Sidecar": ("team-y/sidecar/default", "spec.egress", {"hosts": ["*/*"]}, "spec.egress["),
    "ValidatingAdmissionPolicy": (
        "validatingadmissionpolicy/egress-team-workloads",
        "spec.matchConditions",
        {"name": "never", "expression": "false"},
        "spec.matchConditions[",
    ),
    "ValidatingAdmissionPolicyBinding": (
        "validatingadmissionpolicybinding/egress-team-workloads",
        "spec.matchResources.namespaceSelector.matchExpressions",
        {"key": "free", "operator": "DoesNotExist"},
        "spec.matchResources.namespaceSelector.matchExpressions[",
    ),
    "ClusterRole": (
        "clusterrole/egress-team-member",
        "rules",
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        "rules[",
    ),
    "ClusterRoleBinding": (
        "clusterrolebinding/egress-platform",
        "subjects",
        {"kind": "User", "name": "eve@example.com"},
        "subjects[",
    ),
    "VirtualService": (
        "istio-egress/virtualservice/example-com-through-egress-gateway",
        "spec.exportTo",
        "team-y",
        "spec.exportTo[",
    ),
    "Gateway": (
        "istio-egress/gateway/egress-gateway",
        "spec.servers",
        {"port": {"number": 9999, "name": "open", "protocol": "TCP"}, "hosts": ["*"]},
        "spec.servers[",
    ),
    "ServiceEntry": (
        "istio-egress/serviceentry/example-com-ext",
        "spec.exportTo",
        "team-y",
        "spec.exportTo[",
    ),
}


def names(kind: str) -> list[str]:
    return sorted(identity(item) for item in planned().kubernetes if item["kind"] == kind)


def test_what_helm_and_istios_chart_write_about_the_meshs_configuration_is_no_drift() -> None:
    """Istio, istio-discovery, templates/configmap.yaml; Helm adds the annotations."""

    def by_the_chart(objects: dict[str, dict[str, Any]]) -> None:
        item = objects["istio-system/configmap/istio"]
        labels = {
            "istio.io/rev": "default",
            "release": "istio-istiod",
            "app.kubernetes.io/managed-by": "Helm",
        }
        item["metadata"] |= {"labels": labels, "annotations": {"meta.helm.sh/release-name": "istio-istiod"}}
        item["data"]["meshNetworks"] = "networks: {}"

    assert not found(live(by_the_chart)).objects


def test_what_is_as_rendered_is_no_drift() -> None:
    assert not found(live())


@pytest.mark.parametrize("fence", ADDED)
def test_what_somebody_added_to_a_fence_is_named_with_who_and_when(fence: str) -> None:
    name, path, value, where = ADDED[fence]
    told = edited(name, path, with_one_more(value))
    (item,) = told.objects
    assert (item.object, item.how) == (name, How.CHANGED)
    (field,) = item.fields
    assert field.how is How.ADDED
    assert field.name.startswith(where)
    assert field.text.endswith(BY)
    assert told.changes or told.unjudged, "what it does is said, or that nobody here can tell"
    assert any(change.widening for change in told.changes) or told.unjudged or "Binding" in fence


@pytest.mark.parametrize(
    "kind",
    sorted({str(item["kind"]) for item in planned().kubernetes} - {"ConfigMap"}),
)
def test_an_object_of_any_kind_that_somebody_deleted_is_named(kind: str) -> None:
    name = names(kind)[0]

    def delete(objects: dict[str, Manifest]) -> None:
        del objects[name]

    told = found(live(delete))
    assert [(item.object, item.how) for item in told.objects] == [(name, How.GONE)]
    assert any(
        mending.command == "pulumi up --stack dev --refresh" for mending in mendings(told.objects, "dev")
    )


CHANGED: dict[str, tuple[str, str, Any]] = {
    "Namespace": ("namespace/team-y", "metadata.labels.pod-security~kubernetes~io/enforce", "privileged"),
    "PeerAuthentication": ("istio-system/peerauthentication/default", "spec.mtls.mode", "PERMISSIVE"),
    "ValidatingAdmissionPolicyBinding": (
        "validatingadmissionpolicybinding/egress-platform-kinds",
        "spec.validationActions",
        ["Warn"],
    ),
    "Gateway": ("istio-egress/gateway/egress-gateway", "spec.servers.0.port.number", 9999),
}


@pytest.mark.parametrize("kind", CHANGED)
def test_a_changed_field_is_named_with_both_values(kind: str) -> None:
    name, path, value = CHANGED[kind]

    def change(objects: dict[str, Manifest]) -> None:
        below: Any = objects[name]
        *above, last = [key.replace("~", ".") for key in path.split(".")]
        for key in above:
            below = below[int(key) if key.isdigit() else key]
        below[last] = value

    told = found(live(change))
    (item,) = told.objects
    assert item.fields[0].how is How.CHANGED
    assert item.fields[0].live == (value[0] if isinstance(value, list) else value)
    assert " instead of " in item.fields[0].text
    assert told.changes or told.unjudged


def test_what_the_provider_takes_away_is_named_for_repair_and_the_rest_is_taken_out_by_name() -> None:
    name = "team-y/networkpolicy/team-boundary"
    by_kubectl = edited(name, "spec.egress", with_one_more({}))
    assert [mending.command for mending in mendings(by_kubectl.objects, "dev")] == [
        f"pulumi config set --stack dev --path 'gke-mesh-egress:repair[\"{name}\"]' version-7",
        "pulumi up --stack dev --refresh",
    ]
    labelled = edited("namespace/team-y", "metadata.labels.free", lambda _: "yes")
    assert "gke-mesh-egress:repair" in next(mendings(labelled.objects, "dev")).command
    by_console = edited("namespace/team-y", "metadata.labels.free", lambda _: "yes", by="console")
    patch, update = [mending.command for mending in mendings(by_console.objects, "dev")]
    assert patch.startswith("kubectl patch namespace team-y --type json")
    assert '{"op":"test","path":"/metadata/resourceVersion","value":"7"}' in patch
    assert '{"op":"remove","path":"/metadata/labels/free"}' in patch
    assert update == "pulumi up --stack dev --refresh"


def test_what_stands_where_the_config_says_nothing_is_taken_out_by_name_whoever_set_it() -> None:
    """The API server refuses an apply that would leave `spec` without anything."""
    empty = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "spec": {}}
    empty["metadata"] = {"name": "nothing", "namespace": "istio-egress"}
    opened = {**empty, "spec": {"rules": [{}]}}
    told = Drifted(
        "istio-egress/authorizationpolicy/nothing", How.CHANGED, opened, tuple(fields(empty, opened))
    )
    patch, _ = [mending.command for mending in mendings([told], "dev")]
    assert patch.startswith(
        "kubectl patch authorizationpolicy.security.istio.io nothing --namespace istio-egress"
    )
    assert '{"op":"remove","path":"/spec/rules"}' in patch


def test_kinds_that_may_not_be_read_are_said_and_never_green() -> None:
    objects = [item for item in live() if item["kind"] != "Sidecar"]
    told = drift(plan_of(dev_config()), planned(), Snapshot.of(objects, ()), {"Sidecar", "Job"})
    assert not told.objects
    assert told.unread == ("Sidecar",)
    assert told


@pytest.mark.parametrize("kind", ["WasmPlugin", "HTTPRoute", "CiliumNetworkPolicy", "ClusterRoleBinding"])
def test_a_kind_of_fence_that_the_stack_does_not_render_and_that_may_not_be_read_is_never_green(
    kind: str,
) -> None:
    told = drift(plan_of(dev_config()), planned(), Snapshot.of(live(), ()), {kind})
    assert (told.objects, told.unread, bool(told)) == ((), (kind,), True)


@pytest.mark.parametrize(
    ("fields", "path", "says"),
    [
        ({"f:spec": {"f:rules": {}}}, ("spec", "rules", 1), "edit at T"),
        ({"f:spec": {"f:rules": {}}}, ("spec", "action"), ""),
        ({"f:spec": {'k:{"name":"never"}': {}}}, ("spec", 0), "edit at T"),
        ({"f:spec": {'v:"b"': {}}}, ("spec", 1), ""),
        ({"f:metadata": {"f:labels": {"f:a/b": {}}}}, ("metadata", "labels", "a/b"), "edit at T"),
    ],
)
def test_who_set_a_field_is_read_from_the_servers_record(
    fields: dict[str, Any], path: tuple[str | int, ...], says: str
) -> None:
    entry = {"manager": "edit", "operation": "Update", "time": "T", "fieldsV1": fields}
    status = {"manager": "other", "subresource": "status", "time": "U", "fieldsV1": fields}
    item = {"metadata": {"managedFields": [entry, status]}, "spec": [{"name": "never"}, "a"]}
    assert setter(item, path) == says


def test_a_field_is_written_as_people_write_it() -> None:
    field = Field(("metadata", "labels", "a/b"), How.ADDED, live="x" * 200)
    assert field.text.startswith('metadata.labels["a/b"] added: xxx')
    assert field.text.endswith("…")
