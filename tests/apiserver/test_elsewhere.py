"""Namespaces that are no team's: their pods stay off the gateways' nodes, and nobody there writes what the
platform writes.

Asked as somebody with Kubernetes' own role `edit` in every namespace and rights on Istio's kinds besides, and
as somebody who makes namespaces.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.common import names
from egress.common.system_namespaces import SYSTEM
from egress.settings.fences import Rule
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver.people import (
    ANN,
    EVE,
    PAT,
    Api,
    Person,
    deploy_policies,
    fenced_plan,
    wait_for_rights,
    wait_until,
)
from tests.apiserver.stage import (
    CONTROLLER,
    DRY,
    EDITOR,
    EXEMPTIONS,
    assert_refused,
    case,
    change_namespace,
    create,
    everywhere_by_hand,
)
from tests.apiserver.test_admission_boundaries import ISTIO_OBJECTS
from tests.apiserver.workload_cases import REFUSED
from tests.apiserver.workloads import KINDS, Case, pod_template

pytestmark = pytest.mark.xdist_group("apiserver")

NODES = [case for case in REFUSED if case.rule is Rule.GATEWAY_NODES]
MINE = ("default", "kube-evil", "gke-evil", "monitoring")
"""Of no team; two that begin like Kubernetes' and Google's own."""
ISTIOD = Person("system:serviceaccount:istio-system:istiod", ("system:serviceaccounts:istio-system",))
PLATFORMS = ("istio-system", "istio-egress")


@pytest.fixture(scope="module")
def api(stage: tuple[Api, Cluster]) -> Api:
    found = stage[0]
    for manifest in everywhere_by_hand(EDITOR, ISTIOD, CONTROLLER):
        path = f"/apis/rbac.authorization.k8s.io/v1/{manifest['kind'].lower()}s"
        assert found.ask("POST", path, manifest).status == 201
    wait_for_rights(found, (EDITOR, ISTIOD, CONTROLLER), "create", "podtemplates", namespace=None)
    wait_for_rights(found, (EDITOR, ISTIOD, CONTROLLER), "create", "pods", namespace=None)
    for name in MINE[1:]:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        assert found.ask("POST", "/api/v1/namespaces", manifest, person=EVE).status == 201, (
            "a name that begins alike is free"
        )
    return found


def restricted() -> dict[str, Any]:
    """A pod template as Pod Security asks for it in the gateways' namespaces."""
    template = pod_template()
    template["spec"]["securityContext"] |= {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return template


def object_of(
    cluster: Cluster, namespace: str, group: str, kind: str, spec: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    path = cluster.kind(f"{group}/v1", kind).path(namespace)
    return path, {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "own"}, "spec": spec}


class TestGatewayNodes:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("refused", NODES, ids=lambda case: case.name)
    def test_a_pod_of_default_does_not_get_there(self, api: Api, refused: Case, kind: str) -> None:
        assert_refused(
            create(api, kind, refused.template(), person=EDITOR, namespace="default"), Rule.GATEWAY_NODES
        )

    @pytest.mark.parametrize("namespace", [*MINE, "istio-system"])
    @pytest.mark.parametrize("person", [EDITOR, PAT, None], ids=["edit", "platform", "administrator"])
    def test_nor_one_of_any_namespace_by_anybody(
        self, api: Api, namespace: str, person: Person | None
    ) -> None:
        answer = create(api, "Pod", case("tolerates-gateway").template(), person=person, namespace=namespace)
        assert answer.status == 403
        assert f"{Rule.GATEWAY_NODES}: " in answer.message or namespace == "istio-system"

    def test_an_ordinary_pod_runs_where_it_did(self, api: Api) -> None:
        for kind in KINDS:
            assert create(api, kind, pod_template(), person=EDITOR, namespace="default").status == 201

    @pytest.mark.parametrize("path", ["pods/{pod}/binding", "bindings"])
    def test_nobody_binds_a_pod_to_a_node_but_the_scheduler(self, api: Api, path: str) -> None:
        pod = {"apiVersion": "v1", "kind": "Pod", **pod_template()}
        pod["metadata"]["name"] = "waits"
        pod["spec"]["schedulerName"] = "nobody"
        pods = "/api/v1/namespaces/default/pods"
        assert api.ask("POST", pods, pod, person=EDITOR).status == 201
        try:
            binding = {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": "waits"},
                "target": {"apiVersion": "v1", "kind": "Node", "name": "gke-gateway-1"},
            }
            at = f"/api/v1/namespaces/default/{path.format(pod='waits')}{DRY}"
            assert api.may(EDITOR, "create", path.replace("{pod}/", ""), namespace="default"), (
                "RBAC alone would let this through"
            )
            assert_refused(api.ask("POST", at, binding, person=EDITOR), Rule.GATEWAY_NODES)
            scheduler = Person("system:kube-scheduler")
            assert api.ask("POST", at, binding, person=scheduler).status == 201
        finally:
            assert api.ask("DELETE", f"{pods}/waits?gracePeriodSeconds=0", person=EDITOR).status == 200

    def test_agents_of_the_system_run_on_every_node(self, api: Api) -> None:
        template = case("tolerates-everything").template()
        assert create(api, "DaemonSet", template, person=None, namespace="kube-system").status == 201

    def test_a_namespace_that_the_config_names_is_let_there(
        self, api: Api, stage: tuple[Api, Cluster]
    ) -> None:
        named = {"monitoring": {"gateway-nodes": "its agents watch every node"}}
        template = case("tolerates-everything").template()

        def answer(namespace: str) -> int:
            return create(api, "DaemonSet", template, person=EDITOR, namespace=namespace).status

        deploy_policies(stage[1], fenced_plan(exemptions=EXEMPTIONS, namespaces=named))
        try:
            wait_until(lambda: answer("monitoring") == 201, "the exemption is to hold")
            assert answer("default") == 403
        finally:
            deploy_policies(stage[1], fenced_plan(exemptions=EXEMPTIONS))
            wait_until(lambda: answer("monitoring") == 403, "the exemption is to end")


class TestPlatformKinds:
    @pytest.mark.parametrize("namespace", [*MINE, *PLATFORMS, "kube-system"])
    @pytest.mark.parametrize(
        ("group", "kind", "spec"), ISTIO_OBJECTS, ids=lambda value: value if isinstance(value, str) else ""
    )
    def test_istios_are_the_platforms_everywhere(
        self,
        api: Api,
        stage: tuple[Api, Cluster],
        group: str,
        kind: str,
        spec: dict[str, Any],
        namespace: str,
    ) -> None:
        if kind in ("ServiceEntry", "VirtualService", "DestinationRule"):
            spec = {**spec, "exportTo": ["istio-egress"]}
        path, manifest = object_of(stage[1], namespace, group, kind, spec)
        answer = api.ask("POST", path + DRY, manifest, person=EDITOR)
        # Where two policies refuse, the API server names one of them.
        named = (
            Rule.PLATFORM_NAMESPACES
            if str(Rule.PLATFORM_NAMESPACES) in answer.message
            else Rule.PLATFORM_KINDS
        )
        assert named is Rule.PLATFORM_KINDS or namespace in PLATFORMS
        assert_refused(answer, named)
        assert api.ask("POST", path + DRY, manifest, person=PAT).status == 201

    @pytest.mark.parametrize("namespace", [*MINE, *PLATFORMS])
    def test_network_policies(self, api: Api, namespace: str) -> None:
        manifest = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "open"},
            "spec": {"podSelector": {}, "ingress": [{}], "egress": [{}]},
        }
        path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies{DRY}"
        assert api.ask("POST", path, manifest, person=EDITOR).status == 403
        assert api.ask("POST", path, manifest, person=PAT).status == 201

    def test_google_writes_network_policies_of_its_own(self, api: Api) -> None:
        manifest = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "own"},
            "spec": {"podSelector": {}},
        }
        path = f"/apis/networking.k8s.io/v1/namespaces/kube-system/networkpolicies{DRY}"
        assert api.ask("POST", path, manifest, person=EDITOR).status == 201


