"""Names in certificates: what one end of a TLS connection is known by at the other."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from egress.common import grammar
from egress.common.hosts import HostError, normalise
from egress.settings.base import refusal
from egress.settings.host import Host

_SPIFFE = "spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+"


def _name(value: str, neither: PydanticCustomError) -> str:
    if value.startswith("spiffe:") and grammar.matches(_SPIFFE, value):
        return value
    try:
        return normalise(value)
    except HostError:
        raise neither from None


def _client(value: str) -> str:
    if value.startswith("spiffe:") and not grammar.matches(_SPIFFE, value):
        raise refusal(
            "No certificate carries a SPIFFE id of this form.",
            "Write spiffe://TRUST-DOMAIN/PATH, as it is signed.",
        )
    if value.startswith("*"):
        raise refusal(
            "Names are compared exactly, so no certificate would match this; and a pattern would let in "
            "anyone who gets a name below it.",
            "Name each client.",
        )
    return _name(
        value,
        refusal(
            "A client's certificate is known by a SPIFFE id or a DNS name, and this is neither.",
            "Write the certificate's subject alternative name: spiffe://TRUST-DOMAIN/PATH or "
            "client.partner.example.",
        ),
    )


Client = Annotated[str, AfterValidator(_client)]
"""A subject alternative name of a client's certificate: SPIFFE id or DNS name."""


def _of_host(value: str) -> str:
    return _name(
        value,
        refusal(
            "A host's certificate is compared with whole names: a DNS name, which a certificate for `*.` and "
            "its domain matches as well, or a SPIFFE id. This is neither.",
            "Write a name that stands in the host's certificate: api.partner.example or "
            "spiffe://TRUST-DOMAIN/PATH.",
        ),
    )


OfHost = Annotated[str, AfterValidator(_of_host)]
"""A subject alternative name that a host's certificate may have: DNS name or SPIFFE id."""

ServerName = Annotated[
    Host | None,
    Field(
        description="With TLS: the server name that the gateway sends. Absent: the host's own. Refused: "
        "Without TLS. Not an outside host. Two teams that disagree."
    ),
]
CertificateNames = Annotated[
    Annotated[list[OfHost], AfterValidator(lambda names: sorted(set(names)))] | None,
    Field(
        description="With TLS: names of which the host's certificate has to have one. Absent: the host's "
        "own. Refused: Without TLS. Empty. Neither a DNS name nor a SPIFFE id. Two teams that disagree."
    ),
]
