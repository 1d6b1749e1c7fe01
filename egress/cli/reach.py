"""`egress reach`: every team, every host, every way out."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from egress.cli.sources import From, Json, Stack, out, source, stop
from egress.judge.flow import Way
from egress.reach import Cell, Row
from egress.reach import reach as rows_of
from egress.verify import verify

HEADS = {
    Way.APP: "app",
    Way.POD_WITHOUT_SIDECAR: "past the sidecar",
    Way.GATEWAY_WITH_CERTIFICATE: "at the gateway",
    Way.GATEWAY_WITHOUT_CERTIFICATE: "without certificate",
    Way.GATEWAY_NODE: "gateway node",
    Way.APPLICATION_NODE: "other node",
}
"""Column for each way; a process as the proxy's user goes past the sidecar as a pod without one does."""


def reach(
    team: Annotated[list[str] | None, typer.Option("--team", "-t", help="Only this team. Repeatable.")] = None,
    host: Annotated[list[str] | None, typer.Option("--host", help="Only this target. Repeatable.")] = None,
    stack: Stack = "dev",
    files: From = None,
    as_json: Json = False,
) -> None:
    """Print who can reach what, by which way, and which layer decides.

    Exit code 1: something is different from what the config declares (see `egress verify`).

    Examples:

    `egress reach`

    `egress reach --team team-y --json`
    """
    found = source(stack, files)
    unknown = sorted(set(team or ()) - set(found.teams))
    if unknown:
        stop(f"There is no team {unknown[0]}. Teams: {', '.join(found.teams) or 'none'}.")
    intent = found.intent
    rows = [row for row in rows_of(found.judges, found.teams, intent, only=team) if not host or row.target in host]
    violations = verify(intent, found.judges) if intent else []
    if as_json:
        typer.echo(json.dumps({"rows": [row.as_json() for row in rows], "violations": len(violations)}, indent=2))
    else:
        out.print(_table(rows))
        out.print(
            "A cell names the layer that refuses, or what passes. `IAM` guards Google APIs and what their front door gives."
        )
        if violations:
            out.print(f"[red]{len(violations)} flows do something else than the config declares[/red]: egress verify")
    raise typer.Exit(1 if violations else 0)


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("team", "target", "port", *HEADS.values()):
        table.add_column(head, overflow="fold")
    before = ("", "")
    for row in rows:
        cells = {cell.way: cell for cell in row.cells}
        shown = [_cell(cells[way]) if way in cells else "" for way in HEADS]
        team = row.team if row.team != before[0] else ""
        target = row.target if (row.team, row.target) != before else ""
        table.add_row(team, target, f"{row.port}/{row.protocol.value}", *shown)
        before = (row.team, row.target)
    return table


def _cell(cell: Cell) -> str:
    if cell.verdict == "no":
        return f"[red]no[/red] {cell.decision.layer.value}"
    if cell.verdict == "yes":
        return "[green]yes[/green]"
    return f"[yellow]{'; '.join(cell.allowed)}[/yellow]"
