"""`egress doctor`: what would stop the first `pulumi up`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

import typer
from rich.markup import escape

from egress.cli.sources import Json, Stack, err, folder, out, plan_of, stack_path
from egress.common import stack_file
from egress.doctor.case import Case
from egress.doctor.examine import examine
from egress.doctor.finding import Finding, State
from egress.doctor.google import Nowhere, Rest
from egress.doctor.login import fetched, log_in
from egress.doctor.machine import ThisMachine
from egress.doctor.own import own
from egress.plan.model import Plan

COLORS = {State.OK: "green", State.WRONG: "red", State.UNKNOWN: "yellow"}
HEADS = ("", "what", "found", "needed")


def doctor(
    stack: Stack = "dev",
    as_json: Json = False,
    on: Annotated[
        datetime | None,
        typer.Option(
            "--on",
            formats=["%Y-%m-%d"],
            help="Ask what is supported on this day instead of today.",
            show_default=False,
        ),
    ] = None,
    allow_unknown: Annotated[
        bool,
        typer.Option("--allow-unknown", help="End with 0 where nothing is wrong but something not known."),
    ] = False,
) -> None:
    """Find what would stop the first `pulumi up`, and say what mends it. Nothing is changed.

    Example: `egress doctor --stack dev`
    """
    plan = plan_of(stack)
    case = _case(plan, stack, on.date() if on else date.today())
    if not as_json and sys.stderr.isatty():
        err.print(f"Asking Google about {case.project} ...", markup=False)
    findings = list(examine(case))
    if as_json:
        counts = {state.value: sum(one.state is state for one in findings) for state in State}
        answer = {
            "stack": stack,
            "project": case.project,
            "counts": counts,
            "findings": [one.as_json for one in findings],
        }
        sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    else:
        for line in table(findings):
            out.print(line)
    bad = {State.WRONG} if allow_unknown else {State.WRONG, State.UNKNOWN}
    raise typer.Exit(1 if any(one.state in bad for one in findings) else 0)


def _case(plan: Plan, stack: str, today: date) -> Case:
    machine = ThisMachine(folder())
    login = log_in()
    named = "gcp:project" in stack_file.read(stack_path(stack)).config
    google = Rest(login.send)
    return Case(
        plan,
        stack,
        google if named else Nowhere(google),
        login,
        machine,
        own(machine, stack),
        fetched,
        today,
        named,
    )


def table(findings: Iterable[Finding]) -> Iterable[str]:
    """Aligned rows; below a row, what mends it, on lines of their own to be copied."""
    rows = list(findings)
    cells = [(row.state.value, row.what, row.found, row.needed) for row in rows]
    widths = [max(len(cell[at]) for cell in (*cells, HEADS)) for at in range(2)]
    found = max(len("found"), *(len(cell[2]) for cell in cells if len(cell[2]) <= 60), 0)
    yield f"[bold]{'':<{widths[0]}}  {'what':<{widths[1]}}  {'found':<{found}}  needed[/bold]"
    said = ""
    for row, (state, what, seen, needed) in zip(rows, cells, strict=True):
        color = COLORS[row.state]
        head = f"[{color}]{state:<{widths[0]}}[/{color}]  {escape(what):<{widths[1]}}"
        yield f"{head}  {escape(f'{seen:<{found}}')}  {escape(needed)}"
        for line in row.fix.splitlines() if row.fix != said else ():
            yield f"{'':<{widths[0]}}  -> {escape(line)}"
        said = row.fix
    yield _last(rows)


def _last(rows: list[Finding]) -> str:
    wrong = sum(row.state is State.WRONG for row in rows)
    unknown = sum(row.state is State.UNKNOWN for row in rows)
    if not wrong and not unknown:
        return f"{len(rows)} of {len(rows)} ok: nothing that is asked here stops `pulumi up`."
    parts = [f"{wrong} wrong"] * bool(wrong) + [f"{unknown} not known"] * bool(unknown)
    return f"{' and '.join(parts)} of {len(rows)}. Nothing was changed."
