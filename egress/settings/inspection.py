"""Body inspection of plain HTTP at the gateway: what must not leave, and how much of a request is read to
find out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self, cast

from pydantic import BeforeValidator, Field, field_validator, model_validator

from egress.common import body_patterns
from egress.common.body_patterns import Atom, PatternError
from egress.settings.base import Form, Model, refusal, refusals

MOST_BYTES = 1024 * 1024
"""The largest `maxBytes`: what Envoy holds back of an HTTP/1.1 request before it answers 413 by itself."""
LONGEST_TEXT = 200
"""Bytes of a text that is looked for."""


RuleName = Annotated[
    str,
    Form(
        "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?",
        "Refused clients and the log are told this name: it has 1 to 40 lower-case letters, digits and "
        "hyphens.",
        "Choose another name.",
    ),
]


def _wanted(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Mode(StrEnum):
    """What becomes of a request that a rule matches, or that cannot be read."""

    ENFORCE = "enforce"
    """It is refused."""
    REPORT = "report"
    """It passes, as if there were no inspection, and the gateway's log says what enforcing would have
    done."""


class Unwanted(Model):
    """What a request must not contain: a text or a pattern."""

    text: str | None = Field(
        default=None,
        description="Found anywhere, byte for byte. Refused: Empty. Control characters. More than 200 "
        "bytes. Beside `pattern`.",
    )
    pattern: str | None = Field(
        default=None,
        description="Regular expression of bounded length: characters, sets `[0-9a-f]`, classes `\\d`, "
        "`\\w` and `\\s`, `.`, `?`, `{n}` and `{n,m}`. Refused: `*`, `+`, groups, alternatives. Matches "
        "the empty text. More than 64 comparisons at one place: too many characters, or too many that "
        "may be absent and look like what follows.",
    )
    ignore_case: bool = Field(default=False, description="a to z match A to Z.")

    @model_validator(mode="after")
    def can_be_honoured(self) -> Self:
        if (self.text is None) == (self.pattern is None):
            raise refusal(
                "A rule looks for one thing: a text or a pattern.",
                "Write text: ... or pattern: ..., not both.",
            )
        found: list[tuple[tuple[str, ...], str, str]] = []
        if self.text is not None:
            if not self.text:
                found.append((("text",), "The empty text is in every body.", "Write what must not leave."))
            if not self.text.isprintable():
                found.append(
                    (
                        ("text",),
                        "It contains a line end or another control character, which can be written in "
                        "more than one way in a body.",
                        "Write the part before or after it.",
                    )
                )
            if len(self.text.encode(errors="replace")) > LONGEST_TEXT:
                found.append(
                    (
                        ("text",),
                        f"It has more than {LONGEST_TEXT} bytes.",
                        "Write only the part that tells it apart.",
                    )
                )
        else:
            try:
                body_patterns.parse(self.pattern or "", self.ignore_case)
            except PatternError as error:
                found.append((("pattern",), error.consequence, error.fix))
        if found:
            raise refusals(found)
        return self

    @property
    def atoms(self) -> list[Atom]:
        """What `pattern` says; there is nothing to say about `text`."""
        return body_patterns.parse(self.pattern, self.ignore_case) if self.pattern is not None else []


class Inspection(Model):
    """Requests whose path, query or body holds one of these are refused, and requests that cannot be read
    are, too."""

    refuse: dict[
        RuleName,
        Annotated[Unwanted, BeforeValidator(_wanted, json_schema_input_type=Unwanted | str)],
    ] = Field(
        description="What a request must not hold, by name, which is what a refused client is told. A "
        "text alone may stand for the object. Refused: Empty. All hosts' rules together too long."
    )
    mode: Annotated[Mode, Field(strict=False)] = Field(
        default=Mode.ENFORCE, description="`enforce`: refuse. `report`: let pass, and log."
    )
    max_bytes: int = Field(
        default=MOST_BYTES,
        ge=1,
        le=MOST_BYTES,
        description="A longer body is refused with 413, unread. 1 MiB, the most, is what the gateway "
        "holds back.",
    )

    @field_validator("refuse", mode="before")
    @classmethod
    def says_something(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and not cast(Mapping[Any, Any], value):
            raise refusal(
                "Nothing is named, so bodies would be read for nothing.", "Name a rule, or leave inspect out."
            )
        return cast(Any, value)
