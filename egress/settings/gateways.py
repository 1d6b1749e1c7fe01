"""Settings of a team's own egress gateway: beside the shared one, on nodes and under an identity of its
own."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from egress.common.hosts import patterns_above
from egress.settings.base import Form, Model, Range, ResourceName, Words, refusal, refusals
from egress.settings.cluster import NodePool
from egress.settings.host import HostOrPattern
from egress.settings.mesh import Gateway
from egress.settings.network import unfit

NAME_LIMIT = 20
MOST_SUBNETS = 8
"""Subnets that a cluster may have beside its own. Source: GKE, "Add subnets to clusters"."""


GatewayName = Annotated[
    str,
    Form(
        f"[a-z]([a-z0-9-]{{0,{NAME_LIMIT - 2}}}[a-z0-9])?",
        "The gateway's namespace, node pool, service account and firewall rules are named after it: at most "
        f"{NAME_LIMIT} lower-case letters, digits and hyphens, first a letter, last not a hyphen.",
        "Choose another name.",
    ),
]


class OwnNat(Model):
    """Addresses by which one gateway alone leaves. Cloud NAT tells nodes apart by their subnet, so it gets
    one of its own."""

    nodes: Range = Field(description="Primary range of the gateway's own subnet: one address per node.")
    pods: Range = Field(description="Secondary range of that subnet: one block of addresses per node.")
    addresses: dict[ResourceName, Words] = Field(
        description="Reserved static addresses that partners can allow-list, by name with a description."
    )

    @model_validator(mode="after")
    def can_be_had(self) -> Self:
        found = list(unfit(nodes=self.nodes, pods=self.pods))
        if found:
            raise refusals(found)
        return self

    @field_validator("addresses")
    @classmethod
    def reserved(cls, value: dict[str, str]) -> dict[str, str]:
        if not value:
            raise refusal(
                "Cloud NAT would take addresses that change, and there would be nothing for a partner to "
                "allow-list.",
                "Name at least one, or leave nat out: the gateway then leaves as the shared one does.",
            )
        return value


class TeamGateway(Gateway):
    """An egress gateway for the teams that name it; everybody else leaves by the shared one."""

    hosts: list[HostOrPattern] | None = Field(
        default=None,
        description="The only hosts that may be reached by it; `*.` and a domain: every name below. Absent: "
        "any.",
    )
    pool: NodePool = Field(default=NodePool(), description="Nodes for this gateway alone, by taint.")
    nat: OwnNat | None = Field(
        default=None,
        description="Addresses of its own towards the outside. Absent: those of the shared gateway's Cloud "
        "NAT.",
    )

    @field_validator("hosts")
    @classmethod
    def leads_somewhere(cls, value: list[str] | None) -> list[str] | None:
        if value == []:
            raise refusal("Nothing could leave by this gateway.", "Name a host, or leave hosts out.")
        return value

    def leads_to(self, host: str) -> bool:
        """Whether a host, or every host of a pattern, may be reached by this gateway."""
        return self.hosts is None or any(name in self.hosts for name in (host, *patterns_above(host)))
