"""The stack's own admission policies on a real API server: what a team's people and their controllers get
refused, and not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from egress.common import names
from egress.judge.layers.admission import Admission
from egress.judge.model.snapshot import Snapshot
from egress.layers.google.resources import google_objects
from egress.layers.render import render
from egress.settings.fences import EVERYWHERE, IN_TEAMS, Rule
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver.people import (
    ANN,
    BEN,
    PAT,
    Api,
    Person,
    deploy,
    deploy_policies,
    fenced_plan,
    wait_for_rights,
    wait_until,
)
from tests.apiserver.stage import (
    CONTROLLER,
    DRY,
    EXEMPTIONS,
    assert_refused,
    case,
    create,
    service,
)
from tests.apiserver.workload_cases import ACCEPTED, REFUSED
from tests.apiserver.workloads import KINDS, Case, container, in_kind, pod_template

pytestmark = pytest.mark.xdist_group("apiserver")


class TestWorkloads:
    def test_every_rule_on_workloads_has_a_refused_case(self) -> None:
        services = {Rule.SERVICE_TYPES, Rule.EXTERNAL_IPS, Rule.OUTSIDE_ENDPOINTS}
        requests = {Rule.MESH_ROOT, Rule.TOKEN_REQUESTS, Rule.POD_ADDRESSES}
        elsewhere = {
            *services,
            *requests,
            Rule.PLATFORM_KINDS,
            Rule.PLATFORM_NAMESPACES,
            Rule.NAMESPACE_LABELS,
            Rule.PROXY_EXEC,
        }
        assert {case.rule for case in REFUSED} == set(Rule) - elsewhere

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("refused", REFUSED, ids=lambda case: case.name)
    def test_refused(self, stage: tuple[Api, Cluster], refused: Case, kind: str) -> None:
        assert refused.rule is not None
        assert_refused(create(stage[0], kind, refused.template(), person=ANN), refused.rule)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("accepted", ACCEPTED, ids=lambda case: case.name)
    def test_accepted(self, stage: tuple[Api, Cluster], accepted: Case, kind: str) -> None:
        answer = create(stage[0], kind, accepted.template(), person=ANN)
        assert answer.status == 201, answer.message

    @pytest.mark.parametrize(
        "person", [None, PAT, CONTROLLER], ids=["administrator", "platform", "controller"]
    )
    def test_nobody_is_above_the_rules(self, stage: tuple[Api, Cluster], person: Person | None) -> None:
        stage[1].apply(
            stage[1].kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"), None, {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": "controller"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                            "name": "system:controller:replicaset-controller"},
                "subjects": [
                    {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": CONTROLLER.user}
                ],
            },
        )  # fmt: skip
        wait_for_rights(stage[0], [CONTROLLER], "create", "pods")
        assert_refused(
            create(stage[0], "Pod", case("host-network").template(), person=person), Rule.HOST_NAMESPACES
        )

    def test_a_pod_of_a_daemon_set_names_its_node(self, stage: tuple[Api, Cluster]) -> None:
        template = case("affinity-by-node-name").template()
        owner = {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "name": "agent",
            "uid": "1",
            "controller": True,
        }
        template["metadata"]["ownerReferences"] = [owner]
        assert create(stage[0], "Pod", template, person=ANN).status == 201

    def test_a_large_pod_is_within_what_a_policy_may_compute(self, stage: tuple[Api, Cluster]) -> None:
        template = pod_template()
        template["spec"]["containers"] = [
            container(f"c{i}", volumeMounts=[{"name": f"v{j}", "mountPath": f"/{j}"} for j in range(30)])
            for i in range(60)
        ]
        template["spec"]["volumes"] = [{"name": f"v{j}", "emptyDir": {}} for j in range(30)]
        template["metadata"]["annotations"] = {f"example.com/a{i}": "x" for i in range(200)}
        answer = create(stage[0], "Pod", template, person=ANN)
        assert answer.status == 201, answer.message

    @pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
    def test_an_update_is_looked_at_as_a_new_object_is(self, stage: tuple[Api, Cluster], kind: str) -> None:
        api = stage[0]
        path, manifest = in_kind(kind, pod_template(), "updated")
        assert api.ask("POST", path, manifest, person=ANN).status == 201
        _, broken = in_kind(kind, case("host-network").template(), "updated")
        assert_refused(api.ask("PUT", f"{path}/updated{DRY}", broken, person=ANN), Rule.HOST_NAMESPACES)
        fine = copy.deepcopy(manifest)
        fine["metadata"]["labels"] = {"touched": "yes"}
        assert api.ask("PUT", f"{path}/updated{DRY}", fine, person=ANN).status == 200


class TestWhatWasThereBefore:
    """Objects older than the rules are to be scaled, finished and deleted; a change of what the rules look at
    is refused."""

    def test_an_old_pod_can_lose_its_finalizer(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        path, manifest = in_kind("Pod", case("host-port").template(), "old", "team-y")
        manifest["metadata"]["finalizers"] = ["example.com/wait"]
        assert api.ask("POST", path, manifest, person=BEN).status == 201, "team-y is exempt"
        merge = "application/merge-patch+json"
        deploy_policies(stage[1], fenced_plan())
        try:
            probe = case("host-port").template()
            wait_until(
                lambda: create(api, "Pod", probe, person=BEN, namespace="team-y").status == 403,
                "the exemption is to end",
            )
            done = {"metadata": {"finalizers": None}}
            assert api.ask("PATCH", f"{path}/old", done, person=BEN, content_type=merge).status == 200
            relabelled = {"metadata": {"labels": {"new": "label"}}}
            answer = api.ask("PATCH", f"{path}/old{DRY}", relabelled, person=BEN, content_type=merge)
            assert_refused(answer, Rule.HOST_PORTS)
        finally:
            deploy_policies(stage[1], fenced_plan(exemptions=EXEMPTIONS))
            assert api.ask("DELETE", f"{path}/old?gracePeriodSeconds=0", person=BEN).status == 200
            wait_until(
                lambda: create(api, "Pod", probe, person=BEN, namespace="team-y").status == 201,
                "the exemption is back",
            )


class TestExemptions:
    def test_they_are_in_the_policys_own_text_with_the_reason_beside_it(
        self, stage: tuple[Api, Cluster]
    ) -> None:
        path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/egress-team-workloads"
        policy = stage[0].ask("GET", path).body
        reason = EXEMPTIONS["team-y"]["host-ports"]
        assert policy["metadata"]["annotations"][f"{names.EXEMPT}host-ports"] == f"team-y: {reason}"
        assert (
            sum("'team-y'" in validation["expression"] for validation in policy["spec"]["validations"]) == 1
        )

    @pytest.mark.parametrize("rule", [Rule.GATEWAY_NODES, Rule.HOST_NAMESPACES], ids=str)
    def test_one_written_by_hand_on_the_namespace_holds_nothing_open(
        self, stage: tuple[Api, Cluster], rule: Rule
    ) -> None:
        """Even by somebody who may change everything: an annotation is nobody's word here."""
        api, path = stage[0], "/api/v1/namespaces/team-x"
        by_hand = {f"{names.EXEMPT}{rule}": "because"}
        written = {"metadata": {"annotations": by_hand}}
        merge = "application/merge-patch+json"
        assert api.ask("PATCH", path, written, content_type=merge).status == 200
        try:
            refused = {Rule.GATEWAY_NODES: "tolerates-gateway", Rule.HOST_NAMESPACES: "host-network"}[rule]
            for _ in range(3):
                assert_refused(create(api, "Pod", case(refused).template(), person=ANN), rule)
        finally:
            gone = {"metadata": {"annotations": dict.fromkeys(by_hand)}}
            assert api.ask("PATCH", path, gone, content_type=merge).status == 200

    def test_they_hold_for_this_team_and_this_rule(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        exempt = create(api, "Deployment", case("host-port").template(), person=BEN, namespace="team-y")
        assert exempt.status == 201, exempt.message
        assert service(api, BEN, "team-y", type="LoadBalancer").status == 201
        assert_refused(create(api, "Deployment", case("host-port").template(), person=ANN), Rule.HOST_PORTS)
        other = create(api, "Deployment", case("host-network").template(), person=BEN, namespace="team-y")
        assert_refused(other, Rule.HOST_NAMESPACES)


def system_pods() -> dict[str, tuple[str, dict[str, Any]]]:
    """Pods as istiod's chart and GKE deploy them: every one breaks several rules for teams."""
    agent = {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {
            "hostNetwork": True,
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {"name": "agent", "image": "gke.gcr.io/agent", "securityContext": {"privileged": True}}
            ],
            "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
        },
    }
    istiod = {
        "metadata": {
            "labels": {"app": "shop", "istio.io/rev": "default", "sidecar.istio.io/inject": "false"}
        },
        "spec": {"containers": [{"name": "discovery", "image": "gcr.io/istio-release/pilot:1.30.3"}]},
    }
    rendered = render(fenced_plan())
    (deployment,) = [
        item.manifest for item in rendered if item.kind == "Deployment" and item.name == names.GATEWAY
    ]
    gateway = copy.deepcopy(deployment["spec"]["template"])
    gateway["spec"]["securityContext"]["runAsUser"] = 1337
    return {
        "gke-agent": ("kube-system", agent),
        "istiod": ("istio-system", istiod),
        "gateway": ("istio-egress", gateway),
    }


