"""One team's ways to one host, as the config writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self, cast

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, field_serializer, model_validator

from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.settings.base import Model, Refusal, refusal, refusals
from egress.settings.http import Http
from egress.settings.kubernetes_names import AccountName
from egress.settings.ports import refused_by_name
from egress.settings.tcp import Tcp

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
                "Its ports are said beside it, and are the same for the app and outside.",
                "Write https: passthrough, and beside it httpsPorts: [9243] for another port than 443.",
                ("port",),
            )
    raise refusal("The only way for the app's own TLS is passthrough.", "Write https: passthrough.")


def _several(value: Any) -> Any:
    """One entry is a list of one."""
    return [value] if isinstance(value, Mapping) else value


Ports = Annotated[list[Tcp], BeforeValidator(_several, json_schema_input_type=Tcp | list[Tcp])]


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

    https_ports: list[Annotated[int, Field(ge=1, le=65535)]] | None = Field(
        default=None,
        description="TCP ports on which TLS is passed through, for the app and outside; the server name is "
        "checked on each. Absent: 443. Refused: Without `https`. Empty. One twice. 80. Any but 443 for a "
        "pattern; without 443 below a pattern of the same team. A port at which the gateway or its node "
        "listens: docs/modes/tcp.md#refused. One of the "
        "host's `tcp`, of any team.",
    )
    tcp: Ports | None = Field(
        default=None,
        description="Raw TCP to fixed addresses or by name: one entry, or a list of entries with different "
        "ports. Who may is decided for each port, by certificate, before a connection to the host is made. "
        "Refused: An empty list. One port twice. Two teams that disagree on a port in anything but who may.",
    )
    service_accounts: list[AccountName] | None = Field(
        default=None,
        description="Service accounts of the team that may use `https`. Absent: the whole team. Refused: "
        "Without `https`. Empty. A name with a namespace. Fewer than a pattern of the same team above "
        "this host allows.",
    )

    @model_validator(mode="after")
    def says_something(self) -> Self:
        found: list[Refusal] = []
        if self.http is None and self.https is None and self.tcp is None:
            found.append(
                (
                    (),
                    "Neither http, https nor tcp is declared, so nothing would be allowed.",
                    "Add http: {} or https: passthrough.",
                )
            )
        if self.tcp == []:
            found.append(
                (("tcp",), "No port is named, so nothing would be allowed.", "Name one, or leave tcp out.")
            )
        found += self._refused_https_ports()
        ports = [entry.port for entry in self.tcp or ()]
        for index, entry in enumerate(self.tcp or ()):
            if len(ports) > 1:
                entry.put_at(index)
        for index, port in enumerate(ports):
            if port in ports[:index]:
                found.append(
                    (
                        ("tcp", index, "port"),
                        f"Port {port} is declared twice, and the gateway has one way to one port of a host.",
                        "Merge the two entries.",
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

    def _refused_https_ports(self) -> Iterator[Refusal]:
        ports = self.https_ports
        if ports is None:
            return
        if self.https is None:
            yield ("httpsPorts",), "This is about https, which is not declared.", "Add https: passthrough."
        if not ports:
            fix = "Name one, or leave httpsPorts out for 443."
            yield ("httpsPorts",), "No port is named, so nothing would be allowed.", fix
        for index, port in enumerate(ports):
            at = ("httpsPorts", index)
            if port in ports[:index]:
                yield at, f"Port {port} is named twice.", "Remove one."
            elif port == HTTP_PORT:
                fix = "Name the port on which the host speaks TLS."
                yield at, "On this port the mesh reads HTTP, and TLS is none.", fix
            else:
                fix = "Write tcp with the host's own addresses for this port, or name another one."
                yield from refused_by_name(at, port, fix)

    @field_serializer("tcp", mode="wrap")
    def as_written(self, value: Any, handler: SerializerFunctionWrapHandler) -> Any:
        """One entry without a list around it, as most people write it."""
        found = handler(value)
        return found[0] if found and len(found) == 1 else found

    @property
    def tls_ports(self) -> tuple[int, ...]:
        """TCP ports on which TLS is passed through, ascending."""
        return tuple(sorted(self.https_ports or (HTTPS_PORT,))) if self.https else ()

    @property
    def ports(self) -> dict[int, Tcp]:
        """Raw TCP by port."""
        return {entry.port: entry for entry in self.tcp or ()}
