"""The whole command, as a process of its own, against Google's REST APIs on loopback: all is well, and then
one thing after another is not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from egress.doctor import made
from sandbox import doctor, project
from sandbox.apiserver import ApiServer
from sandbox.engine import Engine
from sandbox.google_rest import GoogleRest, faults
from sandbox.home import Home
from tests.support import ROOT

DAY = "2026-11-27"
"""On which the default version of Istio is supported, as its table says."""
PLACE = "projects/sandbox-project"


@dataclass(frozen=True)
class Sandbox:
    engine: Engine
    google: GoogleRest

    def asked(self, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            doctor.command("dev", "--on", DAY, *more),
            cwd=self.engine.project.work,
            env={**doctor.environment(self.engine, self.google), "NO_COLOR": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            encoding="utf-8",
        )

    def rows(self, code: int, **environment: str) -> list[dict[str, Any]]:
        done = self.asked("--json", **environment)
        assert done.returncode == code, done.stderr + done.stdout
        answer = json.loads(done.stdout)
        assert answer["stack"] == "dev"
        assert sum(answer["counts"].values()) == len(answer["findings"])
        return answer["findings"]


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch_module: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    home = Home(tmp_path_factory.mktemp("sandbox"))
    engine = Engine(home, project.copy(ROOT, "dev", home))
    with GoogleRest(home, ApiServer(home)) as google:
        yield Sandbox(engine, google)


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    """The engine keeps this machine's own accounts from its process; afterwards they are there again."""
    import os

    before = dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def sandbox(whole: Sandbox) -> Iterator[Sandbox]:
    """As it is before the first `up`, with a project that fits."""
    google = whole.google
    google.switched_on.update(doctor.SWITCHED_ON)
    yield whole
    google.faults.clear()
    for changed in (google.quotas, google.policies, google.unpublished):
        changed.clear()
    for resource in whole.google.cloud.list():
        whole.google.cloud.remove(resource["id"])


def test_on_the_sandbox_all_is_well(sandbox: Sandbox) -> None:
    done = sandbox.asked()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines[1:-1])
    assert lines[-1].endswith("nothing that is asked here stops `pulumi up`.")


def test_it_reads_and_changes_nothing(sandbox: Sandbox) -> None:
    before = sandbox.google.cloud.list()
    sandbox.google.calls.clear()
    sandbox.rows(0)
    posted = {call.method_id.rpartition(".")[2] for call in sandbox.google.calls if call.http != "GET"}
    assert posted == {"testIamPermissions", "getEffectiveOrgPolicy"}
    assert len(sandbox.google.calls) > 20
    assert sandbox.google.cloud.list() == before


