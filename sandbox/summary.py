"""What a reader wants to know once a stack is up: its outputs, who may reach what, and what to do next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, cast

from pulumi.automation import OutputMap
from rich.console import Console
from rich.table import Table

from egress.common.words import VOID
from sandbox.home import CHECKOUT

CONTRACT = "egress"
"""The output that holds what the stack promises to others; its `teams` say what each may reach."""

ANY_HOST = "ANY HOST"
"""Row for what a team with the security model `open` may reach besides what it names."""
MOST = 80
"""Rows that are printed; more are counted by team."""
_LONGEST = 76
Rows = Sequence[Sequence[str]]


def show(outputs: OutputMap, kubeconfig: Path, out: TextIO, project: Path) -> None:
    """Prints the summary; as drawn tables on a terminal, as aligned text in a pipe."""
    whole = (
        "make outputs"
        if project == CHECKOUT
        else f"python -m sandbox outputs --directory {shlex.quote(str(project))}"
    )
    values = {name: "[secret]" if output.secret else output.value for name, output in outputs.items()}
    _print_table(f"Outputs (all of them, in full: {whole})", ("name", "value"), _outputs(values), out)
    reach = who_reaches_what(values.get(CONTRACT))
    if reach:
        _print_table("Who may reach what (everything else is refused)", reach[0], reach[1:], out)
    print(
        f"Look around:     export KUBECONFIG={shlex.quote(str(kubeconfig))}; kubectl get namespaces", file=out
    )
    print('A real project:  README.md, "A real project": the same program with `pulumi up`', file=out)


def _outputs(values: Mapping[str, Any]) -> Rows:
    rows = []
    for name, value in sorted(values.items()):
        if isinstance(value, Mapping):
            text = "{" + ", ".join(sorted(value)) + "}"
        else:
            text = " ".join(value.split()) if isinstance(value, str) else json.dumps(value)
        rows.append((name, text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"))
    return rows


def who_reaches_what(contract: object) -> Rows:
    """A heading, and one row for each host or pod that a team may reach and each partner that may reach it.
    Teams come one by one, the most open first.

    Empty where the stack's outputs promise nothing. With more than MOST rows, each team gets one row with
    counts.
    """
    teams = _mapping(_mapping(contract).get("teams"))
    received = _mapping(_mapping(_mapping(contract).get("ingress")).get("receives"))
    if not teams:
        return []
    ranked = sorted(
        teams, key=lambda name: (_mapping(teams[name].get("pastGateway")).get("model") != "open", name)
    )
    by_team = {team: [*_of_team(teams[team]), *_received(_mapping(received.get(team)))] for team in ranked}
    if sum(map(len, by_team.values())) > MOST:
        counted = [(team, str(len(rows)), _loud(rows)) for team, rows in by_team.items()]
        return [("team", "ways", "any host (make map shows all)"), *counted]
    rows = [
        ("" if at else team, *row)
        for team, ways in by_team.items()
        for at, row in enumerate(ways or [("nothing", "", "")])
    ]
    return [("team", "target", "by", "what"), *rows]


def _loud(rows: Rows) -> str:
    return next((f"ANY HOST, {row[1]}" for row in rows if row[0] == ANY_HOST), "")


def _of_team(team: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    past = _mapping(team.get("pastGateway"))
    if past.get("model") == "open":
        ports = ", ".join(map(str, past.get("ports", [])))
        yield ANY_HOST, f"tcp {ports}", f"everything, past every gateway: {past.get('reason', '')}"
    ways = [_mapping(way) for way in team.get("egress") or []]
    sealed = {
        str(way.get("host"))
        for way in ways
        if way.get("protocol") == "https" and not way.get("serviceAccounts")
    }
    for way in sorted(ways, key=lambda way: str(way.get("host"))):
        host, protocol = str(way.get("host")), str(way.get("protocol"))
        void = f" ({VOID})" if protocol == "http" and host in sealed and _requests(way) else ""
        yield host, _by(protocol, way), (_requests(way) or "everything") + void
    for host in team.get("googleHosts") or []:
        yield str(host), "https, to Google", "everything that IAM allows"
    for grant in map(_mapping, team.get("grants") or []):
        kind = next(
            (key for key in grant if key not in ("serviceAccount", "role", "reason", "project")), "project"
        )
        yield (
            f"{kind} {grant.get(kind, 'of this stack')}",
            "Google's APIs",
            f"{grant.get('role')} as {grant.get('serviceAccount')}",
        )
    for other in team.get("reaches") or []:
        yield f"pods of {other}", "the mesh", "every port"


def _received(receives: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """A row for each port that partners connect to."""
    for name, receiver in sorted(receives.items()):
        clients = ", ".join(map(str, _mapping(receiver.get("clients")).values()))
        yield (
            f"{name}, from outside",
            f"{receiver.get('protocol')} {receiver.get('port')}",
            f"{receiver.get('host')} for {clients}",
        )


def _by(protocol: str, way: Mapping[str, Any]) -> str:
    """The protocol that the app speaks, its port if it is not the usual one, and what leaves the mesh if
    that differs."""
    spoken = protocol if protocol in ("http", "https") else f"{protocol} {way.get('port')}"
    leaves = way.get("leaves")
    if protocol == "http" and leaves == "http":
        return f"{spoken}, leaves UNENCRYPTED"
    return spoken if leaves in (None, protocol) else f"{spoken}, leaves as {leaves}"


def _requests(way: Mapping[str, Any]) -> str:
    """`GET, HEAD /v1/* with x-tenant: a as checkout`: the rules in the config's words; empty where there
    are none."""
    headers = ", ".join(
        f"{name}: {' or '.join(values)}" for name, values in sorted(_mapping(way.get("headers")).items())
    )
    parts = [" ".join(map(str, way[rule])) for rule in ("methods", "paths") if way.get(rule)]
    parts += [f"with {headers}"] if headers else []
    parts += [f"as {', '.join(way['serviceAccounts'])}"] if way.get("serviceAccounts") else []
    return " ".join(parts)


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _print_table(title: str, heading: Sequence[str], rows: Rows, out: TextIO) -> None:
    if out.isatty():
        table = Table(*heading, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        Console(file=out).print(table)
    else:
        widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading))]
        print(f"\n{title}", file=out)
        for row in [heading, *rows]:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  " + "  ".join(cells).rstrip(), file=out)
    print(file=out)
