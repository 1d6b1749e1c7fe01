"""`egress evidence`: for an auditor."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from egress.answers.evidence import evidence as evidence_of
from egress.answers.evidence_document import Source
from egress.answers.evidence_markdown import markdown
from egress.cli.sources import Stack, plan_of, stop
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.snapshot import deployment


class Format(StrEnum):
    """For whom."""

    JSON = "json"
    MARKDOWN = "markdown"


Commit = Annotated[
    str | None, typer.Option(help="Commit that this is of. Absent: the checkout's, as git says.")
]
StackVersion = Annotated[
    str | None,
    typer.Option(help="Version of the deployed stack, as `pulumi stack history` says. Absent: not given."),
]
At = Annotated[
    str | None, typer.Option(help="Time to write into it, e.g. 2030-01-31T12:00:00Z. Absent: none.")
]


def evidence(
    stack: Stack = "dev",
    form: Annotated[
        Format, typer.Option("--format", "-f", help="json for machines, by schema/evidence.schema.json.")
    ] = Format.JSON,
    commit: Commit = None,
    stack_version: StackVersion = None,
    at: At = None,
) -> None:
    """Export who may reach what, through which controls, what was opened and why, with a digest of every
    object.

    The same config gives the same bytes. Exit code 1: something is different from what the config declares
    (see `egress verify`).

    Examples:

    `egress evidence --stack dev > evidence.json`

    `egress evidence --format markdown --at 2030-01-31T12:00:00Z --stack-version 17`
    """
    plan = plan_of(stack)
    found = evidence_of(plan, deployment(plan, render(plan)), given(plan, stack, commit, stack_version, at))
    if form is Format.JSON:
        typer.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        typer.echo(markdown(found), nl=False)
    raise typer.Exit(1 if found.proof.violations else 0)


def given(plan: Plan, stack: str, commit: str | None, stack_version: str | None, at: str | None) -> Source:
    """What the evidence is of, as far as somebody said it, and the commit by git."""
    try:
        datetime.fromisoformat(at or "2030-01-31")
    except ValueError:
        stop(f"--at {at}: this is no time. Write it as ISO 8601 has it, e.g. 2030-01-31T12:00:00Z.")
    known, changed = (commit, False) if commit else _checkout()
    return Source(
        project=plan.project,
        stack=stack,
        commit=known,
        uncommitted=changed,
        stack_version=stack_version,
        at=at,
    )


def _checkout() -> tuple[str | None, bool]:
    """Commit of the current directory, and whether files differ from it; nothing where git does not know
    it."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit.strip(), bool(_git("status", "--porcelain").strip())
    except (OSError, subprocess.SubprocessError):
        return None, False


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], capture_output=True, text=True, check=True, timeout=30, encoding="utf-8"
    ).stdout
