"""`egress drift` before a real API server: what it fills in is no drift, what people do is, and an account
that may read no Secrets is enough."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from egress.answers.diff.drift import Drift, drift
from egress.answers.diff.drifted import fields
from egress.cli.live import Live, read_cluster
from egress.cli.sources import plan_at
from egress.judge.model.snapshot import Snapshot
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.snapshot import deployment
from sandbox.apiserver import ApiServer
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver.people import Api, Person, api_server, deploy, fenced_plan, wait_for_rights
from tests.support import ROOT

READER = "reader@example.com"
ISTIO = "/apis/networking.istio.io/v1/namespaces"
SECURITY = "/apis/security.istio.io/v1/namespaces"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with api_server(tmp_path_factory.mktemp("modes")) as (_, server, cluster):
        server.define_secret_sync()
        yield cluster


MODES = sorted((ROOT / "examples/modes").glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("path", MODES, ids=lambda path: path.name.split(".")[1])
def test_what_the_api_server_fills_in_is_no_drift(cluster: Cluster, path: Path) -> None:
    for item in render(plan_at(path, str(path))):
        kind = cluster.kind(item.manifest["apiVersion"], item.kind, seconds=20)
        answer = cluster.apply(kind, item.namespace, item.manifest)
        assert list(fields(item.manifest, answer)) == [], item.identity


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Path, Plan]]:
    """The stack in a cluster, and the kubeconfig of an account that may read all but Secrets."""
    with api_server(tmp_path_factory.mktemp("drift")) as (api, server, cluster):
        plan = fenced_plan()
        deploy(cluster, plan)
        for manifest in _reader():
            path = f"{RBAC}/{manifest['kind'].lower()}s"
            assert api.ask("POST", path, manifest).status == 201
        reader = [Person(READER)]
        wait_for_rights(api, reader, "list", "sidecars", group="networking.istio.io", namespace=None)
        yield api, _as_reader(server), plan


def _reader() -> list[dict[str, Any]]:
    core = ["configmaps", "namespaces", "services", "serviceaccounts", "replicationcontrollers"]
    groups = ["apps", "autoscaling", "batch", "networking.gke.io", "networking.k8s.io", "policy"]
    groups += ["admissionregistration.k8s.io", "rbac.authorization.k8s.io", "scheduling.k8s.io"]
    groups += [f"{name}.istio.io" for name in ("extensions", "networking", "security", "telemetry")]
    rules = [
        {"apiGroups": [""], "resources": core, "verbs": ["get", "list"]},
        {"apiGroups": groups, "resources": ["*"], "verbs": ["get", "list"]},
    ]
    api, of = "rbac.authorization.k8s.io", {"apiVersion": "rbac.authorization.k8s.io/v1"}
    subject = {"apiGroup": api, "kind": "User", "name": READER}
    reference = {"apiGroup": api, "kind": "ClusterRole", "name": "reader"}
    metadata = {"name": "reader"}
    return [
        {**of, "kind": "ClusterRole", "metadata": metadata, "rules": rules},
        {
            **of,
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "subjects": [subject],
            "roleRef": reference,
        },
    ]


def _as_reader(server: ApiServer) -> Path:
    """The sandbox's kubeconfig, as somebody who may read and no more."""
    config = yaml.safe_load(server.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"]["as"] = READER
    path = server.kubeconfig.parent / "reader"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def read(path: Path, plan: Plan) -> tuple[Live, Drift]:
    planned = deployment(plan, render(plan))
    live = read_cluster(path, None, planned.kubernetes)
    return live, drift(plan, planned, Snapshot.of(live.objects, ()), live.refused)


def test_an_account_that_may_read_no_secrets_is_enough(deployed: tuple[Api, Path, Plan]) -> None:
    _, path, plan = deployed
    live, told = read(path, plan)
    assert not live.refused
    assert not told, [line for item in told.objects for line in item.lines]
    assert "Secret" not in {item["kind"] for item in live.objects}


def added(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "add", "path": path, "value": value}]


EDITS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    # the drifted object's field: where it lives, and the patch
    "team-y/networkpolicy/team-boundary: spec.egress[": (
        "/apis/networking.k8s.io/v1/namespaces/team-y/networkpolicies/team-boundary",
        added("/spec/egress/-", {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}),
    ),
    "istio-egress/authorizationpolicy/allow-nothing: spec.rules added": (
        f"{SECURITY}/istio-egress/authorizationpolicies/allow-nothing",
        added("/spec/rules", [{}]),
    ),
    "team-y/sidecar/default: spec.egress[": (
        f"{ISTIO}/team-y/sidecars/default",
        added("/spec/egress/0/hosts/-", "*/*"),
    ),
    "validatingadmissionpolicy/egress-team-workloads: spec.matchConditions[": (
        f"{ADMISSION}/validatingadmissionpolicies/egress-team-workloads",
        added("/spec/matchConditions/-", {"name": "never", "expression": "false"}),
    ),
    "validatingadmissionpolicy/egress-team-boundaries: spec.matchConstraints.excludeResourceRules added": (
        f"{ADMISSION}/validatingadmissionpolicies/egress-team-boundaries",
        added(
            "/spec/matchConstraints/excludeResourceRules",
            [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}],
        ),
    ),
    "clusterrole/egress-team-member: rules[": (
        f"{RBAC}/clusterroles/egress-team-member",
        added("/rules/-", {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}),
    ),
    "clusterrolebinding/egress-platform: subjects[": (
        f"{RBAC}/clusterrolebindings/egress-platform",
        added(
            "/subjects/-",
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "eve@example.com"},
        ),
    ),
    'namespace/team-y: metadata.labels["istio.io/rev"] added: other': (
        "/api/v1/namespaces/team-y",
        added("/metadata/labels/istio.io~1rev", "other"),
    ),
}


@pytest.mark.parametrize("line", EDITS)
def test_what_somebody_adds_is_seen_with_the_program_that_did_it(
    deployed: tuple[Api, Path, Plan], line: str
) -> None:
    api, path, plan = deployed
    where, patch = EDITS[line]
    before = api.ask("GET", where).body
    answer = api.ask(
        "PATCH", f"{where}?fieldManager=kubectl-edit", patch, content_type="application/json-patch+json"
    )
    assert answer.status == 200, answer
    try:
        _, told = read(path, plan)
        (item,) = told.objects
        (said,) = item.lines
        assert said.startswith(line)
        assert ", by kubectl-edit at 20" in said
        assert told.changes or told.unjudged
    finally:
        del before["metadata"]["resourceVersion"], before["metadata"]["managedFields"]
        live = api.ask("GET", where).body
        before["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        assert api.ask("PUT", where, before).status == 200
