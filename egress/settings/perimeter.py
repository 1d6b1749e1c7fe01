"""Settings of a VPC Service Controls perimeter around the project."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from egress.settings.model import Model, refusal


def _number(value: str) -> str:
    if not re.match(r"^[1-9]\d{4,20}$", value):
        raise refusal("Google Cloud knows it by a number.", 'Write the number in quotes, e.g. "123456789012".')
    return value


def _short_name(value: str) -> str:
    if not re.match(r"^[A-Za-z][A-Za-z0-9_]{0,49}$", value):
        raise refusal(
            "Access Context Manager refuses this name: letters, digits and underscores, first a letter, at most 50.",
            "Write the short name, not the whole resource name.",
        )
    return value


def _service(value: str) -> str:
    if not re.match(r"^[a-z][a-z0-9-]*\.googleapis\.com$", value):
        raise refusal("A perimeter holds Google APIs by their host.", "Write e.g. bigquery.googleapis.com.")
    return value


Number = Annotated[str, AfterValidator(_number)]
ShortName = Annotated[str, AfterValidator(_short_name)]


class Perimeter(Model):
    """Google APIs of this project answer only from inside it, and from inside it only this project's answer."""

    access_policy: Number = Field(description="Number of the organisation's access policy.")
    project_number: Number = Field(description="Number of this project; its id is not enough.")
    name: ShortName = "egress"
    access_levels: list[ShortName] = Field(
        default=[], description="Access levels, made elsewhere, of whoever may call from outside: people, and this program."
    )
    also_restricted: list[Annotated[str, AfterValidator(_service)]] = Field(
        default=[], description="APIs besides those that this stack and its teams use."
    )
    dry_run: bool = Field(default=False, description="Only log what would be refused.")

    @model_validator(mode="after")
    def leaves_a_way_in(self) -> Self:
        if not self.dry_run and not self.access_levels:
            raise refusal(
                "Nobody outside the perimeter could call its APIs, this program included: the next `pulumi up` would be refused.",
                "Name the access level that covers whoever runs it, or begin with dryRun: true.",
                ("accessLevels",),
            )
        return self
