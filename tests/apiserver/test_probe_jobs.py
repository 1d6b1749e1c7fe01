"""The probe's Jobs before a real API server with every fence of the stack: they are let in as they are, and
refused as soon as one of them is to go around a fence. And they are gone afterwards, whatever happens."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from egress.cli import probe as command
from egress.cli.app import app
from egress.common.objects import Manifest
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.probe import fences, run
from egress.probe.api import Api, ApiError
from egress.probe.flows import Service
from egress.probe.probe import Wanted, flows_of, made, probed
from egress.probe.row import State
from egress.proof.snapshot import deployment
from sandbox.apiserver import ApiServer
from sandbox.kubernetes.cluster import Cluster
from tests.apiserver import injector
from tests.apiserver.people import api_server, deploy, wait_until
from tests.support import ROOT, dev_config, plan_of

IMAGE = "registry.example/python:3"
JOBS = "system:serviceaccount:kube-system:job-controller"


class Stage:
    """The dev stack with all its fences, Pod Security among them."""

    def __init__(self, api: Api, server: ApiServer, plan: Plan) -> None:
        self.api, self.server, self.plan = api, server, plan
        self.controller = Cluster(server.url, server.token, server.ca_pem, user=JOBS)

    @property
    def wanted(self) -> Wanted:
        judges = Judges(deployment(self.plan, render(self.plan)))
        return Wanted(self.plan, judges, ["team-x", "team-y"], IMAGE, "0123", seconds=1)

    def jobs(self) -> list[Manifest]:
        services = {"team-x": Service("test", 80), "team-y": Service("test", 80)}
        return list(made(self.wanted, flows_of(self.wanted, services)).jobs)

    def create(self, job: Manifest) -> str:
        """What the API server says against it; nothing: it would take it."""
        path = f"/apis/batch/v1/namespaces/{job['metadata']['namespace']}/jobs"
        try:
            self.api.ask("POST", path, job, dryRun="All")
        except ApiError as error:
            return str(error)
        return ""

    def left(self) -> list[str]:
        return [job["metadata"]["name"] for job in self.api.ask("GET", "/apis/batch/v1/jobs")["items"]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    plan = plan_of(dev_config())
    with api_server(tmp_path_factory.mktemp("probe")) as (_, server, cluster):
        deploy(cluster, plan)
        certificates = server.kubeconfig.parent / "certificates"
        with injector.serving(
            certificates / "apiserver.crt", certificates / "apiserver.key", server.ca_pem
        ) as webhook:
            path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
            cluster.request("POST", path, webhook)
            found = Stage(Api.of(server.kubeconfig, None), server, plan)
            unfenced = found.jobs()[0]
            fences.AROUND[0].change(unfenced["spec"]["template"])
            wait_until(lambda: bool(found.create(unfenced)), "the policies are to be active")
            yield found


class TestAdmission:
    def test_every_job_is_let_in(self, stage: Stage) -> None:
        jobs = stage.jobs()
        assert {job["metadata"]["namespace"] for job in jobs} == {"team-x", "team-y"}
        assert [stage.create(job) for job in jobs] == [""] * len(jobs)

    def test_and_so_is_its_pod_with_its_proxy(self, stage: Stage) -> None:
        for job in stage.jobs():
            template = job["spec"]["template"]
            labels = {**template["metadata"]["labels"], injector.LABEL: "native"}
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": job["metadata"]["name"], "labels": labels},
                "spec": template["spec"],
            }
            path = f"/api/v1/namespaces/{job['metadata']['namespace']}/pods"
            answer = stage.controller.request("POST", path, pod, dryRun="All")
            assert [one["name"] for one in answer["spec"]["initContainers"]][-1] == "istio-proxy"
            assert answer["spec"]["containers"][0]["image"] == IMAGE

    @pytest.mark.parametrize("around", fences.AROUND, ids=lambda around: around.what)
    def test_a_job_that_goes_around_a_fence_is_refused(self, stage: Stage, around: fences.Around) -> None:
        job = stage.jobs()[0]
        around.change(job["spec"]["template"])
        assert "ValidatingAdmissionPolicy" in stage.create(job)


class TestWhatever:
    def test_jobs_without_pods_are_named_and_deleted(self, stage: Stage) -> None:
        """Nobody makes pods of Jobs here, as where a quota is used up."""
        rows = list(probed(stage.api, stage.wanted, lambda _: None))
        own = [row for row in rows if "the probe's own pod" in row.what]
        assert {row.what.partition(":")[0] for row in own} == {"team-x", "team-x as test", "team-y"}
        assert {row.says for row in own} == {"it has no pod, and no event says why"}
        assert {row.state for row in own} == {State.WRONG}
        flows = [row for row in rows if row.expected in ("passes", "refused") and "a pod" not in row.what]
        assert {row.state for row in flows} == {State.NOT_ASKED}
        assert stage.left() == []

    def test_an_interrupt_deletes_them_too(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[list[str]] = []

        def interrupted(_: float) -> None:
            seen.append(stage.left())
            raise KeyboardInterrupt

        monkeypatch.setattr(run.time, "sleep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(probed(stage.api, stage.wanted, lambda _: None))
        assert [len(names) for names in seen] == [3]
        assert stage.left() == []

    def test_an_image_that_cannot_be_pulled_is_said_at_once(self, stage: Stage) -> None:
        (job, *_) = stage.jobs()
        namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
        labels = {**job["spec"]["template"]["metadata"]["labels"], "job-name": name}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": job["spec"]["template"]["spec"],
        }
        path = f"/api/v1/namespaces/{namespace}/pods"
        stage.api.ask("POST", path, pod)
        waits = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
        status = {"containerStatuses": [_status({"waiting": waits})], "phase": "Pending"}
        cluster = Cluster(stage.server.url, stage.server.token, stage.server.ca_pem, force=True)
        item = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}}
        cluster.request(
            "PATCH", f"{path}/{name}/status", {**item, "status": status}, fieldManager="kubelet", force="true"
        )
        try:
            (heard,) = run.heard(stage.api, [job], {}, 60, lambda _: None)
        finally:
            stage.api.ask("DELETE", f"{path}/{name}", gracePeriodSeconds="0")
        assert heard.trouble == "its container waits: ImagePullBackOff: Back-off pulling image"

    def test_an_account_that_is_not_there_is_not_waited_for(self, stage: Stage) -> None:
        stage.api.ask("DELETE", "/api/v1/namespaces/team-x/serviceaccounts/test")
        try:
            rows = list(probed(stage.api, stage.wanted, lambda _: None))
        finally:
            account = next(
                item.manifest for item in render(stage.plan) if item.identity == "team-x/serviceaccount/test"
            )
            stage.api.ask("POST", "/api/v1/namespaces/team-x/serviceaccounts", account)
        (row,) = [row for row in rows if row.what.startswith("team-x as test")]
        assert (row.state, row.says) == (State.NOT_ASKED, "there is no ServiceAccount test")


def _status(state: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "egress-probe",
        "state": state,
        "ready": False,
        "restartCount": 0,
        "image": IMAGE,
        "imageID": "",
    }


class TestCommand:
    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
    def test_whoever_ends_it_early_leaves_nothing_behind(self, stage: Stage, how: signal.Signals) -> None:
        words = [sys.executable, "-m", "egress", "probe", "--kubeconfig", str(stage.server.kubeconfig)]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            wait_until(lambda: len(stage.left()) == 3, "the Jobs are made")
            running.send_signal(how)
            running.communicate(timeout=30)
        assert running.returncode != 0
        assert stage.left() == []

    def test_it_signs_in_as_the_kubeconfigs_plugin_says(self, stage: Stage, tmp_path: Path) -> None:
        """As gke-gcloud-auth-plugin does."""
        credential = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "kind": "ExecCredential",
            "status": {"token": stage.server.token},
        }
        config = yaml.safe_load(stage.server.kubeconfig.read_text(encoding="utf-8"))
        plugin = {
            "apiVersion": credential["apiVersion"],
            "command": "echo",
            "args": [json.dumps(credential)],
            "interactiveMode": "Never",
        }
        config["users"][0]["user"] = {"exec": plugin}
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        assert Api.of(file, None).ask("GET", "/api/v1/namespaces/team-x")["metadata"]["name"] == "team-x"

    def test_it_ends_with_1_and_says_which_pods_did_not_run(self, stage: Stage) -> None:
        words = ["probe", "--kubeconfig", str(stage.server.kubeconfig), "--timeout", "1", "--json"]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 1, done.output
        told = json.loads(done.stdout)
        states = [row["state"] for row in told["rows"]]
        assert states.count("ok") >= len(fences.AROUND)
        assert "wrong" in states
        assert stage.left() == []

    def test_a_person_without_rights_is_told_that_nothing_could_be_asked(
        self, stage: Stage, tmp_path: Path
    ) -> None:
        text = stage.server.kubeconfig.read_text(encoding="utf-8")
        other = tmp_path / "kubeconfig"
        other.write_text(text.replace(stage.server.token, "nobody"), encoding="utf-8")
        done = CliRunner().invoke(app, ["probe", "--kubeconfig", str(other), "--timeout", "1"])
        assert done.exit_code == 2, done.output
        assert "Nothing could be asked" in done.stderr
        assert command.IMAGE.startswith("gcr.io/")
