"""Drift in the sandbox, told in order: people change, delete and add to every kind of fence; Pulumi sees
what it states, `egress drift` sees all of it, and the commands that it prints put it right."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.apiserver import ApiServer
from sandbox.google import console
from sandbox.google.cloud import Cloud
from sandbox.kubernetes.cluster import Cluster
from tests.engine.stack import Sandbox
from tests.support import ROOT, dev_config

READER = "reader@example.com"
RBAC = "rbac.authorization.k8s.io/v1"
FIREWALL = "projects/sandbox-project/global/firewalls/gateway-allow-egress-web"
ADDED: list[tuple[str, str, str | None, str, str, Any]] = [
    # a fence: version, kind, namespace, name, where somebody adds what
    ("networking.k8s.io/v1", "NetworkPolicy", "team-y", "team-boundary", "/spec/egress/-", {}),
    (
        "security.istio.io/v1",
        "AuthorizationPolicy",
        "istio-egress",
        "egress-team-y",
        "/spec/rules/-",
        {},
    ),
    ("security.istio.io/v1", "AuthorizationPolicy", "istio-egress", "allow-nothing", "/spec/rules", [{}]),
    ("networking.istio.io/v1", "Sidecar", "team-y", "default", "/spec/egress/0/hosts/-", "*/*"),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        None,
        "egress-team-workloads",
        "/spec/matchConditions/-",
        {"name": "never", "expression": "false"},
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        None,
        "egress-team-workloads",
        "/spec/matchResources/namespaceSelector/matchLabels",
        {"free": "no"},
    ),
    (
        RBAC,
        "ClusterRole",
        None,
        "egress-team-member",
        "/rules/-",
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    ),
    (
        RBAC,
        "ClusterRoleBinding",
        None,
        "egress-platform",
        "/subjects/-",
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "eve@example.com"},
    ),
    ("v1", "Namespace", None, "team-y", "/metadata/labels/istio.io~1rev", "other"),
    (
        "networking.istio.io/v1",
        "VirtualService",
        "istio-egress",
        "example-com-through-egress-gateway",
        "/spec/exportTo/-",
        "team-y",
    ),
    (
        "networking.istio.io/v1",
        "Gateway",
        "istio-egress",
        "egress-gateway",
        "/spec/servers/-",
        {"port": {"number": 9999, "name": "open", "protocol": "TCP"}, "hosts": ["*"]},
    ),
    (
        "networking.istio.io/v1",
        "ServiceEntry",
        "istio-egress",
        "example-com-ext",
        "/spec/exportTo/-",
        "team-y",
    ),
    (
        "security.istio.io/v1",
        "PeerAuthentication",
        "istio-system",
        "default",
        "/spec/selector",
        {"matchLabels": {"app": "none"}},
    ),
]
BY_A_CONSOLE = ("ValidatingAdmissionPolicy", "Namespace")
"""Kinds to which a program adds whose fields Pulumi's provider leaves alone."""
CHANGED = ("v1", "Namespace", "team-x", "pod-security.kubernetes.io/enforce", "privileged")
DELETED: list[tuple[str, str, str | None, str]] = [
    ("networking.k8s.io/v1", "NetworkPolicy", "team-x", "team-boundary"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", None, "egress-platform-kinds"),
    ("security.istio.io/v1", "AuthorizationPolicy", "istio-egress", "egress-team-x"),
]
FOREIGN = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "open", "namespace": "istio-egress"},
    "spec": {"rules": [{}]},
}


def called(kind: str, namespace: str | None, name: str) -> str:
    return "/".join(filter(None, (namespace, kind.lower(), name)))


