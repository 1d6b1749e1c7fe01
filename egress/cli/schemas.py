"""`egress schema` and `egress contract`: what editors and other stacks read, and docs/config.md's tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from egress.answers import evidence_document
from egress.cli import reference
from egress.cli.sources import stop
from egress.plan import contract_record
from egress.settings import stack_schema

SCHEMA = Path("schema/stack.schema.json")
CONFIG = Path("docs/config.md")


def schema(
    check: Annotated[bool, typer.Option(help="Only say whether the files are up to date.")] = False,
) -> None:
    """Write the JSON Schemas - of stack files, for editors; of the output `egress`, for other stacks; of the
    evidence - and the tables of docs/config.md."""
    changes = _contract_breaks(Path(contract_record.RECORD))
    if changes:
        typer.echo(contract_record.refusal(changes), err=True)
        raise typer.Exit(1)
    schemas = {
        SCHEMA: stack_schema(),
        Path(contract_record.RECORD): contract_record.schema(),
        Path(evidence_document.SCHEMA): evidence_document.schema(),
    }
    wanted = {path: json.dumps(content, indent=2) + "\n" for path, content in schemas.items()}
    if CONFIG.exists():
        wanted[CONFIG] = reference.with_tables(CONFIG.read_text(encoding="utf-8"))
    for path, text in wanted.items():
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            typer.echo(f"{path} is out of date: run `make schema`.", err=True)
            raise typer.Exit(1)


def contract(
    since: Annotated[Path, typer.Option(help="Schema of an earlier state, as of the branch to merge into.")],
) -> None:
    """Say whether programs that read the output `egress` go on as they are. Exit code 1: they do not."""
    if not since.exists():
        stop(f"There is no {since}. `git show main:{contract_record.RECORD} > {since}` makes one.")
    changes = _contract_breaks(since)
    if changes:
        typer.echo(contract_record.refusal(changes), err=True)
        raise typer.Exit(1)
    typer.echo("Programs that read the contract go on as they are.")


def _contract_breaks(record: Path) -> list[str]:
    """What has changed for consumers since the record was written; nothing if it is of another version, or
    not there."""
    if not record.exists():
        return []
    old = json.loads(record.read_text(encoding="utf-8"))
    new = contract_record.schema()
    return [] if old["title"] != new["title"] else list(contract_record.breaks(old, new))
