"""Roles that accounts and people have on either side: which is wider, by configs and by objects."""

from __future__ import annotations

from typing import Any

import pytest

from egress.answers.diff import Difference, difference
from egress.common.google_roles import within
from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.support import config_with, plan_of

ACCOUNT = "teams/team-x/googleApis/serviceAccounts/test"
VIEWER, USER, ADMIN = "roles/storage.objectViewer", "roles/storage.objectUser", "roles/storage.objectAdmin"
CREATOR, OWN = "roles/storage.objectCreator", "projects/p/roles/own"


def _deployed(of: dict[str, Any]) -> Snapshot:
    plan = plan_of(of)
    return deployment(plan, render(plan))


def exported() -> Snapshot:
    """The dev stack's objects as an export has them."""
    whole = _deployed(config_with("labels", {}))
    return Snapshot.of(whole.kubernetes, whole.google)


def of_configs(old: dict[str, Any], new: dict[str, Any]) -> Difference:
    plans = plan_of(config_with(ACCOUNT, old)), plan_of(config_with(ACCOUNT, new))
    one, other = (deployment(plan, render(plan)) for plan in plans)
    return difference(one, other, plans)


def of_objects(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> Difference:
    """Of two exports in which an account has roles on a bucket."""
    whole = exported()
    one, other = (Snapshot.of(whole.kubernetes, [*whole.google, *_members(roles)]) for roles in (old, new))
    return difference(one, other)


def _members(roles: list[tuple[str, str]]) -> list[Resource]:
    of = {"bucket": "data", "member": "serviceAccount:sa@p.iam.gserviceaccount.com"}
    return [
        Resource("gcp:storage/bucketIAMMember:BucketIAMMember", name, {**of, "role": role})
        for name, role in roles
    ]  # fmt: skip


def said(of: Difference) -> list[tuple[str, bool]]:
    return [(change.risk, change.widening) for change in of.changes]


CHANGES: list[tuple[str, str, list[tuple[str, bool]]]] = [
    (VIEWER, ADMIN, [("wider role", True)]),
    (VIEWER, USER, [("wider role", True)]),
    (ADMIN, CREATOR, [("narrower role", False)]),
    (VIEWER, CREATOR, [("other role", True)]),
    (VIEWER, OWN, [("other role", True)]),
    (OWN, "projects/p/roles/other", [("other role", True)]),
]


@pytest.mark.parametrize(("old", "new", "wanted"), CHANGES)
def test_a_role_that_takes_anothers_place_is_wider_narrower_or_another(
    old: str, new: str, wanted: Any
) -> None:
    forth = of_configs({"buckets": {"data": old}}, {"buckets": {"data": new}})
    assert said(forth) == wanted
    assert forth.widens is wanted[0][1]
    assert said(of_objects([("a", old)], [("a", new)])) == wanted
    back = {"wider role": ("narrower role", False), "narrower role": ("wider role", True)}
    assert said(of_configs({"buckets": {"data": new}}, {"buckets": {"data": old}})) == [
        back.get(wanted[0][0], wanted[0])
    ]


def test_a_role_within_another_one_that_stays_is_no_gain_and_no_loss() -> None:
    alone, both = [("a", ADMIN)], [("a", ADMIN), ("b", VIEWER)]
    for old, new in ((alone, both), (both, alone)):
        of = of_objects(old, new)
        assert said(of) == []
        assert not of.widens


def test_a_role_that_comes_and_one_that_goes_are_said_with_account_and_resource() -> None:
    gained, lost = of_objects([], [("a", ADMIN)]), of_objects([("a", ADMIN)], [])
    who = "serviceAccount:sa@p.iam.gserviceaccount.com"
    assert [change.text for change in gained.changes] == [
        f"{who} now has {ADMIN} on bucket data; IAM decides there, not the network"
    ]
    assert [change.text for change in lost.changes] == [
        f"{who} no longer has {ADMIN} on bucket data; IAM decides there, not the network"
    ]
    assert (gained.widens, lost.widens) == (True, False)
    assert (gained.unjudged, lost.unjudged) == ((), ())


def test_a_role_under_a_condition_is_another_one() -> None:
    """A condition may hold always or never: nobody here can tell."""
    whole = exported()
    (plain,) = _members([("a", VIEWER)])
    bound = Resource(
        plain.type, plain.name, {**plain.properties, "condition": {"expression": "false", "title": "x"}}
    )
    one, other = (Snapshot.of(whole.kubernetes, [*whole.google, item]) for item in (plain, bound))
    for old, new in ((one, other), (other, one)):
        of = difference(old, new)
        assert said(of) == [("other role", True)]


@pytest.mark.parametrize(
    ("kind", "properties", "resource"),
    [
        # type, what names it, how it is called
        ("pubsub:TopicIAMMember", {"topic": "t", "project": "p"}, "topic t of project p"),
        (
            "pubsub:SubscriptionIAMMember",
            {"subscription": "s", "project": "p"},
            "subscription s of project p",
        ),
        (
            "secretmanager:SecretIamMember",
            {"secretId": "projects/p/secrets/k", "project": "p"},
            "secret k of project p",
        ),
        ("bigquery:DatasetIamMember", {"datasetId": "d", "project": "p"}, "dataset d of project p"),
        ("projects:IAMMember", {"project": "p"}, "project p"),
    ],
)
def test_each_kind_of_member_is_read(kind: str, properties: dict[str, str], resource: str) -> None:
    whole = exported()
    module, _, name = kind.partition(":")
    item = Resource(
        f"gcp:{module}/{name[0].lower()}{name[1:]}:{name}",
        "x",
        {**properties, "member": "user:a@example.com", "role": "roles/viewer"},
    )
    of = difference(whole, Snapshot.of(whole.kubernetes, [*whole.google, item]))
    assert [change.text for change in of.changes] == [
        f"user:a@example.com now has roles/viewer on {resource}; IAM decides there, not the network"
    ]
    assert of.widens


def test_an_account_without_a_role_may_still_act_as_itself() -> None:
    """A second account of the team's in Google Cloud was said nowhere until it had a role."""
    path = "teams/team-x/googleApis/serviceAccounts"
    plans = (
        plan_of(config_with(path, {"test": {}})),
        plan_of(config_with(path, {"test": {}, "other": {"accountId": "second-account"}})),
    )
    one, other = (deployment(plan, render(plan)) for plan in plans)
    of = difference(one, other, plans)
    assert [change.text for change in of.changes] == [
        "Service account other of team-x may now act as Google service account second-account"
    ]
    assert of.widens
    assert not difference(other, one, (plans[1], plans[0])).widens


def test_the_order_of_roles_is_one() -> None:
    """A role allows all that those within it allow, and no two allow all of each other."""
    roles = {VIEWER, USER, ADMIN, CREATOR, "roles/pubsub.editor", "roles/bigquery.dataEditor"}
    for role in roles:
        assert role in within(role)
        for smaller in within(role):
            assert within(smaller) <= within(role)
            assert smaller == role or role not in within(smaller)
    assert within(OWN) == {OWN}
