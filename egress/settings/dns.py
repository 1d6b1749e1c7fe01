"""Settings of name resolution in the VPC network."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from egress.settings.base import Model
from egress.settings.fences import Reason
from egress.settings.host import Host, HostOrPattern


class Undeclared(StrEnum):
    """What Cloud DNS says to a name that no team declares."""

    REFUSE = "refuse"
    """There is no such name; nobody outside is asked."""
    RESOLVE = "resolve"
    """As the internet says. A question then carries what it asks for to whoever owns the name."""


class Dns(Model):
    """Which names Cloud DNS answers in the cluster's network."""

    undeclared_names: Annotated[Undeclared, Field(strict=False)] = Undeclared.REFUSE
    also_resolved: dict[HostOrPattern, Reason] = Field(
        default={},
        description="Name, or `*.` and a domain, to reason: it resolves although no team declares it.",
    )
    answered_elsewhere: dict[Host, Reason] = Field(
        default={},
        description="Domain to reason: another private zone of this network answers it and what lies below; "
        "none is made here.",
    )
    query_logging: bool = Field(
        default=False, description="Cloud Logging gets every question that nodes and pods ask."
    )
