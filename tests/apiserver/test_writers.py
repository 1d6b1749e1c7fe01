"""`fences.writers` before a real API server: who may write what the stack renders, and what is written down
when somebody breaks the glass."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from egress.layers.admission.writers import NAME, REASON, RULE
from egress.plan.model import Plan
from sandbox.apiserver import ApiServer
from sandbox.home import Home
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver.people import GROUPS, Answer, Api, Person, api_server, deploy, wait_until
from tests.support import config_with, plan_of

PIPELINE = Person("update@my-project.iam.gserviceaccount.com")
ON_CALL = Person("olga@example.com", ("on-call@example.com",))
ADMIN = Person("adam@example.com", ("admins@example.com",))
"""Has every right, the one to change admission's policies among them."""
ISTIOD = Person("system:serviceaccount:istio-system:istiod", ("system:serviceaccounts:istio-system",))
CONTROLLER = Person(
    "system:serviceaccount:kube-system:namespace-controller", ("system:serviceaccounts:kube-system",)
)
SCALER = Person(
    "system:serviceaccount:kube-system:horizontal-pod-autoscaler", ("system:serviceaccounts:kube-system",)
)
MERGE = "application/merge-patch+json"
DRY = "?dryRun=All"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ISTIO = "/apis/networking.istio.io/v1/namespaces"
POLICIES = "/apis/security.istio.io/v1/namespaces/istio-egress/authorizationpolicies"
NETWORK = "/apis/networking.k8s.io/v1/namespaces/team-y/networkpolicies"
CONFIGMAPS = "/api/v1/namespaces"
DEPLOYMENTS = "/apis/apps/v1/namespaces/istio-egress/deployments"


class Audited(ApiServer):
    """An API server that writes an audit log."""

    def __init__(self, home: Home, folder: Path) -> None:
        super().__init__(home)
        self.log, self._rules = folder / "audit.log", folder / "audit.yaml"
        rule = {"level": "Metadata", "omitStages": ["RequestReceived"]}
        policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [rule]}
        self._rules.write_text(yaml.safe_dump(policy), encoding="utf-8")

    def _launch(self, executables: dict[str, Path]) -> None:
        start = self._server.start

        def audited(command: list[str | Path], environment: Mapping[str, str]) -> None:
            flags = [f"--audit-log-path={self.log}", f"--audit-policy-file={self._rules}"]
            start([*command, *flags], environment)

        self._server.start = audited
        super()._launch(executables)


@dataclass(frozen=True)
class Stage:
    api: Api
    log: Path

    def audited(self, person: Person, key: str) -> list[str]:
        """What the audit log has under a key about requests in somebody's name."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        return [
            event["annotations"][key]
            for event in events
            if event.get("impersonatedUser", {}).get("username") == person.user
            and key in (event.get("annotations") or {})
        ]


def written_plan() -> Plan:
    glass = {"groups": list(ON_CALL.groups), "reason": "the pipeline may be down"}
    writers = {"accounts": [PIPELINE.user], "breakGlass": glass}
    config = config_with("fences", {"contact": "#platform", "groups": GROUPS, "writers": writers})
    config["gke-mesh-egress:cluster"]["securityGroup"] = "gke-security-groups@example.com"
    return plan_of(config)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("writers")
    audited = Audited(Home(folder / "home"), folder)
    with api_server(folder, audited) as (api, server, _):
        subjects = [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": person.user}
            for person in (PIPELINE, ON_CALL, ADMIN, ISTIOD, CONTROLLER, SCALER)
        ]
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        everything = {"metadata": {"name": "everything"}, "roleRef": role, "subjects": subjects}
        assert api.ask("POST", f"{RBAC}/clusterrolebindings", everything).status == 201
        pipeline = Cluster(server.url, server.token, server.ca_pem, force=True, user=PIPELINE.user)
        deploy(pipeline, written_plan())
        stage = Stage(api, audited.log)
        wait_until(lambda: refused(opened(stage, ADMIN)), f"{NAME} is to be active")
        yield stage


def refused(answer: Answer) -> bool:
    return answer.status in (403, 422) and f"{RULE}: " in answer.message


def opened(stage: Stage, person: Person, reason: str | None = None, dry: str = DRY) -> Answer:
    """Somebody opens team-y's boundary."""
    patch: dict[str, Any] = {"spec": {"egress": [{}]}}
    if reason is not None:
        patch["metadata"] = {"annotations": {REASON: reason}}
    return stage.api.ask("PATCH", f"{NETWORK}/team-boundary{dry}", patch, person=person, content_type=MERGE)


