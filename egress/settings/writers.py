"""Settings of who writes fences: the pipeline's accounts, and whom to let in when it breaks."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from egress.settings.base import Model, Words, refusal
from egress.settings.groups import Group


def _account(value: str) -> str:
    if not value or any(character.isspace() or character in "'\"\\" for character in value):
        raise refusal(
            "The API server knows nobody by this name, so the pipeline would be locked out.",
            "Write the name that `kubectl auth whoami` prints for it: the account's mail address.",
        )
    if value.startswith("system:") and not value.startswith("system:serviceaccount:"):
        raise refusal(
            "This is a user of Kubernetes' own, as whom no pipeline logs in.",
            "Write the account as which `pulumi up` runs.",
        )
    return value


def _some(value: list[str]) -> list[str]:
    if not value:
        raise refusal(
            "Nobody could write a fence then, the pipeline neither.",
            "Name the account as which `pulumi up` runs, or remove fences.writers.",
        )
    return value


def _somebody(value: list[str]) -> list[str]:
    if not value:
        raise refusal(
            "Nobody could write a fence when the pipeline is down, although this says that somebody may.",
            "Name a group, or remove fences.writers.breakGlass.",
        )
    if any(character in "'\"\\" for group in value for character in group):
        raise refusal("No group has a quote in its name.", "Write the group's mail address.")
    return value


Account = Annotated[str, AfterValidator(_account)]


class BreakGlass(Model):
    """Who may write fences when the pipeline cannot."""

    groups: Annotated[list[Group], AfterValidator(_somebody)] = Field(
        description="Groups of people who may, with the reason in the object's annotation "
        "`gke-mesh-egress/break-glass`; the audit log has name and reason. Refused: Empty. A group of "
        "Kubernetes' own (`system:…`). White space."
    )
    reason: Words = Field(description="Why there is this way.")


class Writers(Model):
    """Who alone writes what the stack renders."""

    accounts: Annotated[list[Account], AfterValidator(_some)] = Field(
        description="Users as the API server knows them: the mail address of the account that runs "
        "`pulumi up`. Refused: Empty. White space or a quote. A user of Kubernetes' own (`system:…`)."
    )
    break_glass: BreakGlass | None = Field(
        default=None, description="Who may when the pipeline cannot. Absent: nobody."
    )
