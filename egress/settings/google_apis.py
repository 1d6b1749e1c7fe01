"""Google APIs that a team calls: by which service accounts, and what each may do with what. IAM decides, not
the gateway."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from egress.common import google_hosts, grammar
from egress.common.hosts import HostError
from egress.settings.base import Form, Model, ProjectId, Words, refusal, refusals
from egress.settings.kubernetes_names import AccountName

_SHARES = {
    *(
        "roles/storage.admin",
        "roles/storage.legacyBucketOwner",
        "roles/pubsub.admin",
        "roles/secretmanager.admin",
    ),
    *("roles/bigquery.admin", "roles/bigquery.dataOwner"),
}
"""Roles that may change who else may read the data. Source: IAM, "Predefined roles": those with a permission
`setIamPolicy`."""


class Resource(StrEnum):
    """A kind of Google resource that has an IAM policy of its own."""

    TOPIC = "topic"
    SUBSCRIPTION = "subscription"
    SECRET = "secret"
    DATASET = "dataset"

    @property
    def api(self) -> str:
        """The API that serves it; also how the names of its roles begin."""
        return {Resource.SECRET: "secretmanager", Resource.DATASET: "bigquery"}.get(self, "pubsub")

    @property
    def name_pattern(self) -> str:
        """What its names look like. Sources: Pub/Sub, "Guidelines to name a topic"; references of Secret
        Manager and BigQuery."""
        return {Resource.SECRET: r"[A-Za-z0-9_-]{1,255}", Resource.DATASET: "[A-Za-z0-9_]{1,1024}"}.get(
            self, r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}"
        )


def _role(value: str) -> str:
    if not grammar.matches(grammar.ROLE, value):
        raise refusal("IAM knows no role of this form.", "Write e.g. roles/storage.objectViewer.")
    if value in _SHARES:
        raise refusal(
            "This role may grant others, even people outside, access to the data, which would then leave "
            "without a connection that the gateway or the firewall could see.",
            "Name a role that reads or writes, such as roles/storage.objectUser, and let the platform "
            "grant access.",
        )
    return value


Role = Annotated[str, AfterValidator(_role)]


class Bucket(Model):
    """What a service account may do with one Cloud Storage bucket."""

    role: Role = Field(
        description="IAM role on this bucket. Refused: Not of the form of a role. A role by which the "
        "team could give others rights to the bucket, such as `roles/storage.admin`."
    )
    existing: bool = Field(
        default=False, description="True: the key is the full name of a bucket that is there already."
    )


def _role_alone(value: Any) -> Any:
    return {"role": value} if isinstance(value, str) else value


BucketKey = Annotated[
    str,
    Form(
        "[a-z0-9][a-z0-9._-]{0,61}[a-z0-9]",
        "Cloud Storage refuses this name: lower-case letters, digits, hyphens, dots, underscores.",
        "Choose another key.",
    ),
]


class Grant(Model):
    """What a service account may do with one resource that is there already."""

    role: Role = Field(description="IAM role on it. Refused: Not of the form of a role.")
    project: ProjectId | None = Field(
        default=None, description="Where it is. Absent: the stack's project. Refused: Not a project id."
    )


Grants = dict[str, Annotated[Grant, BeforeValidator(_role_alone, json_schema_input_type=Grant | str)]]


def _project_role(role: str) -> str:
    if role in ("roles/owner", "roles/editor", "roles/viewer"):
        raise refusal(
            "This role reaches everything in the project, whatever API it belongs to.",
            "Name a role of one API.",
        )
    if role.startswith(("roles/iam.", "roles/resourcemanager.")):
        raise refusal(
            "An account with this role can grant itself every other right, or act as every other account.",
            "Let people or a pipeline do that.",
        )
    return role


def _reason(value: str) -> str:
    if not value.strip():
        raise refusal("Nobody could tell later why this holds for the whole project.", "Write the reason.")
    return value


ProjectRole = Annotated[str, AfterValidator(_role), AfterValidator(_project_role)]


AccountId = Annotated[
    str,
    Form(
        "[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "IAM refuses this account id: 6 to 30 lower-case letters, digits and hyphens, first a letter.",
        "Choose another one, or leave accountId out.",
    ),
]


class GoogleServiceAccount(Model):
    """A Kubernetes service account of the team that may act as a Google service account of its own."""

    account_id: AccountId | None = Field(
        default=None,
        description="Account id in Google Cloud. Absent: made from both names and a hash. Refused: Not 6 "
        "to 30 lower-case letters, digits, hyphens. The id of a node account or of another account.",
    )
    buckets: dict[
        BucketKey, Annotated[Bucket, BeforeValidator(_role_alone, json_schema_input_type=Bucket | str)]
    ] = Field(
        default={},
        description="Bucket to role. The bucket is named `<project>-<key>`. A role alone may stand for "
        "the object. Refused: Not a bucket name. A bucket that another account makes.",
    )

    topics: Grants = Field(
        default={},
        description="Pub/Sub topic that is there already, to role. A role alone may stand for the "
        "object. Refused: Not a name, e.g. a path. A role that does not begin with `roles/pubsub.`, "
        "unless it is a custom role.",
    )
    subscriptions: Grants = Field(
        default={},
        description="Pub/Sub subscription that is there already, to role. A role alone may stand for the "
        "object. Refused: Not a name, e.g. a path. A role that does not begin with `roles/pubsub.`, "
        "unless it is a custom role.",
    )
    secrets: Grants = Field(
        default={},
        description="Secret of Secret Manager that is there already, to role. The program never reads "
        "it. A role alone may stand for the object. Refused: Not a name, e.g. a path. A role that does "
        "not begin with `roles/secretmanager.`, unless it is a custom role.",
    )
    datasets: Grants = Field(
        default={},
        description="BigQuery dataset that is there already, to role. A role alone may stand for the "
        "object. Refused: Not a name, e.g. a path. A role that does not begin with `roles/bigquery.`, "
        "unless it is a custom role.",
    )
    project_roles: dict[ProjectRole, Annotated[Words, AfterValidator(_reason)]] = Field(
        default={},
        description="Role on the whole project, to the reason why no smaller one will do. Refused: "
        "`roles/owner`, `roles/editor`, `roles/viewer`; `roles/iam.…` and `roles/resourcemanager.…`, "
        "which can give every other right. No reason.",
    )

    @property
    def grants(self) -> dict[Resource, Grants]:
        """What it may do with resources that are there already."""
        return {
            Resource.TOPIC: self.topics,
            Resource.SUBSCRIPTION: self.subscriptions,
            Resource.SECRET: self.secrets,
            Resource.DATASET: self.datasets,
        }

    @model_validator(mode="after")
    def can_be_granted(self) -> Self:
        found: list[tuple[tuple[str, ...], str, str]] = []
        for resource, grants in self.grants.items():
            for name, grant in grants.items():
                at = (f"{resource}s", name)
                if not grammar.matches(resource.name_pattern, name):
                    found.append(
                        (
                            at,
                            f"No {resource} has a name of this form.",
                            f"Write the {resource}'s own name, without its path.",
                        )
                    )
                if grant.role.startswith("roles/") and not grant.role.startswith(f"roles/{resource.api}."):
                    found.append(
                        (
                            at,
                            f"{grant.role} is not a role for a {resource}: IAM refuses it, or it grants "
                            f"access to more than a {resource}.",
                            f"Name a role that begins with roles/{resource.api}.",
                        )
                    )
        if found:
            raise refusals(found)
        return self


def _api(name: str) -> str:
    if not grammar.matches(grammar.RESOURCE, name):
        word = google_hosts.short(name)
        raise refusal(
            "An API is named by the first part of its host, NAME.googleapis.com.",
            f"Write it as {word}."
            if word
            else f"Write it in `hosts` instead, beside `apis`: hosts: [{name}]."
            if "." in name
            else "Write e.g. pubsub.",
        )
    return name


def _host(name: str) -> str:
    try:
        return google_hosts.normalise(name)
    except HostError as error:
        raise refusal(error.consequence, error.fix) from None


class GoogleApis(Model):
    """Google APIs the team calls directly through Private Google Access; IAM decides what each account may
    do."""

    apis: list[Annotated[str, AfterValidator(_api)]] = Field(
        default=[],
        description="APIs that the team calls, by the first part of the host: `pubsub` for "
        "`pubsub.googleapis.com`. Those of buckets, topics, subscriptions, secrets and datasets come by "
        "themselves. Refused: A whole host name.",
    )

    hosts: list[Annotated[str, AfterValidator(_host)]] = Field(
        default=[],
        description="Google's hosts that the team reaches beside `apis`, by their full names: repositories "
        "(`europe-python.pkg.dev`, `gcr.io`), services of Cloud Run (`orders-1234.europe-west1.run.app`), "
        "APIs in one place (`europe-west1-aiplatform.googleapis.com`). With TLS, port 443, at the addresses "
        "of Private Google Access. Opens everybody's repositories or buckets behind that name: "
        "docs/modes.md#google-hosts. Refused: A name that is not Google's, or that these addresses do not "
        "serve (with `network.googleApis: restricted`: all but `googleapis.com`, `gcr.io`, `pkg.dev`). A "
        "pattern. `private.googleapis.com` and its like. A host that `egress`, `network.dns.alsoResolved` "
        "or `network.dns.answeredElsewhere` covers as well.",
    )

    service_accounts: dict[AccountName, GoogleServiceAccount] = Field(
        description="Kubernetes service account to its Google service account. Refused: Empty. Not a "
        "service account name."
    )

    @field_validator("service_accounts")
    @classmethod
    def says_something(cls, value: dict[str, GoogleServiceAccount]) -> dict[str, GoogleServiceAccount]:
        if not value:
            raise refusal(
                "No service account is named, so nobody could call a Google API.",
                "Name one, or leave googleApis out.",
            )
        return value
