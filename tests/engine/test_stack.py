"""The program under the real engine, from the first `up` to the last `destroy`: one sandbox, told in
order."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.apiserver import ApiServer
from sandbox.google import console
from sandbox.google.cloud import Cloud
from tests.engine.stack import Sandbox, egress, kubernetes_object
from tests.support import ROOT, config_with, dev_config


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("engine"))
    try:
        yield sandbox
    finally:
        ApiServer(sandbox.home).wipe()


TEAM_Y_POLICY = "/apis/security.istio.io/v1/namespaces/istio-egress/authorizationpolicies/egress-team-y"


def test_a_refused_config_changes_nothing_and_says_all(sandbox: Sandbox) -> None:
    sandbox.configure(config_with("teams/team-x/egress/intranet", {"htp": {}}))
    output = sandbox.run("up", fails=True)
    assert "2 problems in the stack's config. Nothing was changed." in output
    assert "Traceback" not in output
    assert Cloud(sandbox.home).list() == []
    sandbox.configure(dev_config())


def test_preview_of_a_new_stack_shows_everything_and_makes_nothing(sandbox: Sandbox) -> None:
    assert sandbox.changes(sandbox.run("preview"))["create"] > 90
    assert Cloud(sandbox.home).list() == []


def test_a_killed_up_can_be_run_again(sandbox: Sandbox) -> None:
    running = subprocess.Popen(
        sandbox.arguments("up"),
        env=sandbox.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    assert running.stdout is not None
    for line in running.stdout:
        if "kubernetes:core/v1:Namespace" in line:
            break
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=60)
    assert "Who may reach what" in sandbox.run("up")


def test_a_second_up_changes_nothing_and_says_who_may_reach_what_and_the_way_on(sandbox: Sandbox) -> None:
    output = sandbox.run("up")
    assert sandbox.changes(output).keys() == {"unchanged"}
    assert re.search(
        r"team-x +example\.com +http, leaves as https +everything\n +example\.com +https +everything\n",
        output,
    )
    assert re.search(
        r"team-y +httpbin\.org +http, leaves UNENCRYPTED +/status/418 \(void: https passes everything\)\n",
        output,
    )
    assert "KUBECONFIG=" in output
    assert "A real project" in output


def test_what_gke_made_itself_is_taken_over_and_nothing_else_may_be(sandbox: Sandbox) -> None:
    """By a provider of its own: whatever else is there before the program stops the creation."""
    logging = kubernetes_object(sandbox, "/apis/networking.gke.io/v1alpha1/networkloggings/default")
    assert logging["spec"]["cluster"]["deny"] == {"log": True, "delegate": False}
    resources = json.loads(sandbox.run("export"))["deployment"]["resources"]
    providers = [resource for resource in resources if resource["type"] == "pulumi:providers:kubernetes"]
    assert all(provider["inputs"]["clusterIdentifier"] for provider in providers)
    upserting = {
        resource["urn"]
        for resource in providers
        if resource["inputs"].get("upsertExistingObjects") in (True, "true")
    }
    taken_over = [
        resource["urn"].rpartition("::")[2]
        for resource in resources
        if resource.get("provider", "").rpartition("::")[0] in upserting
    ]
    assert taken_over == ["networklogging/default"]


def test_another_endpoint_of_the_cluster_replaces_nothing(sandbox: Sandbox) -> None:
    """Whether the API server is reached by name or by address is a matter of the way, not of the cluster."""
    by_address = {"dnsEndpoint": False, "authorizedNetworks": {"office": "198.51.100.0/24"}}
    for config in (config_with("cluster/controlPlane", by_address), dev_config()):
        sandbox.configure(config)
        assert sandbox.changes(sandbox.run("preview")).keys() == {"update", "unchanged"}
        assert sandbox.changes(sandbox.run("up"))["updated"] == 3, "the cluster and its two providers"
        assert sandbox.changes(sandbox.run("up")).keys() == {"unchanged"}


def test_the_cluster_is_never_replaced_under_its_own_name(sandbox: Sandbox) -> None:
    """Deleted first, everything in it would be counted as deleted too, whatever came of it."""
    sandbox.configure(config_with("network/controlPlane", "10.6.0.0/28"))
    assert "clusters/cluster1' already exists" in sandbox.run("up", fails=True)
    sandbox.configure(dev_config())
    assert sandbox.changes(sandbox.run("up"))["updated"] == 2, "firewall rules for the control plane's range"
    assert sandbox.changes(sandbox.run("up")).keys() == {"unchanged"}


def test_one_changed_line_changes_one_object(sandbox: Sandbox) -> None:
    sandbox.configure(config_with("teams/team-y/egress/httpbin.org/http/paths", ["/status/418", "/get"]))
    changes = sandbox.changes(sandbox.run("up"))
    assert changes["updated"] == 1
    assert changes.keys() == {"updated", "unchanged"}
    rules = kubernetes_object(sandbox, TEAM_Y_POLICY)["spec"]["rules"]
    assert rules[0]["to"][0]["operation"]["paths"] == ["/status/418", "/get"]


def test_removing_a_team_deletes_what_it_alone_used_and_replaces_nothing(sandbox: Sandbox) -> None:
    config = dev_config()
    del config["gke-mesh-egress:teams"]["team-y"]
    config["gke-mesh-egress:teams"]["team-x"]["reaches"] = []
    sandbox.configure(config)
    output = sandbox.run("up")
    assert "replaced" not in sandbox.changes(output)
    namespaces = [
        item["metadata"]["name"] for item in kubernetes_object(sandbox, "/api/v1/namespaces")["items"]
    ]
    assert "team-y" not in namespaces
    assert "team-x" in namespaces
    entry = kubernetes_object(
        sandbox, "/apis/networking.istio.io/v1/namespaces/istio-egress/serviceentries/httpbin-org-ext"
    )
    assert entry["spec"]["exportTo"] == ["istio-egress", "team-x"]


def test_the_team_comes_back_whole(sandbox: Sandbox) -> None:
    sandbox.configure(dev_config())
    assert "replaced" not in sandbox.changes(sandbox.run("up"))
    assert sandbox.changes(sandbox.run("up")).keys() == {"unchanged"}


def test_roles_on_googles_resources_come_and_go_with_their_lines(sandbox: Sandbox) -> None:
    grants = {
        "buckets": {"bucket": "roles/storage.objectViewer"},
        "topics": {"orders": "roles/pubsub.publisher"},
        "subscriptions": {"orders-sub": "roles/pubsub.subscriber"},
        "secrets": {"api-key": {"role": "roles/secretmanager.secretAccessor", "project": "other-project"}},
        "datasets": {"sales": "roles/bigquery.dataViewer"},
        "projectRoles": {"roles/bigquery.jobUser": "queries belong to the project"},
    }
    account = dev_config()["gke-mesh-egress:teams"]["team-x"]["googleApis"]["serviceAccounts"]["test"]
    sandbox.configure(config_with("teams/team-x/googleApis/serviceAccounts/test", account | grants))
    assert "replaced" not in sandbox.changes(sandbox.run("up"))
    held = {
        item["id"].rpartition("/roles/")[0] for item in Cloud(sandbox.home).list() if "/roles/" in item["id"]
    }
    project, other = "projects/sandbox-project", "projects/other-project"
    wanted = {f"{project}/topics/orders", f"{project}/subscriptions/orders-sub", f"{project}/datasets/sales"}
    assert wanted | {f"{other}/secrets/api-key"} <= held
    assert sandbox.changes(sandbox.run("up")).keys() == {"unchanged"}
    sandbox.configure(dev_config())
    sandbox.run("up")
    held = {
        item["id"].rpartition("/roles/")[0] for item in Cloud(sandbox.home).list() if "/roles/" in item["id"]
    }
    assert not wanted & held


def test_refresh_finds_a_firewall_rule_that_somebody_opened_and_up_closes_it(sandbox: Sandbox) -> None:
    cloud = Cloud(sandbox.home)
    rule = "projects/sandbox-project/global/firewalls/gateway-allow-egress-web"
    console.edit(cloud, rule, {"allows": [{"protocol": "tcp", "ports": ["80", "443", "22"]}]})
    assert sandbox.changes(sandbox.run("refresh")).get("updated") == 1
    assert sandbox.changes(sandbox.run("up")).get("updated") == 1
    assert "22" not in json.dumps(cloud.get(rule))


def test_refresh_finds_a_policy_that_somebody_widened_and_up_narrows_it(sandbox: Sandbox) -> None:
    import ssl
    import urllib.request

    server = ApiServer(sandbox.home)
    patch = urllib.request.Request(
        server.url + TEAM_Y_POLICY,
        method="PATCH",
        data=json.dumps({"spec": {"rules": [{}]}}).encode(),
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/merge-patch+json"},
    )
    urllib.request.urlopen(
        patch, context=ssl.create_default_context(cadata=server.ca_pem), timeout=20
    ).close()
    assert sandbox.changes(sandbox.run("refresh")).get("updated") == 1
    assert sandbox.changes(sandbox.run("up")).get("updated") == 1
    assert kubernetes_object(sandbox, TEAM_Y_POLICY)["spec"]["rules"] != [{}]


def test_outputs_and_export_are_json_and_nothing_else(sandbox: Sandbox) -> None:
    outputs = json.loads(sandbox.run("outputs"))
    assert outputs["egress"]["contract"] == 1
    assert outputs["egress"]["cluster"]["endpoint"].startswith("https://")
    resources = json.loads(sandbox.run("export"))["deployment"]["resources"]
    assert (
        len([resource for resource in resources if resource["type"].startswith(("gcp:", "kubernetes:"))]) > 70
    )


COLLECTIONS = (
    *("api/v1/namespaces", "api/v1/services", "api/v1/serviceaccounts", "apis/apps/v1/deployments"),
    "apis/networking.k8s.io/v1/networkpolicies",
    *(
        f"apis/admissionregistration.k8s.io/v1/validatingadmission{kind}"
        for kind in ("policies", "policybindings")
    ),
    *(
        f"apis/networking.istio.io/v1/{kind}"
        for kind in ("destinationrules", "gateways", "serviceentries", "sidecars")
    ),
    "apis/networking.istio.io/v1/virtualservices",
    *(f"apis/security.istio.io/v1/{kind}" for kind in ("authorizationpolicies", "peerauthentications")),
)


def test_what_was_deployed_is_what_the_config_says(sandbox: Sandbox, tmp_path: Path) -> None:
    """Exports hold what the provider computes and its defaults, the API server's objects hold its own: none
    is a change."""
    export, live = tmp_path / "deployed.json", tmp_path / "live.yaml"
    export.write_text(sandbox.run("export"), encoding="utf-8")
    printed: list[dict[str, Any]] = []
    for path in COLLECTIONS:
        found = kubernetes_object(sandbox, f"/{path}")
        named = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
        printed += [{**named, **item} for item in found["items"]]
    live.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": printed}), encoding="utf-8")
    for given in (export, live):
        said = egress(sandbox, "diff", str(given), "--fail-on-widening")
        assert said == "Nothing changes: what is compared is the same.\n"
    asked = ("team-y", "http://httpbin.org/status/418", "--json")
    told, of_config = (
        json.loads(egress(sandbox, "explain", *asked, *more)) for more in (("--from", str(export)), ())
    )
    assert told["allowed"] is of_config["allowed"] is True
    assert [step["allowed"] for step in told["steps"]] == [step["allowed"] for step in of_config["steps"]]
    assert all(step.get("understood", True) for step in told["steps"])
    tables = [
        json.loads(egress(sandbox, "reach", "--json", *more))["rows"]
        for more in ((), ("--from", str(export)))
    ]
    verdicts = [
        {
            (row["team"], row["target"], row["port"], way): said["verdict"]
            for row in rows
            for way, said in row["ways"].items()
        }
        for rows in tables
    ]
    assert verdicts[0] == verdicts[1]


def test_an_application_deploys_by_the_contract_alone(sandbox: Sandbox) -> None:
    application = ROOT / "examples/application"
    assert "example.com" in sandbox.run("up", application)
    allowed = kubernetes_object(sandbox, "/api/v1/namespaces/team-x/configmaps/allowed-hosts")
    assert allowed["data"]["hosts"] == "example.com\nhttpbin.org"
    sandbox.run("destroy", application)


def test_monitoring_watches_by_the_contract_alone(sandbox: Sandbox) -> None:
    monitoring = ROOT / "examples/monitoring"
    assert sandbox.changes(sandbox.run("up", monitoring))["created"] >= 4
    assert sandbox.changes(sandbox.run("up", monitoring)).keys() == {"unchanged"}
    metric = Cloud(sandbox.home).get("egress-refused-by-firewall")
    assert 'vpc_name="vpc-network"' in json.dumps(metric).replace('\\"', '"')
    sandbox.run("destroy", monitoring)


def test_what_is_protected_stops_a_destroy_before_anything_is_deleted(sandbox: Sandbox) -> None:
    sandbox.configure(config_with("protect", True))
    sandbox.run("up")
    before = {item["id"] for item in Cloud(sandbox.home).list()}
    output = sandbox.run("destroy", fails=True)
    assert "cannot be deleted because it is protected" in " ".join(output.split())
    assert "nothing was changed" in output
    assert "pulumi state unprotect" in output
    assert {item["id"] for item in Cloud(sandbox.home).list()} == before
    assert kubernetes_object(sandbox, TEAM_Y_POLICY)
    sandbox.configure(dev_config())
    assert sandbox.changes(sandbox.run("up")).keys() <= {"unchanged", "updated"}


def test_a_program_beside_the_platform_survives_a_platform_made_anew(sandbox: Sandbox) -> None:
    application = ROOT / "examples/application"
    sandbox.run("up", application)
    assert "other stacks hold objects, which go with it: team-x-app/dev" in sandbox.run("destroy")
    sandbox.run("up")
    output = sandbox.run("up", application)
    assert "The cluster was made anew" in output
    assert sandbox.changes(output)["created"] == 2
    assert kubernetes_object(sandbox, "/api/v1/namespaces/team-x/configmaps/allowed-hosts")
    assert sandbox.changes(sandbox.run("up", application)).keys() == {"unchanged"}
    assert "--directory" in output.partition("Outputs (")[2].partition("\n")[0]
    sandbox.run("destroy", application)


def test_destroy_leaves_nothing_behind(sandbox: Sandbox) -> None:
    output = sandbox.run("destroy")
    assert "deleted" in sandbox.changes(output)
    left = {item["type"] if isinstance(item, dict) else item.type for item in Cloud(sandbox.home).list()}
    assert left <= {"gcp:projects/service:Service"}
    assert not ApiServer(sandbox.home).running()
