"""The catalogue of ways round: every theme, in order, and as the tables of docs/redteam.md."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mesh.evidence import Layer
from tests.mesh.redteam import googles, hosts, identities, objects, places, ports, requests, tls, wire
from tests.mesh.redteam.way import Way

THEMES = {
    "H": "Hosts and headers",
    "P": "Paths and methods",
    "S": "Framing and protocols",
    "T": "TLS and certificates",
    "A": "Addresses and ports",
    "R": "Raw TCP",
    "G": "Google's hosts",
    "N": "DNS",
    "I": "Identities from the control plane",
    "O": "Objects in the cluster",
}


def ways() -> list[Way]:
    return [
        way
        for theme in (hosts, requests, wire, tls, places, ports, googles, identities, objects)
        for way in theme.ways()
    ]


def tables() -> str:
    """Markdown."""
    return "".join(_tables())


def _tables() -> Iterator[str]:
    for letter, theme in THEMES.items():
        yield f"\n## {theme}\n\n| No. | Way | From | Answer | Stopped by |\n|---|---|---|---|---|\n"
        for way in ways():
            if way.number.startswith(letter):
                yield (
                    f"| {way.number} | {_cell(way.what)} | {_who(way)} | {way.expected} | "
                    f"{_cell(_end(way))} |\n"
                )


def _who(way: Way) -> str:
    team = way.pod.partition("-")[2]
    if not way.cheating:
        return team
    return f"{team}, uid 1337" if "uid 1337" in way.what else f"{team}, no sidecar"


def _end(way: Way) -> str:
    if way.left:
        return f"**Left.** {way.left}"
    if way.stopped_by is not Layer.NOBODY:
        return way.stopped_by + (f": {way.why}" if way.why else "")
    site, port = way.at or ("", 0)
    return f"Harmless, arrives at {site}:{port}: {way.why}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*") if "**" not in text else text