def _account(sandbox: Sandbox) -> None:
    """Another stack's account, in the same project."""
    import urllib.request

    sandbox.google.enable("iam.googleapis.com")
    request = urllib.request.Request(
        f"{sandbox.google.url}/iam.googleapis.com/v1/{PLACE}/serviceAccounts",
        data=json.dumps({"accountId": "sa-application-nodes", "serviceAccount": {}}).encode(),
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


Break = Callable[[Sandbox], Any]
BROKEN: dict[str, tuple[Break, str, str, str]] = {
    "wrong project id": (
        lambda sandbox: sandbox.google.faults.add(
            faults.forbidden("cloudresourcemanager.projects.get", "resourcemanager.projects.get")
        ),
        "project",
        "there is no project sandbox-project, or this account may not see it",
        "gcloud projects list\npulumi config set gcp:project YOUR_PROJECT_ID --stack dev",
    ),
    "no billing": (
        lambda sandbox: sandbox.google.faults.add(faults.no_billing()),
        "billing",
        "off: no cluster and no Cloud NAT can be made",
        "gcloud billing accounts list\n"
        "gcloud billing projects link sandbox-project --billing-account=ACCOUNT_ID",
    ),
    "an API is off": (
        lambda sandbox: sandbox.google.switched_on.discard("monitoring.googleapis.com"),
        "APIs",
        "off: monitoring.googleapis.com",
        "gcloud services enable monitoring.googleapis.com --project sandbox-project",
    ),
    "a role is missing": (
        lambda sandbox: sandbox.google.faults.add(
            faults.forbidden("iam.*.setIamPolicy", "iam.serviceAccounts.setIamPolicy")
        ),
        "permissions",
        "without iam.serviceAccounts.setIamPolicy",
        "gcloud projects add-iam-policy-binding sandbox-project --member=user:sandbox@example.com "
        "--role=roles/iam.serviceAccountAdmin",
    ),
    "too few processors": (
        lambda sandbox: sandbox.google.quotas.update(CPUS=8),
        "quota CPUS in europe-west1",
        "8 of 8 free",
        "Ask for more at https://console.cloud.google.com/iam-admin/quotas?project=sandbox-project or plan "
        "for less.",
    ),
    "too few addresses": (
        lambda sandbox: sandbox.google.quotas.update(IN_USE_ADDRESSES=0),
        "quota IN_USE_ADDRESSES in europe-west1",
        "0 of 0 free",
        "Ask for more at https://console.cloud.google.com/iam-admin/quotas?project=sandbox-project or plan "
        "for less.",
    ),
    "a name is taken": (
        _account,
        "names",
        "there already: service account sa-application-nodes; not made by this stack",
        "Write another names.prefix, or another name in the config; if it is to become this "
        "stack's: pulumi import TYPE NAME ID",
    ),
    "a policy of the organization": (
        lambda sandbox: sandbox.google.policies.update(
            {"constraints/gcp.resourceLocations": {"listPolicy": {"allowedValues": ["us-central1"]}}}
        ),
        "policy gcp.resourceLocations",
        "allows us-central1, and not europe-west1",
        "gcloud resource-manager org-policies describe gcp.resourceLocations --effective --project "
        "sandbox-project\nThen ask whoever administers the organization for an exception.",
    ),
    "a chart is nowhere": (
        lambda sandbox: sandbox.google.unpublished.add("istiod"),
        "charts",
        " has no istiod 1.3",
        "Set gke-mesh-egress:mesh.istio.repository to ",
    ),
    "an image is nowhere": (
        lambda sandbox: sandbox.google.unpublished.add("proxyv2"),
        "images",
        " has no proxyv2 1.3",
        "",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_one_thing_that_is_wrong_is_one_row_with_what_mends_it(sandbox: Sandbox, what: str) -> None:
    change, row, found, fix = BROKEN[what]
    change(sandbox)
    wrong = [one for one in sandbox.rows(1) if one["state"] != "ok"]
    assert [(one["what"], one["state"]) for one in wrong] == [(row, "wrong")]
    assert found in wrong[0]["found"]
    assert wrong[0]["fix"].startswith(fix)
    assert wrong[0]["fix"]


def test_another_account_for_the_cluster_is_one_row_with_what_mends_it(sandbox: Sandbox) -> None:
    wrong = [one for one in sandbox.rows(1, EGRESS_SANDBOX_ACCOUNT="me@home.example") if one["state"] != "ok"]
    assert [(one["what"], one["found"], one["fix"]) for one in wrong] == [
        ("login for the cluster", "me@home.example", "gcloud auth login sandbox@example.com")
    ]


def test_a_missing_program_is_one_row_with_what_mends_it(sandbox: Sandbox, tmp_path: Path) -> None:
    for program in ("gcloud", "kubectl"):
        (tmp_path / program).symlink_to(doctor.PROGRAMS / program)
    pulumi = doctor.tools.ensure("pulumi")["pulumi"]
    (tmp_path / "pulumi").symlink_to(pulumi)
    wrong = [one for one in sandbox.rows(1, PATH=str(tmp_path)) if one["state"] != "ok"]
    assert [(one["what"], one["found"], one["fix"]) for one in wrong] == [
        ("gke-gcloud-auth-plugin", "not on PATH", "gcloud components install gke-gcloud-auth-plugin")
    ]


def test_where_google_does_not_answer_nothing_is_guessed(sandbox: Sandbox) -> None:
    sandbox.google.faults.add(faults.down("*"))
    rows = [one for one in sandbox.rows(1) if one["state"] != "ok"]
    assert {one["state"] for one in rows} == {"not known"}
    assert {one["check"] for one in rows} >= {
        "project",
        "billing",
        "apis",
        "access",
        "quotas",
        "names",
        "policies",
    }
    assert all(one["found"].startswith("not known, because Google answers with status 503") for one in rows)
    assert sandbox.asked("--allow-unknown").returncode == 0


def test_a_switched_off_api_leaves_its_questions_open_and_says_how_to_switch_it_on(sandbox: Sandbox) -> None:
    sandbox.google.switched_on.discard("compute.googleapis.com")
    rows = {one["what"]: one for one in sandbox.rows(1) if one["state"] != "ok"}
    assert rows.pop("APIs")["state"] == "wrong"
    assert {one["state"] for one in rows.values()} == {"not known"}
    assert rows["quotas"]["fix"] == "gcloud services enable compute.googleapis.com"


def test_what_pulumi_says_this_stack_has_made_is_not_taken(sandbox: Sandbox, tmp_path: Path) -> None:
    _account(sandbox)
    urn = "urn:pulumi:dev::gke-mesh-egress::"
    resources = [
        {
            "urn": f"{urn}pulumi:pulumi:Stack::gke-mesh-egress-dev",
            "type": "pulumi:pulumi:Stack",
            "custom": False,
        },
        {
            "urn": f"{urn}{made.ACCOUNT}::nodes-application",
            "type": made.ACCOUNT,
            "custom": True,
            "id": "projects/sandbox-project/serviceAccounts/sa-application-nodes",
            "inputs": {"accountId": "sa-application-nodes"},
        },
    ]
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"version": 3, "deployment": {"resources": resources}}), encoding="utf-8")
    pulumi(sandbox, "stack", "init", "dev")
    try:
        pulumi(sandbox, "stack", "import", "--stack", "dev", "--file", str(state))
        rows = {one["what"]: one for one in sandbox.rows(0)}
        assert rows["state of the stack"]["found"] == "1 resource"
        assert rows["names"]["found"] == "none is taken"
    finally:
        pulumi(sandbox, "stack", "rm", "dev", "--force", "--yes")


def pulumi(sandbox: Sandbox, *words: str) -> None:
    """The CLI, in the sandbox's own state."""
    command = [doctor.tools.ensure("pulumi")["pulumi"], *words, "--non-interactive"]
    done = ran(sandbox, command, sandbox.engine.project.work)
    assert done.returncode == 0, done.stderr


def ran(sandbox: Sandbox, command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command, as the sandbox's doctor is run."""
    return subprocess.run(
        list(command),
        cwd=folder,
        env=dict(doctor.environment(sandbox.engine, sandbox.google)),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        encoding="utf-8",
    )


def test_without_a_project_in_the_config_that_is_the_row(sandbox: Sandbox, tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    done = ran(sandbox, doctor.command("dev", "--json"), tmp_path)
    assert done.returncode == 1, done.stderr
    wrong = [one for one in json.loads(done.stdout)["findings"] if one["state"] == "wrong"]
    assert [(one["what"], one["found"]) for one in wrong] == [("project", "the config names none")]
