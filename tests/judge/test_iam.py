"""Roles that objects give in Google Cloud: to whom, on what, and by which object."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.lookup.iam import Granted, granted
from tests.judge.objects import snapshot

WHO = "user:a@example.com"


def said(*items: Resource) -> list[Granted]:
    return list(granted(snapshot(google=items)))


def on(token: str, **of: Any) -> str:
    """What a role of a member is on."""
    (found,) = said(Resource(f"gcp:{token}", "x", {"member": WHO, "role": "roles/viewer", **of}))
    return found.resource


TOPIC = "pubsub/topicIAMMember:TopicIAMMember"
SECRET = "secretmanager/secretIamMember:SecretIamMember"
ACCOUNT = "serviceaccount/iAMMember:IAMMember"
RUN = "cloudrun/iamMember:IamMember"
KEY = "kms/cryptoKeyIAMMember:CryptoKeyIAMMember"


@pytest.mark.parametrize(
    ("token", "of", "resource"),
    [
        ("projects/iAMMember:IAMMember", {"project": "p"}, "project p"),
        ("storage/bucketIAMMember:BucketIAMMember", {"bucket": "data"}, "bucket data"),
        # As an export has it, with what the provider computes.
        (
            "storage/bucketIAMMember:BucketIAMMember",
            {"bucket": "b/data", "etag": "x", "id": "b/data/r/m"},
            "bucket data",
        ),
        (TOPIC, {"topic": "t", "project": "p"}, "topic t of project p"),
        (TOPIC, {"topic": "projects/p/topics/t", "project": "p"}, "topic t of project p"),
        # The path says the project, whoever pays.
        (TOPIC, {"topic": "projects/other/topics/t", "project": "p"}, "topic t of project other"),
        (TOPIC, {"topic": "t"}, "topic t"),
        (SECRET, {"secretId": "k", "project": "p"}, "secret k of project p"),
        (ACCOUNT, {"serviceAccountId": "projects/p/serviceAccounts/a@p"}, "serviceaccount a@p of project p"),
        (
            KEY,
            {"cryptoKeyId": "projects/p/locations/eu/keyRings/r/cryptoKeys/k"},
            "cryptokey eu/r/k of project p",
        ),
        ("folder/iAMMember:IAMMember", {"folder": "folders/7"}, "folder folders/7"),
        ("organizations/iAMMember:IAMMember", {"orgId": "7"}, "organizations 7"),
        # All of a kind in a project is not the project.
        ("iap/webIamMember:WebIamMember", {"project": "p"}, "web of project p"),
        (RUN, {"location": "eu", "service": "pay", "project": "p"}, "cloudrun eu/pay of project p"),
        (
            "secretmanager/regionalSecretIamMember:RegionalSecretIamMember",
            {"location": "eu", "secretId": "projects/p/locations/eu/secrets/k", "__defaults": ["x"]},
            "regionalsecret eu/k of project p",
        ),
        (
            "vertex/aiFeatureStoreEntityTypeIamMember:AiFeatureStoreEntityTypeIamMember",
            {"entitytype": "e", "featurestore": "projects/p/locations/eu/featurestores/f"},
            "aifeaturestoreentitytype e/eu/f of project p",
        ),
        (RUN, {"location": "", "service": None, "project": "p"}, "cloudrun of project p"),
    ],
)
def test_a_role_is_on_what_its_properties_name(token: str, of: dict[str, Any], resource: str) -> None:
    assert on(token, **of) == resource


@pytest.mark.parametrize(
    ("token", "one", "other"),
    [
        # Of one dataset two tables, of one place two services: a role that moves from one to the other is a
        # change.
        (
            "bigquery/iamMember:IamMember",
            {"datasetId": "d", "tableId": "a"},
            {"datasetId": "d", "tableId": "b"},
        ),
        (
            "bigtable/tableIamMember:TableIamMember",
            {"instanceName": "i", "table": "a"},
            {"instanceName": "j", "table": "a"},
        ),
        (RUN, {"location": "eu", "service": "a"}, {"location": "eu", "service": "b"}),
        (RUN, {"location": "eu", "service": "a"}, {"location": "us", "service": "a"}),
        (TOPIC, {"topic": "a"}, {"topic": "b"}),
        ("compute/diskIamMember:DiskIamMember", {"name": "a", "zone": "z"}, {"name": "b", "zone": "z"}),
        ("organizations/iAMMember:IAMMember", {"orgId": "1"}, {"orgId": "2"}),
    ],
)
def test_two_resources_are_called_otherwise(token: str, one: dict[str, str], other: dict[str, str]) -> None:
    """A role on one service of Cloud Run was called one on its whole project, and one on a table one on its
    dataset."""
    assert on(token, **one, project="p") != on(token, **other, project="p")


def test_how_the_object_itself_is_called_does_not_matter() -> None:
    of = {"member": WHO, "role": "roles/viewer", "topic": "t"}
    one, other = said(*(Resource(f"gcp:{TOPIC}", name, of) for name in ("a", "b")))
    assert one.resource == other.resource
    assert (one.by, other.by) == ("topiciammember/a", "topiciammember/b")


def test_a_member_has_the_role_that_is_written() -> None:
    (found,) = said(Resource(f"gcp:{TOPIC}", "x", {"member": WHO, "role": "roles/a", "topic": "t"}))
    assert (found.member, found.role, found.by) == (WHO, "roles/a", "topiciammember/x")


def test_a_binding_gives_its_role_to_each_of_its_members() -> None:
    """Bindings were not read: a role that one gave to everybody was said nowhere."""
    of = {"members": ["allUsers", WHO], "role": "roles/a", "topic": "t"}
    found = said(Resource("gcp:pubsub/topicIAMBinding:TopicIAMBinding", "x", of))
    assert [(one.member, one.role, one.resource) for one in found] == [
        ("allUsers", "roles/a", "topic t"),
        (WHO, "roles/a", "topic t"),
    ]
    of_secret = {"members": [WHO], "role": "roles/a", "secretId": "k"}
    assert (
        said(Resource("gcp:secretmanager/secretIamBinding:SecretIamBinding", "x", of_secret))[0].resource
        == "secret k"
    )


def test_a_binding_without_members_gives_it_to_nobody() -> None:
    """Google's provider writes such a binding to take a role from everybody; it was read as a grant to
    `None`."""
    of = {"members": [], "role": "roles/a", "topic": "t"}
    assert said(Resource("gcp:pubsub/topicIAMBinding:TopicIAMBinding", "x", of)) == []


def test_a_role_under_a_condition_is_another_one() -> None:
    of = {"member": WHO, "role": "roles/a", "topic": "t"}
    conditions = (None, {"expression": "true"}, {"expression": "false"})
    found = [
        said(Resource(f"gcp:{TOPIC}", "x", {**of, "condition": condition}))[0] for condition in conditions
    ]
    assert found[0].role == "roles/a"
    assert len({one.role for one in found}) == 3
    assert {one.resource for one in found} == {"topic t"}


@pytest.mark.parametrize(
    "token",
    [
        "gcp:projects/iAMPolicy:IAMPolicy",
        "gcp:projects/iAMAuditConfig:IAMAuditConfig",
        "gcp:gkehub/member:Member",
        "gcp:projects/iAMMemberRemove:IAMMemberRemove",
        "kubernetes:iam/iAMMember:IAMMember",
    ],
)
def test_what_gives_no_role_to_a_member_is_passed_by(token: str) -> None:
    assert said(Resource(token, "x", {"member": WHO, "role": "roles/a", "project": "p"})) == []
