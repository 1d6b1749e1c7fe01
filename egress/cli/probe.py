"""`egress probe`: the flows of the plan, asked in the real cluster."""

from __future__ import annotations

import json
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from egress.cli.sources import Json, Stack, complete_team, err, out, source, stop
from egress.layers.render import to_yaml
from egress.probe.api import Api, NoCluster
from egress.probe.probe import Wanted, flows_of, made, probed
from egress.probe.row import Row, State
from egress.settings.teams import TestApp

IMAGE = TestApp().image
"""Pulled from gcr.io, which private nodes reach; with Python in it."""
COLOURS = {State.OK: "green", State.LEAK: "red", State.WRONG: "red", State.NOT_ASKED: "yellow"}
WORDS = {State.OK: "ok", State.LEAK: "LEAK", State.WRONG: "WRONG", State.NOT_ASKED: "not asked"}


def probe(
    team: Annotated[
        list[str] | None,
        typer.Option("--team", "-t", help="Only this team. Repeatable.", autocompletion=complete_team),
    ] = None,
    image: Annotated[
        str, typer.Option(help="Image of the Jobs. It needs python3, 3.9 or newer, and nothing else.")
    ] = IMAGE,
    context: Annotated[
        str | None, typer.Option(help="Context of the kubeconfig. Absent: the current one.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Absent: what KUBECONFIG names, else ~/.kube/config.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds that all Jobs together may take.")
    ] = 600,
    show: Annotated[
        bool, typer.Option("--print", help="Print the Jobs as YAML and ask nothing; needs no cluster.")
    ] = False,
    stack: Stack = "dev",
    as_json: Json = False,
) -> None:
    """Ask the real cluster: does each declared flow pass, and is every other one stopped?

    Short Jobs in the teams' namespaces try them as ordinary pods of the team, past no fence, and are
    deleted afterwards. What comes of each flow is held against what the plan says of it. Nothing is sent
    that could change something at a host: GET, HEAD and OPTIONS, TLS handshakes, and connections on which
    nothing is said.

    Exit code 1: something got through, is stopped that is declared, or could not be asked.

    Examples:

    `egress probe --stack dev`

    `egress probe --team team-x --context gke_my-project_europe-west1_cluster1`

    `egress probe --print`
    """
    found = source(stack, None)
    assert found.plan is not None
    if unknown := sorted({*(team or [])} - {*found.teams}):
        stop(f"There is no team {', '.join(unknown)}. Teams: {', '.join(found.teams) or 'none'}.")
    run = secrets.token_hex(4)
    wanted = Wanted(found.plan, found.judges, team or found.teams, image, run, timeout)
    if show:
        services = dict.fromkeys(found.teams)
        sys.stdout.write(to_yaml(made(wanted, flows_of(wanted, services)).jobs))
        return
    try:
        api = Api.of(kubeconfig, context)
    except NoCluster as error:
        stop(str(error))
    err.print(f"Asking the cluster of context {api.context}.", markup=False)
    # A polite kill deletes the Jobs as well.
    signal.signal(signal.SIGTERM, _end)
    rows = list(probed(api, wanted, lambda words: err.print(words, markup=False)))
    if as_json:
        typer.echo(json.dumps({"context": api.context, "rows": [row.as_json for row in rows]}, indent=2))
    else:
        report(rows)
    if not any(row.state in (State.OK, State.LEAK) for row in rows):
        stop("Nothing could be asked.")
    raise typer.Exit(1 if any(row.state in (State.LEAK, State.WRONG) for row in rows) else 0)


def report(rows: Sequence[Row]) -> None:
    """The table, as `make prove` prints its own, and beneath it what there is to say of single rows."""
    table = Table(show_edge=False, box=None)
    table.add_column("Asked", overflow="fold")
    table.add_column("Expected", overflow="fold")
    for title in ("Seen", "Stopped by", "Arrived at", ""):
        table.add_column(title, no_wrap=True)
    for row in rows:
        cells = (row.what, row.expected, row.seen, row.stopped_by, row.at)
        table.add_row(*map(escape, cells), f"[{COLOURS[row.state]}]{WORDS[row.state]}[/]")
    out.print(table)
    for row in rows:
        if row.says:
            out.print(f"{WORDS[row.state]}: {row.what}: {row.says}", markup=False)
    if any(row.state in (State.LEAK, State.WRONG) for row in rows):
        out.print("What was changed in the cluster, by whom, and how to put it right: egress drift")
    counted = {state: sum(row.state is state for row in rows) for state in State}
    asked = len(rows) - counted[State.NOT_ASKED]
    out.print(
        f"{asked} asked, {counted[State.OK]} as expected, {counted[State.WRONG]} not, "
        f"{counted[State.LEAK]} leak{'' if counted[State.LEAK] == 1 else 's'}; "
        f"{counted[State.NOT_ASKED]} not asked"
    )


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)
