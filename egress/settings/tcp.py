"""Raw TCP from an app: a port that is neither HTTP nor TLS, as databases speak, to fixed addresses or by
name."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from egress.common.ip_space import never_outside, shareable
from egress.common.ports import HTTP_PORT, HTTPS_PORT, PROXY_PORTS
from egress.settings.base import Model, Refusal, Words, refusal, refusals
from egress.settings.certificate_names import CertificateNames, ServerName
from egress.settings.kubernetes_names import AccountName, SecretName
from egress.settings.ports import refused_by_name
from egress.settings.upgrade import Upgrade, credential_refusals, name_refusals

ANOTHER_PORT = "tcp: {port: 8443, byName: true, serviceAccounts: [app]}"
"""What to write for HTTP or TLS on a port that is neither 80 nor 443."""


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        raise refusal(
            "This is not an IPv4 address.", "Write an address such as 203.0.113.10, without a prefix."
        ) from None
    if shareable(address):
        return address  # where the platform opens its range: egress/plan/private_addresses.py
    if never_outside(address) or not (
        address.is_global or address in ipaddress.IPv4Network("203.0.113.0/24")
    ):
        raise refusal(
            "This is not an internet address: the gateway would open a way into private networks, to "
            "Google's own APIs or to whole groups of machines.",
            "Name the addresses of the outside host: public ones, or private ones in a range of "
            "fences.privateAddresses.",
        )
    return address


Address = Annotated[ipaddress.IPv4Address, BeforeValidator(_address, json_schema_input_type=str)]


class Tcp(Model):
    """TCP on one port. Nothing inside is seen: who may is decided by certificate, before a connection to the
    host is made."""

    port: int = Field(
        ge=1,
        le=65535,
        description="What the app connects to. Refused: A port of the mesh's proxies (15000 to 15090). 80 "
        "and 443 with `byName`: there the mesh reads a name. 80 beside some team's `http` of the host, 443 "
        "beside some team's `https` of it, or below a pattern of the same team.",
    )
    addresses: list[Address] | None = Field(
        default=None,
        description="The host's IPv4 addresses. TCP carries no name: the sidecar knows the connection by "
        "address and port. Refused: Empty. A range. A private address in no range of "
        "`fences.privateAddresses`; one on a port by which the gateway is also led by names; one of Google's "
        "own for its APIs, of multicast, or of a range of the network itself. One that another host has on "
        "the same port. Absent without `byName`.",
    )
    by_name: bool = Field(
        default=False,
        description="The host's addresses change: pods get an address of the mesh for its name, the "
        "gateway looks it up, and the firewall opens the port of gateway nodes to anywhere: "
        "docs/modes/tcp.md#by-name. Refused: Beside `addresses`. A port at which the gateway or its node "
        "listens: docs/modes/tcp.md#refused. Networks in 241.0.0.0/8. Two hosts on one port whose names "
        "give the same address by chance.",
    )
    service_accounts: list[AccountName] = Field(
        description="Service accounts of the team that may; the gateway knows no others. Refused: Empty. "
        "A name with a namespace, or one that Kubernetes refuses."
    )
    upgrade: Annotated[Upgrade, Field(strict=False)] = Field(
        default=Upgrade.NONE,
        description="`none`: it leaves as it comes. `tls`: the gateway opens TLS and checks the host's "
        "certificate. `mtls`: as `tls`, and the gateway shows a client certificate. Refused: `mtls` "
        "without `credential`.",
    )
    outside_port: int | None = Field(
        default=None, ge=1, le=65535, description="What the gateway connects to. Absent: `port`."
    )
    credential: SecretName | None = Field(
        default=None,
        description="With `mtls`: Secret in the gateway's namespace with `tls.crt`, `tls.key` and "
        "`ca.crt`, the host's authority. Refused: Without `upgrade: mtls`. Not a Secret's name. Two "
        "teams that disagree.",
    )
    ca: SecretName | None = Field(
        default=None,
        description="With `tls`: Secret in the gateway's namespace with `ca.crt`. Absent: the public "
        "authorities. Refused: Without `upgrade: tls`.",
    )
    sni: ServerName = None
    subject_alt_names: CertificateNames = None
    description: Words | None = Field(
        default=None,
        max_length=200,
        description="Why this is allowed. Stands in the evidence and in the stack's output `egress`.",
    )

    _place: str = PrivateAttr("")

    @field_validator("addresses", "service_accounts")
    @classmethod
    def says_something(cls, value: list[Any] | None) -> list[Any] | None:
        if value == []:
            raise refusal("Nothing is named, so nothing could be allowed.", "Name at least one.")
        return value

    @model_validator(mode="after")
    def fields_honoured(self) -> Self:
        found: list[Refusal] = list(credential_refusals(self.upgrade, self.credential))
        found += name_refusals(self.upgrade, self.sni, self.subject_alt_names)
        if self.addresses is None and not self.by_name:
            found.append(
                (
                    ("addresses",),
                    "TCP carries no host name: without an address, this entry would also take the "
                    "connections to every other host on its port.",
                    "Name the host's addresses, or write byName: true.",
                )
            )
        if self.addresses is not None and self.by_name:
            found.append(
                (
                    ("byName",),
                    "The host is known by its addresses already; byName would open the firewall to every "
                    "other address as well.",
                    "Leave one of the two out.",
                )
            )
        if self.by_name and self.port in (HTTP_PORT, HTTPS_PORT):
            found.append(
                (
                    ("port",),
                    "On this port the mesh reads the host's name from HTTP or TLS. A client that sends none "
                    "is known by the address to which it connects, or not at all.",
                    "Write http or https instead of tcp, or the host's addresses instead of byName.",
                )
            )
        if self.port in PROXY_PORTS:
            found.append(
                (
                    ("port",),
                    "The mesh's own proxies use this port.",
                    "Use another port here, and write the host's own port as outsidePort.",
                )
            )
        if self.by_name:
            at = ("port",) if self.outside_port is None else ("outsidePort",)
            fix = "Name the host's addresses instead of byName, or another port of the host."
            found += refused_by_name(at, self.leaves_on, fix)
        if self.ca is not None and self.upgrade is not Upgrade.TLS:
            found.append(
                (
                    ("ca",),
                    "This is read only with upgrade: tls; otherwise it is ignored.",
                    "Write upgrade: tls; with mtls the authority is the key ca.crt of the credential.",
                )
            )
        if found:
            raise refusals(found)
        return self

    @property
    def place(self) -> str:
        """Where it stands in the list of the host's entries, as paths have it: `[1]`. Empty: it is alone."""
        return self._place

    def put_at(self, index: int) -> None:
        self._place = f"[{index}]"

    @property
    def leaves_on(self) -> int:
        """The TCP port to which the gateway connects."""
        return self.outside_port or self.port
