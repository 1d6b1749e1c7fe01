"""`egress render` and `egress schema`: what the program writes, before anything is deployed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from egress.cli.sources import Stack, err, plan_of
from egress.render import render as render_objects
from egress.render import to_yaml
from egress.settings import stack_schema

SCHEMA = Path("schema/stack.schema.json")


def render(stack: Stack = "dev") -> None:
    """Print every Kubernetes object of a stack, as a YAML stream.

    Example: `egress render --stack dev > objects.yaml`
    """
    sys.stdout.write(to_yaml(item.manifest for item in render_objects(plan_of(stack))))


def schema(check: Annotated[bool, typer.Option(help="Only say whether the file is up to date.")] = False) -> None:
    """Write the JSON Schema of stack files for editors."""
    text = json.dumps(stack_schema(), indent=2) + "\n"
    if check:
        if not SCHEMA.exists() or SCHEMA.read_text() != text:
            err.print(f"{SCHEMA} is out of date: run `make schema`.")
            raise typer.Exit(1)
        return
    SCHEMA.parent.mkdir(exist_ok=True)
    SCHEMA.write_text(text)