class TestPlatformNamespaces:
    @pytest.mark.parametrize("namespace", PLATFORMS)
    def test_nobody_else_puts_anything_there(self, api: Api, namespace: str) -> None:
        root = f"/api/v1/namespaces/{namespace}"
        tried = {
            f"{root}/configmaps": {"kind": "ConfigMap", "metadata": {"name": "istio-own"}},
            f"{root}/secrets": {"kind": "Secret", "metadata": {"name": "own"}},
            f"{root}/serviceaccounts": {"kind": "ServiceAccount", "metadata": {"name": "own"}},
        }
        for path, manifest in tried.items():
            answer = api.ask("POST", path + DRY, {"apiVersion": "v1", **manifest}, person=EDITOR)
            assert_refused(answer, Rule.PLATFORM_NAMESPACES)
            assert api.ask("POST", path + DRY, {"apiVersion": "v1", **manifest}, person=PAT).status == 201
        assert_refused(
            create(api, "Pod", restricted(), person=EDITOR, namespace=namespace), Rule.PLATFORM_NAMESPACES
        )

    def test_nor_changes_the_gateway_or_takes_it_away(self, api: Api) -> None:
        path = "/apis/apps/v1/namespaces/istio-egress/deployments/istio-egressgateway"
        merge = "application/merge-patch+json"
        for at, patch in ((path, {"spec": {"paused": True}}), (f"{path}/scale", {"spec": {"replicas": 0}})):
            answer = api.ask("PATCH", at + DRY, patch, person=EDITOR, content_type=merge)
            assert_refused(answer, Rule.PLATFORM_NAMESPACES)
        assert_refused(api.ask("DELETE", path + DRY, person=EDITOR), Rule.PLATFORM_NAMESPACES)
        assert (
            api.ask("PATCH", path + DRY, {"spec": {"paused": True}}, person=PAT, content_type=merge).status
            == 200
        )

    def test_nor_enters_it_or_takes_its_identity(self, api: Api) -> None:
        pod = {"apiVersion": "v1", "kind": "Pod", **restricted()}
        pod["metadata"]["name"] = "gateway"
        pods = "/api/v1/namespaces/istio-egress/pods"
        assert api.ask("POST", pods, pod).status == 201
        try:
            for action in ("exec", "attach", "portforward"):
                answer = api.ask(
                    "GET", f"{pods}/gateway/{action}?command=sh&stdin=true&ports=15000", person=EDITOR
                )
                assert_refused(answer, Rule.PLATFORM_NAMESPACES)
            token = {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"audiences": ["istio-ca"]},
            }
            at = "/api/v1/namespaces/istio-egress/serviceaccounts/istio-egressgateway/token"
            assert_refused(api.ask("POST", at, token, person=EDITOR), Rule.PLATFORM_NAMESPACES)
            eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "gateway"}}
            answer = api.ask("POST", f"{pods}/gateway/eviction{DRY}", eviction, person=EDITOR)
            assert answer.status == 201, "a node is to be drained by whoever may drain nodes"
        finally:
            assert api.ask("DELETE", f"{pods}/gateway?gracePeriodSeconds=0").status == 200

    def test_controllers_and_istiod_do_their_work(self, api: Api) -> None:
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio-ca-root-cert"}}
        for namespace in PLATFORMS:
            assert (
                api.ask(
                    "POST", f"/api/v1/namespaces/{namespace}/configmaps{DRY}", config, person=ISTIOD
                ).status
                == 201
            )
            assert create(api, "Pod", restricted(), person=CONTROLLER, namespace=namespace).status == 201


