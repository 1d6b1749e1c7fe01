"""`python -m ci`: what the workflows in .github call."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ci import comment as comments
from ci import release as releases
from ci.review import APPROVAL, ReviewError, read
from ci.review import slim as slimmed

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Folder = Annotated[Path, typer.Argument(help="One folder per stack, each with preview.json and diff.json.")]
Labels = Annotated[str, typer.Option(help="The pull request's labels, separated by commas.")]


@app.command()
def comment(folder: Folder, labels: Labels = "") -> None:
    """Print the comment for a pull request."""
    try:
        sys.stdout.write(comments.compose(read(folder), _approved(labels)))
    except ReviewError as error:
        sys.stdout.write(
            f"{comments.MARKER}\n## What this changes\n\nThat could not be worked out. "
            f"{comments.plain(str(error))}\n"
        )


@app.command()
def gate(folder: Folder, labels: Labels = "") -> None:
    """Say why the pull request must not be merged. Exit code 1: it must not."""
    try:
        found = comments.gate(read(folder), _approved(labels))
    except ReviewError as error:
        found = [str(error)]
    for reason in found:
        typer.echo(reason, err=True)
    raise typer.Exit(1 if found else 0)


@app.command()
def slim(preview: Annotated[Path, typer.Argument(help="What `pulumi preview --json` printed.")]) -> None:
    """Take config and states out of a recorded preview."""
    try:
        slimmed(preview)
    except ReviewError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@app.command()
def release(version: Annotated[str, typer.Argument(help="The tag, as v1.2.0.")]) -> None:
    """Print the notes of a release from CHANGELOG.md."""
    try:
        sys.stdout.write(releases.notes(Path("CHANGELOG.md").read_text(encoding="utf-8"), version))
    except releases.NoSection as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _approved(labels: str) -> bool:
    return APPROVAL in (label.strip() for label in labels.split(","))


if __name__ == "__main__":
    app()
