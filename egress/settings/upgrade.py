"""Settings of TLS that the gateway opens towards a host, and of the certificate it shows there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum


class Upgrade(StrEnum):
    """What the gateway does with plain HTTP before it leaves."""

    NONE = "none"
    """It leaves as plain HTTP, port 80."""
    TLS = "tls"
    """The gateway opens TLS to port 443 and verifies the host's certificate against its name."""
    MTLS = "mtls"
    """As `tls`, and the gateway shows a client certificate."""


def credential_refusals(
    upgrade: Upgrade, credential: str | None
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """What is wrong between an upgrade and the certificate for it, for `model.refusals`."""
    if upgrade is Upgrade.MTLS and credential is None:
        yield (
            ("upgrade",),
            "The gateway would have no client certificate to present.",
            "Add credential: SECRET.",
        )
    if credential is not None and upgrade is not Upgrade.MTLS:
        yield (
            ("credential",),
            "Only mutual TLS presents a client certificate; this would be ignored.",
            "Write upgrade: mtls.",
        )


def name_refusals(
    upgrade: Upgrade, sni: str | None, names: Sequence[str] | None
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """What is wrong with the names of TLS that the gateway opens, for `model.refusals`."""
    if upgrade is Upgrade.NONE:
        for field, value in (("sni", sni), ("subjectAltNames", names)):
            if value is not None:
                yield (
                    (field,),
                    "The gateway opens no TLS to this host, so it neither sends a server name nor looks at a "
                    "certificate.",
                    "Write upgrade: tls, or remove it.",
                )
    elif names == []:
        yield (
            ("subjectAltNames",),
            "No name would be asked for, so any certificate of a trusted authority would be taken.",
            "Name those that the host's certificate has, or remove it: then it is the host's own.",
        )