class TestNamespaces:
    """A name that begins like Kubernetes' or Google's own gives nothing, and theirs cannot be taken."""

    @pytest.mark.parametrize("namespace", ["kube-evil", "gke-evil", "kube-system"])
    @pytest.mark.parametrize(
        ("kind", "key"),
        [
            ("labels", names.TEAM_LABEL),
            ("labels", names.PLATFORM_LABEL),
            ("annotations", f"{names.EXEMPT}{Rule.GATEWAY_NODES}"),
            ("annotations", f"{names.RELAXED}{Rule.GATEWAY_NODES}"),
        ],
    )
    def test_the_programs_own_words_are_let_through_by_no_name(
        self, api: Api, namespace: str, kind: str, key: str
    ) -> None:
        answer = change_namespace(api, namespace, {key: "team-x"}, person=EVE, kind=kind)
        assert_refused(answer, Rule.NAMESPACE_LABELS)

    @pytest.mark.parametrize("namespace", ["kube-evil", "gke-evil"])
    @pytest.mark.parametrize(
        ("label", "value"),
        [
            ("istio-injection", "enabled"),
            ("istio.io/rev", "default"),
            ("pod-security.kubernetes.io/enforce", "privileged"),
        ],
    )
    def test_nor_are_istios_and_pod_securitys(self, api: Api, namespace: str, label: str, value: str) -> None:
        assert_refused(change_namespace(api, namespace, {label: value}, person=EVE), Rule.NAMESPACE_LABELS)

    @pytest.mark.parametrize("label", [names.TEAM_LABEL, names.PLATFORM_LABEL, "istio-injection"])
    def test_no_new_namespace_brings_them(self, api: Api, label: str) -> None:
        for name in ("kube-another", "gke-managed-another", "another"):
            manifest = {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {label: "enabled"}},
            }
            assert_refused(
                api.ask("POST", f"/api/v1/namespaces{DRY}", manifest, person=EVE), Rule.NAMESPACE_LABELS
            )

    @pytest.mark.parametrize("name", [name for name in SYSTEM if not name.startswith("kube-")])
    def test_a_name_that_rules_leave_out_is_made_by_the_platform_and_by_google_alone(
        self, api: Api, name: str
    ) -> None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        path = f"/api/v1/namespaces{DRY}"
        assert_refused(api.ask("POST", path, manifest, person=EVE), Rule.NAMESPACE_LABELS)
        assert api.ask("POST", path, manifest, person=PAT).status == 201

    def test_nobody_deletes_a_fenced_namespace_to_make_it_anew(self, api: Api) -> None:
        for name in ("team-x", *PLATFORMS):
            assert_refused(
                api.ask("DELETE", f"/api/v1/namespaces/{name}{DRY}", person=EVE), Rule.NAMESPACE_LABELS
            )
            assert api.ask("DELETE", f"/api/v1/namespaces/{name}{DRY}", person=PAT).status == 200
        assert api.ask("DELETE", f"/api/v1/namespaces/monitoring{DRY}", person=EVE).status == 200

    def test_members_have_no_part_in_it(self, api: Api) -> None:
        assert api.ask("DELETE", f"/api/v1/namespaces/team-x{DRY}", person=ANN).status == 403
