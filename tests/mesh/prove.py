"""`python -m tests.mesh.prove`: run every flow of the catalogue on real proxies and print what was seen.

With --keep the mesh stays open afterwards, for a person to try things: how is printed. With --redteam every
way round of docs/redteam.md is tried after them, on a mesh of its own.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from egress.plan.make import make_plan
from egress.settings import load_file
from tests.mesh import client, programs
from tests.mesh.flow import Seen, send
from tests.mesh.flows import flows
from tests.mesh.mesh import Mesh
from tests.mesh.redteam.catalogue import ways
from tests.mesh.redteam.judge import leaks_of
from tests.mesh.redteam.stack import attacked_mesh
from tests.mesh.redteam.way import Way

_STACK = Path(__file__).resolve().parents[2] / "Pulumi.dev.yaml"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mesh.prove", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the mesh open until Ctrl-C")
    parser.add_argument("--redteam", action="store_true", help="then try every way round of docs/redteam.md")
    arguments = parser.parse_args()
    try:
        found = programs.find()
    except programs.Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    # A polite kill cleans up as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()
    print("Starting the mesh of the dev stack: about 15 s", file=sys.stderr)
    with Mesh(make_plan(load_file(_STACK, default_project="sandbox-project")), found) as mesh:
        print(f"Ready after {time.monotonic() - start:.0f} s, sending", file=sys.stderr)
        wrong = _report([(send(mesh, flow), []) for flow in flows()], "flows")
        if arguments.redteam:
            wrong += _redteam(found)
        print(f"{time.monotonic() - start:.0f} s")
        if arguments.keep:
            _keep(mesh)
    return 1 if wrong else 0


def _redteam(found: programs.Programs) -> int:
    print(
        "\nStarting the mesh that is attacked, then trying every way round: about two minutes",
        file=sys.stderr,
    )
    with attacked_mesh(found) as mesh:
        tried = [(way, send(mesh, way)) for way in ways()]
        return _report([(seen, leaks_of(mesh, way, seen)) for way, seen in tried], "ways round")


def _report(seen: list[tuple[Seen, list[str]]], what: str) -> int:
    """Print them; how many are not as they have to be. Beside each one stands what leaked."""
    table = Table(show_edge=False)
    for title in ("Flow", "Expected", "Seen", "Stopped by", "Arrived at", ""):
        table.add_column(title, overflow="fold")
    wrong = 0
    for one, leaked in seen:
        flow, differences = one.flow, [*one.differences, *(f"LEAK: {leak}" for leak in leaked)]
        name = f"{flow.number} {flow.what}" if isinstance(flow, Way) else flow.what
        known = "known to be open" if isinstance(flow, Way) and flow.left else "ok"
        at = f"{one.at[0]}:{one.at[1]}" if one.at else "-"
        verdict = "WRONG: " + "; ".join(differences) if differences else known
        table.add_row(name, flow.expected, one.answer.word, str(one.stopped_by), at, verdict)
        wrong += bool(differences)
    # A pipe has no width of its own; lines that a person can search are worth more than a narrow table.
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    leaks = sum(len(leaked) for _, leaked in seen)
    print(f"{len(seen)} {what}, {len(seen) - wrong} as expected, {wrong} not; {leaks} leaks")
    return wrong


def _keep(mesh: Mesh) -> None:
    print("\nThe mesh stays open. As an application in a pod:\n")
    for pod in mesh.pods.values():
        if pod.key in mesh.sites:
            print(f"  {client.curl_line(mesh, pod.key, 'http://example.com')}")
    print(
        "\nAs the proxy's user, which no redirection catches: --reuid 1337 --regid 1337. From outside the "
        "pods:\n"
    )
    print(f"  export KUBECONFIG={mesh.control_plane.server.kubeconfig}")
    for proxy in mesh.proxies.values():
        print(f"  tail -f {proxy.process.log}")
    name = mesh.namespaces[mesh.gateway.key].name
    print(f"  ip netns exec {name} curl -s 127.0.0.1:15000/config_dump\n\nCtrl-C ends it.", flush=True)
    try:
        signal.pause()
    except (KeyboardInterrupt, SystemExit):
        print("Ending.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