class Stage:
    """The sandbox, and its cluster as its administrator."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.config = dev_config()
        groups = {"platform": ["p@example.com"], "teams": {"team-x": ["x@example.com"]}}
        self.config["gke-mesh-egress:fences"] = {"groups": groups}
        self.config["gke-mesh-egress:cluster"]["securityGroup"] = "gke-security-groups@example.com"
        sandbox.configure(self.config)

    @property
    def server(self) -> ApiServer:
        return ApiServer(self.sandbox.home)

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.server.url, self.server.token, self.server.ca_pem)

    def path(self, version: str, kind: str, namespace: str | None, name: str | None = None) -> str:
        return self.cluster.kind(version, kind).path(namespace, name)

    def patch(self, path: str, patch: list[dict[str, Any]], manager: str = "kubectl-edit") -> None:
        self.cluster.request("PATCH", path, patch, fieldManager=manager)

    def drift(self, *words: str) -> tuple[int, dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "egress", "drift", "--json", *words],
            env={**self.sandbox.environment, "PYTHONPATH": str(ROOT)},
            cwd=self.sandbox.project,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            encoding="utf-8",
        )
        assert done.returncode in (0, 1), done.stderr
        return done.returncode, json.loads(done.stdout)

    def of_cluster(self) -> tuple[int, dict[str, Any]]:
        return self.drift("--kubeconfig", str(self.server.kubeconfig))

    def run(self, command: str) -> None:
        """A command as `egress drift` prints it, but without kubectl and Pulumi's own state."""
        words = shlex.split(command)
        match words[:3]:
            case ["pulumi", "config", "set"]:
                key, _, name = words[-2].partition("[")
                self.config.setdefault(key, {})[json.loads(name.removesuffix("]"))] = words[-1]
                self.sandbox.configure(self.config)
            case ["pulumi", "up", _]:
                assert words[-1] == "--refresh"
                self.sandbox.run("refresh")
                self.sandbox.run("up")
            case ["kubectl", "delete" | "patch", _]:
                kind, _, group = words[2].partition(".")
                namespace = words[words.index("--namespace") + 1] if "--namespace" in words else None
                path = self.path(f"{group}/v1" if group else "v1", self.kind(kind), namespace, words[3])
                if words[1] == "delete":
                    self.cluster.request("DELETE", path)
                else:
                    self.patch(path, json.loads(words[words.index("--patch") + 1]), "kubectl-patch")
            case _:
                raise AssertionError(command)

    def kind(self, lower: str) -> str:
        return next(kind for _, kind, *_ in ADDED if kind.lower() == lower)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(Sandbox(tmp_path_factory.mktemp("drift")))
    try:
        stage.sandbox.run("up")
        yield stage
    finally:
        stage.server.wipe()


def test_after_up_nothing_has_drifted(stage: Stage) -> None:
    assert stage.of_cluster()[0] == 0


def test_what_is_added_to_a_fence_is_seen_by_no_refresh_and_put_right_by_no_up(stage: Stage) -> None:
    """As with the real provider, which compares the shape that the program states."""
    for version, kind, namespace, name, where, value in ADDED:
        manager = "console" if kind in BY_A_CONSOLE else "kubectl-edit"
        added = [{"op": "add", "path": where, "value": value}]
        stage.patch(stage.path(version, kind, namespace, name), added, manager)
    stage.cluster.request(
        "POST", stage.path("security.istio.io/v1", "AuthorizationPolicy", "istio-egress"), FOREIGN
    )
    assert stage.sandbox.changes(stage.sandbox.run("refresh")).keys() == {"unchanged"}
    assert stage.sandbox.changes(stage.sandbox.run("up")).keys() == {"unchanged"}


def test_it_is_named_whole_with_who_did_it_and_what_it_does(stage: Stage) -> None:
    code, told = stage.of_cluster()
    assert code == 1
    found = {item["object"]: item for item in told["objects"]}
    for _, kind, namespace, name, where, _ in ADDED:
        item = found.pop(called(kind, namespace, name))
        (field,) = item["fields"]
        assert field["how"] == "added", item
        assert field["field"].startswith(where.split("/")[1])
        assert field["by"].startswith("console at" if kind in BY_A_CONSOLE else "kubectl-edit at")
    assert {name: item["how"] for name, item in found.items()} == {
        "istio-egress/authorizationpolicy/open": "added"
    }
    assert any(
        change["widening"]
        and "istio-egress/authorizationpolicy/egress-team-y: spec.rules[" in " ".join(change["drifted"])
        for change in told["changes"]
    )


