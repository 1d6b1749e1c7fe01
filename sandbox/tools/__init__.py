"""The executables the sandbox runs: found where the user has them, else fetched or built, always verified.

    ensure("pulumi", "etcd", "kube-apiserver")  ->  {"pulumi": Path(...), ...}

Order for each tool, first hit wins:
  1. what the user has: KUBEBUILDER_ASSETS for the Kubernetes tools, then PATH. Its version is checked; its
     content is the user's own affair, as with any program on PATH;
  2. what an earlier run put into the cache, if its SHA-256 is still the recorded one;
  3. pulumi only: the official release archive, checked against the release's checksum file (see `release`);
  4. a build of the Go module that `sandbox/gomod/<module>/go.mod` pins; every source file of it is checked by
     Go against the committed go.sum (see `build`).

The cache lies outside the checkout (`EGRESS_TOOLS_CACHE`, else `$XDG_CACHE_HOME/gke-mesh-egress`), so a fresh
clone of a user who had one before is ready at once. Progress goes to stderr; stdout stays the caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from sandbox.tools import build, cache, installed, release
from sandbox.tools.catalog import CATALOG, Tool
from sandbox.tools.istio import istio_crds
from sandbox.tools.report import ToolError

__all__ = ["CATALOG", "ToolError", "ensure", "istio_crds"]


def ensure(*names: str) -> dict[str, Path]:
    """Executables for these tools, each verified now; builds what is missing, which takes minutes once.

    Raises ToolError, with what to install, when a tool can neither be found nor built.
    """
    unknown = sorted(set(names) - CATALOG.keys())
    if unknown:
        raise ValueError(f"no such tool: {', '.join(unknown)}; known are {', '.join(CATALOG)}")
    return {name: _ensure(tool) for name, tool in CATALOG.items() if name in names}


def _ensure(tool: Tool) -> Path:
    own = installed.find(tool)
    if own:
        return own
    ways: list[tuple[cache.Entry, Callable[[Tool, Path], Path | None]]] = []
    if release.offered(tool):
        ways.append((cache.Entry(release.key(tool), f"bin/{tool.name}"), release.download))
    ways.append((cache.Entry(build.key(tool), f"bin/{tool.name}"), build.build))
    for entry, _ in ways:
        cached = entry.verified()
        if cached:
            return cached
    for entry, make in ways:
        with entry.locked():
            # verified() again: another run may have made it while this one waited
            made = entry.verified() or entry.install(partial(make, tool))
        if made:
            return made
    raise ToolError(f"{tool.name} could neither be found nor built. Without a build: {tool.otherwise}")
