"""Rows of the smaller APIs: zones, accounts, buckets, topics, secrets, datasets, fleets, perimeters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.google.artifact_registry import REPOSITORY
from sandbox.google.cluster_outputs import MEMBERSHIP
from sandbox.google.dns import POLICY, RECORD, ZONE
from sandbox.google.fleet import FEATURE, FEATURE_MEMBERSHIP
from sandbox.google.identity import ACCOUNT
from sandbox.google.kinds import number, tail
from sandbox.google.service_perimeter import PERIMETER
from sandbox.google.storage import BUCKET
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.rows import NOW, Making, Part, Row, place

DATASET = "gcp:bigquery/dataset:Dataset"
OBJECT = "gcp:storage/bucketObject:BucketObject"


def _whole_name(**more: Any) -> Any:
    """A resource that says its whole name, and when it was made."""
    return lambda making: {"name": making.name, "createTime": NOW, "updateTime": NOW, **more}


def _zone(making: Making) -> Json:
    return {
        "kind": "dns#managedZone",
        "id": str(making.computed["managedZoneId"]),
        "creationTime": NOW,
        "nameServers": making.computed["nameServers"],
        "visibility": "public",
        "cloudLoggingConfig": {"kind": "dns#managedZoneCloudLoggingConfig", "enableLogging": False},
    }


def _policy(making: Making) -> Json:
    return {
        "kind": "dns#policy",
        "id": str(number(making.name, 18)),
        "enableInboundForwarding": False,
        "enableLogging": False,
    }


def _record(_making: Making) -> Json:
    return {"kind": "dns#resourceRecordSet", "signatureRrdatas": []}


def record_name(zone: str, record: Json) -> str:
    """The whole name of a record of a zone."""
    return f"{zone}/rrsets/{record['name']}/{record['type']}"


class _Records(Row):
    """A record's name has two parts, and neither is a place."""

    def view(self, name: str, rest: Any) -> Json:
        zone, _, own = name.partition("/rrsets/")
        dns, _, kind = own.rpartition("/")
        return {**rest, "project": zone.split("/")[1], "managedZone": tail(zone), "name": dns, "type": kind}


def _account(making: Making) -> Json:
    return {
        "name": making.name,
        "projectId": making.project,
        "uniqueId": making.computed["uniqueId"],
        "oauth2ClientId": making.computed["uniqueId"],
        "email": making.computed["email"],
        "etag": "",
    }


def _account_words(view: Json) -> Json:
    return {**view, "accountId": view["name"].partition("@")[0]}


def _bucket(making: Making) -> Json:
    name = tail(making.name)
    level = making.rest.get("iamConfiguration", {})
    return {
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "selfLink": f"https://www.googleapis.com/storage/v1/{making.name}",
        "projectNumber": str(number(str(making.rest.get("project", "")), 12)),
        "generation": "1",
        "metageneration": "1",
        "location": "US",
        "locationType": "region" if "-" in str(making.rest.get("location", "")) else "multi-region",
        "storageClass": "STANDARD",
        "timeCreated": NOW,
        "updated": NOW,
        "etag": "",
        "softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": NOW},
        "iamConfiguration": {
            "publicAccessPrevention": "inherited",
            "uniformBucketLevelAccess": {
                "enabled": False,
                **({"lockedTime": NOW} if level.get("uniformBucketLevelAccess", {}).get("enabled") else {}),
            },
        },
    }


def _bucket_words(view: Json) -> Json:
    return {key: value for key, value in view.items() if key not in ("rpo", "labels")} | {
        "labels": view.get("labels", {})
    }


def _dataset(making: Making) -> Json:
    _, project, _, name = making.name.split("/")
    return {
        "kind": "bigquery#dataset",
        "id": f"{project}:{name}",
        "datasetReference": {"projectId": project, "datasetId": name},
        "selfLink": f"https://bigquery.googleapis.com/bigquery/v2/{making.name}",
        "location": "US",
        "type": "DEFAULT",
        "etag": "",
        "creationTime": "1767225600000",
        "lastModifiedTime": "1767225600000",
        "access": [
            {"role": "OWNER", "specialGroup": "projectOwners"},
            {"role": "WRITER", "specialGroup": "projectWriters"},
            {"role": "READER", "specialGroup": "projectReaders"},
        ],
    }


