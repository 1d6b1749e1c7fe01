"""What all settings share: strictness, field names as Pulumi writes them, and the way a value is refused."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


class Model(BaseModel):
    """A part of the config: unknown keys are refused, values are not coerced, nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
    )


Refusal = tuple[tuple[str, ...], str, str]
"""One refusal: path below the validated value, consequence, fix."""


def refusal(consequence: str, fix: str, at: tuple[str, ...] = ()) -> PydanticCustomError:
    """The error to raise in a validator. `at` names a path below the validated value, in the config's own words."""
    return refusals([(at, consequence, fix)])


def refusals(found: list[Refusal]) -> PydanticCustomError:
    """Several refusals of one value at once."""
    # The texts travel in the context: braces in a pydantic message would be read as placeholders.
    return PydanticCustomError("refused", "refused", {"found": found})


def _network(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.IPv4Network(value)
    except ValueError as error:
        try:
            inside = ipaddress.IPv4Interface(value).network
        except ValueError:
            raise refusal(f"This is not an IPv4 range: {error}.", "Write it as address/prefix, e.g. 10.0.0.0/24.") from None
        raise refusal(
            "The address has bits set behind the prefix; Google Cloud refuses such a range.", f"Write {inside}."
        ) from None


Range = Annotated[
    ipaddress.IPv4Network,
    BeforeValidator(_network, json_schema_input_type=str),
    Field(json_schema_extra={"format": "ipv4-network", "examples": ["10.0.0.0/24"]}),
]
"""An IPv4 range in CIDR notation without host bits."""


def _resource_name(value: str) -> str:
    if not (
        value
        and value[0].isalpha()
        and value[-1].isalnum()
        and value.islower()
        and value.replace("-", "").isalnum()
        and value.isascii()
        and len(value) <= 63
    ):
        raise refusal(
            "Google Compute Engine refuses this name: 1 to 63 lower-case letters, digits and hyphens, "
            "first a letter, last not a hyphen.",
            "Choose another name.",
        )
    return value


ResourceName = Annotated[str, AfterValidator(_resource_name)]
"""A name that Compute Engine accepts (RFC 1035)."""
