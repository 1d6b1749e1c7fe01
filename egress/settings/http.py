"""Plain HTTP from an app: what leaves the gateway, which requests are allowed, and how the host is treated on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from egress.settings.hostname import Host
from egress.settings.inspection import Inspection, Mode
from egress.settings.model import Model, refusal, refusals

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT")
_PREFIX_OR_EXACT = re.compile(r"^/[^\s*?#{}]*\*?$")
_TEMPLATE = re.compile(r"^(/([^\s*?#{}/]+|\{\*\}))*(/\{\*\*\})?(/([^\s*?#{}/]+|\{\*\}))*/?$")
_HEADER = re.compile(r"^[a-z0-9!#$%&'*+.^_`|~-]+$")
_DURATION = re.compile(r"^\d+(\.\d+)?(ms|s|m|h)$")
_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")


def _method(value: str) -> str:
    if value.upper() not in METHODS or value != value.upper():
        known = value.upper() in METHODS
        raise refusal(
            "The method is compared letter by letter; this one is never sent.",
            f"Write {value.upper()}." if known else f"Write one of {', '.join(METHODS[:7])}.",
        )
    if value == "CONNECT":
        raise refusal("CONNECT asks the gateway to become a tunnel that no rule can look into.", "Use https: passthrough.")
    return value


def _path(value: str) -> str:
    if not value.startswith("/"):
        raise refusal("A request path starts with a slash; this rule would never match.", f"Write /{value}.")
    if not _PREFIX_OR_EXACT.match(value) and not (value.count("{**}") <= 1 and _TEMPLATE.match(value)):
        raise refusal(
            "A path is compared exactly, up to one `*` at its end, or as a template with `{*}` for one segment and one `{**}` "
            "for any number; query and fragment are no part of it.",
            "Write e.g. /status/418, /ok/* or /users/{*}/orders.",
        )
    if any(part in (".", "..") for part in value.split("/")) or "//" in value:
        raise refusal(
            "The proxy normalises paths before it compares them; this one would never match.",
            "Write the path without `.`, `..` and doubled slashes.",
        )
    return value


def _header(name: str) -> str:
    if name != name.lower() or not _HEADER.match(name):
        raise refusal("Header names are compared in lower case.", f"Write {name.lower()}.")
    if name in ("host", "content-length", "transfer-encoding", "connection"):
        raise refusal(
            "This header says how the request is sent, not what it is; proxies rewrite it.", "Use another header, or the host."
        )
    return name


def _service_account(name: str) -> str:
    if not _LABEL.match(name) or len(name) > 63:
        raise refusal(
            "Kubernetes refuses this name for a ServiceAccount, so nobody would match.",
            "Name a ServiceAccount of the team's namespace, without the namespace.",
        )
    return name


def _duration(value: str) -> str:
    if not _DURATION.match(value) or not float(re.sub(r"[a-z]", "", value)):
        raise refusal("This is not a length of time.", "Write a number with ms, s, m or h, e.g. 5s.")
    return value


def _secret(name: str) -> str:
    if not _LABEL.match(name):
        raise refusal("Kubernetes refuses this name for a Secret.", "Use lower-case letters, digits and hyphens.")
    return name


Duration = Annotated[str, AfterValidator(_duration)]
"""A length of time as Istio writes it: 500ms, 5s, 2m, 1h; more than nothing."""
AccountName = Annotated[str, AfterValidator(_service_account)]
SecretName = Annotated[str, AfterValidator(_secret)]


class Upgrade(StrEnum):
    """What the gateway does with plain HTTP before it leaves."""

    NONE = "none"
    """It leaves as plain HTTP, port 80."""
    TLS = "tls"
    """The gateway opens TLS to port 443 and verifies the host's certificate against its name."""
    MTLS = "mtls"
    """As `tls`, and the gateway shows a client certificate."""