def istio(kind: str, name: str = "open", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec, "kind": kind}


def configmap(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"mesh": "outboundTrafficPolicy: {mode: ALLOW_ANY}"}}


ATTACKS: dict[str, tuple[str, str, dict[str, Any] | None, str]] = {
    # who may not: method, path, body, content type
    "patch a NetworkPolicy": ("PATCH", f"{NETWORK}/team-boundary", {"spec": {"egress": [{}]}}, MERGE),
    "delete a NetworkPolicy": ("DELETE", f"{NETWORK}/team-boundary", None, ""),
    "delete every NetworkPolicy": ("DELETE", NETWORK, None, ""),
    "create a NetworkPolicy": (
        "POST",
        NETWORK,
        {"metadata": {"name": "open"}, "spec": {"podSelector": {}, "egress": [{}]}},
        "",
    ),
    "create an AuthorizationPolicy": (
        "POST",
        POLICIES,
        {
            **istio("AuthorizationPolicy", rules=[{}]),
            "apiVersion": "security.istio.io/v1",
        },
        "",
    ),
    "patch a Sidecar": (
        "PATCH",
        f"{ISTIO}/team-y/sidecars/default",
        {"spec": {"egress": [{"hosts": ["*/*"]}]}},
        MERGE,
    ),
    "delete every AuthorizationPolicy": ("DELETE", POLICIES, None, ""),
    "scale a gateway to nothing": (
        "PATCH",
        f"{DEPLOYMENTS}/istio-egressgateway/scale",
        {"spec": {"replicas": 0}},
        MERGE,
    ),
    "change a gateway's Deployment": (
        "PATCH",
        f"{DEPLOYMENTS}/istio-egressgateway",
        {"spec": {"replicas": 0}},
        MERGE,
    ),
    "relabel a namespace": (
        "PATCH",
        "/api/v1/namespaces/team-y",
        {"metadata": {"labels": {"gke-mesh-egress/team": None}}},
        MERGE,
    ),
    "relabel a namespace by its status": (
        "PATCH",
        "/api/v1/namespaces/team-y/status",
        {"metadata": {"labels": {"gke-mesh-egress/team": None}}},
        MERGE,
    ),
    "make a namespace a team's": (
        "POST",
        "/api/v1/namespaces",
        {"metadata": {"name": "other", "labels": {"gke-mesh-egress/team": "other"}}},
        "",
    ),
    "write the mesh's settings": ("POST", f"{CONFIGMAPS}/istio-system/configmaps", configmap("istio"), ""),
    "write the settings that a managed mesh reads": (
        "POST",
        f"{CONFIGMAPS}/istio-system/configmaps",
        configmap("istio-asm-managed-rapid"),
        "",
    ),
    "write what sidecars are made of": (
        "POST",
        f"{CONFIGMAPS}/istio-system/configmaps",
        configmap("istio-sidecar-injector"),
        "",
    ),
    "delete a namespace": ("DELETE", "/api/v1/namespaces/team-y", None, ""),
    "widen a role": (
        "PATCH",
        f"{RBAC}/clusterroles/egress-team-member",
        {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]},
        MERGE,
    ),
    "bind a role in a team's namespace": (
        "POST",
        f"{RBAC}/namespaces/team-y/rolebindings",
        {
            "metadata": {"name": "more"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        },
        "",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_nobody_but_the_pipeline_writes_a_fence_whatever_rights_he_has(stage: Stage, attack: str) -> None:
    method, path, body, content_type = ATTACKS[attack]
    form = content_type or "application/json"
    for person in (ADMIN, ON_CALL, None):
        answer = stage.api.ask(method, path + DRY, body, person=person, content_type=form)
        assert refused(answer), (person, answer)
        assert "ask #platform" in answer.message
    answer = stage.api.ask(method, path + DRY, body, person=PIPELINE, content_type=form)
    assert answer.status in (200, 201), answer


def test_a_refused_deletion_of_all_deletes_none(stage: Stage) -> None:
    before = stage.api.ask("GET", POLICIES).body["items"]
    assert refused(stage.api.ask("DELETE", POLICIES, person=ADMIN))
    assert len(stage.api.ask("GET", POLICIES).body["items"]) == len(before) > 1


def test_a_pretended_pipeline_needs_the_right_to_impersonate(stage: Stage) -> None:
    """Whoever may impersonate the pipeline is the pipeline; this stack's roles give nobody that right."""
    for role in ("egress-platform", "egress-security", "egress-team-member"):
        rules = stage.api.ask("GET", f"{RBAC}/clusterroles/{role}").body["rules"]
        assert not any("impersonate" in rule["verbs"] or "*" in rule["verbs"] for rule in rules)


def test_what_a_team_writes_in_its_own_namespace_is_its_own(stage: Stage) -> None:
    manifest = {"metadata": {"name": "shop"}, "spec": {"ports": [{"port": 80}]}}
    path = f"/api/v1/namespaces/team-y/services{DRY}"
    assert stage.api.ask("POST", path, manifest, person=ADMIN).status == 201
    for namespace, name in (("team-y", "istio"), ("istio-system", "somebodys")):
        path = f"{CONFIGMAPS}/{namespace}/configmaps{DRY}"
        assert stage.api.ask("POST", path, configmap(name), person=ADMIN).status == 201


def test_other_namespaces_are_left_alone(stage: Stage) -> None:
    policy = {"metadata": {"name": "own"}, "spec": {"podSelector": {}}}
    path = f"/apis/networking.k8s.io/v1/namespaces/default/networkpolicies{DRY}"
    assert stage.api.ask("POST", path, policy, person=ADMIN).status == 201
    role = {"metadata": {"name": "own"}, "rules": []}
    assert stage.api.ask("POST", f"{RBAC}/clusterroles{DRY}", role, person=ADMIN).status == 201


def test_kubernetes_and_the_control_plane_are_not_locked_out(stage: Stage) -> None:
    scale = {"spec": {"replicas": 3}}
    path = f"{DEPLOYMENTS}/istio-egressgateway/scale{DRY}"
    assert stage.api.ask("PATCH", path, scale, person=SCALER, content_type=MERGE).status == 200
    assert stage.api.ask("DELETE", f"{NETWORK}{DRY}", person=CONTROLLER).status == 200
    labels = {"metadata": {"annotations": {"controller": "was here"}}}
    path = f"/api/v1/namespaces/team-y{DRY}"
    assert stage.api.ask("PATCH", path, labels, person=CONTROLLER, content_type=MERGE).status == 200
    own = configmap("istio-ca-root-cert")
    path = f"{CONFIGMAPS}/istio-egress/configmaps{DRY}"
    assert stage.api.ask("POST", path, own, person=ISTIOD).status == 201
    path = f"{ISTIO}/istio-egress/virtualservices/example-com-through-egress-gateway{DRY}"
    assert stage.api.ask("PATCH", path, labels, person=ISTIOD, content_type=MERGE).status == 200


def test_whoever_breaks_the_glass_says_why_and_it_is_written_down(stage: Stage) -> None:
    assert refused(opened(stage, ON_CALL))
    assert refused(opened(stage, ON_CALL, "")), "an empty reason is none"
    assert refused(opened(stage, ON_CALL, " \t\n")), "nor are spaces"
    assert refused(opened(stage, ADMIN, "I may not")), "a reason does not make one of the group"
    assert opened(stage, ON_CALL, "the pipeline is down, INC-7", dry="").status == 200
    key = f"{NAME}/break-glass"
    wait_until(lambda: bool(stage.audited(ON_CALL, key)), "the audit log has it", 20)
    assert stage.audited(ON_CALL, key)[-1] == "olga@example.com: the pipeline is down, INC-7"
    assert not stage.audited(PIPELINE, key)
    # What the reason stands on may then be deleted too, and the next update has its own way again.
    assert stage.api.ask("DELETE", f"{NETWORK}/team-boundary{DRY}", person=ON_CALL).status == 200
