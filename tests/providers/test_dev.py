"""The dev stack through the real plugins, from its first preview to the last destroy: told in order."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.providers.engine import end
from tests.providers.plugins import Missing
from tests.providers.stack import Stack, kept_by_google, stack
from tests.support import config_with, dev_config

JSON = dict[str, Any]
TEAM = ("networking.k8s.io/v1", "NetworkPolicy", "team-y", "team-boundary")
GATE = ("security.istio.io/v1", "AuthorizationPolicy", "istio-egress", "egress-team-y")
ADMISSION = ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", None, "egress-team-workloads")
ROLE = ("rbac.authorization.k8s.io/v1", "ClusterRole", None, "egress-team-member")
SIDECAR = ("networking.istio.io/v1", "Sidecar", "team-y", "default")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    try:
        with stack(tmp_path_factory.mktemp("dev"), dev_config()) as dev:
            yield dev
    except Missing as missing:
        pytest.skip(str(missing))


def written(dev: Stack) -> list[str]:
    """What Google was asked to do, beyond looking."""
    return [call.method_id for call in dev.google.calls if call.http != "GET"]


def test_a_preview_makes_nothing(dev: Stack) -> None:
    run = dev.project.run("preview")
    assert run.changes.keys() == {"create"}
    assert run.changes["create"] > 90
    assert written(dev) == []


def test_an_up_that_is_killed_goes_on_after_what_docs_say(dev: Stack) -> None:
    """`pulumi cancel`, then what was being made is deleted where it is there, then `pulumi up`."""
    running = dev.project.start("up", "--stack", "dev", "--yes", "--skip-preview")
    assert running.stdout is not None
    for line in running.stdout:
        if "kubernetes:core/v1:Namespace" in line and "created" in line:
            break
    end(running)
    running.communicate(timeout=30)
    dev.project.ok("cancel", "--stack", "dev", "--yes")
    for inputs in being_made(dev):
        name, namespace = inputs["metadata"]["name"], inputs["metadata"].get("namespace")
        kind = dev.client.kind(inputs["apiVersion"], inputs["kind"], 0)
        dev.client.delete_and_wait(kind, namespace, name, 60)
    dev.project.run("up")


def being_made(dev: Stack) -> list[JSON]:
    """Kubernetes objects that Pulumi had begun to create, and does not know what became of."""
    state = json.loads(dev.project.ok("stack", "export", "--stack", "dev"))["deployment"]
    pending = [
        item["resource"] for item in state.get("pending_operations") or [] if item["type"] == "creating"
    ]
    return [item["inputs"] for item in pending if "kind" in item["inputs"]]


def test_again_nothing_changes_and_nothing_has_drifted(dev: Stack) -> None:
    assert not dev.project.run("up").changes
    assert not dev.project.run("refresh", "--preview-only", "--expect-no-changes").changes
    code, told = dev.drift()
    assert code == 0, told["objects"]


def test_another_endpoint_replaces_nothing(dev: Stack) -> None:
    by_address = {"dnsEndpoint": False, "authorizedNetworks": {"office": "198.51.100.0/24"}}
    for config in (config_with("cluster/controlPlane", by_address), dev_config()):
        dev.configure(config)
        assert dev.project.run("up").changes == {"update": 3}, "the cluster and its two providers"
    assert not dev.project.run("preview").changes


def test_one_changed_team_changes_one_object(dev: Stack) -> None:
    dev.configure(config_with("teams/team-y/egress/httpbin.org/http/paths", ["/status/418", "/get"]))
    run = dev.project.run("up")
    assert list(run.ops.values()) == ["update"]
    live = dev.live(*GATE)
    assert live
    assert live["spec"]["rules"][0]["to"][0]["operation"]["paths"] == ["/status/418", "/get"]
    dev.configure(dev_config())
    dev.project.run("up")


WIDENED: dict[tuple[str, str, str | None, str], Any] = {
    TEAM: lambda item: item["spec"]["egress"].append({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}),
    GATE: lambda item: item["spec"]["rules"].append({}),
    ADMISSION: lambda item: item["spec"]["matchConditions"].append({"name": "never", "expression": "false"}),
    ROLE: lambda item: item["rules"].append({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}),
    SIDECAR: lambda item: item["spec"]["egress"][-1]["hosts"].append("*/*"),
}
CHANGED: dict[tuple[str, str, str | None, str], Any] = {
    TEAM: lambda item: item["spec"].update(egress=[{}]),
    GATE: lambda item: item["spec"].update(rules=[{}]),
    ADMISSION: lambda item: item["spec"].update(failurePolicy="Ignore"),
    ROLE: lambda item: item["rules"][0].update(verbs=["*"]),
    SIDECAR: lambda item: item["spec"]["egress"][0].update(hosts=["*/*"]),
}


def test_a_fence_that_somebody_changes_is_seen_and_put_right(dev: Stack) -> None:
    for which, change in CHANGED.items():
        dev.edit(*which, change)
    found = dev.project.run("refresh", "--preview-only")
    assert found.changes == {"update": len(CHANGED)}
    dev.project.run("up", "--refresh")
    assert not dev.project.run("refresh", "--preview-only", "--expect-no-changes").changes
    live = dev.live(*TEAM)
    assert live
    assert {} not in live["spec"]["egress"]


def test_a_fence_that_somebody_deletes_is_made_again(dev: Stack) -> None:
    for api_version, kind, namespace, name in CHANGED:
        dev.client.delete(dev.client.kind(api_version, kind, 0), namespace, name)
    assert dev.project.run("up", "--refresh").changes == {"create": len(CHANGED)}
    assert all(dev.live(*which) for which in CHANGED)


def test_what_somebody_adds_no_refresh_of_pulumis_sees_and_egress_drift_does(dev: Stack) -> None:
    for which, change in WIDENED.items():
        dev.edit(*which, change)
    assert not dev.project.run("refresh", "--preview-only", "--expect-no-changes").changes
    code, told = dev.drift()
    assert code == 1
    assert {item["object"]: item["how"] for item in told["objects"]} == {
        called(*it): "changed" for it in WIDENED
    }
    assert all("kubectl-edit at" in field["by"] for item in told["objects"] for field in item["fields"])


def test_the_commands_that_it_prints_put_it_right(dev: Stack) -> None:
    _, told = dev.drift()
    for command in told["commands"]:
        program, *words = shlex.split(command["command"])
        assert program == "pulumi", command
        dev.project.ok(*words, *(["--yes"] if words[0] == "up" else []))
    code, told = dev.drift()
    assert code == 0, told["objects"]
    assert not dev.project.run("preview").changes
    dev.configure(dev_config())
    dev.project.run("up")


def called(api_version: str, kind: str, namespace: str | None, name: str) -> str:
    return "/".join(filter(None, (namespace, kind.lower(), name)))


def test_a_firewall_rule_that_somebody_opens_is_seen_and_closed(dev: Stack) -> None:
    rule = "projects/sandbox-project/global/firewalls/gateway-allow-egress-web"

    def widen(resource: JSON) -> None:
        resource["allowed"] = [{"IPProtocol": "tcp", "ports": ["80", "443", "22"]}]

    dev.google.change(rule, widen)
    assert dev.project.run("refresh", "--preview-only").changes == {"update": 1}
    dev.project.run("up", "--refresh")
    assert "22" not in json.dumps(dev.google.resource(rule)["allowed"])


def test_destroy_leaves_nothing_behind(dev: Stack) -> None:
    started = time.monotonic()
    assert dev.project.run("destroy").changes.keys() == {"delete"}
    assert kept_by_google(dev) == set()
    assert time.monotonic() - started < 200