def test_what_is_changed_and_deleted_is_named_too(stage: Stage) -> None:
    version, kind, name, label, value = CHANGED
    where = f"/metadata/labels/{label.replace('/', '~1')}"
    stage.patch(stage.path(version, kind, None, name), [{"op": "replace", "path": where, "value": value}])
    for version, kind, namespace, name in DELETED:
        stage.cluster.request("DELETE", stage.path(version, kind, namespace, name))
    _, told = stage.of_cluster()
    found = {item["object"]: item for item in told["objects"]}
    for _, kind, namespace, name in DELETED:
        assert found[called(kind, namespace, name)]["how"] == "gone"
    (field,) = found["namespace/team-x"]["fields"]
    assert (field["how"], field["planned"], field["live"]) == ("changed", "restricted", "privileged")


def test_an_account_that_may_read_no_secrets_sees_it_all_and_cannot_refresh(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = stage.cluster.request("GET", "/apis")["groups"]
    core = ["configmaps", "namespaces", "services", "serviceaccounts", "replicationcontrollers", "pods"]
    rules = [
        {"apiGroups": [""], "resources": core, "verbs": ["get", "list"]},
        {"apiGroups": [group["name"] for group in others], "resources": ["*"], "verbs": ["get", "list"]},
    ]
    metadata = {"name": "reader"}
    api = RBAC.partition("/")[0]
    binding = {
        "subjects": [{"apiGroup": api, "kind": "User", "name": READER}],
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": "reader"},
    }
    for kind, body in (("ClusterRole", {"rules": rules}), ("ClusterRoleBinding", binding)):
        manifest = {"apiVersion": RBAC, "kind": kind, "metadata": metadata, **body}
        stage.cluster.request("POST", stage.path(RBAC, kind, None), manifest)
    config = yaml.safe_load(stage.server.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"]["as"] = READER
    kubeconfig = tmp_path / "reader"
    kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
    _, told = stage.drift("--kubeconfig", str(kubeconfig))
    assert told["notRead"] == []
    assert told["objects"] == stage.of_cluster()[1]["objects"]
    monkeypatch.setenv("EGRESS_SANDBOX_AS", READER)
    output = " ".join(stage.sandbox.run("refresh", fails=True).split())
    assert f'secrets "sh.helm.release.v1.istio-base.v1" is forbidden: User "{READER}" cannot get' in output


def test_googles_resources_are_judged_by_an_export(stage: Stage, tmp_path: Path) -> None:
    cloud = Cloud(stage.sandbox.home)
    console.edit(cloud, FIREWALL, {"allows": [{"protocol": "all"}]})
    stage.sandbox.run("refresh")
    export = tmp_path / "live.json"
    export.write_text(stage.sandbox.run("export"), encoding="utf-8")
    code, told = stage.drift("--from", str(export), "--kubeconfig", str(stage.server.kubeconfig))
    assert code == 1
    assert "firewall/gateway-allow-egress-web" in {item["object"] for item in told["objects"]}
    assert any("gateway" in change["text"] and change["widening"] for change in told["changes"])


def test_the_commands_that_it_prints_put_everything_right(stage: Stage) -> None:
    _, told = stage.of_cluster()
    for command in told["commands"]:
        stage.run(command["command"])
    code, told = stage.of_cluster()
    assert code == 0, told["objects"]
    assert json.dumps(Cloud(stage.sandbox.home).get(FIREWALL)).count("443") == 1
    assert stage.sandbox.changes(stage.sandbox.run("up")).keys() == {"unchanged"}
