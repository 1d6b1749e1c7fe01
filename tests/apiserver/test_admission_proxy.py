"""The proxy in a team's pod: injected ones pass, forged ones do not, and nobody gets into a running one."""

from __future__ import annotations

from typing import Any

import pytest

from egress.settings.fences import Rule
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver.people import ANN, PAT, Api, Person
from tests.apiserver.stage import (
    DRY,
    assert_refused,
    create,
    injected,
)
from tests.apiserver.workloads import annotation, container, in_kind, security

pytestmark = pytest.mark.xdist_group("apiserver")


SCHEDULER = Person("system:kube-scheduler")


class TestInjection:
    """The proxy's own containers pass because nobody wrote them."""

    @pytest.mark.parametrize("how", ["init"])
    @pytest.mark.parametrize("apply", [False, True], ids=["create", "apply"])
    def test_an_injected_pod_is_accepted(self, stage: tuple[Api, Cluster], how: str, apply: bool) -> None:
        api = stage[0]
        path, manifest = in_kind("Pod", injected(how), "injected")
        if apply:
            answer = api.ask(
                "PATCH",
                f"{path}/injected{DRY}&fieldManager=kubectl",
                manifest,
                person=ANN,
                content_type="application/apply-patch+yaml",
            )
        else:
            answer = api.ask("POST", path + DRY, manifest, person=ANN)
        assert answer.status == 201, answer.message
        assert [c["name"] for c in answer.body["spec"]["containers"]] == ["shop", "istio-proxy"]

    @pytest.mark.parametrize("managed", [None, [], [{}]], ids=["as-is", "none", "reset"])
    @pytest.mark.parametrize("apply", [False, True], ids=["create", "apply"])
    @pytest.mark.parametrize("part", ["container", "init", "status", "volume"])
    def test_a_forged_one_is_refused(
        self, stage: tuple[Api, Cluster], part: str, apply: bool, managed: Any
    ) -> None:
        api = stage[0]
        template = injected("init")
        if part == "container":
            template["spec"]["containers"].append(
                {"name": "istio-proxy", "image": "registry.example/own", "command": ["nc"]}
            )
        elif part == "init":
            template["spec"]["initContainers"] = [{"name": "istio-init", "image": "registry.example/own"}]
        elif part == "status":
            annotation("sidecar.istio.io/status", "{}")(template)
        else:
            template["spec"]["volumes"] = [{"name": "istio-envoy", "emptyDir": {}}]
        path, manifest = in_kind("Pod", template, "forged")
        if managed is not None:
            manifest["metadata"]["managedFields"] = managed
        if apply:
            answer = api.ask(
                "PATCH",
                f"{path}/forged{DRY}&fieldManager=kubectl",
                manifest,
                person=ANN,
                content_type="application/apply-patch+yaml",
            )
            if managed is not None:
                assert answer.status == 400, answer  # the API server itself takes no managedFields here
                return
        else:
            answer = api.ask("POST", path + DRY, manifest, person=ANN)
        assert_refused(answer, Rule.PROXY_CONTAINER)

    def test_nobody_hides_behind_another_managers_fields(self, stage: tuple[Api, Cluster]) -> None:
        template = injected("init")
        template["spec"]["containers"].append({"name": "istio-proxy", "image": "registry.example/own"})
        template["metadata"]["managedFields"] = [
            {
                "manager": "somebody",
                "operation": "Update",
                "apiVersion": "v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:dnsPolicy": {}}},
            }
        ]
        assert_refused(create(stage[0], "Pod", template, person=ANN), Rule.PROXY_CONTAINER)

    def test_the_application_does_not_mount_the_proxys_volumes(self, stage: tuple[Api, Cluster]) -> None:
        template = injected("init")
        template["spec"]["containers"][0]["volumeMounts"] = [
            {"name": "istio-envoy", "mountPath": "/etc/istio/proxy"}
        ]
        assert_refused(create(stage[0], "Pod", template, person=ANN), Rule.PROXY_CONTAINER)

    def test_the_application_in_an_injected_pod_is_looked_at(self, stage: tuple[Api, Cluster]) -> None:
        template = injected("init")
        security(runAsUser=1337)(template)
        assert_refused(create(stage[0], "Pod", template, person=ANN), Rule.PROXY_IDENTITY)

    def test_the_proxys_image_stays(self, stage: tuple[Api, Cluster]) -> None:
        api = stage[0]
        path, manifest = in_kind("Pod", injected("init"), "running")
        assert api.ask("POST", path, manifest, person=ANN).status == 201
        for container_name, status in (("istio-proxy", 403), ("shop", 200)):
            patch = {"spec": {"containers": [{"name": container_name, "image": "registry.example/own:2"}]}}
            answer = api.ask(
                "PATCH",
                f"{path}/running{DRY}",
                patch,
                person=ANN,
                content_type="application/strategic-merge-patch+json",
            )
            assert answer.status == status, answer.message


