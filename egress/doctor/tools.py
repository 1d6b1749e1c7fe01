"""The programs that `pulumi up` starts, and that somebody needs who looks at what it made."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from egress.doctor.case import Case
from egress.doctor.finding import Finding, judged

PYTHON = (3, 11)
GCLOUD = "https://cloud.google.com/sdk/docs/install"


@dataclass(frozen=True)
class Tool:
    name: str
    asked: tuple[str, ...]
    version: Callable[[str], str | None]
    """Finds the version in what it says."""
    least: tuple[int, ...]
    needed: str
    fix: str


def _number(text: str) -> str | None:
    found = re.search(r"[0-9]+(?:\.[0-9]+)+", text)
    return found[0] if found else None


def _gcloud(text: str) -> str | None:
    try:
        said = json.loads(text).get("Google Cloud SDK")
    except (ValueError, AttributeError):
        return None
    return str(said) if said else None


TOOLS = (
    Tool(
        "pulumi",
        ("version",),
        _number,
        (3, 259, 0),
        "3.259.0 or newer",
        "curl -fsSL https://get.pulumi.com | sh",
    ),
    Tool("gcloud", ("version", "--format=json"), _gcloud, (), "any version", f"Install it: {GCLOUD}"),
    Tool(
        "gke-gcloud-auth-plugin",
        ("--version",),
        _number,
        (),
        "any version",
        "gcloud components install gke-gcloud-auth-plugin",
    ),
    Tool(
        "kubectl",
        ("version", "--client", "--output=json"),
        _number,
        (),
        "any version, to look at what was made",
        "gcloud components install kubectl",
    ),
)


def tools(case: Case) -> Iterator[Finding]:
    running = sys.version_info[:3]
    yield judged(
        "tools",
        "python",
        running >= PYTHON,
        ".".join(map(str, running)),
        "3.11 or newer",
        "make PYTHON=/path/to/python3.12 install",
    )
    for tool in TOOLS:
        ran = case.machine.run(tool.name, *tool.asked)
        if ran is None:
            yield judged("tools", tool.name, False, "not on PATH", tool.needed, tool.fix)
            continue
        version = None if ran.code else tool.version(ran.out or ran.err)
        if version is None:
            found = f"it does not say its version: {ran.complaint}"
            yield judged("tools", tool.name, False, found, tool.needed, tool.fix)
            continue
        new = tuple(map(int, version.split("."))) >= tool.least
        yield judged("tools", tool.name, new, version, tool.needed, tool.fix)
