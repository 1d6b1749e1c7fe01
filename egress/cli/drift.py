"""`egress drift`: what lives otherwise than the config says, what that does, and what puts it right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from egress.answers.diff.drift import Drift
from egress.answers.diff.drift import drift as what_drifted
from egress.answers.diff.mending import Mending, mendings
from egress.cli.diff import print_changes
from egress.cli.live import Live, Unreachable, read_cluster
from egress.cli.sources import Json, Stack, err, out, plan_of, stop
from egress.judge.model.load import KUBECTL, Unreadable, read
from egress.judge.model.snapshot import Snapshot
from egress.layers.render import render
from egress.proof.snapshot import deployment

From = Annotated[
    list[Path] | None,
    typer.Option(
        "--from",
        help="Read files instead: a `pulumi stack export` after `pulumi refresh`, or what kubectl prints. "
        "With --context or --kubeconfig as well, Google's resources come from the files and the cluster's "
        "objects from the cluster. Repeatable.",
    ),
]


@dataclass(frozen=True)
class _Found:
    """What was read, and from where."""

    where: str
    live: Snapshot
    refused: frozenset[str] = frozenset()


def drift(
    stack: Stack = "dev",
    files: From = None,
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", help="Without it, the one that kubectl would take.")
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", help="Without it, the kubeconfig's current one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what lives otherwise than the config says: what was changed, deleted or added, who did it, what it
    does, and the commands that put it right.

    Every object that the stack renders is compared whole, and every fence in its namespaces that it does not
    render is named. Reads only, and never a Secret. Pulumi itself sees nothing that was added.

    Exit code 0: all is as the config says; 1: something is not, or may not be read; 2: nothing can be said.

    Examples:

    `egress drift --stack dev` - of the cluster that kubectl talks to

    `pulumi refresh --yes && pulumi stack export > live.json && egress drift --from live.json`
    """
    plan = plan_of(stack)
    planned = deployment(plan, render(plan))
    found = _read(planned, files, kubeconfig, context)
    told = what_drifted(plan, planned, found.live, found.refused)
    commands = list(mendings(told.objects, stack))
    notes = [*told.notes, *_not_compared(found.live)]
    if beside := sorted(found.refused - set(told.unread)):
        notes.append(
            f"The account may not list {', '.join(beside)}: what somebody added of these is not seen."
        )
    if as_json:
        typer.echo(json.dumps(_as_json(told, commands, notes), indent=2))
    else:
        for note in notes:
            err.print(note, markup=False)
        _print(told, commands, found.where, stack)
    raise typer.Exit(1 if told else 0)


def _read(
    planned: Snapshot, files: list[Path] | None, kubeconfig: Path | None, context: str | None
) -> _Found:
    of_files = Snapshot.of((), ())
    if files:
        try:
            of_files = read(*files, live=True)
        except Unreadable as error:
            stop(str(error))
        if kubeconfig is None and context is None:
            return _Found(" ".join(map(str, files)), of_files)
    try:
        of_cluster: Live = read_cluster(kubeconfig, context, planned.kubernetes)
    except Unreachable as error:
        stop(f"{error} A file can be read instead: --from.")
    live = Snapshot.of(of_cluster.objects, of_files.google)
    return _Found(of_cluster.server, live, of_cluster.refused)


def _not_compared(live: Snapshot) -> list[str]:
    """What nobody handed over, in words."""
    notes: list[str] = []
    if not live.google:
        notes.append(
            "Google's resources are not compared: firewall, DNS and nodes. `pulumi refresh --preview-only` "
            "finds what was changed or deleted there; --from with a stack's export judges it."
        )
    if not live.kubernetes:
        notes.append(f"No Kubernetes objects were given. What to print of a cluster: {KUBECTL}")
    return notes


def _print(told: Drift, commands: list[Mending], where: str, stack: str) -> None:
    if told.unread:
        kinds = ", ".join(told.unread)
        out.print(
            f"[bold]Not read[/bold]: {kinds}. The account may not list them, so what became of them is "
            "not known.",
            soft_wrap=True,
        )
    if not told.objects:
        if not told.unread:
            out.print(f"No drift: what lives in {where} is what stack {stack} says.", markup=False)
        return
    print_changes(told.changes, told.unjudged, told.decided_by)
    if not told.changes and not told.unjudged:
        out.print("Nobody gains or loses anything by it.")
    out.print("[bold]What is otherwise[/bold]")
    for item in told.objects:
        for line in item.lines:
            out.print(f"  {line}", markup=False)
    out.print("[bold]What puts it right[/bold]")
    for command in commands:
        out.print(f"  {command.command}", markup=False)
        out.print(f"    # {command.does}", markup=False)


def _as_json(told: Drift, commands: list[Mending], notes: list[str]) -> dict[str, object]:
    """For machines; the keys are stable."""
    return {
        "drift": bool(told),
        "changes": [{**change.as_json(), "drifted": told.decided_by(change)} for change in told.changes],
        "notJudged": [item.as_json() for item in told.unjudged],
        "objects": [item.as_json() for item in told.objects],
        "notRead": list(told.unread),
        "notes": notes,
        "commands": [{"command": command.command, "does": command.does} for command in commands],
    }
