"""Each thing that stops a first `pulumi up` is found, by itself, with what mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from egress.doctor import made
from egress.doctor.case import Case
from egress.doctor.examine import CHECKS, examine
from egress.doctor.finding import Finding, NotKnown, State
from egress.doctor.google import Absent, Api, Google
from egress.doctor.login import nobody
from egress.doctor.machine import Ran
from egress.doctor.own import Own
from tests.doctor.cases import ACCOUNT, MACHINE, PROJECT, REGION, Answers, Programs, case, plan, quotas

Break = Callable[[Answers], object]
P = f"projects/{PROJECT}"
NODES = next(one.name for one in made.made(plan()) if one.kind == made.ACCOUNT)
"""The first account that the stack makes."""


def answers(of: Case) -> Answers:
    assert isinstance(of.google, Answers)
    return of.google


def broken(change: Break, **config: object) -> list[Finding]:
    """The rows that are not ok after a change of what Google says."""
    made_of = case(plan(**config))
    change(answers(made_of))
    return [one for one in examine(made_of) if one.state is not State.OK]


def the_one(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def test_of_a_project_that_fits_every_row_is_ok() -> None:
    findings = list(examine(case()))
    assert [one for one in findings if one.state is not State.OK] == []
    assert {one.check for one in findings} == {named.check for named in CHECKS} - {"state", "expected"}
    assert all(not one.fix for one in findings)


WRONG: dict[str, tuple[Break, str, str, str]] = {
    "there is no such project": (
        lambda google: google.gets.pop((Api.PROJECTS, P)),
        "project",
        f"there is no project {PROJECT}, or this account may not see it",
        "pulumi config set gcp:project",
    ),
    "the project is being deleted": (
        lambda google: google.gets.update({(Api.PROJECTS, P): {"lifecycleState": "DELETE_REQUESTED"}}),
        "project",
        f"{PROJECT} is DELETE_REQUESTED",
        f"gcloud projects undelete {PROJECT}",
    ),
    "nobody pays": (
        lambda google: google.gets.update({(Api.BILLING, f"{P}/billingInfo"): {"billingEnabled": False}}),
        "billing",
        "off: no cluster and no Cloud NAT can be made",
        f"gcloud billing projects link {PROJECT} --billing-account=ACCOUNT_ID",
    ),
    "an API is off": (
        lambda google: google.gets.update({(Api.SERVICES, f"{P}/services"): {}}),
        "apis",
        "off: artifactregistry.googleapis.com, cloudresourcemanager.googleapis.com, compute.googleapis.com",
        "gcloud services enable artifactregistry.googleapis.com ",
    ),
    "Editor may not grant roles on service accounts": (
        lambda google: setattr(
            google, "refused_permissions", frozenset({"resourcemanager.projects.setIamPolicy"})
        ),
        "access",
        "without resourcemanager.projects.setIamPolicy",
        f"gcloud projects add-iam-policy-binding {PROJECT} --member=user:{ACCOUNT} "
        "--role=roles/resourcemanager.projectIamAdmin",
    ),
    "too few processors": (
        lambda google: google.gets[Api.COMPUTE, REGION].update(  # type: ignore[union-attr]
            quotas=quotas(CPUS=8, SSD_TOTAL_GB=500, INSTANCES=24, IN_USE_ADDRESSES=8)
        ),
        "quotas",
        "8 of 8 free",
        f"https://console.cloud.google.com/iam-admin/quotas?project={PROJECT}",
    ),
    "a name is taken": (
        lambda google: google.gets.update(
            {(Api.IAM, f"{P}/serviceAccounts"): {"accounts": [{"email": f"{NODES}@{PROJECT}.x"}]}}
        ),
        "names",
        f"there already: service account {NODES}; not made by this stack",
        "pulumi import TYPE NAME ID",
    ),
    "the machine type is nowhere": (
        lambda google: google.gets.pop((Api.COMPUTE, f"{P}/zones/europe-west1-b/machineTypes/e2-standard-4")),
        "machines",
        "nowhere",
        "gcloud compute machine-types list",
    ),
    "no account may be made": (
        lambda google: setattr(
            google, "policies", {"iam.disableServiceAccountCreation": {"booleanPolicy": {"enforced": True}}}
        ),
        "policies",
        "no service account can be made, and nodes and teams need some",
        "gcloud resource-manager org-policies describe iam.disableServiceAccountCreation",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_thing_that_stops_it_is_found_with_what_mends_it(what: str) -> None:
    change, check, found, fix = WRONG[what]
    rows = [one for one in broken(change) if one.state is State.WRONG]
    row = the_one(rows)
    assert row.check == check
    assert row.found.startswith(found)
    assert fix in row.fix


def test_a_project_number_of_another_project_is_found() -> None:
    row = the_one(broken(lambda google: None, projectNumber="999999999999"))
    assert (row.check, row.state) == ("project", State.WRONG)
    assert 'projectNumber "123456789012"' in row.fix


def test_what_this_stack_has_made_already_is_not_taken() -> None:
    ours = case(own=Own(frozenset({(made.ACCOUNT, NODES)})))
    answers(ours).gets[Api.IAM, f"{P}/serviceAccounts"] = {
        "accounts": [{"email": f"{NODES}@{PROJECT}.iam.gserviceaccount.com"}]
    }
    assert [one for one in examine(ours) if one.state is not State.OK] == []


def test_without_the_stacks_state_a_name_that_is_there_is_not_called_somebody_elses() -> None:
    nobody_knows = case(own=Own(problem=NotKnown("nobody is logged in to Pulumi", "pulumi login")))
    answers(nobody_knows).gets[Api.COMPUTE, f"{P}/global/networks"] = {"items": [{"name": "vpc-network"}]}
    row = next(one for one in examine(nobody_knows) if one.check == "names")
    assert row.state is State.UNKNOWN
    assert row.found == (
        "there already: network vpc-network; whether this stack made them is not known, because nobody is "
        "logged in to Pulumi"
    )


def test_a_question_without_an_answer_is_not_known_and_says_why() -> None:
    rows = broken(
        lambda google: google.gets.update({(Api.BILLING, f"{P}/billingInfo"): "the API cloudbilling is off"})
    )
    row = the_one(rows)
    assert (row.check, row.state) == ("billing", State.UNKNOWN)
    assert row.found == "not known, because the API cloudbilling is off"


def test_offline_nothing_of_google_is_guessed() -> None:
    class Silent:
        def get(self, api: Api, path: str, **query: str) -> dict[str, object]:
            raise NotKnown("compute.googleapis.com cannot be reached")

        def ask(self, api: Api, path: str, question: dict[str, object]) -> dict[str, object]:
            raise NotKnown("compute.googleapis.com cannot be reached")

    silent: Google = Silent()
    rows = [one for one in examine(case(google=silent)) if one.check not in ("tools", "supply")]
    said = [
        one for one in rows if one.what != "Istio"
    ]  # a version is supported or not without asking anybody
    assert {one.state for one in said} == {State.UNKNOWN}
    assert {one.check for one in said} >= {"login", "project", "billing", "apis", "access", "quotas", "names"}


def test_without_a_login_the_row_of_the_login_is_wrong_and_the_others_are_not_known() -> None:
    problem = NotKnown("nobody is logged in", "gcloud auth application-default login")
    login = nobody(problem)
    rows = list(examine(case(login=login)))
    row = next(one for one in rows if one.what == "login for Google Cloud")
    assert (row.state, row.fix) == (State.WRONG, "gcloud auth application-default login")
    with pytest.raises(NotKnown, match="nobody is logged in"):
        login.send("GET", "https://compute.googleapis.com/", None, None)


@pytest.mark.parametrize(
    ("active", "state", "fix"),
    [
        (ACCOUNT, State.OK, ""),
        (ACCOUNT.upper(), State.OK, ""),
        ("other@example.com", State.WRONG, f"gcloud auth login {ACCOUNT}"),
        ("", State.WRONG, "gcloud auth login"),
    ],
)
def test_both_logins_are_one_account(active: str, state: State, fix: str) -> None:
    machine = Programs({**MACHINE, "gcloud auth": Ran(0, f"{active}\n", "")})
    row = next(one for one in examine(case(machine=machine)) if one.what == "login for the cluster")
    assert (row.state, row.fix) == (state, fix)


@pytest.mark.parametrize("name", ["pulumi", "gcloud version", "gke-gcloud-auth-plugin", "kubectl"])
def test_a_missing_program_is_found(name: str) -> None:
    machine = Programs({key: ran for key, ran in MACHINE.items() if key != name})
    rows = [
        one for one in examine(case(machine=machine)) if one.check == "tools" and one.state is not State.OK
    ]
    row = the_one(rows)
    assert (row.what, row.state, row.found) == (name.split(maxsplit=1)[0], State.WRONG, "not on PATH")
    assert row.fix


def test_an_old_pulumi_is_found() -> None:
    machine = Programs({**MACHINE, "pulumi": Ran(0, "v3.99.1", "")})
    row = next(one for one in examine(case(machine=machine)) if one.what == "pulumi")
    assert (row.state, row.found, row.needed) == (State.WRONG, "3.99.1", "3.259.0 or newer")


def test_what_a_team_has_a_role_on_has_to_be_there() -> None:
    teams = {
        "shop": {
            "googleApis": {
                "serviceAccounts": {
                    "worker": {"secrets": {"api-key": {"role": "roles/secretmanager.secretAccessor"}}}
                }
            }
        }
    }
    rows = [one for one in broken(lambda google: None, teams=teams) if one.check == "expected"]
    row = the_one(rows)
    assert (row.what, row.state, row.found) == ("secret api-key", State.WRONG, "not there")
    assert row.fix == f"gcloud secrets create api-key --data-file=FILE --project {PROJECT}"


def test_a_check_that_meets_something_absent_does_not_end_the_others() -> None:
    class Half(Answers):
        def get(self, api: Api, path: str, **query: str) -> dict[str, object]:
            if api is Api.COMPUTE:
                raise Absent("no such thing.")
            return super().get(api, path, **query)

    healthy = case()
    half = replace(healthy, google=Half(answers(healthy).gets))
    assert {one.check for one in examine(half)} >= {"quotas", "names", "policies", "versions"}
