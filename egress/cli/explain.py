"""`egress explain`: the way of one flow, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.markup import escape

from egress.asked import NoFlow, flow_of
from egress.cli.sources import From, Json, Stack, complete_team, complete_url, out, source, stop
from egress.explain import Explanation
from egress.explain import explain as explained
from egress.judge.flow import Verdict, Way
from egress.verify import described


def explain(
    team: Annotated[str, typer.Argument(help="The team, which is its namespace.", autocompletion=complete_team)],
    url: Annotated[
        str,
        typer.Argument(
            help="http://, https:// (the app's own TLS), tcp://HOST:PORT or udp://HOST:PORT.", autocompletion=complete_url
        ),
    ],
    method: Annotated[str, typer.Option("--method", "-X", help="HTTP method.")] = "GET",
    header: Annotated[list[str] | None, typer.Option("--header", "-H", help="HTTP header, `name: value`. Repeatable.")] = None,
    account: Annotated[str, typer.Option("--service-account", "-a", help="The pod's ServiceAccount.")] = "default",
    way: Annotated[Way, typer.Option("--as", help="Who tries, and past what.")] = Way.APP,
    stack: Stack = "dev",
    files: From = None,
    as_json: Json = False,
) -> None:
    """Follow one flow through all layers: verdict, object, field, and what would turn it around.

    Examples:

    `egress explain team-x https://example.com/path`

    `egress explain team-y http://httpbin.org/status/200 -X POST`

    `egress explain team-y https://example.com --as pod-without-sidecar`
    """
    found = source(stack, files)
    if team not in found.teams:
        stop(f"There is no team {team}. Teams: {', '.join(found.teams) or 'none'}.")
    try:
        flow = flow_of(team, url, method=method, headers=_headers(header or []), account=account, way=way)
    except NoFlow as error:
        stop(str(error))
    explanation = explained(found.judges, flow, found.plan)
    if as_json:
        typer.echo(json.dumps(explanation.as_json(), indent=2))
    else:
        _print(explanation)
    raise typer.Exit(0 if explanation.trace.allowed else 1)


def _headers(given: list[str]) -> Iterator[tuple[str, str]]:
    for line in given:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            stop(f"{line!r} is no header. Write it as `name: value`.")
        yield name, value


def _print(explanation: Explanation) -> None:
    trace = explanation.trace
    out.print(f"[bold]{escape(described(trace.flow))}[/bold]")
    width = max(len(step.layer.value) for step in trace.steps)
    for step in trace.steps:
        out.print(f"  {mark(step)} {step.layer.value:<{width}}  {escape(step.reason)}")
        if step.by != "nothing":
            out.print(f"    {'':<{width}}   [dim]{escape(' '.join(filter(None, (step.by, step.field))))}[/dim]")
    verdict = "[green]allowed[/green]" if trace.allowed else f"[red]denied[/red] by {trace.decision.layer.value}"
    out.print(f"[bold]{verdict}[/bold]. {escape(explanation.advice)}")


def mark(step: Verdict) -> str:
    """A word before a layer's reason; colour only adds to it."""
    if not step.understood:
        return "[yellow]?  [/yellow]"
    return "[green]yes[/green]" if step.allowed else "[red]no [/red]"
