"""What the plan grants roles on, and does not make: it has to be there already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from egress.doctor import made
from egress.doctor.case import Case
from egress.doctor.finding import Finding, NotKnown, judged, unknown
from egress.doctor.google import Absent, Api, texts

SET_POLICY = "storage.buckets.setIamPolicy"


@dataclass(frozen=True)
class There:
    """Where a thing is asked for, and the command that makes it."""

    noun: str
    api: Api
    path: str
    make: str


WHERE = {
    made.BUCKET_MEMBER: There(
        "bucket", Api.STORAGE, "b/{name}", "gcloud storage buckets create gs://{name} --project {project}"
    ),
    made.TOPIC_MEMBER: There(
        "topic",
        Api.PUBSUB,
        "projects/{project}/topics/{name}",
        "gcloud pubsub topics create {name} --project {project}",
    ),
    made.SUBSCRIPTION_MEMBER: There(
        "subscription",
        Api.PUBSUB,
        "projects/{project}/subscriptions/{name}",
        "gcloud pubsub subscriptions create {name} --topic TOPIC --project {project}",
    ),
    made.SECRET_MEMBER: There(
        "secret",
        Api.SECRETS,
        "projects/{project}/secrets/{name}",
        "gcloud secrets create {name} --data-file=FILE --project {project}",
    ),
    made.DATASET_MEMBER: There(
        "dataset", Api.BIGQUERY, "projects/{project}/datasets/{name}", "bq mk --dataset {project}:{name}"
    ),
}


def expected(case: Case) -> Iterator[Finding]:
    everything = list(made.made(case.plan))
    own = {one.name for one in everything if one.kind == made.BUCKET}
    wanted = dict.fromkeys(one for one in everything if one.kind in WHERE and one.name not in own)
    for one in wanted:
        there = WHERE[one.kind]
        what = f"{there.noun} {one.name}"
        names = {"name": one.name, "project": one.project}
        needed = "there already, because a team has a role on it"
        try:
            case.google.get(there.api, there.path.format_map(names))
        except Absent:
            yield judged("expected", what, False, "not there", needed, there.make.format_map(names))
        except NotKnown as why:
            yield unknown("expected", what, needed, why)
        else:
            yield judged("expected", what, True, "there", needed, "")
            if one.kind == made.BUCKET_MEMBER:
                yield from _may_grant(case, one.name)


def _may_grant(case: Case, bucket: str) -> Iterator[Finding]:
    """Of a bucket that is there already, its own policy says who may say who reads it."""
    what, needed, right = f"permissions of bucket {bucket}", "1, to grant the team's role", SET_POLICY
    try:
        answer = case.google.get(Api.STORAGE, f"b/{bucket}/iam/testPermissions", permissions=right)
    except (Absent, NotKnown) as error:
        yield unknown("expected", what, needed, NotKnown(str(error)))
        return
    fix = (
        f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --member=user:YOUR_ACCOUNT "
        "--role=roles/storage.admin"
    )
    holds = right in texts(answer, "permissions")
    yield judged("expected", what, holds, "1" if holds else f"without {right}", needed, fix)
