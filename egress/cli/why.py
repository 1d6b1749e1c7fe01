"""`egress why`: what a refusal means, with an example that is refused so. `egress refusals`: the page of all of them."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Annotated

import typer

from egress.cli.sources import out, stop
from egress.errors import ConfigError, Problem
from egress.planning import make_plan
from egress.refusals import Refusal, config_of, known
from egress.settings import load

PAGE = Path("docs/refusals.md")
HEAD = """# Refusals

Written by `egress refusals` from `egress/refusals.json`; `egress why CODE` prints one. A code stays with its refusal
whatever becomes of the words, and is never given again. An example stands beside the least that a stack needs (project,
region, `network.subnet`, `network.controlPlane`) and is run by the tests; `…` is what changes from case to case.
"""


def why(code: Annotated[str, typer.Argument(help="The code, as EGR101.")]) -> None:
    """Say what a refusal means: what was refused, why, what to write instead, and an example."""
    found = known().get(code.upper())
    if found is None:
        close = difflib.get_close_matches(code.upper(), known(), n=1)
        stop(f"There is no refusal {code}. {f'Did you mean {close[0]}? ' if close else ''}All of them: {PAGE}.")
    out.print(section(found), markup=False)


def refusals(check: Annotated[bool, typer.Option(help="Only say whether the page is up to date.")] = False) -> None:
    """Write docs/refusals.md: every refusal with its code."""
    text = page()
    if not check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        typer.echo(f"{PAGE} is out of date: run `.venv/bin/python -m egress refusals`.", err=True)
        raise typer.Exit(1)


def page() -> str:
    """Every refusal, as Markdown."""
    return HEAD + "".join(f"\n{section(one)}\n" for one in known().values())


def section(refusal: Refusal) -> str:
    """One refusal, as Markdown."""
    lines = [f"## {refusal.code}", "", refusal.sentence]
    problem = problem_of(refusal)
    if refusal.example is not None and problem is not None:
        written = [
            f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in refusal.example.items() if value is not None
        ]
        absent = [f"# without {key}" for key, value in refusal.example.items() if value is None]
        lines += ["", "```yaml", *written, *absent, "```", "", "```text", str(problem), "```"]
    return "\n".join(lines)


def problem_of(refusal: Refusal) -> Problem | None:
    """What the program says to the example."""
    if refusal.example is None:
        return None
    try:
        make_plan(load(config_of(refusal)))
    except ConfigError as error:
        return next((problem for problem in error.problems if problem.code == refusal.code), None)
    return None
