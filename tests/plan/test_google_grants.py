"""What a team's service accounts may do with Google's resources: one role on one resource, and never more by
accident."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.plan.model import Plan
from egress.plan.outputs import planned
from tests.sandbox import google_resources as g
from tests.sandbox.google_engine import Engine, refused, sandbox
from tests.support import PROJECT, config_with, plan_of

ACCOUNT = "teams/team-x/googleApis/serviceAccounts/test"


def plan(**account: Any) -> Plan:
    return plan_of(config_with(ACCOUNT, account))


def apis(of: Plan) -> tuple[str, ...]:
    return next(team.google_apis for team in of.teams if team.name == "team-x")


@pytest.mark.parametrize(
    ("kind", "name", "role", "api"),
    [
        ("topics", "orders", "roles/pubsub.publisher", "pubsub"),
        ("subscriptions", "orders-sub", "roles/pubsub.subscriber", "pubsub"),
        ("secrets", "api-key", "roles/secretmanager.secretAccessor", "secretmanager"),
        ("datasets", "sales", "roles/bigquery.dataViewer", "bigquery"),
    ],
)
def test_a_role_on_a_resource_opens_the_way_to_its_api_and_switches_it_on(
    kind: str, name: str, role: str, api: str
) -> None:
    of = plan(**{kind: {name: role}})
    assert apis(of) == (api,)
    assert of.granted_apis == (f"{api}.googleapis.com",)


def test_a_resource_of_another_project_switches_nothing_on_here() -> None:
    of = plan(topics={"events": {"role": "roles/pubsub.publisher", "project": "other-project"}})
    assert (apis(of), of.granted_apis) == (("pubsub",), ())


def test_the_contract_says_who_may_do_what_and_why_it_holds_for_the_project() -> None:
    of = plan(
        buckets={"data": "roles/storage.objectViewer"},
        topics={"orders": "roles/pubsub.publisher"},
        projectRoles={"roles/bigquery.jobUser": "queries belong to the project"},
    )
    assert planned(of)["teams"]["team-x"]["grants"] == [
        {"serviceAccount": "test", "bucket": f"{PROJECT}-data", "role": "roles/storage.objectViewer"},
        {"serviceAccount": "test", "topic": "orders", "project": PROJECT, "role": "roles/pubsub.publisher"},
        {
            "serviceAccount": "test",
            "role": "roles/bigquery.jobUser",
            "reason": "queries belong to the project",
        },
    ]
    assert "grants" not in planned(of)["teams"]["team-y"]


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "a topic by its path",
        {"topics": {"projects/p/topics/t": "roles/pubsub.publisher"}},
        "No topic has",
        "without its path",
    ),
    ("a topic of Google's", {"topics": {"goog-topic": "roles/pubsub.publisher"}}, "No topic has", "own name"),
    ("a topic that is too short", {"topics": {"ab": "roles/pubsub.publisher"}}, "No topic has", "own name"),
    (
        "a dataset with a hyphen",
        {"datasets": {"a-b": "roles/bigquery.dataViewer"}},
        "No dataset has",
        "own name",
    ),
    (
        "a secret with a dot",
        {"secrets": {"a.b": "roles/secretmanager.secretAccessor"}},
        "No secret has",
        "own name",
    ),
    (
        "a role of another API",
        {"topics": {"orders": "roles/storage.objectAdmin"}},
        "not a role for a topic",
        "roles/pubsub.",
    ),
    (
        "a basic role on a secret",
        {"secrets": {"key": "roles/editor"}},
        "not a role for a secret",
        "roles/secretmanager.",
    ),
    ("a role that is none", {"datasets": {"sales": "viewer"}}, "no role of this form", "roles/"),
    (
        "a project that is none",
        {"topics": {"orders": {"role": "roles/pubsub.publisher", "project": "Shop"}}},
        "refuses this project id",
        "display name",
    ),
    (
        "the whole project",
        {"projectRoles": {"roles/editor": "easier"}},
        "everything in the project",
        "one API",
    ),
    (
        "every right",
        {"projectRoles": {"roles/iam.securityAdmin": "we need it"}},
        "every other right",
        "people",
    ),
    (
        "a role on the project without a reason",
        {"projectRoles": {"roles/bigquery.jobUser": " "}},
        "Nobody could tell",
        "reason",
    ),
]


@pytest.mark.parametrize(
    ("account", "consequence", "fix"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_is_refused(account: dict[str, Any], consequence: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(**account)
    (problem,) = caught.value.problems
    assert problem.path.startswith("gke-mesh-egress:teams.team-x.googleApis.serviceAccounts.test.")
    assert consequence in problem.consequence
    assert fix in problem.fix


def test_a_custom_role_may_be_given_on_any_resource() -> None:
    assert apis(plan(secrets={"key": f"projects/{PROJECT}/roles/reader"})) == ("secretmanager",)


# The stand-in for Google Cloud


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with sandbox(tmp_path) as engine:
        yield engine


MEMBERS = [
    ("gcp:pubsub/topicIAMMember:TopicIAMMember", "topic", "orders", "topics", "pubsub"),
    (
        "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember",
        "subscription",
        "orders-sub",
        "subscriptions",
        "pubsub",
    ),
    ("gcp:secretmanager/secretIamMember:SecretIamMember", "secretId", "api-key", "secrets", "secretmanager"),
    ("gcp:bigquery/datasetIamMember:DatasetIamMember", "datasetId", "sales", "datasets", "bigquery"),
]


@pytest.mark.parametrize(
    ("token", "field", "name", "collection", "api"), MEMBERS, ids=[row[0] for row in MEMBERS]
)
def test_the_stand_in_keeps_a_member_once_the_api_is_on(
    engine: Engine, token: str, field: str, name: str, collection: str, api: str
) -> None:
    inputs = {field: name, "role": f"roles/{api}.viewer", "member": "allUsers"}
    engine.enable()
    refused(
        lambda: engine.create(token, inputs), f"{api}.googleapis.com has not been used in project {g.PROJECT}"
    )
    engine.enable(api)
    assert (
        engine.create(token, inputs).id
        == f"projects/{g.PROJECT}/{collection}/{name}/roles/{api}.viewer/allUsers"
    )
    engine.create(token, {**inputs, "project": "other-project"})
