"""Settings of TLS that the gateway opens towards a host, and of the certificate it shows there."""

from __future__ import annotations

from collections.abc import Iterator
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
