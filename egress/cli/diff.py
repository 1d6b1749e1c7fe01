"""`egress diff`: who gains and who loses what, in sentences."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from egress.answers.diff import Difference, difference
from egress.answers.diff.changes import Change
from egress.answers.diff.settings import CONFIG
from egress.answers.diff.unjudged import Unjudged
from egress.cli.sources import Stack, err, folder, out, plan_at, stack_path, stop, teams_of, without_team
from egress.common.stack_file import PROJECT_FILE
from egress.judge.model.load import Unreadable, read
from egress.judge.model.snapshot import Snapshot
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.snapshot import deployment

SHOWN = 10
"""Objects without effect that are named."""


class Format(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


def diff(
    old: Annotated[
        str,
        typer.Argument(
            help="A folder or file of objects, a `pulumi stack export`, or a git ref of the config."
        ),
    ],
    new: Annotated[
        str | None, typer.Argument(help="The same; without it, the config as it lies here.")
    ] = None,
    stack: Stack = "dev",
    form: Annotated[Format, typer.Option("--format", "-f", help="How to print it.")] = Format.TEXT,
    fail: Annotated[
        bool, typer.Option("--fail-on-widening", help="Exit code 1 if somebody gains something.")
    ] = False,
) -> None:
    """Say who gains and who loses what between two states, by what their objects do.

    A git ref means the config of that ref, rendered by the program as it lies here.

    Exit code 0: printed, whatever it says; 1: something widens, and --fail-on-widening was given; 2: there is
    no such state.

    Examples:

    `egress diff main` - what this branch changes

    `egress diff main HEAD --stack dev --format markdown`

    `pulumi stack export > deployed.json && egress diff deployed.json` - what is not deployed yet

    `egress diff live.yaml` - what is otherwise in a cluster; live.yaml is what this prints:

    `kubectl get
    ns,netpol,svc,sa,deploy,cm,validatingadmissionpolicies,validatingadmissionpolicybindings,istio-io -A -o
    yaml`
    """
    before, after = _state(old, stack), _state(new, stack)
    for called, state in ((old, before), (new or "The config here", after)):
        if (
            state.plan is None
            and not teams_of(state.snapshot)
            and (state.snapshot.kubernetes or state.snapshot.google)
        ):
            err.print(without_team(called), markup=False)
    found = difference(before.snapshot, after.snapshot, (before.plan, after.plan))
    for note in found.notes:
        err.print(note, markup=False)
    if form is Format.JSON:
        typer.echo(json.dumps(found.as_json(), indent=2))
    elif form is Format.MARKDOWN:
        typer.echo("\n".join(_markdown(found)))
    else:
        _print(found)
    raise typer.Exit(1 if fail and found.widens else 0)


@dataclass(frozen=True)
class State:
    """What an argument means: objects, and the plan that they come from, if it is a config."""

    snapshot: Snapshot
    plan: Plan | None = None


def _state(given: str | None, stack: str) -> State:
    """The objects that an argument means."""
    path = stack_path(stack)
    if given is None:
        return _planned(path, str(path))
    if Path(given).exists():
        try:
            return State(read(Path(given)))
        except Unreadable as error:
            stop(str(error))
    if _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{given}^{{commit}}") is None:
        stop(f"{given} is no file, no folder and no git ref.")
    text = _git("show", f"{given}:./{path.name}")
    if text is None:
        err.print(f"{given} has no {path.name}, so nothing is reached in it.", markup=False)
        return State(Snapshot.of((), ()))
    with tempfile.TemporaryDirectory() as temporary:
        written = Path(temporary) / path.name
        written.write_text(text, encoding="utf-8")
        project = _git("show", f"{given}:./{PROJECT_FILE}")
        if project is not None:
            (written.parent / PROJECT_FILE).write_text(project, encoding="utf-8")
        return _planned(written, f"{given}:{path.name}")


def _planned(path: Path, called: str) -> State:
    plan = plan_at(path, called)
    return State(deployment(plan, render(plan)), plan)


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=folder(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            encoding="utf-8",
        )
    except FileNotFoundError:
        stop("git is not installed, and what was given is no file.")
    return done.stdout if done.returncode == 0 else None


def nothing(found: Difference) -> str:
    """The sentence for a difference in which nobody gains or loses anything, as far as that is judged."""
    if not found.objects and not found.silent and not found.unjudged:
        return (
            "Nothing changes: what is compared is the same."
            if found.notes
            else "Nothing changes: the objects are the same."
        )
    if found.unjudged:
        return "Nobody gains or loses anything in what is judged. Not everything is:"
    differing = [*found.objects, *(f"{CONFIG} {path}" for path in found.silent)]
    named = ", ".join(differing[:SHOWN])
    more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
    counts = ((len(found.objects), "object", ""), (len(found.silent), "key", " of the config"))
    count = " and ".join(
        f"{number} {what}{'' if number == 1 else 's'}{of}" for number, what, of in counts if number
    )
    verb = "differs" if len(differing) == 1 else "differ"
    return (
        f"Nobody gains or loses anything. {count} {verb}, without effect on who may reach what: "
        f"{named}{more}."
    )


def _print(found: Difference) -> None:
    if not found.changes:
        out.print(nothing(found), markup=False)
    print_changes(found.changes, found.unjudged)
    if found.deletes:
        out.print("[bold]Deletes[/bold]")
        for item in found.deletes:
            out.print(f"  {escape(item.text)}")


def print_changes(
    found: Sequence[Change],
    unjudged: Sequence[Unjudged],
    decided_by: Callable[[Change], Sequence[str]] = lambda _: (),
) -> None:
    """Gains, losses, and what nobody can say; below each change what decides about it."""
    for heading, widening, colour in (("Gains", True, "red"), ("Losses", False, "green")):
        changes = [change for change in found if change.widening is widening]
        if changes:
            out.print(f"[bold]{heading}[/bold]")
        width = max((len(change.risk) for change in changes), default=0)
        for change in changes:
            out.print(f"  [{colour}]{change.risk:<{width}}[/{colour}]  {escape(change.text)}")
            for line in decided_by(change):
                out.print(f"  {'':<{width}}  - {line}", markup=False)
    if unjudged:
        out.print("[bold]Not judged[/bold]")
        for item in unjudged:
            out.print(f"  {escape(item.text)}")


def _markdown(found: Difference) -> list[str]:
    said = [
        f"- {change.text} ({'**lets more out**, ' if change.widening else ''}{change.risk})"
        for change in found.changes
    ]
    said += [
        f"- {item.text} ({'**may let more out**, ' if item.widening else ''}not judged)"
        for item in found.unjudged
    ]
    said += [f"- **{item.text}**" for item in found.deletes]
    return said if found.changes else [nothing(found), *said]
