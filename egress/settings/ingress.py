"""Receiving: partners' connections to a team's Service, by mutual TLS with certificates of an authority of
their own."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from egress.common import grammar
from egress.common.ports import PROXY_PORTS
from egress.settings import sources
from egress.settings.base import Form, Model, Range, Words, refusal, refusals
from egress.settings.certificate_names import Client
from egress.settings.host import Host
from egress.settings.kubernetes_names import SecretName
from egress.settings.mesh import Replicas

NAME_LIMIT = 40
HTTPS_POD_PORT = 8443
"""Where the gateway's pods listen for port 443: the proxy is not root and binds no low port."""


class Exposure(StrEnum):
    """From where the ingress gateway's address can be reached at all."""

    INTERNAL = "internal"
    """From the VPC and networks connected to it: an internal passthrough load balancer."""
    EXTERNAL = "external"
    """From the internet: an external passthrough load balancer."""


class Received(StrEnum):
    """What is inside the partner's mutual TLS."""

    TCP = "tcp"
    HTTPS = "https"
    """HTTP: the gateway's log shows requests, and a response carries no header of the mesh."""


ReceptionName = Annotated[
    str,
    Form(
        f"[a-z0-9]([a-z0-9-]{{0,{NAME_LIMIT - 2}}}[a-z0-9])?",
        f"Objects are named after it: at most {NAME_LIMIT} lower-case letters, digits and hyphens, no hyphen "
        "at either end.",
        "Choose another name.",
    ),
]


class Ingress(Replicas):
    """The ingress gateway, on nodes of its own. There is none while no team receives."""

    exposure: Annotated[Exposure, Field(strict=False)] = Field(
        default=Exposure.INTERNAL,
        description="`internal`: reached from the VPC and networks connected to it. `external`: from the "
        "internet.",
    )
    source_ranges: dict[Words, Range] = Field(
        description="Name to range: who may connect at all, before any certificate is looked at. "
        "Refused: Empty. Wider than /4, or all together more than a sixteenth of the internet. Addresses "
        "of the cluster itself, or from which nobody sends."
    )

    @field_validator("source_ranges")
    @classmethod
    def names_somebody(cls, value: dict[str, IPv4Network]) -> dict[str, IPv4Network]:
        if not value:
            raise refusal("Nobody could connect.", "Name each partner's range.")
        found = list(
            sources.too_wide(
                value,
                "Anybody could connect, and every flaw of the TLS handshake would be exposed to the "
                "whole internet, or to much of it.",
                "Name each partner's ranges; a stack of this program has its gateway's addresses in its "
                "outputs.",
            )
        )
        if found:
            raise refusals(found)
        return value


class Backend(Model):
    """The team's Service that partners are led to."""

    service: str = Field(
        description="Name of the Service in the team's namespace. Refused: Not a Service's name."
    )
    port: int = Field(ge=1, le=65535, description="Port of the Service. Refused: A port of the proxies.")
    pod_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="The port of its pods, which the NetworkPolicy opens. Absent: `port`. Refused: A "
        "port of the proxies.",
    )

    @model_validator(mode="after")
    def can_be_reached(self) -> Self:
        found: list[tuple[tuple[str, ...], str, str]] = []
        if not grammar.matches(grammar.LABEL, self.service):
            found.append(
                (
                    ("service",),
                    "Kubernetes refuses this name for a Service.",
                    "Name a Service of the team's namespace, without the namespace.",
                )
            )
        if self.opened in PROXY_PORTS:
            at = "port" if self.pod_port is None else "podPort"
            found.append(
                (
                    (at,),
                    "The mesh's own proxies use this port of a pod.",
                    "Name the port that the program listens on.",
                )
            )
        if found:
            raise refusals(found)
        return self

    @property
    def opened(self) -> int:
        """The TCP port of the pods."""
        return self.pod_port or self.port


class Receive(Model):
    """One name and port at which partners connect. Who may is decided in the TLS handshake, before the
    Service is reached."""

    host: Host = Field(
        description="The name that clients ask for (SNI), and that the credential's certificate is for. "
        "Refused: Not an outside host."
    )
    port: int = Field(
        ge=1,
        le=65535,
        description="Where partners connect. Refused: Below 1024, but for 443. A port of the proxies, or "
        "8443. With `exposure: external`: the well-known port of a database.",
    )
    protocol: Annotated[Received, Field(strict=False)] = Field(
        default=Received.TCP, description="What is inside the mutual TLS: `https` means HTTP."
    )
    to: Backend = Field(description="The team's Service.")
    credential: SecretName = Field(
        description="Secret in `istio-ingress` with `tls.crt` and `tls.key` of the host, and the "
        "clients' authority as `ca.crt`. Refused: Not a Secret's name."
    )
    clients: dict[Words, Client] = Field(
        description="Name to subject alternative name of the client's certificate: SPIFFE id or DNS "
        "name. Refused: Empty. A pattern."
    )
    description: Words | None = Field(
        default=None,
        max_length=200,
        description="Why this is allowed. Stands in the evidence and in the stack's output `egress`.",
    )

    @model_validator(mode="after")
    def can_be_served(self) -> Self:
        found: list[tuple[tuple[str, ...], str, str]] = []
        if self.port < 1024 and self.port != 443:
            found.append(
                (
                    ("port",),
                    "The gateway runs without the right to listen on low ports.",
                    "Use 443, or a port from 1024 up, e.g. 13306 for 3306.",
                )
            )
        if self.port in PROXY_PORTS or self.port == HTTPS_POD_PORT:
            found.append((("port",), "The gateway's own pods use this port already.", "Use another port."))
        if not self.clients:
            found.append(
                (
                    ("clients",),
                    "Anyone with a certificate of this authority would be let in.",
                    "Name each client by its certificate's subject alternative name.",
                )
            )
        if found:
            raise refusals(found)
        return self

    @property
    def pod_port(self) -> int:
        """The TCP port on which the gateway's pods listen."""
        return HTTPS_POD_PORT if self.port == 443 else self.port