def _repository(making: Making) -> Json:
    return {
        "name": making.name,
        "registryUri": making.computed["registryUri"],
        "mode": "STANDARD_REPOSITORY",
        "createTime": NOW,
        "updateTime": NOW,
        "satisfiesPzi": True,
        "vulnerabilityScanningConfig": {"enablementState": "SCANNING_DISABLED"},
    }


def _feature(making: Making) -> Json:
    return {
        "name": making.name,
        "createTime": NOW,
        "updateTime": NOW,
        "resourceState": {"state": "ACTIVE"},
        "state": {"state": {"code": "OK", "updateTime": NOW}},
    }


def _feature_words(view: Json) -> Json:
    mesh = view.get("fleetDefaultMemberConfig", {}).get("mesh")
    return {**view, "fleetDefaultMemberConfig": {"mesh": mesh} if mesh else None}


MEMBERSHIP_SPECS = Row(FEATURE_MEMBERSHIP)


def _members(name: str, rest: Json) -> Iterator[Part]:
    """What a feature says of single clusters of the fleet."""
    where = place(name)
    for key, spec in rest.get("membershipSpecs", {}).items():
        view = {
            **where,
            "feature": tail(name),
            "membership": tail(key),
            "membershipLocation": key.split("/")[3],
            **({"mesh": spec["mesh"]} if spec.get("mesh") else {}),
        }
        yield Part(MEMBERSHIP_SPECS, f"{name}/membershipId/{tail(key)}", view)


def _perimeter_words(view: Json) -> Json:
    return {
        **view,
        "name": view["whole"],
        "parent": view["whole"].partition("/servicePerimeters/")[0],
    }


class _Whole(Row):
    """A resource whose whole name is its name."""

    def view(self, name: str, rest: Any) -> Json:
        return self.words({**rest, "whole": name})


ROWS: dict[str, Row] = {
    "dns.managedZones": Row(ZONE, made=_zone),
    "dns.resourceRecordSets": _Records(RECORD, made=_record, listed="rrsets"),
    "dns.policies": Row(POLICY, made=_policy),
    "iam.projects.serviceAccounts": Row(
        ACCOUNT, _account_words, _account, named_by="accountId", wrapped="serviceAccount", listed="accounts"
    ),
    "storage.buckets": Row(
        BUCKET, _bucket_words, _bucket, id=lambda name: name.removeprefix("b/"), listed="items"
    ),
    "storage.objects": Row(OBJECT, listed="items"),
    "storage.anywhereCaches": Row("gcp:storage/anywhereCache:AnywhereCache", listed="items"),
    "pubsub.projects.topics": Row("gcp:pubsub/topic:Topic", made=lambda making: {"name": making.name}),
    "pubsub.projects.subscriptions": Row(
        "gcp:pubsub/subscription:Subscription",
        made=lambda making: {"name": making.name, "ackDeadlineSeconds": 10, "state": "ACTIVE"},
    ),
    "secretmanager.projects.secrets": Row(
        "gcp:secretmanager/secret:Secret", made=_whole_name(etag=""), named_by="secretId"
    ),
    "bigquery.datasets": Row(DATASET, made=_dataset, named_by="datasetReference.datasetId"),
    "artifactregistry.projects.locations.repositories": Row(
        REPOSITORY,
        lambda view: {**view, "repositoryId": view["name"]},
        _repository,
        named_by="repositoryId",
    ),
    "gkehub.projects.locations.features": Row(
        FEATURE, _feature_words, _feature, named_by="featureId", listed="resources", parts=_members
    ),
    "gkehub.projects.locations.memberships": Row(
        MEMBERSHIP,
        lambda view: {**view, "membershipId": view["name"]},
        _whole_name(),
        named_by="membershipId",
    ),
    "accesscontextmanager.accessPolicies.servicePerimeters": _Whole(
        PERIMETER, _perimeter_words, lambda making: {"name": making.name, "etag": ""}
    ),
}
