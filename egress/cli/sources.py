"""Where a command takes its objects from: a stack's config, or files from outside."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from egress.cli import completion
from egress.common import stack_file
from egress.common.errors import ConfigError
from egress.common.names import TEAM_LABEL
from egress.judge.model.load import KUBECTL, Unreadable, read
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.settings import load_stack

PLACEHOLDER_PROJECT = "sandbox-project"
WRONG = 2
"""Exit code for a question or a config that cannot be answered."""


def complete_stack(incomplete: str) -> list[str]:
    """For the shell."""
    return [name for name in completion.stacks(folder()) if name.startswith(incomplete)]


def complete_team(context: typer.Context, incomplete: str) -> list[str]:
    """For the shell."""
    found = completion.teams(stack_path(context.params.get("stack") or "dev"))
    return [name for name in found if name.startswith(incomplete)]


def complete_host(context: typer.Context, incomplete: str) -> list[str]:
    """For the shell."""
    found = completion.hosts(stack_path(context.params.get("stack") or "dev"))
    return [name for name in found if name.startswith(incomplete)]


def complete_url(context: typer.Context, incomplete: str) -> list[str]:
    """For the shell."""
    path = stack_path(context.params.get("stack") or "dev")
    return [url for url in completion.urls(path, context.params.get("team")) if url.startswith(incomplete)]


Stack = Annotated[
    str,
    typer.Option(
        "--stack",
        "-s",
        help="Stack whose config, Pulumi.STACK.yaml, is judged.",
        autocompletion=complete_stack,
    ),
]
From = Annotated[
    list[Path] | None,
    typer.Option(
        "--from",
        help="Judge objects from outside: YAML files or folders, `pulumi stack export`, or what kubectl "
        "prints (`egress diff "
        "--help` has the line). Repeatable.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="For machines; the keys are stable.")]

WIDE = 160
"""Columns of a table that goes into a pipe."""
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Source:
    """Objects to judge, and the plan that they come from, if one is known."""

    judges: Judges
    teams: list[str]
    plan: Plan | None
    snapshot: Snapshot

    @property
    def intent(self) -> Intent | None:
        return Intent(self.plan) if self.plan else None


def stop(message: str) -> NoReturn:
    """End the command: what was asked cannot be answered."""
    err.print(message, markup=False)
    raise typer.Exit(WRONG)


def folder() -> Path:
    """Where the project lies: this folder or, as Pulumi looks for it, the next one above that holds a
    Pulumi.yaml."""
    here = Path()
    return next((above for above in (here, *Path.cwd().parents) if (above / "Pulumi.yaml").exists()), here)


def stack_path(stack: str) -> Path:
    """The stack's file, which may be named by itself: one of examples/modes for example."""
    named = Path(stack)
    is_file = named.name.startswith("Pulumi.") and named.suffix == ".yaml"
    return named if is_file else folder() / f"Pulumi.{stack}.yaml"


def plan_of(stack: str) -> Plan:
    """The plan of a stack; a file that names no project is planned for a placeholder, and stderr says so."""
    path = stack_path(stack)
    return plan_at(path, str(path))


def plan_at(path: Path, called: str) -> Plan:
    """The plan of a stack's file; `called` is what people call the file."""
    try:
        stack = stack_file.read(path)
        settings = load_stack(stack, path, default_project=PLACEHOLDER_PROJECT)
        if stack.environments:
            err.print(
                f"{called} takes values from environments of Pulumi ESC ({', '.join(stack.environments)}), "
                "which only Pulumi can "
                "open: what they say under pulumiConfig is not in this answer.",
                markup=False,
            )
        if "gcp:project" not in stack.config:
            err.print(f"{called} names no gcp:project; {PLACEHOLDER_PROJECT} stands in for it.", markup=False)
        return make_plan(settings)
    except ConfigError as error:
        stop(f"{called}: {error}")


def source(stack: str, files: list[Path] | None) -> Source:
    """What a command judges."""
    if not files:
        plan = plan_of(stack)
        planned = deployment(plan, render(plan))
        return Source(Judges(planned), [team.name for team in plan.teams], plan, planned)
    try:
        snapshot = read(*files)
    except Unreadable as error:
        stop(str(error))
    teams = teams_of(snapshot)
    if not teams:
        err.print(without_team(" ".join(map(str, files))), markup=False)
    return Source(Judges(snapshot), teams, None, snapshot)


def without_team(called: str) -> str:
    """What to say of objects among which is no team."""
    return (
        f"{called} holds no team: no Namespace has the label {TEAM_LABEL}. What to print of a cluster: "
        f"{KUBECTL}"
    )


def teams_of(snapshot: Snapshot) -> list[str]:
    """The team namespaces among some objects: those that carry the team's label."""
    return sorted(name for name, labels in snapshot.namespace_labels.items() if TEAM_LABEL in labels)
