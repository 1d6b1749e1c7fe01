"""The commands, as the user sees them: what is printed, and whether it went well."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sandbox import project, summary
from sandbox.engine import Engine
from sandbox.google.cloud import ENABLED_API
from sandbox.home import Home
from sandbox.policies import Policies


def run(
    command: str, directory: Path, stack: str, show_secrets: bool, policies: Policies | None = None
) -> int:
    """Runs one command on one stack; returns the exit code. Refusals are raised as exceptions (see
    `sandbox.__main__`)."""
    home = Home.from_env()
    engine = Engine(home, project.copy(directory, stack, home))
    if command in ("export", "outputs"):
        print(engine.export() if command == "export" else engine.outputs(show_secrets))
        return 0
    started = time.monotonic()
    code = _change(engine, command, policies)
    print(f"{command} of stack {stack}: {time.monotonic() - started:.0f} s")
    return code


def _change(engine: Engine, command: str, policies: Policies | None) -> int:
    if command == "up":
        summary.show(engine.up(), engine.apiserver.kubeconfig, sys.stdout, engine.project.source)
    elif command == "preview":
        engine.preview(policies)
    elif command == "refresh":
        engine.refresh()
        print(
            "The state now says what is there. `make preview` says what of it the config wants otherwise, "
            "and `make up` puts "
            "that back. What somebody added is in no state: `make drift` finds it (docs/commands.md)."
        )
    else:
        return _destroy(engine)
    return 0


def _destroy(engine: Engine) -> int:
    if (guests := engine.guests()) and engine.holds_cluster():
        print(
            "In the cluster that goes now, other stacks hold objects, which go with it: "
            f"{', '.join(guests)}. "
            "Once there is a cluster again, `up` of each makes them anew.\n"
        )
    left = engine.destroy()
    if left is None:
        print(
            f"Other stacks of this sandbox still hold resources ({', '.join(engine.others())}), so what is "
            "left was not checked."
        )
        return 0
    if left:
        print("Left behind, though no stack holds it any more:", *left, sep="\n  ", file=sys.stderr)
        return 1
    enabled = len(list(engine.cloud.of_type(ENABLED_API)))
    print("Nothing is left in the stand-in cloud and the API server.")
    if enabled:
        print(f"{enabled} APIs of the project stay enabled on purpose: others in it may use them.")
    return 0
