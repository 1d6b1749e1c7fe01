"""Plain HTTP from an app: what leaves the gateway, which requests are allowed, and how the host is treated on
the way."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from egress.common.grammar import LABEL, first, matches, replaced
from egress.common.normal_form import Normalization, normal
from egress.settings.base import Count, Form, Model, Words, refusal, refusals
from egress.settings.duration import Duration, Silence
from egress.settings.host import Host
from egress.settings.inspection import Inspection, Mode

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT")
_TEXT = r"([A-Za-z0-9._~!$&'()+,;=:@-]|%[0-9A-Fa-f]{2})"
"""What a path is made of besides slashes (RFC 3986, pchar; Istio asks the same of a template)."""
_PREFIX_OR_EXACT = rf"/({_TEXT}|/)*\*?"
_TEMPLATE = rf"(/({_TEXT}+|\{{\*\}}))*(/\{{\*\*\}}(/{_TEXT}+)*)?/?"
_NEVER_ENCODED = "%(2[dDeEfF]|3[0-9]|4[1-9a-fA-F]|5[0-9aAcCfF]|6[1-9a-fA-F]|7[0-9aAeE])"
"""Letters, digits, `-`, `.`, `_`, `~` and both slashes, which the proxy decodes before it compares."""
LONGEST = 2000
"""Characters of a path or of a header's value."""
_HEADER = "[a-z0-9!#$%&'+.^_`|~-]{1,256}"
_WILD = r"\{\*\*?\}|\*$"


def _method(value: str) -> str:
    if value.upper() not in METHODS or value != value.upper():
        known = value.upper() in METHODS
        raise refusal(
            "The method is compared letter by letter; this one is never sent.",
            f"Write {value.upper()}." if known else f"Write one of {', '.join(METHODS[:7])}.",
        )
    if value == "CONNECT":
        raise refusal(
            "CONNECT asks the gateway to become a tunnel that no rule can look into.",
            "Use https: passthrough.",
        )
    return value


def _path(value: str) -> str:
    if not value.startswith("/"):
        raise refusal("A request path starts with a slash; this rule would never match.", f"Write /{value}.")
    if not matches(_PREFIX_OR_EXACT, value) and not matches(_TEMPLATE, value):
        raise refusal(
            "A path is compared exactly, up to one `*` at its end, or as a template with `{*}` for one "
            "segment and behind those "
            "one `{**}` for any number; query and fragment are no part of it, and what no path can hold is "
            "sent as %XX.",
            "Write e.g. /status/418, /ok/* or /users/{*}/orders.",
        )
    if encoded := first(_NEVER_ENCODED, value):
        raise refusal(
            f"The proxy decodes {encoded} before it compares; this one would never match.",
            f"Write {chr(int(encoded[1:], 16)).replace(chr(92), '/')} instead.",
        )
    plain = replaced(_WILD, "x", value)
    if normal(plain, Normalization.DECODE_AND_MERGE_SLASHES) != plain:
        raise refusal(
            "The proxy normalises paths before it compares them; this one would never match.",
            "Write the path without `.`, `..` and doubled slashes.",
        )
    if len(value) > LONGEST:
        raise refusal(
            f"It has {len(value)} characters; at most {LONGEST} are compared.",
            "Write a shorter one, as a prefix.",
        )
    return value


def _header(name: str) -> str:
    if not matches(_HEADER, name.lower()):
        raise refusal("No request can have a header of this name.", "Write the header's name, e.g. x-tenant.")
    if name != name.lower():
        raise refusal("Header names are compared in lower case.", f"Write {name.lower()}.")
    if name in ("host", "content-length", "transfer-encoding", "connection"):
        raise refusal(
            "This header says how the request is sent, not what it is; proxies rewrite it.",
            "Use another header, or the host.",
        )
    if name == "x-request-id":
        raise refusal(
            "The gateway notes it for its log and takes it out before rules are asked, so the rule would "
            "never hold.",
            "Use another header.",
        )
    return name


