"""`egress why`: what a refusal means, with an example that is refused so. `egress refusals`: the page of all
of them."""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path
from typing import Annotated, Any, cast

import typer
import yaml

from egress.cli.sources import out, stop
from egress.common.errors import ConfigError, Problem
from egress.common.refusals import Refusal, config_of, known
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.settings import load, load_file

PAGE = Path("docs/refusals.md")
STACK = "Pulumi.dev.yaml"
LONGEST, MOST = 200, 12
"""Characters of a text, and entries of a mapping, that an example shows."""
HEAD = """# Refusals

Written by `egress refusals` from `egress/common/refusals.json`; `egress why CODE` prints one. A code stays
with its refusal whatever becomes of the words, and is never given again. An example stands beside the least
that a stack needs (project, region, `network.subnet`, `network.controlPlane`) and is run by the tests; `…` is
what changes from case to case.
"""


def why(code: Annotated[str, typer.Argument(help="The code, as EGR101.")]) -> None:
    """Say what a refusal means: what was refused, why, what to write instead, and an example."""
    found = known().get(code.upper())
    if found is None:
        close = ", ".join(nearest(code))
        stop(
            f"There is no refusal {code}{f'; the nearest are {close}' if close else ''}. All of them: {PAGE}."
        )
    out.print(section(found), markup=False)


def nearest(code: str) -> list[str]:
    """Codes that may have been meant, by their number; none where there is no number."""
    digits = "".join(re.findall("[0-9]", code))[:6]
    return sorted(sorted(known(), key=lambda one: abs(int(one[3:]) - int(digits)))[:3]) if digits else []


def refusals(
    check: Annotated[bool, typer.Option(help="Only say whether the page is up to date.")] = False,
) -> None:
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
    problem = problem_of(refusal)
    lines = [f"## {refusal.code}", "", refusal.sentence]
    if problem is not None:
        lines += ["", f"Fix: {problem.fix}"]
    if refusal.state is not None:
        lines += ["", f"Example: {refusal.state}"]
    for name, text in files(refusal).items():
        lines += [
            "",
            f"Example, {name}:",
            "",
            "```yaml" if refusal.file is None else "```text",
            text.rstrip("\n"),
            "```",
        ]
    if problem is not None:
        lines += ["", "The program says:", "", "```text", str(problem), "```"]
    return "\n".join(lines)


def problem_of(refusal: Refusal) -> Problem | None:
    """What the program says to the example."""
    try:
        if refusal.file is not None:
            _read(refusal)
        elif refusal.example is not None:
            render(make_plan(load(config_of(refusal))))
    except ConfigError as error:
        return next((problem for problem in error.problems if problem.code == refusal.code), None)
    return None


def _read(refusal: Refusal) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, text in _texts(refusal).items():
            Path(name).write_text(text, encoding="utf-8")
        load_file(Path(STACK))


def _texts(refusal: Refusal) -> dict[str, str]:
    both = {STACK: refusal.file, "Pulumi.yaml": refusal.project}
    return {name: text for name, text in both.items() if text is not None}


def files(refusal: Refusal) -> dict[str, str]:
    """The example as somebody would read it: what is long is cut, and a character that nobody sees is
    named."""
    if refusal.example is None:
        return {
            name: shorter(re.sub("[\x00-\x08]", "\N{REPLACEMENT CHARACTER}", text))
            for name, text in _texts(refusal).items()
        }
    there = {key: value for key, value in refusal.example.items() if value is not None}
    written = yaml.safe_dump(_cut(there), sort_keys=False, allow_unicode=True, width=10_000) if there else ""
    return {
        STACK: written
        + "".join(f"# without {key}\n" for key, value in refusal.example.items() if value is None)
    }


def _cut(value: Any) -> Any:
    """The value with long texts and long mappings cut."""
    if isinstance(value, str):
        return shorter(value)
    if isinstance(value, list):
        return [_cut(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    items = [(shorter(key), _cut(item)) for key, item in cast("dict[str, Any]", value).items()]
    more = {"…": f"and {len(items) - 3} more"} if len(items) > MOST else {}
    return dict(items[:3] if more else items) | more


def shorter(text: str) -> str:
    """The text, or its beginning and how long it is."""
    return text if len(text) <= LONGEST else f"{text[:60]}… ({len(text)} characters)"
