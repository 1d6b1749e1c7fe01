"""Settings of people: which groups have which rights in the cluster."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from egress.settings.base import Model, refusal


def _group(value: str) -> str:
    if value.startswith("system:"):
        raise refusal(
            "Groups of this form belong to Kubernetes itself; some of them contain every user, or every pod.",
            "Name a group of people; with Google Groups for RBAC, write its mail address.",
        )
    if not value or value != value.strip() or any(character.isspace() for character in value):
        raise refusal(
            "No group has such a name, so nobody would get these rights.",
            "Write the group's name or mail address.",
        )
    return value


Group = Annotated[str, AfterValidator(_group)]


class Groups(Model):
    """Groups of people and the role that each gets. Without a group a role exists and nobody has it by this
    stack."""

    platform: list[Group] = Field(
        default=[],
        description="Get ClusterRole egress-platform: they may change namespaces, policies, Istio and "
        "workloads everywhere. Refused: A group of Kubernetes' own (`system:…`). White space.",
    )
    security: list[Group] = Field(
        default=[],
        description="Get ClusterRole egress-security: they may read everything but Secrets, everywhere. "
        "Refused: A group of Kubernetes' own (`system:…`). White space.",
    )
    teams: dict[str, list[Group]] = Field(
        default={},
        description="Team to groups: they get egress-team-member in the team's namespace, and may change "
        "workloads there. Refused: A group of Kubernetes' own (`system:…`). White space. A team that is "
        "not declared.",
    )