def _value(value: str) -> str:
    if not value:
        raise refusal(
            "Nobody outside tells an empty header from one that is not there.",
            "Write the value, or `*` for whatever is in it.",
        )
    if "*" in value.removeprefix("*").removesuffix("*") or (len(value) > 1 and value[0] == value[-1] == "*"):
        raise refusal(
            "A value is compared exactly, up to one `*` at its end, from one `*` at its beginning, or is `*` "
            "for anything: "
            "elsewhere the `*` would be read as a letter, or as something else than it says.",
            "Write e.g. shop, shop-* or *-shop.",
        )
    if not matches(r"[!-~]([ -~]*[!-~])?", value) or len(value) > LONGEST:
        raise refusal(
            "A header's value is printable ASCII, arrives without spaces around it, and may be "
            f"{LONGEST} characters long here; this one would never match.",
            "Write the value as it arrives.",
        )
    return value


AccountName = Annotated[
    str,
    Form(
        LABEL,
        "Kubernetes refuses this name for a ServiceAccount, so nobody would match.",
        "Name a ServiceAccount of the team's namespace, without the namespace.",
    ),
]
SecretName = Annotated[
    str,
    Form(
        "[a-z0-9]([a-z0-9-]{0,251}[a-z0-9])?",
        "Kubernetes refuses this name for a Secret.",
        "Use lower-case letters, digits and hyphens, at most 253.",
    ),
]


class Upgrade(StrEnum):
    """What the gateway does with plain HTTP before it leaves."""

    NONE = "none"
    """It leaves as plain HTTP, port 80."""
    TLS = "tls"
    """The gateway opens TLS to port 443 and verifies the host's certificate against its name."""
    MTLS = "mtls"
    """As `tls`, and the gateway shows a client certificate."""


def credential_refusals(
    upgrade: Upgrade, credential: str | None
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """What is wrong between an upgrade and the certificate for it, for `model.refusals`."""
    if upgrade is Upgrade.MTLS and credential is None:
        yield ("upgrade",), "The gateway would have no certificate to show.", "Add credential: SECRET."
    if credential is not None and upgrade is not Upgrade.MTLS:
        yield (
            ("credential",),
            "Only mutual TLS shows a certificate; this would be ignored.",
            "Write upgrade: mtls.",
        )


class Protocol(StrEnum):
    """What the app speaks, and with it the host. Istio's names, in lower case."""

    HTTP = "http"
    """HTTP/1.1, WebSocket included."""
    HTTP2 = "http2"
    GRPC = "grpc"


class Rule(Model):
    """Requests that are allowed: each field narrows, an absent one does not."""

    methods: list[Annotated[str, AfterValidator(_method)]] | None = Field(
        default=None, description="Absent: every method."
    )
    paths: list[Annotated[str, AfterValidator(_path)]] | None = Field(
        default=None,
        description="Exact, a prefix ending in `*`, or a template with `{*}` and `{**}`. Absent: every path.",
    )
    headers: (
        dict[Annotated[str, AfterValidator(_header)], list[Annotated[str, AfterValidator(_value)]]] | None
    ) = Field(
        default=None,
        description="Header to the values allowed: exact, `abc*`, `*abc`, or `*` for present. Absent: "
        "whatever.",
    )
    service_accounts: list[AccountName] | None = Field(
        default=None, description="ServiceAccounts of the team that may; absent: the whole team."
    )
    description: Words | None = Field(
        default=None, max_length=200, description="Why this is allowed; goes into the evidence."
    )

    @field_validator("methods", "paths", "service_accounts", "headers")
    @classmethod
    def says_something(
        cls, value: list[str] | dict[str, list[str]] | None
    ) -> list[str] | dict[str, list[str]] | None:
        if value is not None and (not value or (isinstance(value, dict) and not all(value.values()))):
            raise refusal(
                "An empty list would allow nothing, and reads as if it allowed everything.",
                "Leave the field out to allow all, or name what is allowed.",
            )
        return value


class RetryOn(StrEnum):
    """After what a request is repeated. Envoy's names (router filter, x-envoy-retry-on and
    x-envoy-retry-grpc-on)."""

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
        default=False,
        description="Also repeat methods other than GET, HEAD and OPTIONS, which may then happen twice.",
    )


