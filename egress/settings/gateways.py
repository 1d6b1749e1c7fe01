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

    nodes: Range = Field(
        description="Primary range of its subnet: one address per node. Refused: Overlap with another "
        "range. Smaller than /29. No room for the pool."
    )
    pods: Range = Field(
        description="Secondary range of its subnet: a /24 per node. Refused: Overlap with another range. "
        "Smaller than /24. No room for the pool."
    )
    addresses: dict[ResourceName, Words] = Field(
        description="Reserved addresses by which this gateway alone leaves, and which partners can "
        "allow-list: name to description. Refused: Empty. A name of `network.nat.addresses` or of "
        "another gateway."
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
        description="The only hosts that may be reached by it; `*.` and a domain: every name below. "
        "Absent: any. Refused: Empty. Not a host. A host of a team that is not among them.",
    )
    pool: NodePool = Field(
        default=NodePool(),
        description="Node pool for this gateway alone (taint `dedicated=gateway-<gateway>:NoSchedule`).",
    )
    nat: OwnNat | None = Field(
        default=None,
        description="Outside addresses of its own, by a subnet and a Cloud NAT of its own; ports as "
        "`network.nat` says. Absent: those of the shared gateway. Chosen once: "
        "docs/modes/gateways.md#changing-it. Refused: The ninth in a cluster.",
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
