"""Buckets and who may read them (storage.googleapis.com, which is on in every project)."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.google import checks
from sandbox.google.identity import (
    ACCOUNT,
    MEMBER_CHANGES,
    MEMBER_CHECKS,
    by_member,
    etag,
    member_id,
    pool_exists,
)
from sandbox.google.kinds import Context, Kind, Problem, Reference, Values, never_changes, number

API = "storage.googleapis.com"
BUCKET = "gcp:storage/bucket:Bucket"
BUCKET_MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"


def _place(value: str) -> str | None:
    multi = ("US", "EU", "ASIA", "EUR4", "NAM4", "ASIA1", "EUR5", "EUR7", "EUR8")
    if value.upper() in multi or checks.REGION(value.lower()) is None:
        return None
    return "a bucket lies in a region like europe-west1, or in US, EU or ASIA"


def _lifecycle(values: Values) -> Iterator[Problem]:
    if values.get("forceDestroy") and values.get("retentionPolicy"):
        yield Problem(
            "forceDestroy",
            True,
            "objects under a retentionPolicy cannot be deleted with the bucket; drop one of the two",
        )


def _computed(context: Context) -> Values:
    labels = {"goog-pulumi-provisioned": "true", **context.new.get("labels", {})}
    name = context.new["name"]
    return {
        "url": f"gs://{name}",
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
        "projectNumber": number(context.project, 12),
        "publicAccessPrevention": "inherited",
        "uniformBucketLevelAccess": False,
        "rpo": "",
        "softDeletePolicy": {"retentionDurationSeconds": 604800, "effectiveTime": "2026-01-01T00:00:00.000Z"},
        "versioning": {"enabled": False},
        "website": {},
        "timeCreated": "2026-01-01T00:00:00.000Z",
        "updated": "2026-01-01T00:00:00.000Z",
        "effectiveLabels": labels,
        "pulumiLabels": labels,
    }


BUCKET_KIND = Kind(
    token=BUCKET,
    schema="storage.Bucket",
    id=lambda values: str(values["name"]),
    api=API,
    checks={
        "name": checks.bucket_name,
        "location": _place,
        "storageClass": checks.one_of(
            "STANDARD", "MULTI_REGIONAL", "REGIONAL", "NEARLINE", "COLDLINE", "ARCHIVE"
        ),
        "publicAccessPrevention": checks.one_of("inherited", "enforced"),
        "rpo": checks.one_of("DEFAULT", "ASYNC_TURBO"),
        "labels.*": checks.LABEL,
    },
    rules=(_lifecycle,),
    defaults={
        "forceDestroy": False,
        "storageClass": "STANDARD",
        "softDeletePolicy.retentionDurationSeconds": 604800,
    },
    replaces=never_changes(
        "name",
        "project",
        "location",
        "enableObjectRetention",
        "hierarchicalNamespace",
        "customPlacementConfig.dataLocations",
    ),
    kept=frozenset(
        {"softDeletePolicy.effectiveTime", "autoclass.terminalStorageClass", "logging.logObjectPrefix"}
    ),
    caseless=frozenset({"location"}),
    computed=_computed,
    live=lambda context: {"location": str(context.new["location"]).upper()},
    cascades=lambda bucket: [(BUCKET_MEMBER, f"b/{bucket.id}/")],
)

BUCKET_MEMBER_KIND = Kind(
    token=BUCKET_MEMBER,
    schema="storage.BucketIAMMember",
    id=lambda values: member_id(f"b/{values['bucket']}", values),
    api=API,
    autoname="",
    place=(),
    checks=MEMBER_CHECKS,
    replaces={**MEMBER_CHANGES, "bucket": None},
    references=(
        Reference("bucket", BUCKET, lambda value, _values: value.removeprefix("b/")),
        Reference("member", ACCOUNT, by_member),
    ),
    cloud_rules=(pool_exists,),
    computed=etag,
    idempotent=True,
)


KINDS = (BUCKET_KIND, BUCKET_MEMBER_KIND)
