"""Settings of the network's firewall."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from egress.settings.base import Model


class Form(StrEnum):
    """What the rules are made as. They say the same in both."""

    RULES = "rules"
    """VPC firewall rules, one resource each."""
    POLICY = "policy"
    """One global network firewall policy, asked before any VPC firewall rule: a rule that somebody adds opens
    nothing."""


class Ipv6(StrEnum):
    """What becomes of IPv6, which the cluster's own subnet never has."""

    DENY = "deny"
    OPEN = "open"
    """No rule: a machine of a dual-stack subnet in this network leaves over IPv6, as Google's implied rule
    says."""


class Logging(StrEnum):
    """Which connections the firewall writes to Cloud Logging."""

    DENIED = "denied"
    """Those that are refused, and partners' connections to the ingress nodes."""
    ALL = "all"
    """Also those by which gateway nodes leave."""
    NONE = "none"


class Firewall(Model):
    """The firewall of the cluster's network."""

    form: Annotated[Form, Field(strict=False)] = Field(
        default=Form.RULES,
        description="`rules`: VPC firewall rules. `policy`: the same as one network firewall policy, "
        "which is asked before any VPC firewall rule that somebody adds.",
    )
    ipv6: Annotated[Ipv6, Field(strict=False)] = Field(
        default=Ipv6.DENY,
        description="`deny`: nothing leaves over IPv6. `open`: no rule about it; opens IPv6 to every "
        "machine of a dual-stack subnet that somebody adds to the network. The cluster has none.",
    )
    logging: Annotated[Logging, Field(strict=False)] = Field(
        default=Logging.DENIED,
        description="`denied`: refused connections, and partners' connections. `all`: also those by "
        "which gateway nodes leave. `none`: nothing; refusals are then not seen.",
    )
