"""`egress map`: who may reach what, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egress.answers.evidence import evidence
from egress.answers.map import page
from egress.cli.evidence import At, Commit, StackVersion, given
from egress.cli.sources import Stack, err, plan_of, stop
from egress.layers.render import render
from egress.proof.snapshot import deployment


def map_page(
    stack: Stack = "dev",
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path("egress-map.html"),
    commit: Commit = None,
    stack_version: StackVersion = None,
    at: At = None,
) -> None:
    """Write a page that shows teams, ways out and targets, with who decides; one file, to be opened without a
    network.

    Exit code 1: something is different from what the config declares (see `egress verify`); the page says
    what.

    Example: `egress map --stack dev --out map.html`
    """
    plan = plan_of(stack)
    found = evidence(plan, deployment(plan, render(plan)), given(plan, stack, commit, stack_version, at))
    try:
        out.write_text(page(plan, found), encoding="utf-8")
    except OSError as error:
        stop(
            f"--out {out}: the page cannot be written there ({error.strerror}). Name a file in a folder that "
            "exists."
        )
    err.print(
        f"{out}: {_count(len(plan.teams), 'team')}, {_count(len(found.allowed), 'way')}. Open it in a "
        "browser.",
        markup=False,
    )
    raise typer.Exit(1 if found.proof.violations else 0)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
