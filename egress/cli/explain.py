"""`egress explain`: the way of one flow, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

from egress.answers.asked import NoFlow, flow_of
from egress.answers.explain import explain as explained
from egress.answers.explain_inbound import asked_from_outside, explain_from_outside
from egress.cli.sources import From, Json, Source, Stack, complete_team, complete_url, out, source, stop
from egress.judge.lookup.inbound_flow import InboundTrace
from egress.judge.model.flow import Outcome, Vantage, Verdict
from egress.judge.trace import Trace
from egress.proof.flows import described


def explain(
    team: Annotated[
        str, typer.Argument(help="The team, which is its namespace.", autocompletion=complete_team)
    ],
    url: Annotated[
        str,
        typer.Argument(
            help="http://, https:// (the app's own TLS), tcp://HOST:PORT or udp://HOST:PORT.",
            autocompletion=complete_url,
        ),
    ],
    method: Annotated[str, typer.Option("--method", "-X", help="HTTP method.")] = "GET",
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="HTTP header, `name: value`. Repeatable.")
    ] = None,
    account: Annotated[
        str, typer.Option("--service-account", "-a", help="The pod's ServiceAccount.")
    ] = "default",
    vantage: Annotated[Vantage, typer.Option("--as", help="Who tries, and past what.")] = Vantage.APP,
    outside: Annotated[
        str | None,
        typer.Option(
            "--from-outside",
            metavar="ADDRESS",
            help="Somebody outside with this address tries to reach the team.",
        ),
    ] = None,
    certificate: Annotated[
        str,
        typer.Option(
            "--certificate", metavar="SAN", help="Of somebody outside: the name in the client's certificate."
        ),
    ] = "",
    foreign: Annotated[
        bool,
        typer.Option(
            "--other-authority", help="Of somebody outside: another authority signed that certificate."
        ),
    ] = False,
    stack: Stack = "dev",
    files: From = None,
    as_json: Json = False,
) -> None:
    """Follow one flow through all layers: verdict, object, field, and what would turn it around.

    Examples:

    `egress explain team-x https://example.com/path`

    `egress explain team-y http://httpbin.org/status/200 -X POST`

    `egress explain team-y https://example.com --as pod-without-sidecar`

    `egress explain orders tcp://db.example:13306 --from-outside 198.51.100.17 --certificate
    spiffe://partner.example/gateway`
    """
    found = source(stack, files)
    if team not in found.teams:
        stop(f"There is no team {team}. Teams: {', '.join(found.teams) or 'none'}.")
    if outside is not None:
        if vantage is not Vantage.APP or account != "default":
            stop(
                "--as and --service-account say who inside tries; with --from-outside it is somebody "
                "outside. Leave them out."
            )
        _from_outside(found, team, url, outside, certificate, foreign, method, header or [], as_json)
    if certificate or foreign:
        stop(
            "--certificate and --other-authority are of somebody outside. Say from where, with "
            "--from-outside ADDRESS."
        )
    try:
        flow = flow_of(
            team, url, method=method, headers=_headers(header or []), account=account, vantage=vantage
        )
    except NoFlow as error:
        stop(str(error))
    explanation = explained(found.judges, flow, found.plan)
    if as_json:
        typer.echo(json.dumps(explanation.as_json(), indent=2))
    else:
        _print(
            described(explanation.trace.flow),
            explanation.trace,
            explanation.advice,
            explanation.trace.allowed,
        )
    raise typer.Exit(0 if explanation.trace.allowed else 1)


def _from_outside(
    found: Source,
    team: str,
    url: str,
    address: str,
    certificate: str,
    foreign: bool,
    method: str,
    headers: list[str],
    as_json: bool,
) -> NoReturn:
    try:
        flow = asked_from_outside(
            found.judges,
            team,
            url,
            address,
            certificate=certificate,
            foreign=foreign,
            method=method,
            headers=_headers(headers),
        )
    except NoFlow as error:
        stop(str(error))
    explanation = explain_from_outside(found.judges, team, flow, found.plan)
    if as_json:
        typer.echo(json.dumps(explanation.as_json(), indent=2))
    else:
        _print(str(explanation.trace.flow), explanation.trace, explanation.advice, explanation.allowed)
    raise typer.Exit(0 if explanation.allowed else 1)


def _headers(given: list[str]) -> Iterator[tuple[str, str]]:
    for line in given:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            stop(f"{line!r} is no header. Write it as `name: value`.")
        yield name, value


def _print(flow: str, trace: Trace | InboundTrace, advice: str, allowed: bool) -> None:
    out.print(f"[bold]{escape(flow)}[/bold]")
    width = max(len(step.layer.value) for step in trace.steps)
    for step in trace.steps:
        out.print(f"  {mark(step)} {step.layer.value:<{width}}  {escape(step.reason)}")
        if step.decided_by is not None:
            where = escape(" ".join(filter(None, (step.decided_by, step.field))))
            out.print(f"    {'':<{width}}   [dim]{where}[/dim]")
    denied = (
        f"[red]denied[/red] by {trace.decision.layer.value}"
        if not trace.allowed
        else "[red]led elsewhere[/red]"
    )
    out.print(f"[bold]{'[green]allowed[/green]' if allowed else denied}[/bold]. {escape(advice)}")


def mark(step: Verdict) -> str:
    """A word before a layer's reason; colour only adds to it."""
    colour = {Outcome.ALLOWED: "green", Outcome.DENIED: "red", Outcome.NOT_UNDERSTOOD: "yellow"}[step.outcome]
    return f"[{colour}]{step.symbol:<3}[/{colour}]"
