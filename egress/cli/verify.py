"""`egress verify`: the proof that a preview runs, by itself."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from egress.cli.sources import Json, Stack, out, source
from egress.proof.expectations import Questions
from egress.proof.inbound import Receiving
from egress.proof.verify import NotProven, described
from egress.proof.verify import verify as violations_of


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
    intent = found.intent
    assert intent is not None
    questions = list(Questions(intent, found.judges).all())
    outside = list(Receiving(intent.plan).questions(found.judges))
    asked = len(questions) + len(outside)
    violations = violations_of(intent, found.judges)
    if as_json:
        wrong = [
            {"flow": item.flow, "says": item.says, "steps": [step.as_json for step in item.steps]}
            for item in violations
        ]
        typer.echo(json.dumps({"questions": asked, "violations": wrong}, indent=2))
    else:
        if list_all:
            for question in questions:
                out.print(f"{question.expected.value:<14} {described(question.flow)}", markup=False)
            for question in outside:
                out.print(f"{'refused' if question.by else 'passes':<14} {question.flow}", markup=False)
        if violations:
            out.print(str(NotProven(violations)), markup=False)
        else:
            who = f"{_teams(len(found.teams))}, pods of no team and those outside"
            out.print(f"Proven: {asked} questions about {who}, each answered as the config declares.")
    raise typer.Exit(1 if violations else 0)


def _teams(count: int) -> str:
    return f"{count} team{'' if count == 1 else 's'}"
