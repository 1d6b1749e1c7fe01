"""One team's ways to one host, as the config writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self, cast

from pydantic import BeforeValidator, Field, model_validator

from egress.settings.base import Model, refusal, refusals
from egress.settings.http import Http
from egress.settings.kubernetes_names import AccountName
from egress.settings.tcp import ANOTHER_PORT, Tcp

PASSTHROUGH = "passthrough"


def _https(value: Any) -> Any:
    if value == PASSTHROUGH:
        return value
    if isinstance(value, Mapping):
        written = {str(key) for key in cast(Mapping[Any, Any], value)}
        blind = sorted(written & {"methods", "paths", "headers", "upgrade"})
        if blind:
            raise refusal(
                "The app's own TLS is never opened, so nobody on the way can see what is inside: "
                f"{', '.join(blind)} could not be enforced.",
                "Let the app speak http and write http: {upgrade: tls, ...}, or write https: passthrough "
                "alone.",
                (blind[0],),
            )
        if "port" in written:
            raise refusal(
                "Not supported: https is port 443, for the app and outside.",
                f"Write https: passthrough for 443. For another port, write {ANOTHER_PORT}. TLS passes "
                "through unopened, and which service accounts may connect is enforced.",
                ("port",),
            )
    raise refusal("The only way for the app's own TLS is passthrough.", "Write https: passthrough.")


class Access(Model):
    """The ways in which one team may reach one host; at least one."""

    http: Http | None = Field(
        default=None,
        description="The app speaks plain HTTP. The gateway checks every request. `{}` allows every "
        "request to this host.",
    )
    https: Annotated[str | None, BeforeValidator(_https, json_schema_input_type=str)] = Field(
        default=None,
        json_schema_extra={"enum": [PASSTHROUGH]},
        description="`passthrough`: the app's own TLS, never opened. The gateway checks team and host "
        "name (SNI). Beside `http` with rules it makes them void: the app may send anything by https, "
        "and `reach`, `diff` and the map say so. Refused: Methods, paths, headers: nobody could see them.",
    )

    tcp: Tcp | None = Field(
        default=None,
        description="Raw TCP on one port, to fixed addresses or by name. Who may is decided by "
        "certificate, before a connection to the host is made. Refused: Beside `http` or `https` of the "
        "same host, also another team's. Two teams that disagree on anything but who may.",
    )
    service_accounts: list[AccountName] | None = Field(
        default=None,
        description="Service accounts of the team that may use `https`. Absent: the whole team. Refused: "
        "Without `https`. Empty. A name with a namespace. Fewer than a pattern of the same team above "
        "this host allows.",
    )

    @model_validator(mode="after")
    def says_something(self) -> Self:
        found: list[tuple[tuple[str, ...], str, str]] = []
        if self.http is None and self.https is None and self.tcp is None:
            found.append(
                (
                    (),
                    "Neither http, https nor tcp is declared, so nothing would be allowed.",
                    "Add http: {} or https: passthrough.",
                )
            )
        if self.tcp is not None and (self.http is not None or self.https is not None):
            found.append(
                (
                    ("tcp",),
                    "Not supported: the gateway tells connections to a host apart only by the host's "
                    "name, so TCP cannot share the host with http or https.",
                    "Use another name of the host for TCP, if its owner gives it one, or leave one of the "
                    "two out.",
                )
            )
        if self.service_accounts is not None and self.https is None:
            found.append(
                (
                    ("serviceAccounts",),
                    "This limits https, which is not declared; http rules have serviceAccounts of their own.",
                    "Move it into http, or add https: passthrough.",
                )
            )
        if self.service_accounts == []:
            found.append(
                (("serviceAccounts",), "Nobody would be allowed.", "Name one, or leave serviceAccounts out.")
            )
        if found:
            raise refusals(found)
        return self
