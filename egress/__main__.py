"""`python -m egress`: what the program decides, without an engine and without an account."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from egress import contract_record
from egress.errors import ConfigError
from egress.plan import Plan
from egress.planning import make_plan
from egress.render import render as render_objects
from egress.render import to_yaml
from egress.settings import load_file, stack_schema

PLACEHOLDER_PROJECT = "sandbox-project"
SCHEMA = Path("schema/stack.schema.json")

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Stack = Annotated[str, typer.Option(help="Name of the stack; its config is Pulumi.<stack>.yaml.")]


@app.command()
def render(stack: Stack = "dev") -> None:
    """Every Kubernetes object of a stack, as a YAML stream on stdout."""
    sys.stdout.write(to_yaml(item.manifest for item in render_objects(_plan(stack))))


@app.command()
def schema(check: Annotated[bool, typer.Option(help="Only say whether the files are up to date.")] = False) -> None:
    """Write the JSON Schemas: of stack files, for editors, and of the output `egress`, for other stacks."""
    wanted = {SCHEMA: stack_schema(), Path(contract_record.RECORD): contract_record.schema()}
    changes = _contract_breaks(Path(contract_record.RECORD))
    if changes:
        typer.echo(contract_record.refusal(changes), err=True)
        raise typer.Exit(1)
    for path, content in wanted.items():
        text = json.dumps(content, indent=2) + "\n"
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            typer.echo(f"{path} is out of date: run `make schema`.", err=True)
            raise typer.Exit(1)


@app.command()
def contract(since: Annotated[Path, typer.Option(help="Schema of an earlier state, as of the branch to merge into.")]) -> None:
    """Say whether programs that read the output `egress` go on as they are. Exit code 1: they do not."""
    if not since.exists():
        typer.echo(f"There is no {since}. `git show main:{contract_record.RECORD} > {since}` makes one.", err=True)
        raise typer.Exit(2)
    changes = _contract_breaks(since)
    if changes:
        typer.echo(contract_record.refusal(changes), err=True)
        raise typer.Exit(1)
    typer.echo("Programs that read the contract go on as they are.")


def _contract_breaks(record: Path) -> list[str]:
    """What has changed for consumers since the record was written; nothing if it is of another version, or not there."""
    if not record.exists():
        return []
    old = json.loads(record.read_text())
    new = contract_record.schema()
    return [] if old["title"] != new["title"] else list(contract_record.breaks(old, new))


def _plan(stack: str) -> Plan:
    """The plan of a stack; a file that names no project is planned for a placeholder, and stderr says so."""
    path = Path(f"Pulumi.{stack}.yaml")
    try:
        settings = load_file(path, default_project=PLACEHOLDER_PROJECT)
        if settings.project == PLACEHOLDER_PROJECT:
            typer.echo(f"{path} names no gcp:project; {PLACEHOLDER_PROJECT} stands in for it.", err=True)
        return make_plan(settings)
    except ConfigError as error:
        typer.echo(f"{path}: {error}", err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
