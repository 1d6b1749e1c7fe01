"""`python -m egress`: what the program decides, without an engine and without an account."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

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
def schema(check: Annotated[bool, typer.Option(help="Only say whether the file is up to date.")] = False) -> None:
    """Write the JSON Schema of stack files for editors."""
    text = json.dumps(stack_schema(), indent=2) + "\n"
    if check:
        if not SCHEMA.exists() or SCHEMA.read_text() != text:
            typer.echo(f"{SCHEMA} is out of date: run `make schema`.", err=True)
            raise typer.Exit(1)
        return
    SCHEMA.parent.mkdir(exist_ok=True)
    SCHEMA.write_text(text)


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
