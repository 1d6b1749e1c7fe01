"""Settings of which requests are allowed: methods, paths, headers, and who sends them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from egress.common.grammar import first, matches, replaced
from egress.common.normal_form import Normalization, normal
from egress.settings.base import Model, Words, refusal
from egress.settings.kubernetes_names import AccountName

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT")
_TEXT = r"([A-Za-z0-9._~!$&'()+,;=:@-]|%[0-9A-Fa-f]{2})"
"""What a path is made of besides slashes (RFC 3986, pchar; Istio asks the same of a template)."""
_PREFIX_OR_EXACT = rf"/({_TEXT}|/)*\*?"
_TEMPLATE = rf"(/({_TEXT}+|\{{\*\}}))*(/\{{\*\*\}}(/{_TEXT}+)*)?/?"
_NEVER_ENCODED = "%(2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAcCfF]|6[1-9a-fA-F]|7[0-9aAeE])"
"""Letters, digits, `-`, `.`, `_`, `~` and the backslash, which the proxy decodes before it compares; whether
it decodes slashes is the host's to say (egress/settings/http.py)."""
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
            "A path is an exact path, a prefix that ends in one `*`, or a template in which `{*}` "
            "matches one segment and one `{**}` after those matches any number. It has no query or "
            "fragment, and characters that no path can contain are written as %XX.",
            "Write e.g. /status/418, /ok/* or /users/{*}/orders.",
        )
    if encoded := first(_NEVER_ENCODED, value):
        raise refusal(
            f"The proxy decodes {encoded} before it compares; this one would never match.",
            f"Write {chr(int(encoded[1:], 16)).replace(chr(92), '/')} instead.",
        )
    plain = replaced(_WILD, "x", value)
    if normal(plain, Normalization.MERGE_SLASHES) != plain:
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
            "The gateway copies this header to its log and removes it before it evaluates rules, so the "
            "rule would never match.",
            "Use another header.",
        )
    return name


def _value(value: str) -> str:
    if not value:
        raise refusal(
            "Outside hosts do not distinguish an empty header from a missing one.",
            "Write the value, or `*` for any value.",
        )
    if "*" in value.removeprefix("*").removesuffix("*") or (len(value) > 1 and value[0] == value[-1] == "*"):
        raise refusal(
            "A value is an exact text, a prefix that ends in one `*`, a suffix that begins with one `*`, "
            "or `*` for any value: a `*` elsewhere would be read literally, or as something other than "
            "it says.",
            "Write e.g. shop, shop-* or *-shop.",
        )
    if not matches(r"[!-~]([ -~]*[!-~])?", value) or len(value) > LONGEST:
        raise refusal(
            "A header's value arrives as printable ASCII without spaces around it, and may have at most "
            f"{LONGEST} characters here; this one would never match.",
            "Write the value as it arrives.",
        )
    return value


class Rule(Model):
    """Requests that are allowed: each field narrows, an absent one does not."""

    methods: list[Annotated[str, AfterValidator(_method)]] | None = Field(
        default=None,
        description="Allowed methods. Absent: every one. Refused: An empty list. Not an HTTP method in "
        "capitals. `CONNECT`.",
    )
    paths: list[Annotated[str, AfterValidator(_path)]] | None = Field(
        default=None,
        description="Allowed paths: exact, a prefix that ends in `*`, or a template with `{*}` for one "
        "segment and one `{**}` for any number (neither stands for `[` or `]`). Absent: every one. "
        "Refused: An empty list. No leading slash. Query or fragment. `.`, `..`, `//`. A `*` elsewhere. "
        "Other braces. A second `{**}`.",
    )
    headers: (
        dict[Annotated[str, AfterValidator(_header)], list[Annotated[str, AfterValidator(_value)]]] | None
    ) = Field(
        default=None,
        description="Header to allowed values: exact, `abc*`, `*abc`, or `*` for present. All headers "
        "named must match. No secrets: every pod can read them "
        "(docs/security.md#the-platforms-own-pods). Absent: whatever. Refused: A name in capitals. "
        "`host`, `content-length`, `x-request-id`, `transfer-encoding`, `connection`: proxies rewrite "
        "them. A header without values. An empty value. A `*` anywhere but at one end.",
    )
    service_accounts: list[AccountName] | None = Field(
        default=None,
        description="Service accounts of the team that may. Absent: the whole team. Refused: An empty "
        "list. A name with a namespace, or one that Kubernetes refuses.",
    )
    description: Words | None = Field(
        default=None,
        max_length=200,
        description="Why this is allowed. Stands in the evidence and in the stack's output `egress`.",
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