def credential_refusals(upgrade: Upgrade, credential: str | None) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """What is wrong between an upgrade and the certificate for it, for `model.refusals`."""
    if upgrade is Upgrade.MTLS and credential is None:
        yield ("upgrade",), "The gateway would have no certificate to show.", "Add credential: SECRET."
    if credential is not None and upgrade is not Upgrade.MTLS:
        yield ("credential",), "Only mutual TLS shows a certificate; this would be ignored.", "Write upgrade: mtls."


class Protocol(StrEnum):
    """What the app speaks, and with it the host. Istio's names, in lower case."""

    HTTP = "http"
    """HTTP/1.1, WebSocket included."""
    HTTP2 = "http2"
    GRPC = "grpc"


class Rule(Model):
    """Requests that are allowed: each field narrows, an absent one does not."""

    methods: list[Annotated[str, AfterValidator(_method)]] | None = Field(default=None, description="Absent: every method.")
    paths: list[Annotated[str, AfterValidator(_path)]] | None = Field(
        default=None, description="Exact, a prefix ending in `*`, or a template with `{*}` and `{**}`. Absent: every path."
    )
    headers: dict[Annotated[str, AfterValidator(_header)], list[str]] | None = Field(
        default=None,
        description="Header to the values allowed: exact, `abc*`, `*abc`, or `*` for present. Absent: whatever.",
    )
    service_accounts: list[AccountName] | None = Field(
        default=None, description="ServiceAccounts of the team that may; absent: the whole team."
    )
    description: str | None = Field(default=None, max_length=200, description="Why this is allowed; goes into the evidence.")

    @field_validator("methods", "paths", "service_accounts", "headers")
    @classmethod
    def says_something(cls, value: list[str] | dict[str, list[str]] | None) -> list[str] | dict[str, list[str]] | None:
        if value is not None and (not value or (isinstance(value, dict) and not all(value.values()))):
            raise refusal(
                "An empty list would allow nothing, and reads as if it allowed everything.",
                "Leave the field out to allow all, or name what is allowed.",
            )
        return value


class RetryOn(StrEnum):
    """After what a request is repeated. Envoy's names (router filter, x-envoy-retry-on and x-envoy-retry-grpc-on)."""

    CONNECT_FAILURE = "connect-failure"
    REFUSED_STREAM = "refused-stream"
    RESET = "reset"
    RESET_BEFORE_REQUEST = "reset-before-request"
    GATEWAY_ERROR = "gateway-error"
    SERVER_ERROR = "5xx"
    RETRIABLE_4XX = "retriable-4xx"
    CANCELLED = "cancelled"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    RESOURCE_EXHAUSTED = "resource-exhausted"
    UNAVAILABLE = "unavailable"


class Retries(Model):
    """Retries by the gateway. Without `retryOn`, only where the request cannot have reached the host."""

    attempts: int = Field(ge=0, le=10, description="Retries after the first try; 0 turns them off.")
    retry_on: list[Annotated[RetryOn, Field(strict=False)]] | None = Field(
        default=None, description="Absent: what never arrived."
    )
    per_try_timeout: Duration | None = None
    unsafe_methods: bool = Field(
        default=False, description="Also repeat methods other than GET, HEAD and OPTIONS, which may then happen twice."
    )


class Limits(Model):
    """How much of the host one gateway replica uses at once; more is refused with 503, for all teams of the host."""

    connections: int | None = Field(default=None, ge=1)
    pending_requests: int | None = Field(default=None, ge=1, description="Requests waiting for a connection.")
    requests: int | None = Field(default=None, ge=1, description="Requests in flight.")
    requests_per_connection: int | None = Field(default=None, ge=1)


class Outlier(Model):
    """When an address of the host is left alone for a while."""

    consecutive_5xx: int = Field(default=5, ge=1, alias="consecutive5xx")
    interval: Duration = "10s"
    ejection: Duration = Field(default="30s", description="How long at first; longer each time.")
    max_percent: int = Field(default=50, ge=1, le=100, description="At most this share of the host's addresses.")


