"""What teams that share a host agree on. Where two wishes cannot both be honoured, both sides are named.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from pydantic.alias_generators import to_camel

from egress.common.errors import Problem
from egress.plan.host import Leaving, TlsNames, Use
from egress.settings.http import Mirror
from egress.settings.inspection import Inspection
from egress.settings.paths import egress_path
from egress.settings.tcp import Tcp
from egress.settings.traffic import Traffic

_TLS = ("upgrade", "credential", "ca", "sni", "subject_alt_names")


def leaving(host: str, uses: list[Use], problems: list[Problem]) -> Leaving | None:
    """How the host's plain HTTP leaves. Where two teams want different things, both are named in
    `problems`."""
    spoken = [(use.team, use.http) for use in uses if use.http]
    if not spoken:
        return None
    first, wanted = spoken[0]
    for team, http in spoken[1:]:
        for field in (*_TLS, "protocol", "split", "mirror", "inspect", "encoded_slashes"):
            one, other = getattr(wanted, field), getattr(http, field)
            if one != other:
                problems.append(_disagreement(host, (first, one), (team, other), field))
    treated = [(team, http.traffic) for team, http in spoken if http.traffic is not None]
    for team, traffic in treated[1:]:
        if traffic != treated[0][1]:
            problems.append(_disagreement(host, treated[0], (team, traffic), "traffic"))
    traffic = treated[0][1] if treated else None
    split = tuple(sorted(wanted.split.items()))
    return Leaving(
        wanted.upgrade,
        wanted.protocol,
        wanted.credential,
        wanted.ca,
        traffic,
        split,
        wanted.mirror,
        wanted.inspect,
        TlsNames.of(wanted),
        wanted.encoded_slashes,
    )


def tcp(host: str, uses: list[Use], problems: list[Problem]) -> Tcp | None:
    """The host's raw TCP. It cannot share a host with other ways, nor be two things for two teams."""
    spoken = [(use.team, use.tcp) for use in uses if use.tcp]
    if not spoken:
        return None
    first, wanted = spoken[0]
    for use in uses:
        if use.tcp is None:
            problems.append(
                Problem(
                    egress_path(use.team, host),
                    host,
                    f"{egress_path(first, host)} uses raw TCP: the gateway tells connections to a host "
                    "apart only by the host's name, so TCP cannot share the host.",
                    "Give one of the two a host name of its own.",
                )
            )
    for team, tcp in spoken[1:]:
        for field in ("port", "outside_port", "addresses", "by_name", *_TLS):
            one, other = getattr(wanted, field), getattr(tcp, field)
            if one != other:
                problems.append(_disagreement(host, (first, one), (team, other), field, "tcp"))
    return wanted


def _disagreement(
    host: str, one: tuple[str, object], other: tuple[str, object], field: str, way: str = "http"
) -> Problem:
    (first, wanted), (team, value) = one, other
    shown = (
        item.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if isinstance(item, Traffic | Mirror | Inspection)
        else item
        for item in (value, wanted)
    )
    value, wanted = shown
    return Problem(
        f"{egress_path(team, host)}.{way}.{to_camel(field)}",
        value,
        f"{egress_path(first, host)}.{way}.{to_camel(field)} is {wanted}: the gateway has one setting for "
        "a host, and one of the two teams would get what the other asked for.",
        "Agree on one" + (", or leave it to the other team." if field == "traffic" else "."),
    )
