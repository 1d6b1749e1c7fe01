"""What all settings share: strictness, field names as Pulumi writes them, and the way a value is refused."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from egress.common import grammar


class Model(BaseModel):
    """A part of the config: unknown keys are refused, values are not coerced, nothing changes after
    loading."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
    )


Refusal = tuple[tuple[str | int, ...], str, str]
"""One refusal: path below the validated value, consequence, fix."""


def refusal(consequence: str, fix: str, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """The error to raise in a validator. `at` names a path below the validated value, in the config's own
    words."""
    return refusals([(at, consequence, fix)])


def refusals(found: Sequence[Refusal]) -> PydanticCustomError:
    """Several refusals of one value at once."""
    # The texts travel in the context: braces in a pydantic message would be read as placeholders.
    return PydanticCustomError("refused", "refused", {"found": found})


@dataclass(frozen=True)
class Form:
    """What a text has to look like, as metadata of `Annotated[str, Form(...)]`: one pattern for the program
    and for editors."""

    pattern: str
    """Of the whole text; see egress/common/grammar.py."""
    consequence: str
    fix: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # Within allOf, so that for the keys of a map it becomes `propertyNames`: as `patternProperties` it
        # would let through whatever stands at a key that has another form.
        return {**handler(schema), "allOf": [{"pattern": f"^(?:{self.pattern})$"}]}

    def _checked(self, value: str) -> str:
        if not grammar.matches(self.pattern, value):
            raise refusal(self.consequence, self.fix)
        return value


ProjectId = Annotated[
    str,
    Form(
        grammar.PROJECT,
        "Google Cloud refuses this project id: 6 to 30 lower-case letters, digits and hyphens.",
        "Write the project's id, not its display name or number.",
    ),
]
MOST = 2**31 - 1
"""The largest number that Istio's fields take (int32)."""
Count = Annotated[int, Field(ge=1, le=MOST)]
"""How many, at least one."""


LONGEST_WORDS = 1000
"""Characters: they go into annotations, which may be 256 KiB on one object, and into descriptions of
Google's, 2048."""


def _words(value: str) -> str:
    if len(value) > LONGEST_WORDS:
        raise refusal(
            f"It has {len(value)} characters, which is more than the objects that carry it accept.",
            f"Write at most {LONGEST_WORDS} characters, and say where the rest can be read.",
        )
    if any(not character.isprintable() and character not in "\n\t" for character in value):
        raise refusal(
            "It contains a control character, which some programs cannot show.", "Write plain text."
        )
    return value


Words = Annotated[str, AfterValidator(_words)]
"""What a person says to others: a reason, a description, a name for a partner."""


def _network(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.IPv4Network(value)
    except ValueError as error:
        try:
            inside = ipaddress.IPv4Interface(value).network
        except ValueError:
            raise refusal(
                f"This is not an IPv4 range: {error}.", "Write it as address/prefix, e.g. 10.0.0.0/24."
            ) from None
        raise refusal(
            "The address has host bits set; Google Cloud refuses such a range.",
            f"Write {inside}.",
        ) from None


Range = Annotated[
    ipaddress.IPv4Network,
    BeforeValidator(_network, json_schema_input_type=str),
    Field(json_schema_extra={"format": "ipv4-network", "examples": ["10.0.0.0/24"]}),
]
"""An IPv4 range in CIDR notation without host bits."""


ResourceName = Annotated[
    str,
    Form(
        grammar.RESOURCE,
        "Google Compute Engine refuses this name: 1 to 63 lower-case letters, digits and hyphens, "
        "first a letter, last not a hyphen.",
        "Choose another name.",
    ),
]
"""A name that Compute Engine accepts (RFC 1035)."""
