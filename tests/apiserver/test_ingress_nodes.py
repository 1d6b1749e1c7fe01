"""A stack that receives on a real API server: its objects are accepted, and teams' pods are kept off the
ingress nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from egress.settings.fences import Rule
from tests.apiserver.people import Api, api_server, deploy, wait_until
from tests.apiserver.stage import create
from tests.apiserver.workloads import Case, pools, required, spec
from tests.layers.receiving import MYSQL, config
from tests.support import plan_of

POOL = "cloud.google.com/gke-nodepool"
TOLERATION = {"key": "dedicated", "effect": "NoSchedule"}
REFUSED = {
    "tolerates the taint": spec(tolerations=[{**TOLERATION, "value": "ingress"}]),
    "selects the pool": spec(nodeSelector={POOL: "ingress"}),
    "affinity for the pool": required(pools("In", "default-pool", "ingress")),
    "affinity away from the other gateway alone": required(pools("NotIn", "gateway")),
    "tolerates the other gateway's taint": spec(tolerations=[{**TOLERATION, "value": "gateway"}]),
}
ACCEPTED = {
    "an ordinary pod": spec(),
    "a taint of its own": spec(tolerations=[{**TOLERATION, "value": "batch"}]),
    "affinity away from both": required(pools("NotIn", "gateway", "ingress")),
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with api_server(tmp_path_factory.mktemp("receiving")) as (api, _, cluster):
        deploy(cluster, plan_of(config({"mysql": MYSQL})))
        template = Case("", spec(nodeSelector={POOL: "gateway"})).template()

        def active() -> bool:
            return create(api, "Deployment", template, person=None, namespace="orders").status == 403

        wait_until(active, "the policies are to be active")
        yield api


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_refused(api: Api, change) -> None:
    answer = create(api, "Deployment", Case("", change).template(), person=None, namespace="orders")
    assert (answer.status, f"{Rule.GATEWAY_NODES}: " in answer.message) == (403, True), answer


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(api: Api, change) -> None:
    answer = create(api, "Deployment", Case("", change).template(), person=None, namespace="orders")
    assert answer.status == 201, answer.message


def test_the_gateway_itself_runs_there(api: Api) -> None:
    answer = api.ask("GET", "/apis/apps/v1/namespaces/istio-ingress/deployments/istio-ingressgateway")
    assert answer.body["spec"]["template"]["spec"]["nodeSelector"] == {POOL: "ingress"}
