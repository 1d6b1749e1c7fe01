"""What teams that share a host agree on. Where two wishes cannot both be honoured, both sides are named.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from pydantic.alias_generators import to_camel

from egress.common.errors import Problem
from egress.plan.host import Leaving, TcpPort, TlsNames, Use
from egress.settings.http import Mirror
from egress.settings.inspection import Inspection
from egress.settings.paths import egress_path, tcp_path
from egress.settings.tcp import Tcp
from egress.settings.traffic import Traffic

_TLS = ("upgrade", "credential", "ca", "sni", "subject_alt_names")


def leaving(host: str, uses: list[Use], problems: list[Problem]) -> Leaving | None:
    """How the host's plain HTTP leaves. Where two teams want different things, both are named in
    `problems`."""
    spoken = [(f"{egress_path(use.team, host)}.http", use.http) for use in uses if use.http]
    if not spoken:
        return None
    first, wanted = spoken[0]
    for path, http in spoken[1:]:
        for field in (*_TLS, "protocol", "outside_port", "split", "mirror", "inspect", "encoded_slashes"):
            one, other = getattr(wanted, field), getattr(http, field)
            if one != other:
                problems.append(_disagreement((first, one), (path, other), field))
    treated = [(path, http.traffic) for path, http in spoken if http.traffic is not None]
    for path, traffic in treated[1:]:
        if traffic != treated[0][1]:
            problems.append(_disagreement(treated[0], (path, traffic), "traffic"))
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
        wanted.outside_port,
    )


def tcp(host: str, uses: list[Use], problems: list[Problem]) -> tuple[TcpPort, ...]:
    """The host's raw TCP, port by port. One port cannot be two things for two teams."""
    wanted: dict[int, list[tuple[str, Tcp]]] = {}
    for use in uses:
        for entry in use.tcp:
            wanted.setdefault(entry.port, []).append((use.team, entry))
    found: list[TcpPort] = []
    for _, spoken in sorted(wanted.items()):
        first, agreed = spoken[0]
        at = tcp_path(first, host, agreed)
        for team, entry in spoken[1:]:
            for field in ("outside_port", "addresses", "by_name", *_TLS):
                one, other = getattr(agreed, field), getattr(entry, field)
                if one != other:
                    there = tcp_path(team, host, entry), other
                    problems.append(_disagreement((at, one), there, field, "a port of a host"))
        found.append(
            TcpPort(host, agreed, tuple((team, tuple(entry.service_accounts)) for team, entry in spoken))
        )
    return tuple(found)


def _disagreement(
    one: tuple[str, object], other: tuple[str, object], field: str, of: str = "a host"
) -> Problem:
    (first, wanted), (path, value) = one, other
    shown = (
        item.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if isinstance(item, Traffic | Mirror | Inspection)
        else item
        for item in (value, wanted)
    )
    value, wanted = shown
    return Problem(
        f"{path}.{to_camel(field)}",
        value,
        f"{first}.{to_camel(field)} is {wanted}: the gateway has one setting for {of}, and one of the two "
        "teams would get what the other asked for.",
        "Agree on one" + (", or leave it to the other team." if field == "traffic" else "."),
    )
