"""`egress verify`: the proof that a preview runs, by itself."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from egress.cli.sources import Json, Stack, out, source
from egress.proof.flows import described
from egress.proof.verify import verify as asked
from egress.proof.violation import NotProven


def verify(
    stack: Stack = "dev",
    as_json: Json = False,
    list_all: Annotated[
        bool, typer.Option("--list", help="Also print every question that was asked.")
    ] = False,
) -> None:
    """Prove that the rendered objects do what the config declares, and nothing else.

    Example: `egress verify --stack dev`
    """
    found = source(stack, None)
    assert found.intent is not None
    proof = asked(found.intent, found.judges, every=list_all)
    if as_json:
        wrong = [
            {"flow": item.flow, "says": item.says, "steps": [step.as_json for step in item.steps]}
            for item in proof.violations
        ]
        typer.echo(json.dumps({"questions": proof.questions, "violations": wrong}, indent=2))
    else:
        if list_all:
            for one in proof.flows:
                out.print(f"{one.question.expected.value:<14} {described(one.question.flow)}", markup=False)
            for answer in proof.received:
                wanted = "refused" if answer.question.by else "passes"
                out.print(f"{wanted:<14} {answer.question.flow}", markup=False)
        if proof.holds:
            who = f"{_teams(len(found.teams))}, pods of no team and those outside"
            out.print(
                f"Proven: {proof.questions} questions about {who}, each answered as the config declares."
            )
        else:
            out.print(str(NotProven(proof.violations)), markup=False)
    raise typer.Exit(0 if proof.holds else 1)


def _teams(count: int) -> str:
    return f"{count} team{'' if count == 1 else 's'}"