class TestThePlatformsOwn:
    @pytest.mark.parametrize("kind", ["Pod", "Deployment", "DaemonSet"])
    @pytest.mark.parametrize("name", system_pods())
    def test_is_not_blocked(self, stage: tuple[Api, Cluster], name: str, kind: str) -> None:
        namespace, template = system_pods()[name]
        answer = create(stage[0], kind, template, person=None, namespace=namespace)
        assert answer.status == 201, answer.message

    def test_everything_rendered_is_accepted_again_under_the_rules(self, stage: tuple[Api, Cluster]) -> None:
        """The first time, namespaces and policies were young: as another `pulumi up`, by somebody of the
        platform."""
        rendered = deploy(stage[1], fenced_plan(exemptions=EXEMPTIONS))
        assert len(rendered) > 40

    def test_the_test_app_breaks_no_rule(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        deployed = api.ask("GET", "/apis/apps/v1/namespaces/team-x/deployments/test").body
        answer = create(api, "Pod", deployed["spec"]["template"], person=ANN)
        assert answer.status == 201, answer.message


def test_the_judge_of_admission_knows_what_was_tried_here(stage: tuple[Api, Cluster]) -> None:
    admission = "/apis/admissionregistration.k8s.io/v1"
    paths = {
        "ValidatingAdmissionPolicy": f"{admission}/validatingadmissionpolicies",
        "ValidatingAdmissionPolicyBinding": f"{admission}/validatingadmissionpolicybindings",
        "Namespace": "/api/v1/namespaces",
    }
    stored = [
        {**item, "kind": kind}
        for kind, path in paths.items()
        for item in stage[0].ask("GET", path).body["items"]
    ]
    judge = Admission(Snapshot.of(stored, google_objects(fenced_plan())))
    for rule in Rule:
        verdict = judge.judge("team-x" if rule in IN_TEAMS else "istio-egress", rule)
        assert (verdict.allowed, verdict.understood) == (False, True), verdict
        if rule in EVERYWHERE:
            assert not judge.judge("default", rule).allowed
    for rule in IN_TEAMS:
        assert judge.judge("team-y", rule).allowed is (rule in EXEMPTIONS["team-y"])
