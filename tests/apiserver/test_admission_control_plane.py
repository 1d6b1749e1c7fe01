"""What tells a proxy whom to obey and what makes somebody a proxy: roots, tokens; a pod's address, and how it
gets to a node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from egress.settings.fences import Rule
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver.people import ANN, PAT, Answer, Api, Person, wait_for_rights
from tests.apiserver.stage import DRY, assert_refused
from tests.apiserver.workloads import in_kind, pod_template

pytestmark = pytest.mark.xdist_group("apiserver")

JSON = dict[str, Any]
MERGE = "application/merge-patch+json"
ISTIOD = Person("system:serviceaccount:istio-system:istiod", ("system:serviceaccounts:istio-system",))
KUBELET = Person("system:node:gke-1", ("system:nodes",))
NAMESPACES = Person(
    "system:serviceaccount:kube-system:namespace-controller", ("system:serviceaccounts:kube-system",)
)
ZOE = Person("zoe@example.com")
"""Somebody with every right on everything in team-x, by hand."""
NODELIKE = Person("system:node:zoe@example.com")
"""Called like a node, and in no group of nodes."""
EVERYBODY = (ISTIOD, KUBELET, NAMESPACES, ZOE, NODELIKE)


@pytest.fixture(scope="module")
def api(stage: tuple[Api, Cluster]) -> Api:
    """With every right in team-x for all of them: what is refused here is refused whatever RBAC says."""
    group = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    subjects = [{"apiGroup": group, "kind": "User", "name": person.user} for person in EVERYBODY]
    for manifest in (
        {"kind": "Role", "rules": rules},
        {
            "kind": "RoleBinding",
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "everything"},
            "subjects": subjects,
        },
    ):
        path = f"/apis/{group}/v1/namespaces/team-x/{manifest['kind'].lower()}s"
        body = {"apiVersion": f"{group}/v1", "metadata": {"name": "everything"}, **manifest}
        assert stage[0].ask("POST", path, body).status == 201
    wait_for_rights(stage[0], EVERYBODY, "create", "configmaps")
    return stage[0]


ROOTS = "/api/v1/namespaces/team-x/configmaps"


@pytest.fixture(scope="module", params=["istio-ca-root-cert", "istio-ca-crl"])
def root(api: Api, request: pytest.FixtureRequest) -> Iterator[str]:
    body = {"metadata": {"name": request.param}, "data": {"root-cert.pem": "istiod's"}}
    assert api.ask("POST", ROOTS, body, person=ISTIOD).status == 201
    yield request.param
    assert api.ask("DELETE", f"{ROOTS}/{request.param}", person=ISTIOD).status == 200


class TestMeshRoot:
    @pytest.mark.parametrize("person", [ANN, ZOE], ids=["member", "every right"])
    def test_nobody_of_a_team_writes_it(self, api: Api, root: str, person: Person) -> None:
        path, evil = f"{ROOTS}/{root}", {"immutable": True, "data": {"root-cert.pem": "EVIL"}}
        assert_refused(api.ask("PATCH", path + DRY, evil, person=person, content_type=MERGE), Rule.MESH_ROOT)
        assert_refused(api.ask("DELETE", path + DRY, person=person), Rule.MESH_ROOT)
        assert_refused(api.ask("DELETE", f"{ROOTS}{DRY}", person=person), Rule.MESH_ROOT)
        relabelled = {"metadata": {"labels": {"x": "y"}}}
        assert_refused(
            api.ask("PATCH", path + DRY, relabelled, person=person, content_type=MERGE), Rule.MESH_ROOT
        )
        applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": root}, **evil}
        answer = api.ask(
            "PATCH",
            f"{path}{DRY}&fieldManager=x&force=true",
            applied,
            person=person,
            content_type="application/apply-patch+yaml",
        )
        assert_refused(answer, Rule.MESH_ROOT)

    def test_nor_makes_one_before_istiod_does(self, api: Api) -> None:
        body = {"metadata": {"name": "istio-ca-root-cert"}, "data": {"root-cert.pem": "EVIL"}}
        assert_refused(api.ask("POST", ROOTS + DRY, body, person=ANN), Rule.MESH_ROOT)

    def test_istiod_and_the_platform_do(self, api: Api, root: str) -> None:
        path, new = f"{ROOTS}/{root}", {"data": {"root-cert.pem": "new"}}
        for person in (ISTIOD, PAT):
            assert api.ask("PATCH", path + DRY, new, person=person, content_type=MERGE).status == 200

    def test_deleting_a_namespace_deletes_it(self, api: Api, root: str) -> None:
        assert api.ask("DELETE", f"{ROOTS}/{root}{DRY}", person=NAMESPACES).status == 200
        changed = {"data": {"root-cert.pem": "EVIL"}}
        answer = api.ask("PATCH", f"{ROOTS}/{root}{DRY}", changed, person=NAMESPACES, content_type=MERGE)
        assert_refused(answer, Rule.MESH_ROOT)

    def test_other_config_maps_are_the_teams(self, api: Api) -> None:
        body = {"metadata": {"name": "settings"}, "data": {"a": "b"}}
        assert api.ask("POST", ROOTS, body, person=ANN).status == 201
        assert (
            api.ask("PATCH", f"{ROOTS}/settings", {"data": {"a": "c"}}, person=ANN, content_type=MERGE).status
            == 200
        )
        assert api.ask("DELETE", f"{ROOTS}/settings", person=ANN).status == 200


class TestTokenRequests:
    PATH = "/api/v1/namespaces/team-x/serviceaccounts/test/token"

    @staticmethod
    def wanted(*audiences: str) -> JSON:
        return {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": list(audiences)},
        }

    @pytest.mark.parametrize(
        "audiences", [("istio-ca",), ("bank.example", "istio-ca")], ids=["alone", "among others"]
    )
    @pytest.mark.parametrize(
        "person", [ZOE, NODELIKE, NAMESPACES], ids=["every right", "called like a node", "controller"]
    )
    def test_nobody_asks_for_a_proxys_token(
        self, api: Api, person: Person, audiences: tuple[str, ...]
    ) -> None:
        assert_refused(
            api.ask("POST", self.PATH, self.wanted(*audiences), person=person), Rule.TOKEN_REQUESTS
        )

    def test_but_nodes_and_the_platform(self, api: Api) -> None:
        for person in (KUBELET, None):
            answer = api.ask("POST", self.PATH, self.wanted("istio-ca"), person=person)
            assert answer.status == 201, answer.message

    def test_other_tokens_are_rbacs_to_decide(self, api: Api) -> None:
        assert api.ask("POST", self.PATH, self.wanted("bank.example"), person=ZOE).status == 201
        assert api.ask("POST", self.PATH, self.wanted(), person=ZOE).status == 201
        assert api.ask("POST", self.PATH, self.wanted("bank.example"), person=ANN).status == 403, (
            "no role of the stack has it"
        )


@pytest.fixture(scope="module")
def waiting(api: Api) -> Iterator[str]:
    """The path of a pod that no node has yet."""
    path, manifest = in_kind("Pod", pod_template(), "waiting")
    assert api.ask("POST", path, manifest, person=ANN).status == 201
    yield f"{path}/waiting"
    assert api.ask("DELETE", f"{path}/waiting?gracePeriodSeconds=0").status == 200


def status(api: Api, pod: str, patch: JSON, person: Person | None) -> Answer:
    return api.ask("PATCH", f"{pod}/status{DRY}", patch, person=person, content_type=MERGE)


class TestPodStatus:
    @pytest.mark.parametrize(
        ("kind", "key", "value", "rule"),
        [
            ("labels", "sidecar.istio.io/inject", "false", Rule.INJECTION),
            ("labels", "istio.io/dataplane-mode", "none", Rule.INJECTION),
            ("annotations", "traffic.sidecar.istio.io/excludeOutboundPorts", "443", Rule.TRAFFIC_REDIRECTION),
            ("annotations", "proxy.istio.io/config", "{}", Rule.PROXY_CONFIGURATION),
            ("annotations", "k8s.v1.cni.cncf.io/networks", "outside", Rule.NETWORK_INTERFACES),
        ],
    )
    @pytest.mark.parametrize("person", [ZOE, KUBELET, None], ids=["every right", "node", "administrator"])
    def test_labels_and_annotations_come_no_other_way(
        self, api: Api, waiting: str, kind: str, key: str, value: str, rule: Rule, person: Person | None
    ) -> None:
        assert_refused(status(api, waiting, {"metadata": {kind: {key: value}}}, person), rule)

    @pytest.mark.parametrize(
        "told",
        [
            {"podIP": "203.0.113.9", "podIPs": [{"ip": "203.0.113.9"}]},
            {"podIP": "10.1.0.9", "podIPs": [{"ip": "10.1.0.9"}]},
            {"hostIP": "203.0.113.9", "hostIPs": [{"ip": "203.0.113.9"}]},
        ],
        ids=["outside", "of another pod", "node's"],
    )
    def test_an_address_is_the_nodes_to_say(self, api: Api, waiting: str, told: JSON) -> None:
        for person in (ZOE, NODELIKE):
            assert_refused(status(api, waiting, {"status": told}, person), Rule.POD_ADDRESSES)
        for person in (KUBELET, None):
            answer = status(api, waiting, {"status": told}, person)
            assert answer.status == 200, answer.message

    def test_the_rest_of_it_is_rbacs_to_decide(self, api: Api, waiting: str) -> None:
        """Load balancers tell of readiness this way."""
        conditions = {
            "status": {"conditions": [{"type": "cloud.google.com/load-balancer-neg-ready", "status": "True"}]}
        }
        assert status(api, waiting, conditions, ZOE).status == 200


class TestPodResize:
    def test_it_brings_no_labels(self, api: Api, waiting: str) -> None:
        """The API server takes nothing but amounts by this way, so no rule looks there."""
        patch = {
            "metadata": {
                "labels": {"istio.io/dataplane-mode": "none"},
                "annotations": {"proxy.istio.io/config": "{}"},
            }
        }
        answer = api.ask("PATCH", f"{waiting}/resize{DRY}", patch, person=ZOE, content_type=MERGE)
        stored = answer.body.get("metadata", {})
        assert "istio.io/dataplane-mode" not in stored.get("labels", {})
        assert "proxy.istio.io/config" not in (stored.get("annotations") or {})