class Limits(Model):
    """How much of the host one gateway replica uses at once; more is refused with 503, for all teams of the
    host."""

    connections: Count | None = None
    pending_requests: Count | None = Field(default=None, description="Requests waiting for a connection.")
    requests: Count | None = Field(default=None, description="Requests in flight.")
    requests_per_connection: Count | None = None


class Outlier(Model):
    """When an address of the host is left alone for a while."""

    consecutive_5xx: Count = Field(default=5, alias="consecutive5xx")
    interval: Duration = "10s"
    ejection: Duration = Field(default="30s", description="How long at first; longer each time.")
    max_percent: int = Field(
        default=50, ge=1, le=100, description="At most this share of the host's addresses."
    )


class Traffic(Model):
    """How the gateway treats the host. One host, one treatment: teams that say something must say the
    same."""

    timeout: Duration | None = Field(
        default=None, description="For the whole answer. Absent: none, streams may last."
    )
    connect_timeout: Duration = "5s"
    retries: Retries | None = Field(
        default=None, description="Absent: 2, and only where the request cannot have reached the host."
    )
    limits: Limits = Limits()
    outlier: Outlier | None = Field(default=None, description="Absent: no address is ever left alone.")
    keepalive: Silence | None = Field(
        default=None, description="TCP keepalive after this much silence. Absent: the system's."
    )


class Mirror(Model):
    """A second host that gets a copy of each request; its answers are thrown away."""

    host: Host
    percent: int = Field(default=100, ge=1, le=100, description="Share of requests that is copied.")


class Http(Rule):
    """The app speaks plain HTTP; every request is authorised at the gateway. Rules lie in the fields of this
    object, or - if there are several - by name in `allow`."""

    upgrade: Annotated[Upgrade, Field(strict=False)] = Upgrade.NONE
    protocol: Annotated[Protocol, Field(strict=False)] = Protocol.HTTP
    credential: SecretName | None = Field(
        default=None,
        description="With `mtls`: Secret in the gateway's namespace with tls.crt, tls.key and ca.crt, the "
        "host's authority.",
    )
    ca: SecretName | None = Field(
        default=None,
        description="With `tls`: Secret in the gateway's namespace holding ca.crt. Absent: the public "
        "authorities.",
    )
    traffic: Traffic | None = None
    split: dict[Host, Annotated[int, Field(ge=1, le=99)]] = Field(
        default={},
        description="Other hosts to the percentage of requests that goes to them instead; the rest stays.",
    )
    mirror: Mirror | None = None
    inspect: Inspection | None = None
    allow: dict[Words, Rule] | None = Field(
        default=None, description="Rules by name; a request needs one of them."
    )

    @model_validator(mode="after")
    def fields_honoured(self) -> Self:
        found = list(credential_refusals(self.upgrade, self.credential))
        if self.ca is not None and self.upgrade is Upgrade.NONE:
            found.append(
                (("ca",), "Plain HTTP verifies nothing; this would be ignored.", "Write upgrade: tls.")
            )
        if self.ca is not None and self.upgrade is Upgrade.MTLS:
            found.append(
                (
                    ("ca",),
                    "With mutual TLS the authority is the key ca.crt of the credential.",
                    "Put it there.",
                )
            )
        if self.protocol is not Protocol.HTTP and self.upgrade is Upgrade.NONE:
            found.append(
                (
                    ("protocol",),
                    f"{self.protocol.value} without TLS is spoken by next to no outside host, and a host "
                    "that does not "
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
                    "A body is read when it has ended, and a gRPC stream waits for answers before it ends; "
                    "its messages may be "
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
            found.append(
                (("allow",), "No rule, so nothing would be allowed.", "Name a rule, or leave allow out.")
            )
        if found:
            raise refusals(found)
        return self

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """The rules in order of name; one that stands in the fields of this object has the name ''."""
        if self.allow is not None:
            return dict(sorted(self.allow.items()))
        return {"": Rule.model_construct(**{name: getattr(self, name) for name in Rule.model_fields})}
