"""The command itself: its subcommands in the order in which a newcomer needs them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from egress.cli import (
    diff,
    doctor,
    drift,
    evidence,
    explain,
    map_page,
    probe,
    reach,
    render,
    schemas,
    verify,
    why,
)

HELP = """What the program decides and what comes of it, without an engine and without an account;
`doctor` asks Google, `drift` and `probe` ask the cluster.

Exit codes: 0 as asked (allowed, proven, written); 1 the answer is no (denied, not proven, out of date);
2 the question or the config is wrong, or the answer cannot be written; 3 a mistake of the program itself.
"""

app = typer.Typer(
    name="egress",
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _say_version(wanted: bool) -> None:
    """As pyproject.toml says; the program is a checkout, not an installed package."""
    if wanted:
        text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
        typer.echo(f"gke-mesh-egress {tomllib.loads(text)['project']['version']}")
        raise typer.Exit


@app.callback()
def whole(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version, and nothing else.", is_eager=True, callback=_say_version
        ),
    ] = False,
) -> None:
    """What every subcommand has before it."""


app.command()(explain.explain)
app.command()(reach.reach)
app.command()(verify.verify)
app.command()(diff.diff)
app.command()(doctor.doctor)
app.command()(probe.probe)
app.command()(drift.drift)
app.command()(evidence.evidence)
app.command("map")(map_page.map_page)
app.command()(render.render)
app.command()(why.why)
app.command()(why.refusals)
app.command()(schemas.schema)
app.command()(schemas.contract)
