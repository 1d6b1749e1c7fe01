"""The project itself: that it is there, pays, and has its APIs on."""

from __future__ import annotations

from collections.abc import Iterator

from egress.doctor.case import Case
from egress.doctor.finding import Finding, NotKnown, judged, some
from egress.doctor.google import Absent, Api, Denied, pages
from egress.layers.google import apis as of_plan

ALWAYS = "serviceusage.googleapis.com"
"""By which the others are switched on."""


def project(case: Case) -> Iterator[Finding]:
    what, needed = "project", "an active project of this id"
    choose = f"gcloud projects list\npulumi config set gcp:project YOUR_PROJECT_ID --stack {case.stack}"
    if not case.named:
        yield judged("project", what, False, "the config names none", needed, choose)
        return
    try:
        answer = case.google.get(Api.PROJECTS, f"projects/{case.project}")
    except (Absent, Denied):
        found = f"there is no project {case.project}, or this account may not see it"
        yield judged("project", what, False, found, needed, choose)
        return
    state, number = answer.get("lifecycleState", "ACTIVE"), str(answer.get("projectNumber", ""))
    yield judged(
        "project",
        what,
        state == "ACTIVE",
        f"{case.project}, number {number}" if state == "ACTIVE" else f"{case.project} is {state}",
        needed,
        f"gcloud projects undelete {case.project}",
    )
    perimeter = case.plan.settings.network.perimeter
    said = case.plan.settings.project_number or (perimeter.project_number if perimeter else None)
    if said is not None and number:
        yield judged(
            "project",
            "projectNumber",
            said == number,
            f"the config says {said}",
            f"{number}, which is the number of {case.project}",
            f'pulumi config set gke-mesh-egress:projectNumber "{number}" --stack {case.stack}',
        )


def billing(case: Case) -> Iterator[Finding]:
    try:
        answer = case.google.get(Api.BILLING, f"projects/{case.project}/billingInfo")
    except Absent as error:
        raise NotKnown(str(error)) from None
    on = answer.get("billingEnabled") is True
    yield judged(
        "billing",
        "billing",
        on,
        "on" if on else "off: no cluster and no Cloud NAT can be made",
        "on",
        "gcloud billing accounts list\n"
        f"gcloud billing projects link {case.project} --billing-account=ACCOUNT_ID",
    )


def apis(case: Case) -> Iterator[Finding]:
    try:
        entries = list(
            pages(
                case.google,
                Api.SERVICES,
                f"projects/{case.project}/services",
                "services",
                filter="state:ENABLED",
                pageSize="200",
            )
        )
    except Absent as error:
        raise NotKnown(str(error)) from None
    on = {str(entry.get("name", "")).rpartition("/")[2] for entry in entries}
    wanted = of_plan.needed(case.plan)
    off = [api for api in wanted if api not in on]
    found = f"off: {some(off, 20)}" if off else f"{len(wanted)} on"
    # `up` switches them on itself, and then meets the first that is not ready yet.
    yield judged(
        "apis",
        "APIs",
        not off,
        found,
        f"{len(wanted)} on, some minutes before `up`",
        f"gcloud services enable {' '.join(off)} --project {case.project}",
    )
