"""Pod Security on a real API server, and what Istio's own injection makes of a pod under the stack's
values."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from egress.layers.render import render
from egress.plan.model import Plan
from tests.apiserver import istiod
from tests.apiserver.people import Answer, Api, api_server
from tests.mesh.programs import Missing
from tests.support import config_with, dev_config, plan_of

RELAXED = {"relaxed": {"pod-security": "images that run as root"}}
JSON = dict[str, Any]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """With dev's team namespaces, and team-y's as it is where the fence is relaxed."""
    with api_server(tmp_path_factory.mktemp("pod-security")) as (api, _, cluster):
        relaxed = plan_of(config_with("fences", RELAXED))
        for plan, team in ((plan_of(dev_config()), "team-x"), (relaxed, "team-y")):
            for item in render(plan):
                if item.identity in (f"namespace/{team}", f"{team}/serviceaccount/test"):
                    cluster.apply(cluster.kind("v1", item.kind), item.namespace, item.manifest)
        yield api


def application() -> JSON:
    (item,) = [item for item in render(plan_of(dev_config())) if item.identity == "team-x/deployment/test"]
    return item.manifest


def create(api: Api, template: JSON, namespace: str = "team-x") -> Answer:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", **template["metadata"]},
        "spec": template["spec"],
    }
    return api.ask("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod)


def injected(folder: Path, plan: Plan) -> JSON:
    """The test application's pod template after Istio's own injection, with the charts' values of a plan."""
    try:
        istiod.injection(plan, folder).write(folder)
    except Missing as missing:
        pytest.skip(str(missing))
    (folder / "app").write_text(json.dumps(application()), encoding="utf-8")
    words = (
        ("--injectConfigFile", "config"),
        ("--valuesFile", "values"),
        ("--meshConfigFile", "mesh"),
        ("-f", "app"),
    )
    # Without a revision it would ask a cluster for one, and wait.
    (deployment,) = istiod.run(
        "kube-inject",
        "--revision",
        "default",
        *(word for option, name in words for word in (option, str(folder / name))),
    )
    return deployment["spec"]["template"]


def test_the_tutorials_application_is_accepted_with_its_sidecar(api: Api, tmp_path: Path) -> None:
    template = injected(tmp_path, plan_of(dev_config()))
    containers = [
        container["name"]
        for container in template["spec"].get("initContainers", []) + template["spec"]["containers"]
    ]
    assert {"test", "istio-proxy", "istio-validation"} <= set(containers)
    assert "istio-init" not in containers
    answer = create(api, template)
    assert answer.status == 201, answer.message


def test_injected_containers_bring_their_own_seccomp_profile(api: Api, tmp_path: Path) -> None:
    """A team may say for its container what others say for the pod."""
    template = injected(tmp_path, plan_of(dev_config()))
    (app,) = [container for container in template["spec"]["containers"] if container["name"] == "test"]
    app["securityContext"]["seccompProfile"] = template["spec"]["securityContext"].pop("seccompProfile")
    answer = create(api, template)
    assert answer.status == 201, answer.message


def test_a_proxy_with_an_init_container_that_redirects_is_refused(api: Api, tmp_path: Path) -> None:
    """What injection adds where the fence is relaxed: why istio-cni comes with it."""
    template = injected(tmp_path, plan_of(config_with("fences", RELAXED)))
    answer = create(api, template)
    assert answer.status == 403
    assert 'violates PodSecurity "restricted' in answer.message
    assert "NET_ADMIN" in answer.message
    assert create(api, template, "team-y").status == 201


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"securityContext": {}}, "runAsNonRoot"),
        ({"hostNetwork": True}, "host namespaces"),
        ({"volumes": [{"name": "node", "hostPath": {"path": "/"}}]}, "hostPath"),
    ],
    ids=["an unconfined process", "the node's network", "the node's files"],
)
def test_kubernetes_itself_refuses_it_whatever_the_policies_say(api: Api, change: JSON, word: str) -> None:
    template = application()["spec"]["template"]
    template["spec"] |= change
    answer = create(api, template)
    assert (answer.status, word in answer.message) == (403, True), answer.message


def test_a_deployment_whose_pods_will_be_refused_is_warned_of(api: Api) -> None:
    """Nothing refuses the Deployment, so without the warning nobody would hear why it has no pods."""
    deployment = copy.deepcopy(application())
    deployment["metadata"] = {"name": "careless"}
    del deployment["spec"]["template"]["spec"]["securityContext"]["seccompProfile"]
    answer = api.ask("POST", "/apis/apps/v1/namespaces/team-x/deployments?dryRun=All", deployment)
    assert answer.status == 201, answer.message
    assert "seccompProfile" in " ".join(answer.warnings)


def test_a_deployment_whose_pods_will_start_is_warned_of_nothing(api: Api) -> None:
    deployment = {**application(), "metadata": {"name": "careful"}}
    answer = api.ask("POST", "/apis/apps/v1/namespaces/team-x/deployments?dryRun=All", deployment)
    assert (answer.status, answer.warnings) == (201, ())