@pytest.fixture(scope="module")
def running(stage: tuple[Api, Cluster]) -> str:
    """The path of a pod that was scheduled, with a proxy."""
    api = stage[0]
    path, manifest = in_kind("Pod", injected("init"), "scheduled")
    assert api.ask("POST", path, manifest, person=ANN).status == 201
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "scheduled"},
        "target": {"kind": "Node", "name": "n"},
    }
    assert api.ask("POST", f"{path}/scheduled/binding", binding, person=SCHEDULER).status == 201
    return f"{path}/scheduled"


class TestRunningPods:
    @pytest.mark.parametrize(
        ("more", "rule"),
        [
            ({}, None),
            ({"securityContext": {}}, Rule.CONFINED_PROCESS),
            ({"securityContext": {"privileged": True, "allowPrivilegeEscalation": True}}, Rule.PRIVILEGED),
            (
                {"securityContext": {**container("x")["securityContext"], "runAsUser": 1337}},
                Rule.PROXY_IDENTITY,
            ),
            (
                {
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
                    }
                },
                Rule.CAPABILITIES,
            ),
            ({"volumeMounts": [{"name": "istio-envoy", "mountPath": "/x"}]}, Rule.PROXY_CONTAINER),
        ],
    )
    def test_ephemeral_containers(
        self, stage: tuple[Api, Cluster], running: str, more: dict[str, Any], rule: Rule | None
    ) -> None:
        patch = {"spec": {"ephemeralContainers": [container("debugger", **more)]}}
        answer = stage[0].ask(
            "PATCH",
            f"{running}/ephemeralcontainers{DRY}",
            patch,
            person=ANN,
            content_type="application/strategic-merge-patch+json",
        )
        if rule:
            assert_refused(answer, rule)
        else:
            assert answer.status == 200, answer.message

    def test_a_scheduled_pod_can_be_relabelled(self, stage: tuple[Api, Cluster], running: str) -> None:
        patch = {"metadata": {"labels": {"seen": "yes"}}}
        answer = stage[0].ask(
            "PATCH", running + DRY, patch, person=ANN, content_type="application/merge-patch+json"
        )
        assert answer.status == 200, answer.message

    @pytest.mark.parametrize(
        "toleration", [{"key": "dedicated", "operator": "Exists"}, {"operator": "Exists"}]
    )
    def test_no_toleration_is_added_later(
        self, stage: tuple[Api, Cluster], running: str, toleration: dict[str, str]
    ) -> None:
        has = stage[0].ask("GET", running).body["spec"].get("tolerations", [])
        patch = {"spec": {"tolerations": [*has, toleration]}}
        answer = stage[0].ask(
            "PATCH", running + DRY, patch, person=ANN, content_type="application/merge-patch+json"
        )
        assert_refused(answer, Rule.GATEWAY_NODES)

    @pytest.mark.parametrize("way", ["exec", "attach"])
    @pytest.mark.parametrize("inside", ["istio-proxy", "istio-validation", "shop"])
    def test_nobody_of_a_team_gets_into_the_proxy(
        self, stage: tuple[Api, Cluster], running: str, way: str, inside: str
    ) -> None:
        path = f"{running}/{way}?container={inside}&stdout=true" + ("&command=sh" if way == "exec" else "")
        answer = stage[0].ask("POST", path, person=ANN)
        if inside == "shop":
            assert "ValidatingAdmissionPolicy" not in answer.message  # refused later: there is no node
            assert answer.status != 403
        else:
            assert_refused(answer, Rule.PROXY_EXEC)
            assert "ValidatingAdmissionPolicy" not in stage[0].ask("POST", path, person=PAT).message
