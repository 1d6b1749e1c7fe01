"""Security models: what stands between a team's pods and the outside, if it is less than registry only and a
gateway.

Source: Alibaba Cloud Service Mesh, "Egress traffic management", security models; Istio,
Sidecar.outboundTrafficPolicy.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from egress.settings.access import Access
from egress.settings.base import Model, refusal
from egress.settings.fences import Reason
from egress.settings.http import Http
from egress.settings.upgrade import Upgrade

JUDGED_OUTSIDE = ("methods", "paths", "headers", "service_accounts")
"""Fields of a rule that only something outside the team's pods can hold against them."""


class SecurityModel(StrEnum):
    """How a team's traffic leaves, strictest first."""

    GATEWAY = "gateway"
    """Registry only and egress gateway: only declared hosts, each judged at the gateway. The default of every
    team."""
    REGISTRY_ONLY = "registry-only"
    """Only declared hosts, directly from the sidecar: nothing outside the pod can tell one host from
    another."""
    OPEN = "open"
    """Any host, directly from the sidecar, logged (ALLOW_ANY)."""


class WeakerModel(Model):
    """The word by which a team leaves past the gateway: the model's name, and why."""

    registry_only: Reason | None = Field(
        default=None,
        description="The reason. Declared hosts alone, but straight from the pods: the sidecar alone "
        "knows them. Refused: Empty. No host in `egress`.",
    )
    open: Reason | None = Field(
        default=None,
        description="The reason. Any host outside, straight from the pods, logged. Refused: Empty.",
    )

    @model_validator(mode="after")
    def is_one(self) -> Self:
        if (self.registry_only is None) == (self.open is None):
            raise refusal(
                "A team has one security model.",
                "Write open or registryOnly with the reason, or leave model out: the strict model is "
                "registry only and gateway together.",
            )
        return self

    @property
    def model(self) -> SecurityModel:
        return SecurityModel.OPEN if self.open is not None else SecurityModel.REGISTRY_ONLY

    @property
    def reason(self) -> str:
        return self.open or self.registry_only or ""


def unenforced(access: Access) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """What a team that leaves past the gateway may not ask for one host, as refusals below the host."""
    if access.http is not None:
        yield from _of_http(access.http)
    if access.tcp is not None:
        yield (
            ("tcp",),
            "Raw TCP is for named service accounts, whose certificates are checked at the gateway, and "
            "this team bypasses the gateway.",
            "Remove tcp, or remove the team's model.",
        )
    if access.service_accounts is not None:
        yield _unjudged(("serviceAccounts",), "service accounts")


def _of_http(http: Http) -> Iterator[tuple[tuple[str, ...], str, str]]:
    for name, rule in http.rules.items():
        at = ("http", "allow", name) if http.allow is not None else ("http",)
        for field in JUDGED_OUTSIDE:
            if getattr(rule, field) is not None:
                word = "serviceAccounts" if field == "service_accounts" else field
                yield _unjudged((*at, word), word)
    if http.upgrade is Upgrade.MTLS:
        yield _without_key(("http", "upgrade"), "The key of the client certificate")
    if http.ca is not None:
        yield _without_key(("http", "ca"), "The authority's certificate")
    if http.mirror is not None:
        yield (
            ("http", "mirror"),
            "The gateway removes from copies what the mesh says about its pods, and this team bypasses "
            "the gateway.",
            "Remove mirror, or remove the team's model.",
        )
    if http.inspect is not None:
        yield (
            ("http", "inspect"),
            "Requests are inspected at the gateway, which this team bypasses: none would be inspected.",
            "Remove inspect, or remove the team's model.",
        )


def _unjudged(at: tuple[str, ...], what: str) -> tuple[tuple[str, ...], str, str]:
    return (
        at,
        f"{what[0].upper()}{what[1:]} are enforced at the gateway, which this team bypasses: nothing "
        "outside its own pods would enforce them.",
        "Remove it, or remove the team's model.",
    )


def _without_key(at: tuple[str, ...], what: str) -> tuple[tuple[str, ...], str, str]:
    return (
        at,
        f"{what} is kept at the gateway, which this team bypasses; it would have to be in the team's own "
        "pods.",
        "Write upgrade: tls with the public authorities, or https: passthrough, or remove the team's model.",
    )
