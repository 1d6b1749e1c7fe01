"""The command itself: its subcommands in the order in which a newcomer needs them."""

from __future__ import annotations

import typer

from egress.cli import diff, evidence, explain, map_page, reach, render, schemas, verify

HELP = """What the program decides and what comes of it, without an engine and without an account.

Exit codes: 0 as asked (allowed, proven, written); 1 the answer is no (denied, not proven, out of date); 2 the question or the
config is wrong.
"""

app = typer.Typer(name="egress", help=HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown")
app.command()(explain.explain)
app.command()(reach.reach)
app.command()(verify.verify)
app.command()(diff.diff)
app.command()(evidence.evidence)
app.command("map")(map_page.map_page)
app.command()(render.render)
app.command()(schemas.schema)
app.command()(schemas.contract)
