"""Tools built from source: Go modules pinned in `sandbox/gomod`, checked by Go against the committed go.sum.

What that proves: the sources are byte for byte those that were pinned, whatever proxy served them. The build
changes nothing in the checkout (-mod=readonly) and needs no C compiler (CGO off).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

from sandbox.tools import cache
from sandbox.tools.catalog import Tool
from sandbox.tools.report import ToolError, say

_TELL_EVERY = 15  # seconds between signs of life
_GIVE_UP_AFTER = 3600  # seconds; a build that takes longer is stuck on the network
_LOG_TAIL = 15  # lines of Go's output shown when a build fails


def key(tool: Tool) -> str:
    """The cache key of this build: a changed pin, checksum, flag or platform is a new key."""
    pins = [(tool.folder / name).read_bytes() for name in ("go.mod", "go.sum")]
    inputs = cache.digest(tool.package, *pins, *_arguments(tool), platform.system(), platform.machine())
    return f"{tool.name}-{tool.version}-{inputs}"


def build(tool: Tool, work: Path) -> Path:
    """Build into the work folder and return the executable. Raises ToolError with the end of Go's own
    output."""
    go = _go(tool)
    made, log, scratch = work / tool.name, work / "go.log", work / "tmp"
    scratch.mkdir(exist_ok=True)
    # GOTMPDIR: /tmp is often small and in memory; and what a killed build leaves there is removed with the
    # work folder
    environment = _environment() | {"GOTMPDIR": str(scratch)}
    say(
        f"{tool.name} {tool.version}: building it from its pinned Go module, once; about {tool.minutes} min "
        "on two cores"
    )
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [go, "build", *_arguments(tool), "-o", made, tool.package],
            cwd=tool.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            status = _wait(process, tool, started)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if status != 0:
        tail = "\n".join(
            "    " + line
            for line in log.read_text(errors="replace", encoding="utf-8").splitlines()[-_LOG_TAIL:]
        )
        raise ToolError(
            f"{tool.name} {tool.version}: `go build` in {tool.folder} failed. Its last words:\n{tail}\n"
            "If a module could not be fetched, set GOPROXY to a proxy this machine can reach. Without a "
            f"build: {tool.otherwise}"
        )
    say(f"{tool.name} {tool.version}: built in {time.monotonic() - started:.0f} s")
    return made


def _arguments(tool: Tool) -> list[str]:
    # What makes the build slower and the sandbox no faster is off: profile guidance, and debug information,
    # which -s -w would drop from the executable anyway.
    lean = ["-trimpath", "-buildvcs=false", "-pgo=off", "-gcflags=all=-dwarf=false"]
    return ["-mod=readonly", *lean, "-ldflags", f"-s -w {tool.ldflags}".strip()]


def _environment() -> dict[str, str]:
    """The user's environment, proxies included, minus what would change what is built."""
    changing = {"GOFLAGS", "GOOS", "GOARCH", "GOEXPERIMENT", "GO111MODULE", "GONOSUMCHECK"}
    kept = {name: value for name, value in os.environ.items() if name not in changing}
    return kept | {"CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": ""}


def _wait(process: subprocess.Popen[bytes], tool: Tool, started: float) -> int:
    while True:
        try:
            return process.wait(timeout=_TELL_EVERY)
        except subprocess.TimeoutExpired:
            elapsed = time.monotonic() - started
            if elapsed > _GIVE_UP_AFTER:
                raise ToolError(
                    f"{tool.name}: still building after {elapsed / 60:.0f} min, so it was stopped. "
                    f"Without a build: {tool.otherwise}"
                ) from None
            say(f"{tool.name}: still building, {elapsed:.0f} s")


def _go(tool: Tool) -> str:
    """The Go to build with. Go itself says whether it can serve the module's `go` line: by being new enough,
    or by fetching the toolchain that is (Go 1.21 and newer do, unless GOTOOLCHAIN=local)."""
    wanted = re.search(r"^go (\S+)$", (tool.folder / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    least = wanted[1] if wanted else "1.25"
    ways = (
        f"Install Go {least} or newer (https://go.dev/dl/, or your package manager) and run this again; "
        f"or without Go: {tool.otherwise}"
    )
    go = shutil.which("go")
    if not go:
        raise ToolError(
            f"{tool.name} is not on this machine, and there is no `go` on PATH to build it with. {ways}"
        )
    asked = subprocess.run(
        [go, "version"],
        cwd=tool.folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        encoding="utf-8",
    )
    printed = re.search(r"go version go(\d+)\.(\d+)(?:\.(\d+))?", asked.stdout)
    if asked.returncode != 0 or not printed:
        raise ToolError(
            f"{tool.name} must be built, but {go} will not: {asked.stderr.strip() or asked.stdout.strip()}. "
            f"{ways}"
        )
    version = tuple(int(part or 0) for part in printed.groups())
    if version < tuple(map(int, least.split("."))):
        raise ToolError(f"{tool.name} must be built, but {go} is {'.'.join(map(str, version))}. {ways}")
    return go
