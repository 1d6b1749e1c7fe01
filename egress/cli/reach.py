"""`egress reach`: every team, every host, every way out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from egress.answers.reachability import Cell, Row, of_nobody
from egress.answers.reachability import reach as rows_of
from egress.answers.reachability_inbound import InboundRow, inbound_rows, lines
from egress.cli.sources import From, Json, Stack, complete_host, complete_team, out, source, stop
from egress.common.words import VOID
from egress.judge.model.flow import Vantage
from egress.proof.inbound_places import NODES
from egress.proof.verify import verify

HEADS = {
    Vantage.APP: "app",
    Vantage.POD_WITHOUT_SIDECAR: "past the sidecar",
    Vantage.GATEWAY_WITH_CERTIFICATE: "at the gateway",
    Vantage.GATEWAY_WITHOUT_CERTIFICATE: "without certificate",
    Vantage.GATEWAY_NODE: "gateway node",
    Vantage.APPLICATION_NODE: "other node",
}
"""Column for each way; a process as the proxy's user goes past the sidecar as a pod without one does."""

WIDE_ENOUGH = 140
"""Columns that the table needs to be one."""
NOT_ASKED = "-"
LEGEND = (
    "A cell names the layer that refuses, or what passes; `-` is not asked there. `IAM` guards Google APIs "
    "and what their front "
    "door gives."
)
DOUBT = (
    "`?`: an object on the way says what no judge can read, so it may do anything: egress explain names it."
)


def reach(
    team: Annotated[
        list[str] | None,
        typer.Option("--team", "-t", help="Only this team. Repeatable.", autocompletion=complete_team),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", help="Only this target. Repeatable.", autocompletion=complete_host),
    ] = None,
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
    everybody = [
        *rows_of(found.judges, found.teams, intent, only=team),
        *(() if team else of_nobody(found.judges, found.teams)),
    ]
    rows = [row for row in everybody if not host or row.target in host]
    violations = verify(intent, found.judges).violations if intent else ()
    outside = [
        row
        for row in inbound_rows(found.judges)
        if (not team or row.team in team) and (not host or row.place.host in host)
    ]
    if as_json:
        received = [row.as_json() for row in outside]
        said = {"rows": [row.as_json() for row in rows], "received": received, "violations": len(violations)}
        typer.echo(json.dumps(said, indent=2))
    else:
        narrow = out.width < WIDE_ENOUGH
        if not narrow:
            out.print(_table(rows))
        else:
            for line in _blocks(rows):
                out.print(line, soft_wrap=False)
        for line in _from_outside(outside):
            out.print(line, soft_wrap=not narrow)
        out.print(
            LEGEND
            + (
                "\n" + DOUBT
                if any(cell.unread for row in rows for cell in row.cells)
                or any(row.unread for row in outside)
                else ""
            ),
            markup=False,
            soft_wrap=not narrow,
        )
        if violations:
            out.print(
                f"[red]{len(violations)} flows do something else than the config declares[/red]: egress "
                "verify"
            )
    raise typer.Exit(1 if violations else 0)


def _port(row: Row) -> str:
    return f"{row.port}/{row.protocol.value}" if row.port and row.protocol else "every port"


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("team", "target", "port", *HEADS.values()):
        table.add_column(head, overflow="fold")
    before = ("", "")
    for row in rows:
        cells = {cell.vantage: cell for cell in row.cells}
        shown = [_cell(cells[way]) if way in cells else NOT_ASKED for way in HEADS]
        team = row.team if row.team != before[0] else ""
        target = row.target if (row.team, row.target) != before else ""
        table.add_row(team, target, _port(row), *shown)
        before = (row.team, row.target)
    return table


def _blocks(rows: Sequence[Row]) -> Iterator[str]:
    """The same for narrow screens: a block for each target, in it each port with what comes of every way,
    ways alike together."""
    before = ("", "")
    for row in rows:
        if row.team != before[0]:
            yield from (*([""] if before[0] else []), f"[bold]{escape(row.team)}[/bold]")
        if (row.team, row.target) != before:
            yield f"  {escape(row.target)}"
        before = (row.team, row.target)
        alike: dict[str, list[str]] = {}
        for cell in row.cells:
            if cell.vantage in HEADS:
                alike.setdefault(_cell(cell), []).append(HEADS[cell.vantage])
        port = _port(row)
        for said, ways in alike.items():
            yield f"    {port:<9} {said}: {', '.join(ways)}"
            port = ""


def _cell(cell: Cell) -> str:
    return _said(cell, f" [red]({VOID})[/red]" if cell.void else "")


def _said(cell: Cell | InboundRow, void: str = "") -> str:
    doubt = " [yellow]?[/yellow]" if cell.unread else ""
    if cell.verdict == "no":
        return f"[red]no[/red] {cell.decision.layer.value}"
    if cell.verdict == "yes":
        return f"[green]yes[/green]{doubt}"
    return f"[yellow]{escape('; '.join(cell.allowed))}[/yellow]{void}{doubt}"


def _from_outside(rows: Sequence[InboundRow]) -> Iterator[str]:
    """Who outside may connect to what inside, and what refuses the others."""
    if not any(row.place.by != NODES for row in rows):
        return
    yield "\n[bold]From outside[/bold]"
    for head, alike in lines(rows):
        yield f"  {escape(head)}"
        for row, who in alike:
            what, whom = _said(row), escape("; ".join(who))
            yield f"    {whom}: {what}" if row.verdict == "some" else f"    {what}: {whom}"
