"""Enabled APIs, service accounts, and who may do what (serviceusage, iam, cloudresourcemanager)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sandbox.google import checks
from sandbox.google.cloud import ENABLED_API
from sandbox.google.kinds import (
    Context,
    Kind,
    Problem,
    Reference,
    Values,
    first,
    never_changes,
    number,
    path,
    tail,
)

ACCOUNT = "gcp:serviceaccount/account:Account"
ACCOUNT_MEMBER = "gcp:serviceaccount/iAMMember:IAMMember"
PROJECT_MEMBER = "gcp:projects/iAMMember:IAMMember"
CLUSTER = "gcp:container/cluster:Cluster"

#: APIs that are on in every new project
ALWAYS_ON = frozenset(
    {"serviceusage.googleapis.com", "servicemanagement.googleapis.com", "storage.googleapis.com"}
)


def enabled(context: Context, api: str) -> bool:
    """Whether the object's project may use an API."""
    return api in ALWAYS_ON or context.cloud.find(f"{context.project}/{api}") is not None


def _is_api(value: str) -> str | None:
    if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", value):
        return None
    return "an API is named like compute.googleapis.com"


SERVICE_KIND = Kind(
    token=ENABLED_API,
    schema="projects.Service",
    id=path("{project}/{service}"),
    autoname="",
    checks={"service": _is_api},
    replaces=never_changes("service", "project"),
    idempotent=True,
    deletes=lambda state: bool(state.get("disableOnDestroy")),
)


def by_email(value: str, values: Values) -> str | None:
    """The id of one of this project's own service accounts; None for accounts of Google and of other
    projects."""
    email = tail(value)
    parts = re.fullmatch(r"([^@]+)@([^@]+)\.iam\.gserviceaccount\.com", email)
    if not parts or parts[2] != values.get("project"):
        return None
    return f"projects/{parts[2]}/serviceAccounts/{email}"


def by_member(value: str, values: Values) -> str | None:
    """As `by_email`, for a member of a policy."""
    kind, _, who = value.partition(":")
    return by_email(who, values) if kind == "serviceAccount" and "[" not in who else None


def _email(state: Values) -> str:
    return f"{state['accountId']}@{state['project']}.iam.gserviceaccount.com"


def _foreseen(state: Values) -> Values:
    if not isinstance(state.get("accountId"), str) or not isinstance(state.get("project"), str):
        return {}
    return {"email": _email(state), "member": f"serviceAccount:{_email(state)}"}


ACCOUNT_KIND = Kind(
    token=ACCOUNT,
    schema="serviceaccount.Account",
    id=lambda values: f"projects/{values['project']}/serviceAccounts/{_email(values)}",
    api="iam.googleapis.com",
    autoname="accountId",
    autoname_length=30,
    checks={
        "accountId": checks.pattern(
            r"^[a-z]([-a-z0-9]{4,28}[a-z0-9])$",
            "an account id is 6-30 lower-case letters, digits and dashes, starts with a letter and does not "
            "end with a dash",
        ),
        "description": lambda value: None if len(value) <= 256 else "it must be at most 256 characters",
        "displayName": lambda value: None if len(value) <= 100 else "it must be at most 100 characters",
    },
    defaults={"disabled": False},
    replaces=never_changes("accountId", "project"),
    computed=lambda context: {
        **_foreseen(context.new),
        "name": context.id,
        "uniqueId": str(number(context.id, 21)),
    },
    foreseen=_foreseen,
    adopts=lambda values: values.get("createIgnoreAlreadyExists") is True,
    cascades=lambda account: [(ACCOUNT_MEMBER, f"{account.id}/")],
)


def pool_exists(context: Context) -> Iterator[Problem]:
    """A member `PROJECT.svc.id.goog[NAMESPACE/NAME]`, or a principal of that pool, needs the pool, which
    comes with the first cluster that has workloadIdentityConfig."""
    member = str(context.new["member"])
    pool = r"([a-z0-9:.-]+\.svc\.id\.goog)"
    named = re.fullmatch(rf"serviceAccount:{pool}\[.*\]", member) or re.fullmatch(
        r"principal://iam\.googleapis\.com/projects/\d+/locations/global/"
        rf"workloadIdentityPools/{pool}/subject/.+",
        member,
    )
    if named and not any(
        first(cluster.state, "workloadIdentityConfig.workloadPool") == named[1]
        for cluster in context.cloud.of_type(CLUSTER)
    ):
        yield Problem(
            "member",
            member,
            f"Identity Pool does not exist ({named[1]}): the pool comes with the first cluster that "
            "has workloadIdentityConfig; make this binding depend on the cluster",
        )


def _no_primitive_on_account(values: Values) -> Iterator[Problem]:
    account = re.fullmatch(r"projects/([^/]+)/serviceAccounts/([^/]+)", str(values.get("serviceAccountId")))
    if isinstance(values.get("serviceAccountId"), str) and not account:
        yield Problem(
            "serviceAccountId",
            values["serviceAccountId"],
            "it is the account's full name, "
            "projects/PROJECT/serviceAccounts/EMAIL; give the account's `name`, not its e-mail address",
        )


def member_id(resource: str, values: Values) -> str:
    """The id of one member of a policy, as the provider writes it; a condition's title is part of it."""
    title = first(values, "condition.title")
    return f"{resource}/{values['role']}/{values['member']}" + (f"/{title}" if title else "")


MEMBER_CHECKS = {"member": checks.member, "role": checks.role}
MEMBER_CHANGES = never_changes("member", "role", "condition")


def etag(context: Context) -> Values:
    """The version of the policy that holds this member."""
    return {"etag": f"BwX{number(context.id, 10)}="}


ACCOUNT_MEMBER_KIND = Kind(
    token=ACCOUNT_MEMBER,
    schema="serviceaccount.IAMMember",
    id=lambda values: member_id(values["serviceAccountId"], values),
    api="iam.googleapis.com",
    autoname="",
    place=(),
    checks=MEMBER_CHECKS,
    rules=(_no_primitive_on_account,),
    replaces={**MEMBER_CHANGES, "serviceAccountId": None},
    references=(
        Reference("serviceAccountId", ACCOUNT, by_email),
        Reference("member", ACCOUNT, by_member),
    ),
    cloud_rules=(pool_exists,),
    computed=etag,
    idempotent=True,
)

PROJECT_MEMBER_KIND = Kind(
    token=PROJECT_MEMBER,
    schema="projects.IAMMember",
    id=lambda values: member_id(tail(values["project"]), values),
    api="cloudresourcemanager.googleapis.com",
    autoname="",
    place=(),
    checks={**MEMBER_CHECKS, "project": checks.PROJECT},
    replaces={**MEMBER_CHANGES, "project": None},
    references=(Reference("member", ACCOUNT, by_member),),
    cloud_rules=(pool_exists,),
    computed=etag,
    idempotent=True,
)


KINDS = (SERVICE_KIND, ACCOUNT_KIND, ACCOUNT_MEMBER_KIND, PROJECT_MEMBER_KIND)
