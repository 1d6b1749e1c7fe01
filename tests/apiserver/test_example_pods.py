"""What the examples' programs deploy beside the platform can start: their pods pass every fence of a team's
namespace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from egress.layers.render import render
from tests.apiserver.people import Answer, Api, api_server, deploy, wait_until
from tests.program.test_consumers import consumer, platform
from tests.support import ROOT, dev_config, plan_of

JSON = dict[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod")
PLAN = plan_of(dev_config())
PROGRAMS = sorted(path.parent.name for path in (ROOT / "examples").glob("*/__main__.py"))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The dev stack whole: Pod Security and the policies of admission."""
    with api_server(tmp_path_factory.mktemp("examples")) as (api, _, cluster):
        deploy(cluster, PLAN)
        anywhere = template(
            next(item.manifest for item in render(PLAN) if item.identity == "team-x/deployment/test")
        )
        anywhere["spec"]["tolerations"] = [{"operator": "Exists"}]
        wait_until(lambda: "gateway-nodes" in create(api, anywhere).message, "the policies are active")
        yield api


def template(workload: JSON) -> JSON:
    """The pod that a workload makes."""
    spec = workload["spec"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tried", "labels": spec["template"]["metadata"].get("labels", {})},
        "spec": spec["template"]["spec"],
    }


def create(api: Api, pod: JSON) -> Answer:
    return api.ask("POST", "/api/v1/namespaces/team-x/pods?dryRun=All", pod)


def workloads(program: str) -> list[JSON]:
    """What a program registers that makes pods, as it reaches the API server."""
    run = consumer(program, platform())
    assert run.error is None
    made = [
        found["inputs"]
        for kind in WORKLOADS
        for found in run.registered
        if found["type"].endswith(f":{kind}")
    ]
    # The mocks hand every number over as a float, which the engine does not.
    return json.loads(json.dumps(made), parse_float=lambda number: int(float(number)))


def test_some_example_makes_pods() -> None:
    assert any(workloads(program) for program in PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_its_pods_pass_every_fence(api: Api, program: str) -> None:
    for workload in workloads(program):
        answer = create(api, template(workload))
        assert answer.status == 201, answer.message
        assert answer.warnings == ()


def test_a_pod_that_lacks_what_the_page_for_developers_asks_for_is_refused(api: Api) -> None:
    """So the test above could fail."""
    (workload,) = workloads("application")
    pod = template(workload)
    del pod["spec"]["securityContext"]["seccompProfile"]
    answer = create(api, pod)
    assert answer.status == 403
    assert "seccompProfile" in answer.message
