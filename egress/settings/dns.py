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

    undeclared_names: Annotated[Undeclared, Field(strict=False)] = Field(
        default=Undeclared.REFUSE,
        description="`refuse`: a name that no team declares does not exist. `resolve`: the internet is "
        "asked; opens DNS as a way to send data out, to whoever owns the name that is asked for.",
    )
    also_resolved: dict[HostOrPattern, Reason] = Field(
        default={},
        description="Name, or `*.` and a domain, to reason: it resolves although no team declares it. "
        "Opens questions about it and below it, no connection. Refused: No reason. Not an outside host.",
    )
    answered_elsewhere: dict[Host, Reason] = Field(
        default={},
        description="Domain to reason: a private zone that somebody else made for this network answers "
        "it and what lies below, such as a company's own. No zone is made here for declared names in it; "
        "their addresses are taken to be private, so they need `fences.privateHosts`. Opens what that "
        "zone answers. Refused: No reason. Not an outside host. A declared host in it that no range of "
        "`fences.privateHosts` could hold, that is raw TCP by name, or that bypasses the gateway.",
    )
    query_logging: bool = Field(
        default=False,
        description="Every question of nodes and pods goes to Cloud Logging, refused ones too. Costs by "
        "volume.",
    )