class Traffic(Model):
    """How the gateway treats the host. One host, one treatment: teams that say something must say the same."""

    timeout: Duration | None = Field(default=None, description="For the whole answer. Absent: none, streams may last.")
    connect_timeout: Duration = "5s"
    retries: Retries | None = Field(
        default=None, description="Absent: 2, and only where the request cannot have reached the host."
    )
    limits: Limits = Limits()
    outlier: Outlier | None = Field(default=None, description="Absent: no address is ever left alone.")
    keepalive: Duration | None = Field(default=None, description="TCP keepalive after this much silence. Absent: the system's.")


class Mirror(Model):
    """A second host that gets a copy of each request; its answers are thrown away."""

    host: Host
    percent: int = Field(default=100, ge=1, le=100, description="Share of requests that is copied.")


class Http(Rule):
    """The app speaks plain HTTP; every request is authorised at the gateway. Rules lie in the fields of this object, or - if
    there are several - by name in `allow`."""

    upgrade: Annotated[Upgrade, Field(strict=False)] = Upgrade.NONE
    protocol: Annotated[Protocol, Field(strict=False)] = Protocol.HTTP
    credential: SecretName | None = Field(
        default=None,
        description="With `mtls`: Secret in the gateway's namespace with tls.crt, tls.key and ca.crt, the host's authority.",
    )
    ca: SecretName | None = Field(
        default=None, description="With `tls`: Secret in the gateway's namespace holding ca.crt. Absent: the public authorities."
    )
    traffic: Traffic | None = None
    split: dict[Host, Annotated[int, Field(ge=1, le=99)]] = Field(
        default={}, description="Other hosts to the percentage of requests that goes to them instead; the rest stays."
    )
    mirror: Mirror | None = None
    inspect: Inspection | None = None
    allow: dict[str, Rule] | None = Field(default=None, description="Rules by name; a request needs one of them.")

    @model_validator(mode="after")
    def fields_honoured(self) -> Self:
        found = list(credential_refusals(self.upgrade, self.credential))
        if self.ca is not None and self.upgrade is Upgrade.NONE:
            found.append((("ca",), "Plain HTTP verifies nothing; this would be ignored.", "Write upgrade: tls."))
        if self.ca is not None and self.upgrade is Upgrade.MTLS:
            found.append((("ca",), "With mutual TLS the authority is the key ca.crt of the credential.", "Put it there."))
        if self.protocol is not Protocol.HTTP and self.upgrade is Upgrade.NONE:
            found.append(
                (
                    ("protocol",),
                    f"{self.protocol.value} without TLS is spoken by next to no outside host, and a host that does not "
                    "would reset every request.",
                    "Add upgrade: tls.",
                )
            )
        if sum(self.split.values()) > 99:
            found.append(
                (
                    ("split",),
                    f"{sum(self.split.values())} percent leave nothing for the host itself.",
                    "Let the percentages add up to 99 at most.",
                )
            )
        if self.inspect is not None and self.inspect.mode is Mode.ENFORCE and self.protocol is Protocol.GRPC:
            found.append(
                (
                    ("inspect",),
                    "A body is read when it has ended, and a gRPC stream waits for answers before it ends; its messages may be "
                    "compressed one by one.",
                    "Write inspect.mode: report, or leave inspect out.",
                )
            )
        own = [name for name in Rule.model_fields if getattr(self, name) is not None]
        if self.allow is not None and own:
            found.append(
                (
                    ("allow",),
                    f"Rules by name and {', '.join(own)} beside them: one of the two would be ignored.",
                    "Move them into a rule of their own.",
                )
            )
        if self.allow == {}:
            found.append((("allow",), "No rule, so nothing would be allowed.", "Name a rule, or leave allow out."))
        if found:
            raise refusals(found)
        return self

    @property
    def rules(self) -> dict[str, Rule]:
        """The rules in order of name; one that stands in the fields of this object has the name ''."""
        if self.allow is not None:
            return dict(sorted(self.allow.items()))
        return {"": Rule.model_construct(**{name: getattr(self, name) for name in Rule.model_fields})}
