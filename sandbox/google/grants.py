"""Roles on topics, subscriptions, secrets and datasets. Those themselves are created elsewhere, so none is
known here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sandbox.google import checks
from sandbox.google.cloud import ENABLED_API
from sandbox.google.identity import (
    ACCOUNT,
    MEMBER_CHANGES,
    MEMBER_CHECKS,
    by_member,
    enabled,
    etag,
    member_id,
    pool_exists,
)
from sandbox.google.kinds import Context, Kind, Problem, Reference, tail

_TOPIC = checks.pattern(
    r"(projects/[^/]+/(topics|subscriptions)/)?(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}",
    "it has 3-255 letters, digits and -._~+%, starts with a letter and not with goog",
)
_SECRET = checks.pattern(
    r"(projects/[^/]+/secrets/)?[A-Za-z0-9_-]{1,255}", "a secret's id has 1-255 letters, digits, - and _"
)
_DATASET = checks.pattern(r"[A-Za-z0-9_]{1,1024}", "a dataset's id has letters, digits and underscores")


def _api_enabled(api: str) -> Callable[[Context], Iterator[Problem]]:
    """Refuses when the API is off in a project that is known here. Nothing is known of other projects."""

    def rule(context: Context) -> Iterator[Problem]:
        known = any(
            service.id.startswith(f"{context.project}/") for service in context.cloud.of_type(ENABLED_API)
        )
        if known and not enabled(context, api):
            yield Problem(
                "project",
                context.project,
                f"{api} has not been used in project {context.project} before or it is disabled",
                403,
            )

    return rule


def _member(token: str, schema: str, api: str, field: str, collection: str, name: checks.Check) -> Kind:
    return Kind(
        token=token,
        schema=schema,
        id=lambda values: member_id(
            f"projects/{values['project']}/{collection}/{tail(values[field])}", values
        ),
        autoname="",
        checks={**MEMBER_CHECKS, field: name, "project": checks.PROJECT},
        replaces={**MEMBER_CHANGES, field: None, "project": None},
        references=(Reference("member", ACCOUNT, by_member),),
        cloud_rules=(pool_exists, _api_enabled(api)),
        computed=etag,
        idempotent=True,
    )


KINDS = (
    _member(
        "gcp:pubsub/topicIAMMember:TopicIAMMember",
        "pubsub.TopicIAMMember",
        "pubsub.googleapis.com",
        "topic",
        "topics",
        _TOPIC,
    ),
    _member(
        "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember",
        "pubsub.SubscriptionIAMMember",
        "pubsub.googleapis.com",
        "subscription",
        "subscriptions",
        _TOPIC,
    ),
    _member(
        "gcp:secretmanager/secretIamMember:SecretIamMember",
        "secretmanager.SecretIamMember",
        "secretmanager.googleapis.com",
        "secretId",
        "secrets",
        _SECRET,
    ),
    _member(
        "gcp:bigquery/datasetIamMember:DatasetIamMember",
        "bigquery.DatasetIamMember",
        "bigquery.googleapis.com",
        "datasetId",
        "datasets",
        _DATASET,
    ),
)
