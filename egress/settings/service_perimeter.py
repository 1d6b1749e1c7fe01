"""Settings of a VPC Service Controls perimeter around the project."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from egress.common import grammar
from egress.settings.base import Form, Model, refusal

Number = Annotated[
    str,
    Form(
        "[1-9][0-9]{4,20}",
        "Google Cloud identifies it by a number.",
        'Write the number in quotes, e.g. "123456789012".',
    ),
]
ShortName = Annotated[
    str,
    Form(
        "[A-Za-z][A-Za-z0-9_]{0,49}",
        "Access Context Manager refuses this name: letters, digits and underscores, first a letter, at most "
        "50.",
        "Write the short name, not the whole resource name.",
    ),
]
Service = Annotated[
    str,
    Form(
        rf"{grammar.RESOURCE}\.googleapis\.com",
        "A perimeter names Google APIs by their hosts.",
        "Write e.g. bigquery.googleapis.com.",
    ),
]


class Perimeter(Model):
    """Google APIs of this project answer only from inside it, and from inside it only this project's
    answer."""

    access_policy: Number = Field(
        description="Number of the organisation's access policy, in quotes. Refused: Not a number."
    )
    project_number: Number = Field(
        description="Number of the project, in quotes; its id is not enough. Refused: Not a number."
    )
    name: ShortName | None = Field(
        default=None,
        description="Short name of the perimeter. Absent: `egress_` and the project's id. Refused: Not "
        "letters, digits, underscores.",
    )
    access_levels: list[ShortName] = Field(
        default=[],
        description="Access levels, made elsewhere, of whoever may call from outside: people, and this "
        "program. Opens the perimeter's APIs to them. Refused: Empty without `dryRun`: this program "
        "would be locked out.",
    )
    also_restricted: list[Service] = Field(
        default=[],
        description="APIs besides those that the stack and its teams use. Refused: Not of the form "
        "`bigquery.googleapis.com`.",
    )
    dry_run: bool = Field(
        default=False,
        description="Only logs what would be refused. Nothing is closed then. Refused: False with "
        "`googleApis: private`.",
    )

    @model_validator(mode="after")
    def leaves_a_way_in(self) -> Self:
        if not self.dry_run and not self.access_levels:
            raise refusal(
                "Nobody outside the perimeter could call its APIs, this program included: the next `pulumi "
                "up` would be refused.",
                "Name an access level that covers everyone who runs it, or begin with dryRun: true.",
                ("accessLevels",),
            )
        return self
