"""Settings of plain HTTP from an app: what leaves the gateway, by which rules, and what else happens to a
request on the way."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from egress.common.grammar import first
from egress.settings.base import Model, Refusal, Words, refusals
from egress.settings.certificate_names import CertificateNames, ServerName
from egress.settings.host import Host
from egress.settings.http_rule import Rule
from egress.settings.inspection import Inspection, Mode
from egress.settings.kubernetes_names import SecretName
from egress.settings.ports import refused_by_name
from egress.settings.traffic import Traffic
from egress.settings.upgrade import Upgrade, credential_refusals, name_refusals


class Protocol(StrEnum):
    """What the app speaks, and with it the host. Istio's names, in lower case."""

    HTTP = "http"
    """HTTP/1.1, WebSocket included."""
    HTTP2 = "http2"
    GRPC = "grpc"


class Slashes(StrEnum):
    """What becomes of slashes that are encoded in a path (`%2F`)."""

    DECODE = "decode"
    KEEP = "keep"


class Mirror(Model):
    """A second host that gets a copy of each request; its answers are thrown away."""

    host: Host = Field(description="The second host. Refused: Not an outside host.")
    percent: int = Field(default=100, ge=1, le=100, description="Share of requests that is copied.")


class Http(Rule):
    """The app speaks plain HTTP; every request is authorised at the gateway. Rules lie in the fields of this
    object, or - if there are several - by name in `allow`."""

    upgrade: Annotated[Upgrade, Field(strict=False)] = Field(
        default=Upgrade.NONE,
        description="`none`: leaves as HTTP on 80. `tls`: leaves as TLS on 443, and the gateway checks "
        "the host's certificate. `mtls`: as `tls`, and the gateway shows a client certificate. Refused: "
        "Two teams that disagree about one host. `mtls` without `credential`. `mtls` with the managed "
        "mesh.",
    )
    protocol: Annotated[Protocol, Field(strict=False)] = Field(
        default=Protocol.HTTP,
        description="`http`: HTTP/1.1, WebSocket among it. `http2`, `grpc`: HTTP/2 all the way. Refused: "
        "`http2` and `grpc` without TLS outside. Two teams that disagree.",
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
        "authorities. Refused: Without TLS. With `mtls`: there it is the credential's `ca.crt`. With the "
        "managed mesh. Two teams that disagree.",
    )
    sni: ServerName = None
    subject_alt_names: CertificateNames = None
    outside_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="What the gateway connects to; the app connects to 80. Absent: 443 with TLS outside, 80 "
        "without. Refused: A port at which the gateway or its node listens: docs/modes/tcp.md#refused. Two "
        "teams that disagree.",
    )
    encoded_slashes: Annotated[Slashes, Field(strict=False)] = Field(
        default=Slashes.DECODE,
        description="`decode`: `%2F` in a path is a slash, for rules and for the host. `keep`: it is part "
        "of a name, arrives as it was sent, and rules see it so. Paths that could mean `..` to the host "
        "are then refused where rules ask for a beginning or a template. Refused: `keep` with the "
        "managed mesh. Two teams that disagree.",
    )
    traffic: Traffic | None = Field(
        default=None,
        description="How the gateway treats the host, for all its teams. Absent: a team leaves it to "
        "another. Refused: Two teams that say different things.",
    )
    split: dict[Host, Annotated[int, Field(ge=1, le=99)]] = Field(
        default={},
        description="Other host to the percentage of requests that goes there instead; the rest stays. "
        "Refused: More than 99 together. The host itself. A host to which the team may not send the same "
        "requests itself. Two teams that disagree.",
    )
    mirror: Mirror | None = Field(
        default=None,
        description="A second host gets copies, under its own name; its answers are thrown away. "
        "Refused: The host itself. A host to which the team may not send the same requests itself. Two "
        "teams that disagree. The managed mesh.",
    )
    inspect: Inspection | None = Field(
        default=None,
        description="The gateway reads requests to this host. Refused: Passthrough of the same host. "
        "gRPC, unless it only reports. The managed mesh. Two teams that disagree.",
    )
    allow: dict[Words, Rule] | None = Field(
        default=None,
        description="Several rules by name; a request needs one of them. Refused: Empty. Beside rules in "
        "the fields above.",
    )

    @model_validator(mode="after")
    def fields_honoured(self) -> Self:
        found: list[Refusal] = list(credential_refusals(self.upgrade, self.credential))
        found += name_refusals(self.upgrade, self.sni, self.subject_alt_names)
        if self.outside_port is not None:
            fix = "Name another port of the host."
            found += refused_by_name(("outsidePort",), self.outside_port, fix)
        if self.ca is not None and self.upgrade is Upgrade.NONE:
            found.append(
                (("ca",), "Plain HTTP verifies nothing; this would be ignored.", "Write upgrade: tls.")
            )
        if self.ca is not None and self.upgrade is Upgrade.MTLS:
            found.append(
                (
                    ("ca",),
                    "With mutual TLS, the authority is read from the key ca.crt of the credential.",
                    "Put it there.",
                )
            )
        if self.protocol is not Protocol.HTTP and self.upgrade is Upgrade.NONE:
            found.append(
                (
                    ("protocol",),
                    f"Hardly any outside host speaks {self.protocol.value} without TLS, and one that does "
                    "not would reset every request.",
                    "Add upgrade: tls.",
                )
            )
        found += list(self._paths_never_sent())
        if sum(self.split.values()) > 99:
            found.append(
                (
                    ("split",),
                    f"{sum(self.split.values())} percent leave nothing for the host itself.",
                    "Let the percentages add up to 99 at most.",
                )
            )
        if self.inspect is not None and self.inspect.mode is Mode.ENFORCE and self.protocol is Protocol.GRPC:
            found.append(
                (
                    ("inspect",),
                    "A body is inspected when it has ended, but a gRPC stream waits for answers before "
                    "it ends, and each of its messages may be compressed.",
                    "Write inspect.mode: report, or leave inspect out.",
                )
            )
        own = [name for name in Rule.model_fields if getattr(self, name) is not None]
        if self.allow is not None and own:
            found.append(
                (
                    ("allow",),
                    f"There are named rules and {', '.join(own)} beside them: one of the two would be "
                    "ignored.",
                    "Move them into a rule of their own.",
                )
            )
        if self.allow == {}:
            found.append(
                (
                    ("allow",),
                    "There is no rule, so nothing would be allowed.",
                    "Name a rule, or leave allow out.",
                )
            )
        if found:
            raise refusals(found)
        return self

    def _paths_never_sent(self) -> Iterator[Refusal]:
        """Paths of rules that no request can have as this host's slashes are read."""
        keeps = self.encoded_slashes is Slashes.KEEP
        for name, rule in self.rules.items():
            at = ("allow", name) if self.allow is not None else ()
            for index, path in enumerate(rule.paths or ()):
                encoded = first("%2[fF]", path)
                if encoded and not keeps:
                    yield (
                        (*at, "paths", index),
                        f"The proxy decodes {encoded} before it compares; this one would never match.",
                        "Write / instead, or encodedSlashes: keep for the host.",
                    )

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """The rules in order of name; one that stands in the fields of this object has the name ''."""
        if self.allow is not None:
            return dict(sorted(self.allow.items()))
        return {"": Rule.model_construct(**{name: getattr(self, name) for name in Rule.model_fields})}
